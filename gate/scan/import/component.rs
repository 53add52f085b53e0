//! Packages as other tools name them, as package URLs.

use secgate_model::Purl;

/// A package URL that a tool wrote, with the spelling that ours have.
pub(super) fn of_purl(text: &str) -> Option<Purl> {
    let purl: Purl = text.trim().parse().ok()?;
    match purl.kind() {
        "pypi" | "golang" => {
            let mut again = package(purl.kind(), &purl.full_name("/"), purl.version())?;
            for key in ["file_name", "type"] {
                if let Some(value) = purl.qualifier(key) {
                    again = again.with_qualifier(key, value);
                }
            }
            Some(again)
        }
        _ => Some(purl),
    }
}

/// The package URL of a package by its purl type and the name that its ecosystem gives it.
pub(super) fn package(kind: &str, name: &str, version: Option<&str>) -> Option<Purl> {
    let name = name.trim();
    let version = version.map(str::trim).filter(|version| !version.is_empty());
    let (namespace, name) = match kind {
        "maven" => {
            name.rsplit_once(':').map_or((None, name), |(group, artifact)| (Some(group), artifact))
        }
        "npm" | "golang" | "composer" | "swift" | "github" => {
            name.rsplit_once('/').map_or((None, name), |(space, name)| (Some(space), name))
        }
        "pypi" => return Purl::new(kind, None, &pep503(name), version).ok(),
        _ => (None, name),
    };
    // Go versions carry a `v`, except those of the standard library, which is released with the toolchain.
    let with_v = (kind == "golang" && !(namespace.is_none() && name == "stdlib"))
        .then(|| version.filter(|version| version.starts_with(|c: char| c.is_ascii_digit())))
        .flatten()
        .map(|version| format!("v{version}"));
    let without_v = (kind == "golang" && namespace.is_none() && name == "stdlib")
        .then(|| version.map(|version| version.trim_start_matches('v').trim_start_matches("go")))
        .flatten();
    Purl::new(kind, namespace, name, with_v.as_deref().or(without_v).or(version)).ok()
}

/// The package of a distribution: `deb`, `apk` or `rpm`, with the distribution as its namespace.
pub(super) fn distribution_package(
    kind: &str,
    distribution: &str,
    name: &str,
    version: Option<&str>,
) -> Option<Purl> {
    Purl::new(kind, Some(distribution), name.trim(), version).ok()
}

