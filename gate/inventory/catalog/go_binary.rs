//! What the Go linker writes into a program (`debug/buildinfo`): the Go release, the modules with their replacements,
//! and the build's settings. Both encodings are read: strings in place (Go 1.18 and later) and pointers to strings.

use std::collections::BTreeSet;

use secgate_model::{Scope, UnknownKind};

use super::{
    executable_image::{Image, Numbers},
    go_mod::{push_module, push_stdlib},
    go_version::{self, is_semantic},
};
use crate::{Catalog, CatalogError};

const MAGIC: &[u8] = b"\xff Go buildinf:";
const ALIGNMENT: usize = 16;
const HEADER: usize = 32;
/// Bytes of module information that are read.
const MAX_TEXT: usize = 8 << 20;

/// Adds what a program of Go was built from. `false` for other programs, which add nothing.
pub(crate) fn catalog_image(
    image: &Image<'_>,
    catalog: &mut Catalog,
) -> Result<bool, CatalogError> {
    let Some(start) = find(image) else { return Ok(false) };
    let (release, modules) = strings(image, start)
        .ok_or_else(|| CatalogError::whole("Go build information that points outside the file"))?;
    match go_release(&release) {
        Some(release) => push_stdlib(catalog, release, 0),
        None => catalog.unpinned("golang", None, "stdlib", 0, &release),
    }
    push_modules(&modules, catalog)?;
    catalog.default_scope(Scope::Runtime);
    Ok(true)
}

/// The build information and everything behind it in its section.
fn find<'b>(image: &Image<'b>) -> Option<&'b [u8]> {
    let named = image.section(&[b".go.buildinfo", b"__go_buildinfo"]);
    let writable =
        image.segments.iter().filter(|segment| segment.writable).map(|segment| segment.body);
    named.into_iter().chain(writable).find_map(|body| {
        let at = body.chunks(ALIGNMENT).position(|chunk| chunk.starts_with(MAGIC))?;
        body.get(at * ALIGNMENT..)
    })
}

/// The release and the module information.
fn strings(image: &Image<'_>, start: &[u8]) -> Option<(String, String)> {
    const BIG_ENDIAN: u8 = 1;
    const IN_PLACE: u8 = 2;
    let flags = *start.get(15)?;
    let (release, modules) = if flags & IN_PLACE != 0 {
        let (release, rest) = varint_string(start.get(HEADER..)?)?;
        let (modules, _) = varint_string(rest)?;
        (release, modules)
    } else {
        let wide = *start.get(14)? == 8;
        let step: u64 = if wide { 8 } else { 4 };
        let big = flags & BIG_ENDIAN != 0;
        let text = |at: u64| {
            let header = Numbers::new(start, big).word(at, wide)?;
            if header == 0 {
                return Some([].as_slice());
            }
            let header = Numbers::new(image.loaded_at(header)?, big);
            let (from, length) = (header.word(0, wide)?, header.word(step, wide)?);
            if length == 0 {
                return Some([].as_slice());
            }
            image.loaded_at(from)?.get(..usize::try_from(length).ok()?)
        };
        (text(16)?, text(16 + step)?)
    };
    if release.len() > 256 || modules.len() > MAX_TEXT {
        return None;
    }
    // The text lies between two marks of 16 bytes, so that other tools find it in a core dump.
    let modules = match modules.len().checked_sub(33) {
        Some(_) if modules.get(modules.len() - 17) == Some(&b'\n') => {
            modules.get(16..modules.len() - 16)?
        }
        _ => &[],
    };
    Some((
        String::from_utf8_lossy(release).into_owned(),
        String::from_utf8_lossy(modules).into_owned(),
    ))
}

/// A string with its length before it, as `encoding/binary` writes unsigned numbers.
fn varint_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length: u64 = 0;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let rest = bytes.get(index + 1..)?;
            return rest.split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

/// `1.21.3` of `go1.21.3`. Before Go 1.21 the first release of a series has two numbers only.
fn go_release(text: &str) -> Option<&str> {
    let text = text.strip_prefix("go")?;
    go_version::release(text).or_else(|| {
        let text = text.split([' ', '-', '+']).next()?;
        let (major, minor) = text.split_once('.')?;
        (major == "1" && minor.parse::<u32>().is_ok()).then_some(text)
    })
}

