use std::fmt;

use crate::error::{ErrorKind, RegistryError};

/// A repository in a registry: where images and artifacts lie under tags and digests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

impl Repository {
    /// A repository by the registry's `host[:port]` and the name inside it (OCI distribution specification 1.1, "Pulling manifests").
    ///
    /// # Errors
    /// When either is not well formed: neither can smuggle anything into an address.
    pub fn new(host: &str, path: &str) -> Result<Self, RegistryError> {
        let wrong = |message: String| {
            let shown: String = format!("{host}/{path}").chars().take(300).collect();
            RegistryError::new(format!("the name `{shown}`"), ErrorKind::Input(message))
        };
        if !is_host(host) {
            return Err(wrong("the registry is no `host` or `host:port`".to_owned()));
        }
        if path.len() > 255 || !path.split('/').all(is_component) {
            return Err(wrong(
                "a repository has lower-case letters, digits and single separators `.`, `_`, `-`, `/`".to_owned(),
            ));
        }
        Ok(Self { host: host.to_ascii_lowercase(), path: path.to_owned() })
    }

    /// The registry: `host[:port]`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The name inside the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The repository of the same name in another registry.
    pub(crate) fn on(&self, host: &str) -> Result<Self, RegistryError> {
        Self::new(host, &self.path)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

/// `host[:port]` without the port, and without the brackets of an IPv6 address.
pub(crate) fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, port)) => match port.strip_prefix(':') {
                Some(port) => (address, Some(port)),
                None => return false,
            },
            None => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let named = if host.starts_with('[') {
        name.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        host.len() <= 253
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            })
    };
    named
        && port.is_none_or(|port| {
            port.bytes().all(|b| b.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port != 0)
        })
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(alphanumeric) || !bytes.last().is_some_and(alphanumeric) {
        return false;
    }
    text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|b| b == b'-'))
}

/// A tag (OCI distribution specification 1.1): `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(crate) fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// A digest of a registered algorithm (OCI image specification, `descriptor.md`): nothing else goes into an address.
pub(crate) fn is_digest(text: &str) -> bool {
    let digits = match text.split_once(':') {
        Some(("sha256", hex)) if hex.len() == 64 => hex,
        Some(("sha512", hex)) if hex.len() == 128 => hex,
        _ => return false,
    };
    digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |host: &str, path: &str, expected: bool| {
            assert_eq!(Repository::new(host, path).is_ok(), expected, "{host} / {path}");
        };
        check("registry.example:5000", "team/app", true);
        check("REGISTRY.example", "a", true);
        check("[::1]:5000", "a/b__c/d--e/f.g", true);
        check("127.0.0.1:5000", "library/ubuntu", true);
        for host in [
            "",
            "a b",
            "a/b",
            "user@host",
            "host:",
            "host:0",
            "host:99999",
            "host:5x",
            "[::1",
            "::1",
            "[::1]x",
            "a..b",
            "h?x",
            "h#",
        ] {
            check(host, "app", false);
        }
        for path in [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "a._b", "a___b", "-a", "a-", "../x",
            "a/../b", "a?b", "a%2f", "a b", "ä",
        ] {
            check("h.example", path, false);
        }
        check("h.example", &"a".repeat(256), false);
    }

    #[test]
    fn tags_and_digests() {
        assert!(is_tag("1.0-rc_1") && is_tag("_x") && is_tag(&"a".repeat(128)));
        for bad in ["", "-x", ".x", "a/b", "a?b", "a b", &"a".repeat(129)] {
            assert!(!is_tag(bad), "{bad}");
        }
        assert!(is_digest(&format!("sha256:{}", "a0".repeat(32))));
        assert!(is_digest(&format!("sha512:{}", "a0".repeat(64))));
        for bad in [
            "sha256:",
            "sha256:AA",
            "md5:00",
            &format!("sha256:{}/", "a".repeat(63)),
            &format!("sha256:{}", "A".repeat(64)),
        ] {
            assert!(!is_digest(bad), "{bad}");
        }
    }

    #[test]
    fn ports() {
        assert_eq!(without_port("[::1]:5000"), "::1");
        assert_eq!(without_port("h:5000"), "h");
        assert_eq!(without_port("h"), "h");
    }
}
