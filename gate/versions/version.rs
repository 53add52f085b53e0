//! A version under its scheme, and the step from a text to it.

use std::cmp::Ordering;

use crate::error::{VersionError, shortened};
use crate::{
    Scheme, alpm, apk, conan, cran, dpkg, generic, go, hackage, julia, maven, nuget, opam,
    packagist, pep440, pub_dart, rpm, rubygems, semver,
};

/// Longest text that is read as a version, in bytes. The longest that registries hold are some 200.
pub const MAX_LENGTH: usize = 1024;

/// A text that is a version of its scheme.
///
/// Versions are equal if their order says so: `1.0` and `1.0.0` are equal under PEP 440. Versions of two schemes are
/// ordered by scheme, which only serves to sort them.
#[derive(Debug, Clone)]
pub struct Version {
    scheme: Scheme,
    text: Box<str>,
    is_prerelease: bool,
    is_legacy: bool,
}

impl Scheme {
    /// Reads a version. White space around it does not count.
    pub fn parse(self, text: &str) -> Result<Version, VersionError> {
        let parts = Parts::split(self, text)?;
        Ok(Version {
            scheme: self,
            text: text.trim().into(),
            is_prerelease: parts.is_prerelease(),
            is_legacy: parts.is_legacy(),
        })
    }
}

impl Version {
    /// The text that was read, without white space around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The scheme it was read under.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether the scheme calls it a pre-release or a development version. Schemes that do not know the notion (Debian,
    /// RPM, R, …) never do.
    pub fn is_prerelease(&self) -> bool {
        self.is_prerelease
    }

    /// Whether it is a Python version that PEP 440 does not accept, ordered below all that it does.
    pub fn is_legacy(&self) -> bool {
        self.is_legacy
    }

