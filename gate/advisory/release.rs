//! Releases of distributions, and which suffixes of an OSV ecosystem speak about them.

use std::fmt;

/// A release, in the form that its ecosystem's suffixes can be compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Release {
    /// The distribution has none: it rolls, and its records have no suffix.
    Rolling,
    /// Exactly this suffix.
    Named(String),
    /// `YY.MM`; suffixes tell whether the release is an LTS, and which of its archives the record is about.
    Ubuntu(String),
    /// Red Hat's major version, and the minor one where it is told; suffixes are CPE names of products.
    RedHat(String, Option<String>),
    /// `15 SP5`; suffixes are names of SUSE's products of that version.
    Suse(String),
}

/// Which archive of Ubuntu a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Archive {
    /// The one that everybody uses.
    Main,
    /// Extended maintenance, for subscribers.
    Pro,
    /// Certified cryptography, for subscribers who choose it.
    Fips,
    /// Another kernel.
    Other,
}

impl Release {
    /// The release that a distribution's id and version (as os-release has them) mean in an ecosystem.
    pub(crate) fn of(ecosystem: &str, id: &str, version: &str) -> Option<Self> {
        let version = version.trim();
        let number = version.strip_prefix('v').unwrap_or(version);
        let is_number = number.starts_with(|c: char| c.is_ascii_digit());
        let mut parts = number.split('.');
        let major = parts.next().filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
        let major = major.filter(|_| is_number);
        let minor: Option<String> = parts
            .next()
            .map(|part| part.chars().take_while(char::is_ascii_digit).collect())
            .filter(|part: &String| !part.is_empty());
        let both = || Some(format!("{}.{}", major?, minor.as_deref()?));
        Some(match ecosystem {
            "Wolfi" | "Chainguard" | "MinimOS" | "CleanStart" | "Echo" => Self::Rolling,
            "Debian" => match (major, debian_release(version)) {
                (_, Some(known)) => Self::Named(known.to_owned()),
                // Until Debian 6 the second number was part of the release.
                (Some(old), _) if old.parse::<u32>().is_ok_and(|old| old < 7) => {
                    Self::Named(both().unwrap_or_else(|| format!("{old}.0")))
                }
                (Some(major), _) => Self::Named(major.to_owned()),
                _ => return None,
            },
            "Ubuntu" => match ubuntu_release(version) {
                Some(known) => Self::Ubuntu(known.to_owned()),
                None => Self::Ubuntu(both()?),
            },
            "Alpine" => {
                let edge =
                    version == "edge" || version.contains("_alpha") || version.contains("_git");
                Self::Named(if edge { "edge".to_owned() } else { format!("v{}", both()?) })
            }
            "Red Hat" => Self::RedHat(major?.to_owned(), minor),
            "SUSE" => {
                let pack = minor.as_deref().filter(|minor| *minor != "0");
                match (id.contains("micro"), pack) {
                    (true, _) => Self::Suse(format!("Micro {}", both()?)),
                    (false, Some(pack)) => Self::Suse(format!("{} SP{pack}", major?)),
                    (false, None) => Self::Suse(major?.to_owned()),
                }
            }
            "openSUSE" if id.contains("tumbleweed") || version.starts_with("tumbleweed") => {
                Self::Named("Tumbleweed".to_owned())
            }
            "openSUSE" => {
                let number = version.strip_prefix("leap-").unwrap_or(number);
                is_plain(number).then(|| Self::Named(format!("Leap {number}")))?
            }
            "openEuler" => {
                // "22.03" alone leaves open which service pack it is.
                let text = number.to_ascii_uppercase();
                let is_plain = text.len() <= 24
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
                (is_number && is_plain && text.contains("LTS")).then_some(Self::Named(text))?
            }
            "Photon OS" => Self::Named(both().or_else(|| Some(format!("{}.0", major?)))?),
            "Alpaquita" | "BellSoft Hardened Containers" if version == "stream" => {
                Self::Named(version.to_owned())
            }
            "Amazon Linux" if major == Some("2018") => Self::Named("1".to_owned()),
            "AlmaLinux"
            | "Rocky Linux"
            | "Oracle Linux"
            | "Amazon Linux"
            | "Azure Linux"
            | "Mageia"
            | "Fedora"
            | "Alpaquita"
            | "BellSoft Hardened Containers" => Self::Named(major?.to_owned()),
            _ => return None,
        })
    }

