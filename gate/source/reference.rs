use std::{fmt, path::PathBuf, str::FromStr};

use secgate_model::Digest;

use crate::Wanted;

/// What a person names an image by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// In a registry.
    Registry(RegistryReference),
    /// `oci:DIR[:TAG]` or `oci:DIR@DIGEST`: a folder in the OCI image layout.
    Layout(PathBuf, Wanted),
    /// `oci-archive:FILE[:TAG]`: such a folder in a tar file.
    Archive(PathBuf, Wanted),
    /// `docker-archive:FILE[:NAME]`: what `docker save` writes.
    DockerArchive(PathBuf, Wanted),
    /// `docker-daemon:NAME`: a running Docker engine, by name or identifier.
    DockerDaemon(String),
    /// `podman:NAME`: a running Podman service, by name or identifier.
    Podman(String),
}

/// An image in a registry, normalised as Docker does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryReference {
    /// Host and port as written; `docker.io` where none was.
    pub host: String,
    /// The repository: `library/python`.
    pub repository: String,
    /// The tag: `latest` where neither tag nor digest was written.
    pub tag: Option<String>,
    /// The digest. Where both are given the digest decides and the tag is a remark.
    pub digest: Option<Digest>,
}

/// Why a text names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no image: {reason}")]
pub struct ReferenceError {
    text: String,
    reason: String,
}

impl RegistryReference {
    /// Which manifest of the repository is meant: the digest where there is one.
    pub fn wanted(&self) -> Wanted {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Wanted::Digest(digest.clone()),
            (None, Some(tag)) => Wanted::Tag(tag.clone()),
            (None, None) => Wanted::Only,
        }
    }

    /// `host/repository`, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads `SCHEME:REST` or a registry reference (grammar of `distribution/reference`, normalisation of Docker).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One line in a message, whatever was written.
        let shown = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
        let fail = |reason: &str| ReferenceError {
            text: text.chars().take(300).map(shown).collect(),
            reason: reason.to_owned(),
        };
        if text.chars().any(char::is_control) {
            return Err(fail("it holds a control character"));
        }
        let local = |rest: &str| -> Result<(PathBuf, Wanted), ReferenceError> {
            let (path, wanted) = split_place(rest).map_err(|reason| fail(&reason))?;
            if path.is_empty() {
                return Err(fail("the path is missing after the colon"));
            }
            Ok((path.into(), wanted))
        };
        if let Some((scheme, rest)) = text.split_once(':') {
            match scheme {
                "oci" => return local(rest).map(|(path, wanted)| Self::Layout(path, wanted)),
                "oci-archive" => {
                    return local(rest).map(|(path, wanted)| Self::Archive(path, wanted));
                }
                "docker-archive" => {
                    return local(rest).map(|(path, wanted)| Self::DockerArchive(path, wanted));
                }
                "docker-daemon" | "podman" => {
                    let name = engine_name(rest).map_err(|reason| fail(&reason))?;
                    return Ok(match scheme {
                        "podman" => Self::Podman(name),
                        _ => Self::DockerDaemon(name),
                    });
                }
                _ => {}
            }
        }
        let bare = text.strip_prefix("docker://").unwrap_or(text);
        registry(bare).map(Self::Registry).map_err(|reason| fail(&reason))
    }
}

/// `PATH`, `PATH:TAG` or `PATH@sha256:…`. A path holds no colon, as other tools have it.
fn split_place(rest: &str) -> Result<(&str, Wanted), String> {
    if let Some((path, digest)) = rest.rsplit_once("@sha256:") {
        let digest = format!("sha256:{digest}").parse().map_err(|_| BAD_DIGEST.to_owned())?;
        return Ok((path, Wanted::Digest(digest)));
    }
    match rest.split_once(':') {
        None => Ok((rest, Wanted::Only)),
        Some((_, "")) => Err("the tag is missing after the colon".to_owned()),
        Some((path, tag)) => Ok((path, Wanted::Tag(tag.to_owned()))),
    }
}

const BAD_DIGEST: &str =
    "a digest is `sha256:` and 64 lower-case hexadecimal digits, and nothing else is understood";

