use std::borrow::Cow;

use secgate_model::Purl;

/// Where a package's advisories would stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Coordinates<'p> {
    /// In this ecosystem, under this name; the version as its ecosystem writes it.
    In {
        /// The OSV ecosystem.
        ecosystem: &'static str,
        /// The name there.
        name: Cow<'p, str>,
        /// The version.
        version: &'p str,
    },
    /// A package of an operating system, judged by [`crate::distribution`], or of one without rules for it.
    Distribution,
    /// Nobody publishes advisories for packages of this type in a form that can be matched by version.
    NoSource,
    /// Its name lacks the part that would tell it from others.
    Nameless,
    /// A package of another registry than the ecosystem's public one: the public advisories are not about it.
    Elsewhere,
}

impl<'p> Coordinates<'p> {
    /// Maps a purl to its ecosystem (OSV schema, "Defined ecosystems"; purl type definitions).
    pub(crate) fn of(purl: &'p Purl) -> Self {
        let version = purl.version().unwrap_or_default();
        let found =
            |ecosystem, name: Cow<'p, str>, version: &'p str| Self::In { ecosystem, name, version };
        let name = Cow::Borrowed(purl.name());
        let full_name = |separator| match purl.namespace() {
            Some(_) => Cow::Owned(purl.full_name(separator)),
            None => Cow::Borrowed(purl.name()),
        };
        // An alternate registry may hold anything under the same name; a fork by `vcs_url` is still the same project.
        let public = matches!(purl.kind(), "maven" | "npm" | "pypi" | "nuget" | "gem" | "composer");
        if purl.qualifier("repository_url").is_some() && !public {
            return Self::Elsewhere;
        }
        match purl.kind() {
            "pypi" => found("PyPI", name, version),
            "cargo" => found("crates.io", name, version),
            "npm" => {
                let name = full_name("/");
                // Only a scoped name has a `/`; some tools lose the `@` before it.
                let scope = name.contains('/') && !name.starts_with('@');
                found("npm", if scope { Cow::Owned(format!("@{name}")) } else { name }, version)
            }
            "golang" => {
                let name = full_name("/");
                let name =
                    if matches!(&*name, "std" | "go") { Cow::Borrowed("stdlib") } else { name };
                found("Go", name, version)
            }
            // An artifact's name alone is anybody's.
            "maven" if purl.namespace().is_none() && !purl.name().contains(':') => Self::Nameless,
            "maven" => found("Maven", full_name(":"), version),
            "nuget" => found("NuGet", name, version),
            "gem" => found("RubyGems", name, without_platform(version)),
            "composer" => found("Packagist", full_name("/"), version),
            "hex" | "otp" => found("Hex", name, version),
            "pub" => found("Pub", name, version),
            "hackage" => found("Hackage", name, version),
            "cran" => found("CRAN", name, version),
            "julia" => found("Julia", name, version),
            "opam" => found("opam", name, version),
            "swift" => found("SwiftURL", full_name("/"), version),
            "conan" => found("ConanCenter", name, version),
            "githubactions" => {
                // A pinned commit has no order; the release that the workflow's comment names does.
                let pinned = version.len() == 40 && version.bytes().all(|b| b.is_ascii_hexdigit());
                let version =
                    if pinned { purl.qualifier("tag").unwrap_or(version) } else { version };
                found("GitHub Actions", full_name("/"), version)
            }
            "deb" | "apk" | "rpm" | "alpm" | "apkg" => Self::Distribution,
            _ => Self::NoSource,
        }
    }
}

/// A gem's version without the platform that follows it (`1.13.0-x86_64-linux`), which its order would take for a
/// pre-release. A version that RubyGems accepts for publishing has no `-` of its own.
fn without_platform(version: &str) -> &str {
    const PLATFORMS: [&str; 14] = [
        "x86",
        "x64",
        "i386",
        "i586",
        "i686",
        "aarch64",
        "arm",
        "java",
        "jruby",
        "universal",
        "mswin",
        "mingw",
        "powerpc",
        "s390",
    ];
    match version.split_once('-') {
        Some((number, platform)) if PLATFORMS.iter().any(|known| platform.starts_with(known)) => {
            number
        }
        _ => version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(purl: &str, expected: Option<(&str, &str, &str)>) {
        let parsed = purl.parse().unwrap();
        let found = match Coordinates::of(&parsed) {
            Coordinates::In { ecosystem, name, version } => Some((ecosystem, name, version)),
            _ => None,
        };
        let found =
            found.as_ref().map(|(ecosystem, name, version)| (*ecosystem, &**name, *version));
        assert_eq!(found, expected, "{purl}");
    }

    #[test]
    fn each_type_finds_its_ecosystem() {
        check("pkg:npm/%40babel/traverse@7.0.0", Some(("npm", "@babel/traverse", "7.0.0")));
        check(
            "pkg:golang/github.com/gin-gonic/gin@v1.6.0",
            Some(("Go", "github.com/gin-gonic/gin", "v1.6.0")),
        );
        check("pkg:golang/stdlib@go1.21.3", Some(("Go", "stdlib", "go1.21.3")));
        check("pkg:golang/std@1.21.3", Some(("Go", "stdlib", "1.21.3")));
        check("pkg:npm/babel/traverse@7.0.0", Some(("npm", "@babel/traverse", "7.0.0")));
        check("pkg:npm/%40babel%2Ftraverse@7.0.0", Some(("npm", "@babel/traverse", "7.0.0")));
        check("pkg:maven/log4j-core@2.14.1", None);
        check("pkg:gem/nokogiri@1.13.0-x86_64-linux", Some(("RubyGems", "nokogiri", "1.13.0")));
        check("pkg:gem/nokogiri@1.13.0.rc1", Some(("RubyGems", "nokogiri", "1.13.0.rc1")));
        check(
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            Some(("Maven", "org.apache.logging.log4j:log4j-core", "2.14.1")),
        );
        check("pkg:composer/drupal/core@9.0.0", Some(("Packagist", "drupal/core", "9.0.0")));
        check(
            "pkg:githubactions/actions/checkout@8f4b7f84864484a7bf31766abe9204da3cbe65b3?tag=v3.5.0",
            Some(("GitHub Actions", "actions/checkout", "v3.5.0")),
        );
        check("pkg:deb/debian/openssl@1", None);
        check("pkg:generic/x@1", None);
        check("pkg:cargo/rand@1.0.0?repository_url=https://crates.acme.example", None);
        check(
            "pkg:cargo/rand@1.0.0?vcs_url=git%2Bhttps://github.com/rust-random/rand",
            Some(("crates.io", "rand", "1.0.0")),
        );
    }
}