fn push_modules(text: &str, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let mut command = "";
    let mut main: Option<(&str, &str)> = None;
    let mut linked: Vec<(&str, &str)> = Vec::new();
    let mut flags = String::new();
    let mut last_is_main = false;
    for line in text.lines() {
        let mut parts = line.split('\t');
        let (verb, first, second) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
        match (verb, second) {
            ("path", _) => command = first,
            ("mod", version) => {
                main = Some((first, version.unwrap_or_default()));
                last_is_main = true;
            }
            ("dep", version) => {
                linked.push((first, version.unwrap_or_default()));
                last_is_main = false;
            }
            ("=>", version) => {
                let slot = if last_is_main { main.as_mut() } else { linked.last_mut() };
                if let Some(slot) = slot {
                    *slot = (first, version.unwrap_or_default());
                }
            }
            ("build", _) => {
                if let Some(value) = first.strip_prefix("-ldflags=") {
                    flags = unquoted(value);
                }
            }
            ("", _) => {}
            _ => {
                return Err(CatalogError::whole("Go build information with an unknown line"));
            }
        }
    }
    if let Some((path, version)) = main {
        if is_semantic(version) {
            push_module(catalog, path, version, 0);
        } else if let Some(version) = stamped(&flags, path) {
            push_module(catalog, path, &version, 0);
        } else {
            push_module(catalog, path, version, 0);
        }
    } else if !command.starts_with("cmd/") {
        // The programs of the Go distribution itself consist of the standard library.
        catalog.unknown(
            0,
            UnknownKind::Unpinned,
            "a Go program without module information: build it with modules so that it tells what \
             it contains"
                .to_owned(),
        );
    }
    for (path, version) in linked {
        // A module replaced by a folder was part of the project that built the program.
        if !is_folder(path) {
            push_module(catalog, path, version, 0);
        }
    }
    Ok(())
}

fn is_folder(path: &str) -> bool {
    path.starts_with(['.', '/']) || path.as_bytes().get(1) == Some(&b':')
}

/// A value that the go command quoted because it holds blanks or quotes.
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return text.trim_matches('`').to_owned();
    };
    inner.replace("\\\"", "\"").replace("\\\\", "\\")
}

/// The one version that the linker was told to set (`-X main.version=1.2.3`) in the main package or in a package of the
/// main module; none when several differ.
fn stamped(flags: &str, module: &str) -> Option<String> {
    let mut versions = BTreeSet::new();
    let mut words = flags.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let assignment = match word.trim_matches(['\'', '"']) {
            "-X" | "--X" => words.next().unwrap_or_default(),
            word => match word.strip_prefix("-X=") {
                Some(rest) => rest,
                None => continue,
            },
        };
        let Some((name, value)) = assignment.trim_matches(['\'', '"']).split_once('=') else {
            continue;
        };
        let Some((package, variable)) = name.rsplit_once('.') else { continue };
        let ours = package == "main"
            || package
                .strip_prefix(module)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let variable = variable.to_ascii_lowercase();
        if !ours || !matches!(variable.as_str(), "version" | "gitversion" | "buildversion") {
            continue;
        }
        let version = format!("v{}", value.trim_start_matches('v'));
        if is_semantic(&version) {
            versions.insert(version);
        }
    }
    if versions.len() == 1 { versions.pop_first() } else { None }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "test files are a few hundred bytes")]
mod tests {
    use super::*;
    use crate::catalog::{
        executable::Executable,
        executable_image::crafted,
        testing::{lines, try_catalog},
    };

    const MODULES: &str = "path\tgithub.com/acme/tool/cmd/tool\n\
        mod\tgithub.com/acme/tool\t(devel)\t\n\
        dep\tgithub.com/spf13/cobra\tv1.7.0\th1:abc=\n\
        dep\tgolang.org/x/net\tv0.1.0\n\
        =>\tgithub.com/acme/net\tv0.1.1\th1:abc=\n\
        dep\texample.org/local\tv0.0.0\n\
        =>\t./local\t(devel)\t\n\
        build\t-ldflags=\"-s -w -X main.version=1.4.2 -X 'main.date=2024-01-01'\"\n";