    /// Whether records with this suffix (without its `:`; empty where there is none) speak about the release.
    pub(crate) fn holds(&self, suffix: &str) -> bool {
        match self {
            Self::Rolling => suffix.is_empty(),
            // `3` and `3.0` are one release to those who write either.
            Self::Named(name) => whole(suffix) == whole(name),
            Self::Ubuntu(number) => archive(suffix).is_some_and(|(_, held)| held == number),
            Self::RedHat(major, minor) => {
                let mut parts = suffix.split(':');
                let (product, version) =
                    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                match product {
                    "enterprise_linux" => version == major || version == self.to_string(),
                    // A stream that stays at a minor release is another product than the release itself.
                    "rhel_eus" | "rhel_aus" | "rhel_tus" | "rhel_e4s" => {
                        minor.is_some() && version == self.to_string()
                    }
                    _ => false,
                }
            }
            Self::Suse(number) => suse_version(suffix).as_deref() == Some(number),
        }
    }

    /// Whether the release that somebody named without a minor number is this one.
    pub(crate) fn cycle(&self) -> String {
        match self {
            Self::RedHat(major, _) => major.clone(),
            Self::Named(name) => {
                name.strip_prefix('v').or(name.strip_prefix("Leap ")).unwrap_or(name).to_owned()
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rolling => Ok(()),
            Self::Named(name) | Self::Ubuntu(name) | Self::Suse(name) => f.write_str(name),
            Self::RedHat(major, None) => f.write_str(major),
            Self::RedHat(major, Some(minor)) => write!(f, "{major}.{minor}"),
        }
    }
}

fn whole(release: &str) -> &str {
    release.strip_suffix(".0").unwrap_or(release)
}

/// The archive and the number of an Ubuntu suffix: `22.04:LTS`, `Pro:22.04:LTS`, `Pro:FIPS-updates:22.04:LTS`.
pub(crate) fn archive(suffix: &str) -> Option<(Archive, &str)> {
    let number = suffix.split(':').find(|part| {
        part.split_once('.').is_some_and(|(year, month)| is_plain(year) && is_plain(month))
    })?;
    let archive = match suffix.split_once(number)?.0.trim_end_matches(':') {
        "" => Archive::Main,
        "Pro" => Archive::Pro,
        text if text.contains("FIPS") => Archive::Fips,
        _ => Archive::Other,
    };
    Some((archive, number))
}

/// `15 SP5` of `Linux Enterprise Module for Basesystem 15 SP5`, `Linux Enterprise Server 15 SP5-LTSS`; `Micro 5.3` of
/// `Linux Enterprise Micro 5.3`. Live patches are other packages and count with their release.
fn suse_version(suffix: &str) -> Option<String> {
    let words: Vec<&str> = suffix.split([' ', '-']).collect();
    let at = words.iter().position(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let number = words.get(at)?;
    if words.get(..at)?.contains(&"Micro") {
        return Some(format!("Micro {number}"));
    }
    if !suffix.starts_with("Linux Enterprise") {
        return None;
    }
    Some(match words.get(at + 1).filter(|word| word.starts_with("SP")) {
        Some(pack) => format!("{number} {pack}"),
        None => (*number).to_owned(),
    })
}

fn is_plain(number: &str) -> bool {
    !number.is_empty()
        && number.len() <= 10
        && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Debian's series by name (distro-info-data, `debian.csv`).
pub(crate) fn debian_release(series: &str) -> Option<&'static str> {
    Some(match series {
        "woody" => "3.0",
        "sarge" => "3.1",
        "etch" => "4.0",
        "lenny" => "5.0",
        "squeeze" => "6.0",
        "wheezy" => "7",
        "jessie" => "8",
        "stretch" => "9",
        "buster" => "10",
        "bullseye" => "11",
        "bookworm" => "12",
        "trixie" => "13",
        "forky" => "14",
        "duke" => "15",
        "sid" | "unstable" => "sid",
        _ => return None,
    })
}

/// Ubuntu's series by name (distro-info-data, `ubuntu.csv`).
pub(crate) fn ubuntu_release(series: &str) -> Option<&'static str> {
    Some(match series {
        "trusty" => "14.04",
        "xenial" => "16.04",
        "bionic" => "18.04",
        "focal" => "20.04",
        "groovy" => "20.10",
        "hirsute" => "21.04",
        "impish" => "21.10",
        "jammy" => "22.04",
        "kinetic" => "22.10",
        "lunar" => "23.04",
        "mantic" => "23.10",
        "noble" => "24.04",
        "oracular" => "24.10",
        "plucky" => "25.04",
        "questing" => "25.10",
        "resolute" => "26.04",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ecosystem: &str, id: &str, version: &str, inside: &[&str], outside: &[&str]) {
        let release = Release::of(ecosystem, id, version).unwrap();
        for suffix in inside {
            assert!(release.holds(suffix), "{release:?} and {suffix}");
        }
        for suffix in outside {
            assert!(!release.holds(suffix), "{release:?} and {suffix}");
        }
    }

    #[test]
    fn suffixes_of_a_release() {
        check("Debian", "debian", "12", &["12"], &["1", "11", "", "13", "120"]);
        check("Alpine", "alpine", "3.1.2", &["v3.1"], &["v3.18", "3.1", "edge"]);
        check("Azure Linux", "azurelinux", "3.0", &["3", "3.0"], &["30", "2"]);
        check("Wolfi", "wolfi", "20230201", &[""], &["1"]);
        check(
            "Ubuntu",
            "ubuntu",
            "22.04",
            &["22.04:LTS", "22.04", "Pro:22.04:LTS", "Pro:FIPS-updates:22.04:LTS"],
            &["20.04:LTS", "Pro:20.04:LTS", "22.10", "", "LTS"],
        );
        check(
            "Red Hat",
            "rhel",
            "9.2",
            &[
                "enterprise_linux:9::appstream",
                "enterprise_linux:9.2::baseos",
                "rhel_eus:9.2::baseos",
            ],
            &["enterprise_linux:8::baseos", "rhel_eus:9.4::baseos", "openshift:4.9::el9", ""],
        );
        check("Red Hat", "centos", "8", &["enterprise_linux:8::crb"], &["rhel_eus:8.6::baseos"]);
        check(
            "SUSE",
            "sles",
            "15.5",
            &[
                "Linux Enterprise Server 15 SP5",
                "Linux Enterprise Module for Basesystem 15 SP5",
                "Linux Enterprise Server 15 SP5-LTSS",
            ],
            &["Linux Enterprise Server 15 SP4", "Linux Enterprise Micro 5.5", "Manager Server 4.3"],
        );
        check(
            "SUSE",
            "sle-micro",
            "5.3",
            &["Linux Enterprise Micro 5.3"],
            &["Linux Enterprise 5.3"],
        );
        check("openSUSE", "opensuse-leap", "15.5", &["Leap 15.5"], &["Leap 15.4", "Tumbleweed"]);
    }

    #[test]
    fn archives_of_ubuntu() {
        assert_eq!(archive("22.04:LTS"), Some((Archive::Main, "22.04")));
        assert_eq!(archive("Pro:18.04:LTS"), Some((Archive::Pro, "18.04")));
        assert_eq!(archive("Pro:FIPS-preview:22.04:LTS"), Some((Archive::Fips, "22.04")));
        assert_eq!(archive("Pro:Realtime:22.04:LTS"), Some((Archive::Other, "22.04")));
        assert_eq!(archive("LTS"), None);
    }
}
