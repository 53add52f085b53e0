use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A package URL: `pkg:type/namespace/name@version?qualifiers#subpath` (purl specification, ECMA-427).
///
/// Held in its parsed form; printing gives the canonical text. The type is lower case; qualifier keys are lower case
/// and sorted; names keep their case except where the purl type's definition says otherwise (`pypi`, `github`,
/// `bitbucket`, `composer`, `deb` and their like), so that printing what was parsed gives the same identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl(Arc<Parts>);

/// Shared: a purl is copied wherever its package is spoken of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    kind: Cow<'static, str>,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
}

/// Why a text is not a package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a package URL: {reason}")]
pub struct PurlError {
    text: String,
    reason: &'static str,
}

const MAX_LEN: usize = 4096;

impl Purl {
    /// A purl of `kind` (for example `pypi`) with the parts as they are, not percent-encoded. The name must not be
    /// empty.
    pub fn new(
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        version: Option<&str>,
    ) -> Result<Self, PurlError> {
        let error = |reason| PurlError { text: name.chars().take(120).collect(), reason };
        let kind =
            known_kind(kind).map_or_else(|| Cow::Owned(kind.to_ascii_lowercase()), Cow::Borrowed);
        let valid_kind = kind.starts_with(|c: char| c.is_ascii_lowercase())
            && kind.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'));
        if !valid_kind {
            return Err(error("the type is not a word"));
        }
        let name = name.trim_matches('/');
        if name.is_empty() {
            return Err(error("the name is empty"));
        }
        let namespace = namespace
            .map(|text| {
                text.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
            })
            .filter(|text| !text.is_empty());
        let mut parts = Parts {
            kind,
            namespace,
            name: name.to_owned(),
            version: version.filter(|text| !text.is_empty()).map(str::to_owned),
            qualifiers: BTreeMap::new(),
            subpath: None,
        };
        if !parts.is_short() && parts.to_string().len() > MAX_LEN {
            return Err(error("longer than 4096 bytes"));
        }
        parts.normalise();
        Ok(Self(Arc::new(parts)))
    }

    /// The same purl with one more qualifier; an empty value takes it away.
    #[must_use]
    pub fn with_qualifier(mut self, key: &str, value: &str) -> Self {
        let key = key.to_ascii_lowercase();
        if value.is_empty() {
            Arc::make_mut(&mut self.0).qualifiers.remove(&key);
        } else {
            Arc::make_mut(&mut self.0).qualifiers.insert(key, value.to_owned());
        }
        self
    }

    /// The same purl with another version.
    #[must_use]
    pub fn with_version(mut self, version: Option<&str>) -> Self {
        Arc::make_mut(&mut self.0).version =
            version.filter(|text| !text.is_empty()).map(str::to_owned);
        self
    }

    /// The same purl without version, qualifiers and subpath: the package, not one of its releases.
    #[must_use]
    pub fn package(&self) -> Self {
        let parts = &self.0;
        Self(Arc::new(Parts {
            kind: parts.kind.clone(),
            namespace: parts.namespace.clone(),
            name: parts.name.clone(),
            version: None,
            qualifiers: BTreeMap::new(),
            subpath: None,
        }))
    }

    /// The type, for example `cargo`.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The namespace, decoded: an npm scope with its `@`, a Maven group, the front of a Go module path.
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.as_deref()
    }

    /// The name, decoded.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Namespace and name joined by `separator`; the name alone without a namespace.
    pub fn full_name(&self, separator: &str) -> String {
        let Parts { namespace, name, .. } = &*self.0;
        namespace.as_ref().map_or_else(|| name.clone(), |space| format!("{space}{separator}{name}"))
    }

    /// The version, decoded.
    pub fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// A qualifier's value, decoded.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.0.qualifiers.get(key).map(String::as_str)
    }

    /// Every qualifier, decoded, by key.
    pub fn qualifiers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.qualifiers.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The subpath, decoded.
    pub fn subpath(&self) -> Option<&str> {
        self.0.subpath.as_deref()
    }
}

