//! Which bodies an image reader must keep for the catalogers, and for the rules about an image's own configuration.

use secgate_source::Entry;

use crate::{
    CATALOGERS, Cataloger, SYSTEM_CATALOGERS,
    catalog::{
        dpkg::MAX_COPYRIGHT, executable::Executable, executable_image::MAGIC_BYTES,
        executable_image::is_program,
    },
};

/// Part of the key of everything that is cached about a layer: what is kept, and what an excerpt says, must not change
/// without it.
pub const IMAGE_WANTS_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+3");

/// First bytes of a file that [`image_wants`] needs; fewer where the file is shorter.
pub const IMAGE_START_BYTES: usize = MAGIC_BYTES;

/// Bytes of a manifest of an installed package: a larger one is kept too, and told as too large by who reads it.
const MAX_SMALL: u64 = 1 << 20;

/// Whether the body of a regular file is kept. `path` is relative to the image's root, without `./`; `size` in bytes;
/// `mode` as in the archive; `start` the first [`IMAGE_START_BYTES`] of the body.
///
/// Of programs and Java archives not the body is kept but its excerpt (see [`crate::is_excerpted`]).
pub fn image_wants(path: &str, size: u64, _mode: u32, start: &[u8]) -> bool {
    let entry = Entry { path: path.to_owned() };
    system(&entry, size)
        || configuration(&entry)
        || CATALOGERS.iter().any(|cataloger| {
            cataloger.installed()
                && cataloger.wants(&entry)
                // What is a program is told by its first bytes alone.
                && (cataloger.id() != Executable.id() || is_program(start))
        })
        || python_neighbour(&entry, size)
}

/// The databases of operating systems and what lies beside them.
fn system(entry: &Entry, size: u64) -> bool {
    if SYSTEM_CATALOGERS.iter().any(|cataloger| cataloger.wants(entry)) {
        return true;
    }
    let (folder, name) = (entry.folder(), entry.name());
    match folder {
        "var/lib/dpkg/info" => name.ends_with(".list") || name.ends_with(".md5sums"),
        "var/lib/dpkg/status.d" => name.ends_with(".md5sums"),
        "etc/apk" => name == "world",
        "var/lib/rpm" | "usr/lib/sysimage/rpm" | "usr/share/rpm" => {
            matches!(name, "rpmdb.sqlite-wal" | "rpmdb.sqlite-journal")
        }
        _ if folder.starts_with("var/lib/pacman/local/") => name == "files",
        _ => name == "copyright" && folder.starts_with("usr/share/doc/") && size <= MAX_COPYRIGHT,
    }
}

/// What says where a Python package came from.
fn python_neighbour(entry: &Entry, size: u64) -> bool {
    let told = match entry.name() {
        "REQUESTED" | "direct_url.json" => entry.folder().ends_with(".dist-info"),
        "pyproject.toml" | "setup.py" | "setup.cfg" => true,
        _ => false,
    };
    told && size <= MAX_SMALL
}

