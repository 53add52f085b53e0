use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// The top of the work tree that `path` lies in; `None` outside a repository.
pub fn repository_top(path: &Path) -> Option<PathBuf> {
    let start = path.canonicalize().ok()?;
    start.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// The commit that `HEAD` of the work tree at or above `path` points to, as 40 or 64 hexadecimal digits; `None` outside a
/// repository or before the first commit. Reads the files of `gitrepository-layout(5)`; runs no program.
pub fn head_revision(path: &Path) -> Option<String> {
    let start = path.canonicalize().ok()?;
    let dot_git =
        start.ancestors().map(|folder| folder.join(".git")).find(|candidate| candidate.exists())?;
    let folder = if dot_git.is_dir() {
        dot_git
    } else {
        // A linked work tree or a submodule: the file holds `gitdir: PATH`.
        let text = small(&dot_git)?;
        let target = text.strip_prefix("gitdir:")?.trim();
        dot_git.parent()?.join(target)
    };
    let head = small(&folder.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return hash(&head) };
    if !name.starts_with("refs/") || name.split('/').any(|part| part == "..") {
        return None;
    }
    let common = small(&folder.join("commondir"))
        .map_or_else(|| folder.clone(), |text| folder.join(text.trim()));
    [&folder, &common]
        .into_iter()
        .find_map(|base| small(&base.join(name)).and_then(|text| hash(&text)))
        .or_else(|| {
            small(&common.join("packed-refs"))?
                .lines()
                .find_map(|line| line.strip_suffix(name)?.strip_suffix(' ').and_then(hash))
        })
}

fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    (matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| text.to_ascii_lowercase())
}

/// At most 16 MiB: packed-refs of the largest repositories.
fn small(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(16 << 20).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn head_is_found_loose_packed_and_detached() {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join(".git");
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::create_dir_all(dir.path().join("src/deep")).unwrap();
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(head_revision(dir.path()), None);
        fs::write(
            git.join("packed-refs"),
            format!("# pack-refs with: peeled\n{b} refs/heads/main\n"),
        )
        .unwrap();
        assert_eq!(head_revision(&dir.path().join("src/deep")), Some(b));
        fs::write(git.join("refs/heads/main"), format!("{a}\n")).unwrap();
        assert_eq!(head_revision(dir.path()), Some(a.clone()));
        fs::write(git.join("HEAD"), &a).unwrap();
        assert_eq!(head_revision(dir.path()), Some(a));
        fs::write(git.join("HEAD"), "ref: refs/../../etc/passwd").unwrap();
        assert_eq!(head_revision(dir.path()), None);
    }
}
