use secgate_model::{Fingerprint, Kind, Purl, Target, TargetKind};

/// The identity of a finding: a hash over its kind, the subject's key, *what* it is and *where* it is.
///
/// Never part of it: severity, title, description, fixed version, line, image tag or digest, time. Each part is hashed
/// with its length, so that no two lists of parts run together. The prefix `sg1-` is the scheme's version.
pub fn fingerprint(kind: Kind, subject: &str, what: &str, place: &[&str]) -> Fingerprint {
    let mut hasher = blake3::Hasher::new();
    for part in ["secgate fingerprint 1", kind.name(), subject, what].iter().chain(place) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hex = hasher.finalize().to_hex();
    Fingerprint(format!("sg1-{}", hex.get(..32).unwrap_or(&hex)))
}

/// The identity of a vulnerability: the preferred id of its alias group, and the package without its version.
///
/// Two versions of one package in one target share it; they are two findings that a baseline counts.
pub fn vulnerability_fingerprint(
    target: &Target,
    preferred_id: &str,
    component: &Purl,
) -> Fingerprint {
    let package = component.package().to_string();
    fingerprint(
        Kind::Vulnerability,
        &subject_key(target),
        preferred_id,
        &[&package, target.kind.name()],
    )
}

/// What stays the same about a target from run to run: nothing of a path (a clone may lie anywhere), the repository of
/// an image without tag, digest and platform, the origin of a URL. An image in a file has no more of a key than a path, and one
/// in an engine the key that it would have in a registry.
pub fn subject_key(target: &Target) -> String {
    match target.kind {
        TargetKind::Path => String::new(),
        TargetKind::Image => {
            let name = target.name.split(" (").next().unwrap_or_default();
            let in_files = ["oci:", "oci-archive:", "docker-archive:"];
            if in_files.iter().any(|scheme| name.starts_with(scheme)) {
                return String::new();
            }
            let engine = ["docker-daemon:", "podman:"];
            let name = engine.iter().find_map(|scheme| name.strip_prefix(scheme)).unwrap_or(name);
            let name = name.split_once('@').map_or(name, |(name, _)| name);
            match name.rsplit_once(':') {
                // A colon before the last slash is a port, not a tag.
                Some((repository, tag)) if !tag.contains('/') => repository.to_owned(),
                _ => name.to_owned(),
            }
        }
        TargetKind::Url => {
            let end = target.name.find("://").map_or(0, |at| at + 3);
            let rest = target.name.get(end..).unwrap_or_default();
            let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            target.name.get(..end + host).unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(kind: TargetKind, name: &str) -> Target {
        Target { kind, name: name.to_owned(), digest: None, revision: None }
    }

    #[test]
    fn version_and_tag_are_no_part_of_an_identity() {
        let of = |name: &str, purl: &str| {
            vulnerability_fingerprint(
                &target(TargetKind::Image, name),
                "CVE-2023-30861",
                &purl.parse().unwrap(),
            )
        };
        let first = of("registry:5000/app:1", "pkg:pypi/flask@2.0.1");
        assert_eq!(first, of("registry:5000/app:2@sha256:00", "pkg:pypi/flask@2.2.4?x=y"));
        assert_ne!(first, of("registry:5000/other:1", "pkg:pypi/flask@2.0.1"));
        assert_ne!(first, of("registry:5000/app:1", "pkg:pypi/werkzeug@2.0.1"));
        assert!(first.0.starts_with("sg1-") && first.0.len() == 36);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            fingerprint(Kind::Code, "", "ab", &["c"]),
            fingerprint(Kind::Code, "", "a", &["bc"])
        );
        assert_ne!(
            fingerprint(Kind::Code, "", "a", &["b", ""]),
            fingerprint(Kind::Code, "", "a", &["b"])
        );
    }

    #[test]
    fn subject_keys() {
        assert_eq!(
            subject_key(&target(TargetKind::Image, "localhost:5000/a/b")),
            "localhost:5000/a/b"
        );
        for (name, key) in [
            ("registry.example/a:1 (linux/arm64)", "registry.example/a"),
            ("oci:build/image:1", ""),
            ("docker-archive:/tmp/x.tar", ""),
            ("docker-daemon:team/app:1", "team/app"),
        ] {
            assert_eq!(subject_key(&target(TargetKind::Image, name)), key);
        }
        assert_eq!(
            subject_key(&target(TargetKind::Url, "https://staging.example/x?y")),
            "https://staging.example"
        );
        assert_eq!(subject_key(&target(TargetKind::Path, "anything")), "");
    }
}