/// The types that are met often, so that they need no memory of their own.
fn known_kind(kind: &str) -> Option<&'static str> {
    const KNOWN: [&str; 14] = [
        "cargo",
        "npm",
        "pypi",
        "golang",
        "maven",
        "nuget",
        "gem",
        "composer",
        "deb",
        "apk",
        "rpm",
        "generic",
        "hex",
        "githubactions",
    ];
    KNOWN.into_iter().find(|known| *known == kind)
}

impl Parts {
    /// Whether it is short even if every byte were percent-encoded.
    fn is_short(&self) -> bool {
        let space = self.namespace.as_ref().map_or(0, String::len);
        let version = self.version.as_ref().map_or(0, String::len);
        (self.kind.len() + space + self.name.len() + version) * 3 + 16 <= MAX_LEN
    }

    /// The normal forms that the purl type definitions ask for.
    fn normalise(&mut self) {
        let lower = |text: &mut String| *text = text.to_lowercase();
        match &*self.kind {
            "pypi" => self.name = self.name.to_lowercase().replace('_', "-"),
            "github" | "bitbucket" | "gitlab" | "composer" | "deb" | "apk" | "hex" | "alpm" => {
                lower(&mut self.name);
                if let Some(space) = &mut self.namespace {
                    lower(space);
                }
            }
            "rpm" => {
                if let Some(space) = &mut self.namespace {
                    lower(space);
                }
            }
            "pub" => lower(&mut self.name),
            _ => {}
        }
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason| PurlError { text: text.chars().take(120).collect(), reason };
        if text.len() > MAX_LEN {
            return Err(error("longer than 4096 bytes"));
        }
        let rest = text
            .get(..4)
            .filter(|scheme| scheme.eq_ignore_ascii_case("pkg:"))
            .and_then(|_| text.get(4..))
            .ok_or_else(|| error("it does not begin with `pkg:`"))?
            .trim_start_matches('/');
        let (rest, subpath) = match rest.rsplit_once('#') {
            Some((rest, subpath)) => (rest, Some(subpath)),
            None => (rest, None),
        };
        let (rest, qualifiers) = match rest.rsplit_once('?') {
            Some((rest, qualifiers)) => (rest, Some(qualifiers)),
            None => (rest, None),
        };
        let (kind, rest) =
            rest.split_once('/').ok_or_else(|| error("there is no `/` after the type"))?;
        let rest = rest.trim_matches('/');
        // The version starts at the last `@` that is not the first character of a path segment: `@scope` of npm is
        // often left unencoded.
        let (path, version) = match rest.rfind('@') {
            Some(at) if at > 0 && rest.as_bytes().get(at - 1) != Some(&b'/') => {
                (rest.get(..at).unwrap_or_default(), rest.get(at + 1..))
            }
            _ => (rest, None),
        };
        let (namespace, name) = match path.trim_end_matches('/').rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, path),
        };
        let decode = |part: &str| {
            decode(part).ok_or_else(|| error("a percent escape does not decode to UTF-8"))
        };
        let namespace = namespace
            .map(|space| {
                space
                    .split('/')
                    .map(&decode)
                    .collect::<Result<Vec<_>, _>>()
                    .map(|parts| parts.join("/"))
            })
            .transpose()?;
        let version = version.map(decode).transpose()?;
        let mut purl = Self::new(kind, namespace.as_deref(), &decode(name)?, version.as_deref())
            .map_err(|inner| error(inner.reason))?;
        for pair in qualifiers.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| error("a qualifier has no `=`"))?;
            let valid_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
                && key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
            if !valid_key {
                return Err(error("a qualifier's key is not a word"));
            }
            let value = decode(value)?;
            if !value.is_empty()
                && Arc::make_mut(&mut purl.0)
                    .qualifiers
                    .insert(key.to_ascii_lowercase(), value)
                    .is_some()
            {
                return Err(error("a qualifier is given twice"));
            }
        }
        let subpath = subpath
            .map(|path| {
                // Decoded first: `%2E%2E` is `..` too.
                path.split('/').map(&decode).collect::<Result<Vec<_>, _>>().map(|parts| {
                    let parts = parts.iter().flat_map(|part| part.split('/'));
                    parts
                        .filter(|part| !matches!(*part, "" | "." | ".."))
                        .collect::<Vec<_>>()
                        .join("/")
                })
            })
            .transpose()?
            .filter(|path| !path.is_empty());
        if subpath.is_some() {
            Arc::make_mut(&mut purl.0).subpath = subpath;
        }
        Ok(purl)
    }
}

fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let digit = |byte: Option<u8>| {
        byte.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
    };
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            out.push(digit(bytes.next())? * 16 + digit(bytes.next())?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// Runs of characters that stand as they are are written at once: nearly always all of them.
fn encode(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~' | b':');
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.bytes().position(|b| !plain(b)).unwrap_or(rest.len());
        // Up to `end` all is ASCII, so it is a boundary.
        let (front, back) = rest.split_at(end);
        f.write_str(front)?;
        let mut after = back.chars();
        if let Some(c) = after.next() {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                write!(f, "%{byte:02X}")?;
            }
        }
        rest = after.as_str();
    }
    Ok(())
}

fn encode_path(f: &mut fmt::Formatter<'_>, path: &str) -> fmt::Result {
    for (at, part) in path.split('/').enumerate() {
        if at > 0 {
            f.write_str("/")?;
        }
        encode(f, part)?;
    }
    Ok(())
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pkg:")?;
        f.write_str(&self.kind)?;
        f.write_str("/")?;
        if let Some(namespace) = &self.namespace {
            encode_path(f, namespace)?;
            f.write_str("/")?;
        }
        encode(f, &self.name)?;
        if let Some(version) = &self.version {
            f.write_str("@")?;
            encode(f, version)?;
        }
        for (at, (key, value)) in self.qualifiers.iter().enumerate() {
            f.write_str(if at == 0 { "?" } else { "&" })?;
            f.write_str(key)?;
            f.write_str("=")?;
            encode_path(f, value)?;
        }
        if let Some(subpath) = &self.subpath {
            f.write_str("#")?;
            encode_path(f, subpath)?;
        }
        Ok(())
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Purl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, canonical: &str) {
        let purl: Purl = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(purl.to_string(), canonical);
        assert_eq!(canonical.parse::<Purl>().as_ref(), Ok(&purl));
    }

    #[test]
    fn canonical_forms() {
        check("pkg:npm/%40angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1");
        check("pkg:npm/@angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1");
        check("pkg:PYPI/Django_package@1.11.1.dev1", "pkg:pypi/django-package@1.11.1.dev1");
        check(
            "pkg:golang/google.golang.org/genproto#/googleapis/../api/",
            "pkg:golang/google.golang.org/genproto#googleapis/api",
        );
        check(
            "pkg:deb/debian/curl@7.50.3-1?distro=jessie&arch=i386",
            "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
        );
        check(
            "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?packaging=sources&classifier=",
            "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?packaging=sources",
        );
        check("pkg:cargo/rand@0.7.2%2Bbuild", "pkg:cargo/rand@0.7.2%2Bbuild");
        check("pkg:generic/x#a/%2E%2E/%2e/b%2F..%2Fc", "pkg:generic/x#a/b/c");
        check("pkg://generic/name@1:2", "pkg:generic/name@1:2");
    }

    #[test]
    fn what_is_no_purl_says_why() {
        for bad in [
            "",
            "flask",
            "pkg:",
            "pkg:pypi",
            "pkg:pypi/",
            "pkg:1a/x",
            "pkg:a b/x",
            "pkg:npm/x?a",
            "pkg:npm/x?a=1&A=2",
            "pkg:npm/%zz",
            "pkg:npm/%ff",
        ] {
            assert!(bad.parse::<Purl>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(
            space in proptest::option::of("[a-zA-Z0-9@ %/é._-]{1,12}"),
            name in "[a-zA-Z0-9@%?#é._ -]{1,12}",
            version in proptest::option::of("[a-zA-Z0-9@%?#:+é._/ -]{1,12}"),
        ) {
            let purl = Purl::new("generic", space.as_deref(), &name, version.as_deref()).unwrap();
            prop_assert_eq!(purl.to_string().parse::<Purl>().unwrap(), purl);
        }

        #[test]
        fn no_input_panics(text in "(pkg:)?.{0,60}") {
            let _ = text.parse::<Purl>();
        }
    }
}
