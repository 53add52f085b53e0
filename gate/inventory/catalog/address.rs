//! Addresses as lockfiles write them, fit to be shown.

/// The address without user, password and query: lockfiles written on developers' machines hold tokens in all three.
/// At most 1,024 characters.
pub(crate) fn public(address: &str) -> String {
    let (address, fragment) = match address.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (address, None),
    };
    let address = address.split('?').next().unwrap_or_default();
    let mut shown = match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = match rest.find('/') {
                Some(at) => rest.split_at(at),
                None => (rest, ""),
            };
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    };
    // A commit is worth keeping; other fragments are hashes and hints for the installer.
    if let Some(fragment) = fragment.filter(|text| is_commit(text)) {
        shown.push('#');
        shown.push_str(fragment);
    }
    shown.chars().filter(|c| !c.is_control()).take(1024).collect()
}

/// Whether this is a git object name in full.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `path` as seen from `folder`, `.` and `..` resolved. `None` when it leaves the tree or is absolute.
pub(crate) fn resolve(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains('\\') || path.contains(':') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        for (address, shown) in [
            ("https://user:secret@host/a/b.whl?token=x#sha256=aa", "https://host/a/b.whl"),
            ("git+https://tok@github.com/a/b.git@v1", "git+https://github.com/a/b.git@v1"),
            ("https://host", "https://host"),
        ] {
            assert_eq!(public(address), shown);
        }
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(
            public(&format!("git+ssh://git@h/r#{commit}")),
            format!("git+ssh://h/r#{commit}")
        );
    }

    #[test]
    fn paths_stay_inside_the_tree() {
        assert_eq!(resolve("a/b", "../c.txt").as_deref(), Some("a/c.txt"));
        assert_eq!(resolve("", "./c.txt").as_deref(), Some("c.txt"));
        assert_eq!(resolve("a", "../../c.txt"), None);
        assert_eq!(resolve("a", "/etc/passwd"), None);
    }
}