/// A Python name in its normal form (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`.
fn pep503(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        if !matches!(character, '-' | '_' | '.') {
            normal.extend(character.to_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}

/// The package URL of a package in an ecosystem of the OSV schema (`ecosystem` of "Defined ecosystems"), with or
/// without a release behind a colon. An ecosystem without a purl type of its own becomes `generic`.
pub(super) fn of_osv(ecosystem: &str, name: &str, version: Option<&str>) -> Option<Purl> {
    let base = ecosystem.split(':').next().unwrap_or_default();
    let kind = match base {
        "PyPI" => "pypi",
        "npm" => "npm",
        "crates.io" => "cargo",
        "Go" => "golang",
        "Maven" => "maven",
        "NuGet" => "nuget",
        "RubyGems" => "gem",
        "Packagist" => "composer",
        "Hex" => "hex",
        "Pub" => "pub",
        "SwiftURL" => "swift",
        "ConanCenter" => "conan",
        "CRAN" => "cran",
        "Hackage" => "hackage",
        "GitHub Actions" => "github",
        "Bitnami" => "bitnami",
        _ => "",
    };
    if !kind.is_empty() {
        return package(kind, name, version);
    }
    let (kind, distribution) = match base {
        "Debian" => ("deb", "debian"),
        "Ubuntu" => ("deb", "ubuntu"),
        "Alpine" => ("apk", "alpine"),
        "Wolfi" => ("apk", "wolfi"),
        "Chainguard" => ("apk", "chainguard"),
        "Red Hat" => ("rpm", "redhat"),
        "Rocky Linux" => ("rpm", "rocky"),
        "AlmaLinux" => ("rpm", "alma"),
        "SUSE" => ("rpm", "suse"),
        "openSUSE" => ("rpm", "opensuse"),
        "openEuler" => ("rpm", "openeuler"),
        _ => return package("generic", name, version),
    };
    distribution_package(kind, distribution, name, version)
}

/// The package URL of a package by the type that Trivy, Grype and Snyk give it; a name that none of them uses becomes
/// `generic`.
pub(super) fn of_type(kind: &str, name: &str, version: Option<&str>) -> Option<Purl> {
    let kind = kind.to_ascii_lowercase();
    // Snyk writes `deb:debian:12` or `debian:12`.
    let kind =
        kind.split(':').find(|part| !matches!(*part, "deb" | "rpm" | "apk")).unwrap_or(&kind);
    let language = match kind {
        "npm" | "yarn" | "yarnv1" | "pnpm" | "bun" | "node-pkg" | "javascript" => "npm",
        "pip" | "pipenv" | "poetry" | "uv" | "pylock" | "python-pkg" | "python" => "pypi",
        "gomod" | "gobinary" | "gomodules" | "golangdep" | "go-module" | "go" | "golang" => {
            "golang"
        }
        "cargo" | "rustbinary" | "rust-crate" | "rust" => "cargo",
        "jar" | "pom" | "gradle" | "sbt" | "maven" | "java-archive" | "java" => "maven",
        "bundler" | "gemspec" | "rubygems" | "gem" | "ruby" => "gem",
        "composer" | "composer-vendor" | "php-composer" | "php" => "composer",
        "nuget" | "dotnet-core" | "packages-props" | "paket" | "dotnet" => "nuget",
        "hex" | "elixir" => "hex",
        "pub" | "dart-pub" | "dart" => "pub",
        "swift" => "swift",
        "cocoapods" | "pod" => "cocoapods",
        "conan" => "conan",
        "conda-pkg" | "conda-environment" | "conda" => "conda",
        _ => "",
    };
    if !language.is_empty() {
        return package(language, name, version);
    }
    match kind {
        "debian" | "ubuntu" => distribution_package("deb", kind, name, version),
        "alpine" | "wolfi" | "chainguard" | "minimos" => {
            distribution_package("apk", kind, name, version)
        }
        "redhat" | "centos" | "rocky" | "alma" | "amazon" | "oracle" | "fedora" | "photon"
        | "azurelinux" | "cbl-mariner" => distribution_package("rpm", kind, name, version),
        "rhel" => distribution_package("rpm", "redhat", name, version),
        _ if kind.starts_with("opensuse") => distribution_package("rpm", "opensuse", name, version),
        _ if kind.starts_with("suse") || kind.starts_with("sles") => {
            distribution_package("rpm", "suse", name, version)
        }
        _ => package("generic", name, version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_package_has_one_name() {
        let text = |purl: Option<Purl>| purl.map(|purl| purl.to_string()).unwrap_or_default();
        for purl in [
            package("pypi", "Flask_Login.Ext", Some("1.0")),
            of_purl("pkg:pypi/flask-login.ext@1.0"),
            of_osv("PyPI", "flask__login-ext", Some("1.0")),
            of_type("python-pkg", "flask.login.ext", Some("1.0")),
        ] {
            assert_eq!(text(purl), "pkg:pypi/flask-login-ext@1.0");
        }
        for purl in [
            of_osv("Go", "golang.org/x/net", Some("0.1.0")),
            of_purl("pkg:golang/golang.org/x/net@v0.1.0"),
            of_type("gomod", "golang.org/x/net", Some("v0.1.0")),
        ] {
            assert_eq!(text(purl), "pkg:golang/golang.org/x/net@v0.1.0");
        }
        assert_eq!(text(of_osv("Go", "stdlib", Some("1.20"))), "pkg:golang/stdlib@1.20");
        assert_eq!(text(of_type("gobinary", "stdlib", Some("v1.20"))), "pkg:golang/stdlib@1.20");
        assert_eq!(text(of_osv("Maven", "a.b:c", Some("1"))), "pkg:maven/a.b/c@1");
        assert_eq!(text(of_osv("npm", "@a/b", None)), "pkg:npm/%40a/b");
        assert_eq!(text(of_osv("Debian:12", "curl", Some("7.88"))), "pkg:deb/debian/curl@7.88");
        assert_eq!(text(of_osv("Nowhere", "x", None)), "pkg:generic/x");
        assert_eq!(text(of_type("deb:debian:12", "curl", None)), "pkg:deb/debian/curl");
        assert_eq!(of_purl("flask"), None);
        assert_eq!(package("npm", "", None), None);
    }
}