/// Accounts, what root's shell runs, and the places where credentials are forgotten: whatever their size, since padding must not
/// hide a secret, and whoever reads them tells which are too large.
fn configuration(entry: &Entry) -> bool {
    let (folder, name) = (entry.folder(), entry.name());
    if matches!(entry.path.as_str(), "etc/passwd" | "etc/group") {
        return true;
    }
    let last = folder.rsplit('/').next().unwrap_or_default();
    match name {
        "pip.conf" | ".netrc" | "_netrc" | ".npmrc" | ".pypirc" | ".yarnrc" | ".yarnrc.yml"
        | ".git-credentials" | ".gitconfig" | ".dockercfg" | ".pgpass" | ".my.cnf" | ".env"
        | ".boto" | ".s3cfg" | ".vault-token" | ".htpasswd" | "credentials.json" | "id_rsa"
        | "id_dsa" | "id_ecdsa" | "id_ed25519" => true,
        "config.json" => last == ".docker",
        "credentials" => matches!(last, ".aws" | ".cargo" | ".gem"),
        "config" => matches!(last, ".aws" | ".kube"),
        "credentials.toml" => last == ".cargo",
        "settings.xml" => last == ".m2",
        _ => {
            let shell =
                [".bashrc", ".profile", ".bash_profile", ".zshrc", ".bash_history", ".ash_history"];
            (folder == "root" && shell.contains(&name)) || name.starts_with(".env.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_an_image() {
        let check = |path: &str, size: u64, start: &[u8], expected: bool| {
            assert_eq!(image_wants(path, size, 0o644, start), expected, "{path}");
        };
        for path in [
            "etc/os-release",
            "usr/lib/os-release",
            "var/lib/dpkg/status",
            "var/lib/dpkg/status.d/tzdata",
            "var/lib/dpkg/status.d/tzdata.md5sums",
            "var/lib/dpkg/info/libc6:amd64.list",
            "var/lib/dpkg/info/libc6:amd64.md5sums",
            "usr/share/doc/libc6/copyright",
            "lib/apk/db/installed",
            "etc/apk/world",
            "usr/lib/sysimage/rpm/rpmdb.sqlite",
            "var/lib/rpm/rpmdb.sqlite-wal",
            "var/lib/rpm/Packages",
            "var/lib/pacman/local/a-1-1/desc",
            "var/lib/pacman/local/a-1-1/files",
            "var/lib/chisel/manifest.wall",
            "etc/passwd",
            "root/.bashrc",
            "home/app/.aws/credentials",
            "usr/lib/python3/dist-packages/a-1.dist-info/METADATA",
            "usr/lib/python3/dist-packages/a-1.dist-info/REQUESTED",
            "app/node_modules/a/package.json",
            "app/lib/a.jar",
            "app/App.deps.json",
        ] {
            check(path, 100, b"text", true);
        }
        for path in [
            "var/lib/dpkg/status-old",
            "var/lib/dpkg/info/libc6.postinst",
            "app/package.json",
            "app/requirements.txt",
            "app/go.mod",
            "usr/bin/script",
            "usr/lib/libc.so.6",
            "usr/share/doc/libc6/changelog.gz",
            "etc/shadow",
            "app/config.json",
        ] {
            check(path, 100, b"text", false);
        }
        check("usr/bin/tool", 100, b"\x7fELF\x02\x01\x01\0", true);
        check("usr/lib/libc.so.6", 100, b"\x7fELF\x02\x01\x01\0", false);
        check("usr/share/doc/huge/copyright", 1 << 30, b"text", false);
        // These count whatever their size.
        for path in ["var/lib/rpm/Packages", "home/app/.env", "etc/passwd"] {
            check(path, 1 << 40, b"", true);
        }
    }

    /// Every file that a cataloger of an image would read is kept.
    #[test]
    fn no_cataloger_misses_a_body() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/roots");
        for root in std::fs::read_dir(folder).unwrap() {
            let root = root.unwrap().path();
            let tree =
                secgate_source::open_directory(&root, secgate_source::Limits::default(), &|_| {
                    false
                })
                .unwrap();
            let whole = crate::take_image_inventory(&tree);
            let kept = tree.entries().iter().filter_map(|entry| {
                let body = tree.read(entry).unwrap();
                let start = &body[..body.len().min(IMAGE_START_BYTES)];
                if !image_wants(&entry.path, body.len() as u64, 0o644, start) {
                    return None;
                }
                let excerpted = crate::is_excerpted(&entry.path, start);
                let path = entry.path.clone();
                let body = if excerpted { crate::image_excerpt(&path, body) } else { body };
                Some((path, body))
            });
            let kept = secgate_source::Tree::in_memory(kept, secgate_source::Limits::default());
            assert_eq!(crate::take_image_inventory(&kept), whole, "{}", root.display());
        }
    }
}