/// A name that an engine knows: an identifier as it is, anything else as a registry reference.
fn engine_name(rest: &str) -> Result<String, String> {
    let hex = rest.strip_prefix("sha256:").unwrap_or(rest);
    let is_hex = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex && (hex.len() == 64 || hex.len() == 12) {
        return Ok(rest.to_owned());
    }
    Ok(registry(rest)?.to_string())
}

/// A reference of the distribution grammar, with Docker's defaults filled in.
pub(crate) fn registry(text: &str) -> Result<RegistryReference, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.contains("://") {
        return Err("a registry is named without `https://`".to_owned());
    }
    if let Some((scheme, rest)) = text.split_once(':')
        && matches!(scheme, "docker" | "containers-storage" | "dir" | "sif" | "ostree" | "tarball")
        && rest.starts_with('/')
    {
        return Err(format!("secgate does not know the kind `{scheme}:`"));
    }
    let (rest, digest) = match text.split_once('@') {
        None => (text, None),
        Some((rest, digest)) => {
            (rest, Some(digest.parse::<Digest>().map_err(|_| BAD_DIGEST.to_owned())?))
        }
    };
    // A colon after the last slash starts the tag; one before it belongs to the host.
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    if name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("64 hexadecimal digits are an identifier, not a name".to_owned());
    }
    let (host, path) = match name.split_once('/') {
        Some((first, path)) if is_host(first) => {
            (if first == "index.docker.io" { "docker.io" } else { first }, path)
        }
        _ => ("docker.io", name),
    };
    check_host(host)?;
    let repository = if host == "docker.io" && !path.contains('/') {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    if repository.len() > 255 {
        return Err("a repository's name has at most 255 characters".to_owned());
    }
    for part in path.split('/') {
        check_component(part)?;
    }
    let tag = match (tag, &digest) {
        (Some(tag), _) => Some(tag.to_owned()),
        (None, None) => Some("latest".to_owned()),
        (None, Some(_)) => None,
    };
    Ok(RegistryReference { host: host.to_owned(), repository, tag, digest })
}

/// Docker's rule for the part before the first slash: a host has a dot or a colon, is `localhost`, or has upper case.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':'])
        || first == "localhost"
        || first.chars().any(|letter| letter.is_ascii_uppercase())
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (address, rest) =
            rest.split_once(']').ok_or("the host's `[` is not closed".to_owned())?;
        let valid = address.parse::<std::net::Ipv6Addr>().is_ok();
        if !valid {
            return Err(format!("`{address}` is not an IPv6 address"));
        }
        ("", rest.strip_prefix(':').or((!rest.is_empty()).then_some("")))
    } else {
        match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        }
    };
    if port.is_some_and(|port| {
        !port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().is_err()
    }) {
        return Err(format!("the port in `{host}` is not a number below 65536"));
    }
    let good = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.starts_with('[') || name.split('.').all(good) {
        Ok(())
    } else {
        Err(format!("`{name}` is not a host name"))
    }
}

/// `path-component`: lower-case letters and digits, between them `.`, `_`, `__` or any number of `-`.
fn check_component(part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err("a part of the repository's name is empty".to_owned());
    }
    if part.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("a repository's name is lower case, `{part}` is not"));
    }
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edges = part.bytes().next().is_some_and(alphanumeric)
        && part.bytes().next_back().is_some_and(alphanumeric);
    let separators = part
        .split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        .all(|between| {
            matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-')
        });
    if edges && separators {
        Ok(())
    } else {
        Err(format!(
            "`{part}` is no part of a repository's name: lower-case letters and digits, between them `.`, `_`, `__` or `-`"
        ))
    }
}

fn check_tag(tag: &str) -> Result<(), String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
    if valid {
        Ok(())
    } else {
        Err(format!(
            "`{tag}` is not a tag: at most 128 letters, digits, `_`, `.` and `-`, the first no `.` or `-`"
        ))
    }
}

