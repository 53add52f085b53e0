//! Which distribution and release a package of an operating system belongs to, as OSV names them (OSV schema, "Defined
//! ecosystems").
//!
//! The namespace of the purl names the distribution and its `distro` qualifier the release (`debian-12`, `bookworm`,
//! `alpine-3.18.4`). Only where there is no such qualifier does the version's own mark count (`+deb12u1`, `.el9`). A package
//! whose release nobody tells is never looked up in another one.

use secgate_model::Purl;

use crate::release::{Release, debian_release, ubuntu_release};

/// A distribution and one of its releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The OSV ecosystem without suffix.
    pub(crate) ecosystem: &'static str,
    /// The release.
    pub(crate) release: Release,
}

/// Why a package cannot be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unplaced {
    /// Nothing tells the release.
    NoRelease,
    /// A distribution that nobody publishes OSV advisories for.
    Unknown,
    /// The namespace says one distribution and the qualifier another.
    Contradicted,
    /// Packed by somebody other than the distribution: its advisories are not about it.
    ThirdParty,
}

/// Ids of distributions, as purl namespaces and os-release have them, by purl type. Of two that fit, the longer counts.
const IDS: [(&str, &str, &str); 44] = [
    ("deb", "debian", "Debian"),
    ("deb", "ubuntu", "Ubuntu"),
    ("deb", "echo", "Echo"),
    ("apk", "alpine", "Alpine"),
    ("apk", "wolfi", "Wolfi"),
    ("apk", "chainguard", "Chainguard"),
    ("apk", "minimos", "MinimOS"),
    ("apk", "cleanstart", "CleanStart"),
    ("apk", "alpaquita", "Alpaquita"),
    ("apk", "bellsoft-hardened-containers", "BellSoft Hardened Containers"),
    ("apk", "bellsoft", "BellSoft Hardened Containers"),
    ("rpm", "almalinux", "AlmaLinux"),
    ("rpm", "alma", "AlmaLinux"),
    ("rpm", "rocky", "Rocky Linux"),
    ("rpm", "rockylinux", "Rocky Linux"),
    ("rpm", "redhat", "Red Hat"),
    ("rpm", "rhel", "Red Hat"),
    ("rpm", "centos", "Red Hat"),
    ("rpm", "fedora", "Fedora"),
    ("rpm", "amzn", "Amazon Linux"),
    ("rpm", "amazon", "Amazon Linux"),
    ("rpm", "amazonlinux", "Amazon Linux"),
    ("rpm", "sles", "SUSE"),
    ("rpm", "sled", "SUSE"),
    ("rpm", "sles_sap", "SUSE"),
    ("rpm", "suse", "SUSE"),
    ("rpm", "sle-micro", "SUSE"),
    ("rpm", "sl-micro", "SUSE"),
    ("rpm", "suse-linux-enterprise-server", "SUSE"),
    ("rpm", "suse-linux-enterprise-micro", "SUSE"),
    ("rpm", "opensuse", "openSUSE"),
    ("rpm", "opensuse-leap", "openSUSE"),
    ("rpm", "opensuse-tumbleweed", "openSUSE"),
    ("rpm", "openeuler", "openEuler"),
    ("rpm", "mageia", "Mageia"),
    ("rpm", "photon", "Photon OS"),
    ("rpm", "azurelinux", "Azure Linux"),
    ("rpm", "azure", "Azure Linux"),
    ("rpm", "mariner", "Azure Linux"),
    ("rpm", "cbl-mariner", "Azure Linux"),
    ("rpm", "common-base-linux-mariner", "Azure Linux"),
    ("rpm", "oracle", "Oracle Linux"),
    ("rpm", "ol", "Oracle Linux"),
    ("rpm", "oraclelinux", "Oracle Linux"),
];

/// Whether a purl type is an operating system's.
pub(crate) fn is_system_package(kind: &str) -> bool {
    matches!(kind, "deb" | "apk" | "rpm")
}