    /// The order of two versions of the same scheme; of two schemes, the order of the schemes.
    pub fn cmp_same(&self, other: &Version) -> Ordering {
        self.scheme.cmp(&other.scheme).then_with(|| {
            match (Parts::split(self.scheme, &self.text), Parts::split(other.scheme, &other.text)) {
                (Ok(a), Ok(b)) => a.compare(&b),
                // Cannot happen: both were read before.
                (a, b) => a.is_ok().cmp(&b.is_ok()),
            }
        })
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp_same(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_same(other)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The order of two texts under a scheme.
///
/// Fails if either is no version, or if the scheme is [`Scheme::Generic`] and one is the other shortened (`v4`, `v4.1`).
pub fn compare(scheme: Scheme, a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (parts_a, parts_b) = (Parts::split(scheme, a)?, Parts::split(scheme, b)?);
    if scheme == Scheme::Generic && matches!(parts_a.place(&parts_b), Place::Nowhere) {
        return Err(VersionError::Unordered {
            scheme,
            a: shortened(a.trim()),
            b: shortened(b.trim()),
        });
    }
    Ok(parts_a.compare(&parts_b))
}

/// Where a version stands to a bound of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The scheme says so.
    Known(Ordering),
    /// A convention says so, which is good enough to warn but not to call anything safe.
    Leaning(Ordering),
    /// Nothing says where.
    Nowhere,
}

/// A version taken apart, borrowed from its text.
#[derive(Debug)]
pub(crate) enum Parts<'a> {
    Pep440(pep440::Parts<'a>),
    Semver(semver::Parts<'a>),
    Go(semver::Parts<'a>),
    Maven(Vec<maven::Item<'a>>),
    Nuget(semver::Parts<'a>),
    RubyGems(&'a str),
    Packagist(packagist::Parts<'a>),
    Pub(semver::Parts<'a>),
    Hackage(&'a str),
    Cran(&'a str),
    Julia(semver::Parts<'a>),
    Opam(opam::Parts<'a>),
    Conan(conan::Parts<'a>),
    Dpkg(dpkg::Parts<'a>),
    Apk(&'a str),
    Rpm(rpm::Parts<'a>),
    Alpm(rpm::Parts<'a>),
    Generic(semver::Parts<'a>),
}

impl<'a> Parts<'a> {
    /// Takes a text apart.
    pub(crate) fn split(scheme: Scheme, text: &'a str) -> Result<Self, VersionError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(VersionError::Empty { scheme });
        }
        if text.len() > MAX_LENGTH {
            return Err(VersionError::TooLong { scheme, length: text.len() });
        }
        let parts = match scheme {
            Scheme::Pep440 => pep440::split(text).map(Parts::Pep440),
            Scheme::Semver => semver::split(text).map(Parts::Semver),
            Scheme::Go => go::split(text).map(Parts::Go),
            Scheme::Maven => maven::split(text).map(Parts::Maven),
            Scheme::Nuget => nuget::split(text).map(Parts::Nuget),
            Scheme::RubyGems => rubygems::split(text).map(Parts::RubyGems),
            Scheme::Packagist => packagist::split(text).map(Parts::Packagist),
            Scheme::Pub => pub_dart::split(text).map(Parts::Pub),
            Scheme::Hackage => hackage::split(text).map(Parts::Hackage),
            Scheme::Cran => cran::split(text).map(Parts::Cran),
            Scheme::Julia => julia::split(text).map(Parts::Julia),
            Scheme::Opam => opam::split(text).map(Parts::Opam),
            Scheme::Conan => conan::split(text).map(Parts::Conan),
            Scheme::Dpkg => dpkg::split(text).map(Parts::Dpkg),
            Scheme::Apk => apk::split(text).map(Parts::Apk),
            Scheme::Rpm => rpm::split(text).map(Parts::Rpm),
            Scheme::Alpm => alpm::split(text).map(Parts::Alpm),
            Scheme::Generic => generic::split(text).map(Parts::Generic),
        };
        parts.map_err(|why| VersionError::NotAVersion { scheme, text: shortened(text), why })
    }

    /// The order of two versions. The callers see to it that both are of one scheme.
    pub(crate) fn compare(&self, other: &Parts<'_>) -> Ordering {
        match (self, other) {
            (Parts::Pep440(a), Parts::Pep440(b)) => pep440::compare(a, b),
            (Parts::Semver(a), Parts::Semver(b)) => semver::compare(a, b),
            (Parts::Go(a), Parts::Go(b)) => go::compare(a, b),
            (Parts::Maven(a), Parts::Maven(b)) => maven::compare(a, b),
            (Parts::Nuget(a), Parts::Nuget(b)) => nuget::compare(a, b),
            (Parts::RubyGems(a), Parts::RubyGems(b)) => rubygems::compare(a, b),
            (Parts::Packagist(a), Parts::Packagist(b)) => packagist::compare(a, b),
            (Parts::Pub(a), Parts::Pub(b)) => pub_dart::compare(a, b),
            (Parts::Hackage(a), Parts::Hackage(b)) => hackage::compare(a, b),
            (Parts::Cran(a), Parts::Cran(b)) => cran::compare(a, b),
            (Parts::Julia(a), Parts::Julia(b)) => julia::compare(a, b),
            (Parts::Opam(a), Parts::Opam(b)) => opam::compare(a, b),
            (Parts::Conan(a), Parts::Conan(b)) => conan::compare(a, b),
            (Parts::Dpkg(a), Parts::Dpkg(b)) => dpkg::compare(a, b),
            (Parts::Apk(a), Parts::Apk(b)) => apk::compare(a, b),
            (Parts::Rpm(a), Parts::Rpm(b)) => rpm::compare(a, b),
            (Parts::Alpm(a), Parts::Alpm(b)) => alpm::compare(a, b),
            (Parts::Generic(a), Parts::Generic(b)) => generic::compare(a, b),
            _ => Ordering::Equal,
        }
    }

    /// Where this version stands to a bound, and how sure that is.
    pub(crate) fn place(&self, bound: &Parts<'_>) -> Place {
        let order = self.compare(bound);
        match (self, bound) {
            (Parts::Pep440(a), Parts::Pep440(b)) if a.is_legacy() != b.is_legacy() => {
                Place::Leaning(order)
            }
            (Parts::Packagist(a), Parts::Packagist(b))
                if (a.is_branch() || b.is_branch()) && order != Ordering::Equal =>
            {
                Place::Nowhere
            }
            (Parts::Generic(a), Parts::Generic(b)) if generic::is_shortened(a, b) => Place::Nowhere,
            _ => Place::Known(order),
        }
    }

    fn is_prerelease(&self) -> bool {
        match self {
            Parts::Pep440(parts) => parts.is_prerelease(),
            Parts::Semver(parts)
            | Parts::Go(parts)
            | Parts::Nuget(parts)
            | Parts::Pub(parts)
            | Parts::Julia(parts)
            | Parts::Generic(parts) => parts.is_prerelease(),
            Parts::Maven(items) => maven::is_prerelease(items),
            Parts::RubyGems(text) => rubygems::is_prerelease(text),
            Parts::Packagist(parts) => parts.is_prerelease(),
            Parts::Conan(parts) => parts.is_prerelease(),
            Parts::Apk(text) => apk::is_prerelease(text),
            Parts::Hackage(_)
            | Parts::Cran(_)
            | Parts::Opam(_)
            | Parts::Dpkg(_)
            | Parts::Rpm(_)
            | Parts::Alpm(_) => false,
        }
    }

    fn is_legacy(&self) -> bool {
        matches!(self, Parts::Pep440(parts) if parts.is_legacy())
    }
}