    fn marked(modules: &str) -> Vec<u8> {
        let mut out = vec![0x30; 16];
        out.extend(modules.as_bytes());
        out.extend([0xf9; 16]);
        out
    }

    fn varint(mut length: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out
    }

    fn in_place(release: &str, modules: &str) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([8, 2]);
        out.resize(HEADER, 0);
        let modules = if modules.is_empty() { Vec::new() } else { marked(modules) };
        for part in [release.as_bytes(), &modules] {
            out.extend(varint(part.len()));
            out.extend(part);
        }
        out
    }

    fn packages(file: &[u8]) -> Vec<String> {
        let (catalog, result) = try_catalog(&Executable, &[("bin/tool", file)]);
        result.unwrap();
        lines(&catalog)
    }

    const EXPECTED: [&str; 4] = [
        "pkg:golang/stdlib@1.21.3 direct=true scope=runtime parents=[]",
        "pkg:golang/github.com/acme/tool@v1.4.2 scope=runtime parents=[]",
        "pkg:golang/github.com/spf13/cobra@v1.7.0 scope=runtime parents=[]",
        "pkg:golang/github.com/acme/net@v0.1.1 scope=runtime parents=[]",
    ];

    #[test]
    fn strings_in_place() {
        let info = in_place("go1.21.3", MODULES);
        assert_eq!(packages(&crafted::elf(&[(".text", b"x"), (".go.buildinfo", &info)])), EXPECTED);
        assert_eq!(packages(&crafted::mach("__go_buildinfo", &info)), EXPECTED);
        let padded: Vec<u8> = [vec![0; 64], info].concat();
        assert_eq!(packages(&crafted::pe(".data", &padded)), EXPECTED);
    }

    #[test]
    fn pointers_to_strings() {
        // `.data` is loaded at 0x1000: two string headers, then the strings.
        let modules = marked(MODULES);
        let mut data = Vec::new();
        for (at, length) in [(0x1020_u64, 8_u64), (0x1028, modules.len() as u64)] {
            data.extend(at.to_le_bytes());
            data.extend(length.to_le_bytes());
        }
        data.extend(b"go1.21.3");
        data.extend(modules);
        let mut info = MAGIC.to_vec();
        info.extend([8, 0]);
        info.extend(0x1000_u64.to_le_bytes());
        info.extend(0x1010_u64.to_le_bytes());
        let file = crafted::elf(&[(".data", &data), (".go.buildinfo", &info)]);
        assert_eq!(packages(&file), EXPECTED);
    }

    #[test]
    fn what_cannot_be_told_is_a_gap() {
        let catalog = |release: &str, modules: &str| {
            let file = crafted::elf(&[(".go.buildinfo", &in_place(release, modules))]);
            let (catalog, result) = try_catalog(&Executable, &[("tool", &file)]);
            (catalog.packages.len(), catalog.unpinned.len(), catalog.unknowns.len(), result.is_ok())
        };
        assert_eq!(catalog("go1.20", "path\tcmd/gofmt\n"), (1, 0, 0, true));
        assert_eq!(catalog("go1.20", ""), (1, 0, 1, true));
        assert_eq!(catalog("devel go1.22-abc", "mod\ta.b/c\t(devel)\t\n"), (0, 2, 0, true));
        assert_eq!(catalog("go1.20", "what\tis this\n"), (1, 0, 0, false));
        let mut cut = in_place("go1.20", "");
        cut[HEADER] = 0x7f;
        let file = crafted::elf(&[(".go.buildinfo", &cut)]);
        let message = try_catalog(&Executable, &[("t", &file)]).1.unwrap_err().to_string();
        assert_eq!(message, "Go build information that points outside the file");
    }

    #[test]
    fn stamped_versions() {
        let check = |flags: &str, expected: Option<&str>| {
            assert_eq!(stamped(flags, "a.b/c").as_deref(), expected, "{flags}");
        };
        check("-X main.Version=v1.2.3", Some("v1.2.3"));
        check("-s -X 'a.b/c/internal/version.gitVersion=1.2.3-rc.1'", Some("v1.2.3-rc.1"));
        check("-X main.version=1.2.3 -X a.b/c.version=1.2.4", None);
        check("-X k8s.io/base/version.gitVersion=v1.2.3", None);
        check("-X main.version=dev", None);
    }
}