impl fmt::Display for RegistryReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, wanted) = match self {
            Self::Registry(reference) => return write!(f, "{reference}"),
            Self::DockerDaemon(name) => return write!(f, "docker-daemon:{name}"),
            Self::Podman(name) => return write!(f, "podman:{name}"),
            Self::Layout(path, wanted) => ("oci", path, wanted),
            Self::Archive(path, wanted) => ("oci-archive", path, wanted),
            Self::DockerArchive(path, wanted) => ("docker-archive", path, wanted),
        };
        write!(f, "{scheme}:{}", path.display())?;
        match wanted {
            Wanted::Only => Ok(()),
            Wanted::Tag(tag) => write!(f, ":{tag}"),
            Wanted::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn good_references_are_normalised() {
        let check = |text: &str, expected: &str| {
            let text = text.replace("HEX", HEX);
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), expected.replace("HEX", HEX), "{text}");
            let again: Reference = reference.to_string().parse().unwrap();
            assert_eq!(again, reference, "{text} changes when it is read again");
        };
        for (text, expected) in [
            ("python", "docker.io/library/python:latest"),
            ("python:3.11-slim", "docker.io/library/python:3.11-slim"),
            ("grafana/grafana", "docker.io/grafana/grafana:latest"),
            ("docker.io/python", "docker.io/library/python:latest"),
            ("index.docker.io/a/b:1", "docker.io/a/b:1"),
            ("localhost/app:1", "localhost/app:1"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("localhost:5000", "docker.io/library/localhost:5000"),
            ("127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000/a/b/c:x"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("[fe80::1]/app", "[fe80::1]/app:latest"),
            ("Registry/app", "Registry/app:latest"),
            ("registry.example/team/app@sha256:HEX", "registry.example/team/app@sha256:HEX"),
            ("app:1@sha256:HEX", "docker.io/library/app:1@sha256:HEX"),
            ("a__b/c---d/e.f_g", "docker.io/a__b/c---d/e.f_g:latest"),
            ("docker://alpine:3", "docker.io/library/alpine:3"),
            ("oci:out", "oci:out"),
            ("oci:/tmp/out:1.0", "oci:/tmp/out:1.0"),
            ("oci:out:localhost/app:1", "oci:out:localhost/app:1"),
            ("oci:out@sha256:HEX", "oci:out@sha256:HEX"),
            ("oci-archive:a.tar:x", "oci-archive:a.tar:x"),
            ("docker-archive:a.tar.gz:app:1", "docker-archive:a.tar.gz:app:1"),
            ("docker-daemon:app", "docker-daemon:docker.io/library/app:latest"),
            ("docker-daemon:sha256:HEX", "docker-daemon:sha256:HEX"),
            ("podman:0123456789ab", "podman:0123456789ab"),
            ("podman:localhost/app:1", "podman:localhost/app:1"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn a_digest_decides_over_a_tag() {
        let text = format!("app:1@sha256:{HEX}");
        let Reference::Registry(reference) = text.parse().unwrap() else { panic!() };
        assert!(matches!(reference.wanted(), Wanted::Digest(_)));
        assert_eq!(reference.name(), "docker.io/library/app");
    }

    #[test]
    fn bad_references_say_why() {
        let check = |text: &str, expected: &str| {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        for (text, expected) in [
            ("", "empty"),
            ("App", "lower case"),
            ("registry.example/App", "lower case"),
            ("a//b", "is empty"),
            ("a/", "is empty"),
            ("/a", "is empty"),
            ("-a", "no part"),
            ("a..b", "no part"),
            ("a___b", "no part"),
            ("a b", "no part"),
            ("a:", "not a tag"),
            ("a:.x", "not a tag"),
            ("a:b c", "not a tag"),
            ("https://registry.example/a", "without `https://`"),
            ("a@sha256:12", "a digest is"),
            ("a@sha512:12", "a digest is"),
            ("a@", "a digest is"),
            ("-bad.example/a", "not a host name"),
            ("bad_host.example/a", "not a host name"),
            ("host.example:99999/a", "port"),
            ("host.example:x/a", "port"),
            ("[::1/a", "not closed"),
            ("[zz]:1/a", "not an IPv6"),
            (HEX, "identifier"),
            ("oci:", "path is missing"),
            ("oci::tag", "path is missing"),
            ("oci:dir:", "tag is missing"),
            ("oci-archive:", "path is missing"),
            ("docker-daemon:", "empty"),
            ("containers-storage:/a", "does not know the kind"),
            ("a\u{7}b", "control character"),
            ("a\n::error::b", "`a\u{fffd}::error::b` names no image"),
        ] {
            check(text, expected);
        }
        check(&format!("a/{}", "b".repeat(300)), "255");
        check(&format!("a:{}", "b".repeat(129)), "not a tag");
    }
}
