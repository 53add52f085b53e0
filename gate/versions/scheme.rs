//! The rules that are known, and which ecosystem follows which.

use std::fmt;

/// A rule for reading and ordering versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Python: PEP 440, and legacy texts below it.
    Pep440,
    /// npm, crates.io, Hex, Swift and the `SEMVER` ranges of OSV: semver.org 2.0.
    Semver,
    /// Go modules and the Go releases.
    Go,
    /// Maven's `ComparableVersion`.
    Maven,
    /// NuGet: four numbers, labels without case.
    Nuget,
    /// RubyGems' `Gem::Version`.
    RubyGems,
    /// Composer's normal form under PHP's `version_compare`.
    Packagist,
    /// Dart: semver in which build metadata counts.
    Pub,
    /// Haskell: Package Versioning Policy. Also the compiler GHC.
    Hackage,
    /// R packages. Also Bioconductor.
    Cran,
    /// Julia: semver in which the build number counts.
    Julia,
    /// opam: Debian's order without an epoch.
    Opam,
    /// Conan: dotted fields that may hold letters.
    Conan,
    /// Debian and its derivatives.
    Dpkg,
    /// Alpine, Wolfi and other distributions of apk packages.
    Apk,
    /// Red Hat, SUSE and other distributions of rpm packages.
    Rpm,
    /// Arch Linux.
    Alpm,
    /// No published rule: only what looks like a semantic version is ordered.
    Generic,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Scheme; 18] = [
        Scheme::Pep440,
        Scheme::Semver,
        Scheme::Go,
        Scheme::Maven,
        Scheme::Nuget,
        Scheme::RubyGems,
        Scheme::Packagist,
        Scheme::Pub,
        Scheme::Hackage,
        Scheme::Cran,
        Scheme::Julia,
        Scheme::Opam,
        Scheme::Conan,
        Scheme::Dpkg,
        Scheme::Apk,
        Scheme::Rpm,
        Scheme::Alpm,
        Scheme::Generic,
    ];

    /// The scheme of an ecosystem as OSV names it (OSV schema, "Defined ecosystems"). The part before the first `:`
    /// decides (`Debian:12`), except for vendors who rebuild packages of several ecosystems (`Root:Alpine:3.18`), where
    /// the part after it does. `None` where versions have no order that OSV or anybody else defines.
    pub fn of_ecosystem(osv_ecosystem: &str) -> Option<Scheme> {
        let (name, rest) = osv_ecosystem.split_once(':').unwrap_or((osv_ecosystem, ""));
        Some(match name {
            "PyPI" => Scheme::Pep440,
            "npm" | "crates.io" | "Hex" | "SwiftURL" | "Bitnami" | "VSCode" | "Kubernetes" => {
                Scheme::Semver
            }
            "Go" => Scheme::Go,
            "Maven" => Scheme::Maven,
            "NuGet" => Scheme::Nuget,
            "RubyGems" => Scheme::RubyGems,
            "Packagist" => Scheme::Packagist,
            "Pub" => Scheme::Pub,
            "Hackage" | "GHC" => Scheme::Hackage,
            "CRAN" | "Bioconductor" => Scheme::Cran,
            "Julia" => Scheme::Julia,
            "opam" => Scheme::Opam,
            "ConanCenter" => Scheme::Conan,
            "Debian" | "Ubuntu" => Scheme::Dpkg,
            "Alpine"
            | "Alpaquita"
            | "BellSoft Hardened Containers"
            | "Chainguard"
            | "CleanStart"
            | "MinimOS"
            | "Wolfi" => Scheme::Apk,
            "AlmaLinux" | "Amazon Linux" | "Azure Linux" | "CentOS" | "Fedora" | "Mageia"
            | "Oracle Linux" | "Photon OS" | "Red Hat" | "Rocky Linux" | "SUSE" | "openEuler"
            | "openSUSE" => Scheme::Rpm,
            "Arch Linux" => Scheme::Alpm,
            "GitHub Actions" => Scheme::Generic,
            "Echo" if rest.is_empty() => Scheme::Dpkg,
            "Echo" | "Root" => return rebuilt(rest),
            _ => return None,
        })
    }
}

/// The scheme of the ecosystem whose packages a vendor has rebuilt.
fn rebuilt(inner: &str) -> Option<Scheme> {
    match inner.split(':').next()? {
        "Echo" | "Root" => None,
        _ => Scheme::of_ecosystem(inner),
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Pep440 => "PEP 440",
            Scheme::Semver => "semantic",
            Scheme::Go => "Go",
            Scheme::Maven => "Maven",
            Scheme::Nuget => "NuGet",
            Scheme::RubyGems => "RubyGems",
            Scheme::Packagist => "Composer",
            Scheme::Pub => "Dart",
            Scheme::Hackage => "Haskell",
            Scheme::Cran => "R",
            Scheme::Julia => "Julia",
            Scheme::Opam => "opam",
            Scheme::Conan => "Conan",
            Scheme::Dpkg => "Debian",
            Scheme::Apk => "apk",
            Scheme::Rpm => "RPM",
            Scheme::Alpm => "Arch Linux",
            Scheme::Generic => "generic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecosystems() {
        let check = |ecosystem: &str, expected| {
            assert_eq!(Scheme::of_ecosystem(ecosystem), expected, "{ecosystem}");
        };
        check("PyPI", Some(Scheme::Pep440));
        check("Packagist:https://packages.drupal.org/8", Some(Scheme::Packagist));
        check("Maven:https://repo1.maven.org/maven2/", Some(Scheme::Maven));
        check("Debian", Some(Scheme::Dpkg));
        check("Debian:12", Some(Scheme::Dpkg));
        check("Ubuntu:Pro:18.04:LTS", Some(Scheme::Dpkg));
        check("Alpine:v3.18", Some(Scheme::Apk));
        check("Red Hat:enterprise_linux:9::appstream", Some(Scheme::Rpm));
        check("openSUSE:Leap 15.5", Some(Scheme::Rpm));
        check("Photon OS:5.0", Some(Scheme::Rpm));
        check("Root:Alpine:3.18", Some(Scheme::Apk));
        check("Root:PyPI", Some(Scheme::Pep440));
        check("Root:Root:Root:PyPI", None);
        check("Echo", Some(Scheme::Dpkg));
        check("Echo:npm", Some(Scheme::Semver));
        check("GitHub Actions", Some(Scheme::Generic));
        for unordered in ["Android", "Linux", "OSS-Fuzz", "GIT", "", "pypi", "Root"] {
            check(unordered, None);
        }
    }
}