/// Finds the distribution and release of a package.
///
/// # Errors
/// Why it has none.
pub(crate) fn place(purl: &Purl) -> Result<Placed, Unplaced> {
    let space = purl.namespace().map(|space| space.split('/').next().unwrap_or_default());
    if is_third_party(purl) {
        return Err(Unplaced::ThirdParty);
    }
    let by_space = space.and_then(|space| by_id(purl.kind(), space));
    let distro = purl.qualifier("distro").or_else(|| purl.qualifier("distro_name"));
    let distro =
        distro.map(|text| text.trim().to_ascii_lowercase()).filter(|text| !text.is_empty());
    let told = distro.as_deref().map(|text| split_distro(purl.kind(), text));
    let by_distro = told.as_ref().and_then(|(id, _)| id.and_then(|id| by_id(purl.kind(), id)));
    if by_space.is_some()
        && by_distro.is_none()
        && told.as_ref().is_some_and(|(id, _)| id.is_some())
    {
        return Err(Unplaced::Contradicted);
    }
    let ecosystem = match (by_space, by_distro) {
        (Some(space), Some(distro)) if space != distro => {
            // An image of Chainguard may hold packages of Wolfi.
            let is_chainguard = |name| matches!(name, "Wolfi" | "Chainguard");
            let is_kin = is_chainguard(space) && is_chainguard(distro);
            if !is_kin && !is_suse(space, distro) {
                return Err(Unplaced::Contradicted);
            }
            if is_suse(space, distro) { distro } else { space }
        }
        (Some(found), _) | (None, Some(found)) if space.is_none() || by_space.is_some() => found,
        _ => return Err(if space.is_none() { Unplaced::NoRelease } else { Unplaced::Unknown }),
    };
    let (id, version) = match &told {
        Some((id, version)) => (id.unwrap_or(space.unwrap_or_default()), version.as_str()),
        None => (space.unwrap_or_default(), ""),
    };
    let release = Release::of(ecosystem, id, version)
        .or_else(|| told.is_none().then(|| by_mark(ecosystem, purl.version()?))?)
        .ok_or(Unplaced::NoRelease)?;
    Ok(Placed { ecosystem, release })
}

/// The distribution that a target says it is made from, in the form of a `distro` qualifier (`debian-12`).
///
/// # Errors
/// When it is none that advisories are known for, or does not tell its release.
pub(crate) fn place_label(label: &str) -> Result<Placed, Unplaced> {
    let label = label.trim().to_ascii_lowercase();
    for kind in ["deb", "apk", "rpm"] {
        let (id, version) = split_distro(kind, &label);
        if let Some(id) = id
            && let Some(ecosystem) = by_id(kind, id)
        {
            return Release::of(ecosystem, id, &version)
                .map(|release| Placed { ecosystem, release })
                .ok_or(Unplaced::NoRelease);
        }
    }
    Err(Unplaced::Unknown)
}

/// `suse` is the namespace of both, and only the qualifier tells which.
fn is_suse(space: &str, distro: &str) -> bool {
    matches!((space, distro), ("SUSE", "openSUSE") | ("openSUSE", "SUSE"))
}

/// Who packed it, where the purl says: another repository than the distribution's own. Catalogers mark what is not the
/// distribution's own by `origin=third-party` or a `vendor` of its own.
fn is_third_party(purl: &Purl) -> bool {
    purl.qualifier("repository_url").is_some()
        || purl.qualifier("origin").is_some_and(|origin| origin == "third-party")
        || purl.qualifier("vendor").is_some_and(|vendor| {
            let own = purl.namespace().and_then(|space| by_id(purl.kind(), space));
            !own.is_some_and(|own| is_own_name(own, vendor))
        })
}

/// Whether a vendor's name is the distribution's own: `Debian`, `Red Hat, Inc.`, `Fedora Project`.
fn is_own_name(ecosystem: &str, vendor: &str) -> bool {
    const FORMS: [&str; 6] = ["", "inc", "project", "linux", "os", "foundation"];
    let vendor = vendor.to_ascii_lowercase();
    vendor.strip_prefix(&ecosystem.to_ascii_lowercase()).is_some_and(|rest| {
        rest.split(|c: char| !c.is_ascii_alphanumeric()).all(|word| FORMS.contains(&word))
    })
}

fn by_id(kind: &str, id: &str) -> Option<&'static str> {
    let id = id.to_ascii_lowercase();
    IDS.iter().find(|(of, known, _)| *of == kind && *known == id).map(|(_, _, found)| *found)
}

/// `debian-12` is an id and a version; `12`, `v3.18` and `bookworm` are versions alone.
fn split_distro<'t>(kind: &str, text: &'t str) -> (Option<&'t str>, String) {
    let known = IDS
        .iter()
        .filter(|(of, id, _)| {
            *of == kind
                && text
                    .strip_prefix(id)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':', ' ']))
        })
        .max_by_key(|(_, id, _)| id.len());
    if let Some((_, id, _)) = known {
        let rest = text.strip_prefix(id).unwrap_or_default();
        return (text.get(..id.len()), rest.trim_start_matches(['-', ':', ' ']).to_owned());
    }
    let is_version =
        text.strip_prefix('v').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit());
    let is_series = debian_release(text).is_some() || ubuntu_release(text).is_some();
    if is_version || is_series || text == "edge" {
        return (None, text.to_owned());
    }
    // Another distribution's id: it is kept so that it contradicts.
    let (id, version) = text.split_once('-').unwrap_or((text, ""));
    (Some(id), version.to_owned())
}

