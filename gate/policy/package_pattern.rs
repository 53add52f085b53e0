use globset::{GlobBuilder, GlobMatcher};
use secgate_model::Purl;

use crate::{
    diagnostic::{Place, Sink, short},
    values::is_specific,
};

/// Which packages are meant: a purl, with or without a version, or a glob over the text of purls.
///
/// A purl without a version means every version; its qualifiers, where it has any, must be among the package's. A glob
/// is held against `pkg:type/namespace/name` in plain letters (npm scopes with their `@`), or against
/// `pkg:type/namespace/name@version` when it has an `@` after the name's first letter. Its type is never a wildcard.
#[derive(Debug, Clone)]
pub(crate) struct PackagePattern {
    text: String,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Purl(Purl),
    Glob { matcher: GlobMatcher, with_version: bool },
}

impl PackagePattern {
    /// `specific`: refuse a glob that names no package, such as `pkg:npm/*`.
    pub(crate) fn read(text: &str, specific: bool, at: Place, sink: &mut Sink<'_>) -> Option<Self> {
        let wild = text.contains(['*', '[', '{']);
        let form = if wild {
            let rest = text.strip_prefix("pkg:").and_then(|rest| rest.split_once('/'));
            let Some((kind, name)) = rest
                .filter(|(kind, _)| kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
            else {
                let message = format!("`{}` is not a pattern over package URLs", short(text));
                sink.error_hint(
                    at,
                    message,
                    "write pkg:TYPE/NAME with the type in full, for example pkg:npm/@acme/*",
                );
                return None;
            };
            if kind.is_empty() || text.len() > 256 || (specific && !is_specific(name)) {
                let message = format!("`{}` does not name a package", short(text));
                sink.error_hint(at, message, "give at least three letters of the name");
                return None;
            }
            match GlobBuilder::new(text).literal_separator(false).build() {
                Ok(glob) => Form::Glob {
                    matcher: glob.compile_matcher(),
                    with_version: name
                        .rfind('@')
                        .is_some_and(|at| at > 0 && name.as_bytes().get(at - 1) != Some(&b'/')),
                },
                Err(error) => {
                    sink.error(at, format!("`{}` is not a pattern: {}", short(text), error.kind()));
                    return None;
                }
            }
        } else {
            match text.parse() {
                Ok(purl) => Form::Purl(purl),
                Err(error) => {
                    sink.error_hint(
                        at,
                        error.to_string(),
                        "for example pkg:pypi/flask or pkg:npm/%40acme/web@1.2.0",
                    );
                    return None;
                }
            }
        };
        Some(Self { text: text.to_owned(), form })
    }

    pub(crate) fn of(purl: Purl) -> Self {
        Self { text: purl.to_string(), form: Form::Purl(purl) }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn matches(&self, package: &Purl) -> bool {
        match &self.form {
            Form::Purl(wanted) => covers(wanted, package),
            Form::Glob { matcher, with_version } => {
                let mut text = format!("pkg:{}/{}", package.kind(), package.full_name("/"));
                if *with_version {
                    text.push('@');
                    text.push_str(package.version().unwrap_or_default());
                }
                matcher.is_match(text)
            }
        }
    }
}

/// Whether `package` is what `wanted` says, where `wanted` may leave out version and qualifiers.
fn covers(wanted: &Purl, package: &Purl) -> bool {
    wanted.name() == package.name()
        && wanted.kind() == package.kind()
        && wanted.namespace() == package.namespace()
        && wanted.version().is_none_or(|version| package.version() == Some(version))
        && (wanted.subpath().is_none() || wanted.subpath() == package.subpath())
        && qualifiers(&wanted.to_string()).all(|(key, value)| {
            qualifiers(&package.to_string())
                .any(|(k, v)| (k.as_str(), v.as_str()) == (key.as_str(), value.as_str()))
        })
}

/// The qualifiers of a purl's canonical text, as they are written there.
fn qualifiers(text: &str) -> impl Iterator<Item = (String, String)> + use<> {
    let text = text.split('#').next().unwrap_or_default();
    let pairs: Vec<_> = text
        .split_once('?')
        .map(|(_, pairs)| pairs)
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    pairs.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<PackagePattern> {
        let mut found = Vec::new();
        PackagePattern::read(
            text,
            true,
            Place::default(),
            &mut Sink { file: "t", found: &mut found },
        )
    }

    fn check(pattern: &str, purl: &str, expected: bool) {
        let pattern = read(pattern).unwrap_or_else(|| panic!("{pattern}"));
        assert_eq!(pattern.matches(&purl.parse().unwrap()), expected, "{} {purl}", pattern.text());
    }

    #[test]
    fn a_purl_without_version_means_every_version() {
        check(
            "pkg:deb/debian/openssl",
            "pkg:deb/debian/openssl@3.0.1-1?arch=amd64&distro=bookworm",
            true,
        );
        check(
            "pkg:deb/debian/openssl?distro=bookworm",
            "pkg:deb/debian/openssl@3.0.1-1?arch=amd64&distro=bookworm",
            true,
        );
        check(
            "pkg:deb/debian/openssl?distro=trixie",
            "pkg:deb/debian/openssl@3.0.1-1?arch=amd64&distro=bookworm",
            false,
        );
        check("pkg:deb/debian/openssl@3.0.1-1", "pkg:deb/debian/openssl@3.0.1-2", false);
        check("pkg:deb/debian/openssl", "pkg:deb/ubuntu/openssl@3.0.1-1", false);
        check("pkg:pypi/Flask", "pkg:pypi/flask@2.0", true);
    }

    #[test]
    fn globs_see_plain_letters() {
        check("pkg:npm/@acme/*", "pkg:npm/%40acme/web@1.2.0", true);
        check("pkg:npm/@acme/*", "pkg:npm/%40other/web@1.2.0", false);
        check("pkg:npm/@acme/*@1.*", "pkg:npm/%40acme/web@1.2.0", true);
        check("pkg:npm/@acme/*@1.*", "pkg:npm/%40acme/web@2.2.0", false);
        for bad in ["*", "pkg:*", "pkg:*/openssl", "pkg:npm/*", "flask", "pkg:npm/[a"] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