/// The release that a version's own mark names.
fn by_mark(ecosystem: &str, version: &str) -> Option<Release> {
    let digits_after = |mark: &str| {
        let rest = version.get(version.rfind(mark)? + mark.len()..)?;
        let digits: &str = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        (!digits.is_empty() && digits.len() <= 4).then(|| digits.to_owned())
    };
    let text = match ecosystem {
        "Debian" => digits_after("+deb").or_else(|| digits_after("~deb"))?,
        "Ubuntu" => {
            let rest = version.get(version.find("ubuntu")?..)?;
            let mut numbers = rest
                .split(['.', '~', '+'])
                .filter(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()));
            format!("{}.{}", numbers.next()?, numbers.next()?)
        }
        "AlmaLinux" | "Rocky Linux" | "Red Hat" | "Oracle Linux" => {
            digits_after(".el").or_else(|| digits_after("+el")).or_else(|| digits_after("_el"))?
        }
        "Amazon Linux" => digits_after(".amzn")?,
        "Photon OS" => digits_after(".ph")?,
        "Azure Linux" => digits_after(".azl").or_else(|| digits_after(".cm"))?,
        "Mageia" => digits_after(".mga")?,
        "Fedora" => digits_after(".fc")?,
        _ => return None,
    };
    Release::of(ecosystem, "", &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(purl: &str, expected: Result<&str, Unplaced>) {
        let found = place(&purl.parse().unwrap())
            .map(|placed| format!("{}:{}", placed.ecosystem, placed.release));
        assert_eq!(found, expected.map(str::to_owned), "{purl}");
    }

    #[test]
    fn a_qualifier_tells_the_release() {
        check("pkg:deb/debian/a@1?distro=debian-12", Ok("Debian:12"));
        check("pkg:deb/debian/a@1?distro=debian-12.5", Ok("Debian:12"));
        check("pkg:deb/debian/a@1?distro=debian-bookworm", Ok("Debian:12"));
        check("pkg:deb/debian/a@1?distro=12", Ok("Debian:12"));
        check("pkg:deb/debian/a@1?arch=source&distro=bookworm", Ok("Debian:12"));
        check("pkg:deb/debian/a@1?distro=debian-6.0.10", Ok("Debian:6.0"));
        check("pkg:deb/debian/a@1?distro=debian-3.1", Ok("Debian:3.1"));
        check("pkg:deb/debian/a@1?distro=debian-sid", Ok("Debian:sid"));
        check("pkg:deb/a@1?distro=debian-11", Ok("Debian:11"));
        check("pkg:deb/ubuntu/a@1?distro=ubuntu-22.04", Ok("Ubuntu:22.04"));
        check("pkg:deb/ubuntu/a@1?distro=jammy", Ok("Ubuntu:22.04"));
        check("pkg:apk/alpine/a@1?distro=alpine-3.18", Ok("Alpine:v3.18"));
        check("pkg:apk/alpine/a@1?distro=3.18.4", Ok("Alpine:v3.18"));
        check("pkg:apk/alpine/a@1?distro=alpine-edge", Ok("Alpine:edge"));
        check("pkg:apk/alpine/a@1?distro=alpine-3.21.0_alpha20240923", Ok("Alpine:edge"));
        check("pkg:apk/wolfi/a@1?distro=wolfi-20230201", Ok("Wolfi:"));
        check("pkg:apk/wolfi/a@1", Ok("Wolfi:"));
        check("pkg:apk/chainguard/a@1?distro=chainguard-20230214", Ok("Chainguard:"));
        check("pkg:rpm/almalinux/a@1?distro=almalinux-9.3", Ok("AlmaLinux:9"));
        check("pkg:rpm/alma/a@1?distro=alma-9.3", Ok("AlmaLinux:9"));
        check("pkg:rpm/rocky/a@1?distro=rocky-9", Ok("Rocky Linux:9"));
        check("pkg:rpm/redhat/a@1?distro=rhel-9.2", Ok("Red Hat:9.2"));
        check("pkg:rpm/centos/a@1?distro=centos-7", Ok("Red Hat:7"));
        check("pkg:rpm/suse/a@1?distro=sles-15.5", Ok("SUSE:15 SP5"));
        check("pkg:rpm/suse/a@1?distro=opensuse-leap-15.5", Ok("openSUSE:Leap 15.5"));
        check(
            "pkg:rpm/opensuse/a@1?distro=opensuse-tumbleweed-20240101",
            Ok("openSUSE:Tumbleweed"),
        );
        check("pkg:rpm/photon/a@1?distro=photon-5.0", Ok("Photon OS:5.0"));
        check("pkg:rpm/azurelinux/a@1?distro=azurelinux-3.0", Ok("Azure Linux:3"));
        check("pkg:rpm/mariner/a@1?distro=mariner-2.0.20240101", Ok("Azure Linux:2"));
        check("pkg:rpm/amzn/a@1?distro=amzn-2023", Ok("Amazon Linux:2023"));
        check(
            "pkg:rpm/openeuler/a@1?distro=openeuler-24.03-LTS-SP1",
            Ok("openEuler:24.03-LTS-SP1"),
        );
        check("pkg:rpm/mageia/a@1?distro=mageia-9", Ok("Mageia:9"));
        check("pkg:rpm/oracle/a@1?distro=ol-8.9", Ok("Oracle Linux:8"));
    }

    #[test]
    fn without_one_the_version_may() {
        check("pkg:deb/debian/a@1.0-1%2Bdeb12u2", Ok("Debian:12"));
        check("pkg:deb/debian/a@1.0-1~deb11u2", Ok("Debian:11"));
        check("pkg:deb/ubuntu/a@1.0-1ubuntu0.22.04.3", Ok("Ubuntu:22.04"));
        check("pkg:rpm/almalinux/a@1.0-1.el9_2", Ok("AlmaLinux:9"));
        check("pkg:rpm/almalinux/a@1.0-1.module_el8.6.0%2B2868%2B44838709", Ok("AlmaLinux:8"));
        check("pkg:rpm/amzn/a@1.0-1.amzn2023.0.2", Ok("Amazon Linux:2023"));
        check("pkg:deb/debian/a@1.0-1", Err(Unplaced::NoRelease));
        check("pkg:rpm/almalinux/a@1.0-1", Err(Unplaced::NoRelease));
        check("pkg:apk/alpine/a@1.0-r0", Err(Unplaced::NoRelease));
        // What is told and not understood is not overruled by a guess.
        check("pkg:deb/debian/a@1.0-1%2Bdeb12u2?distro=debian-", Err(Unplaced::NoRelease));
    }

    #[test]
    fn a_target_says_what_it_is_made_from() {
        let found = |label: &str| {
            place_label(label).map(|placed| format!("{}:{}", placed.ecosystem, placed.release))
        };
        assert_eq!(found("debian-12"), Ok("Debian:12".to_owned()));
        assert_eq!(found("almalinux-9.3"), Ok("AlmaLinux:9".to_owned()));
        assert_eq!(found("alpine-3.18.4"), Ok("Alpine:v3.18".to_owned()));
        assert_eq!(found("wolfi-20230201"), Ok("Wolfi:".to_owned()));
        assert_eq!(found("void-1"), Err(Unplaced::Unknown));
        assert_eq!(found("debian"), Err(Unplaced::NoRelease));
    }

    #[test]
    fn strangers_are_not_placed() {
        check("pkg:deb/raspbian/a@1?distro=raspbian-12", Err(Unplaced::Unknown));
        check("pkg:deb/debian/a@1?distro=ubuntu-22.04", Err(Unplaced::Contradicted));
        check("pkg:deb/debian/a@1?distro=kali-2024.1", Err(Unplaced::Contradicted));
        check("pkg:deb/debian/a@1?distro=debian-12&vendor=docker", Err(Unplaced::ThirdParty));
        check("pkg:rpm/almalinux/a@1?distro=almalinux-9&vendor=AlmaLinux", Ok("AlmaLinux:9"));
        check("pkg:rpm/redhat/a@1?distro=rhel-9&vendor=Red%20Hat,%20Inc.", Ok("Red Hat:9"));
        check(
            "pkg:deb/debian/a@1?distro=debian-12&vendor=debian-multimedia",
            Err(Unplaced::ThirdParty),
        );
        check(
            "pkg:deb/debian/a@1?distro=debian-12&repository_url=https://acme.example",
            Err(Unplaced::ThirdParty),
        );
        check("pkg:deb/a@1", Err(Unplaced::NoRelease));
    }
}
