use secgate_model::UnknownKind;
use secgate_source::{Entry, Tree};

use super::root_file::root_file;
use crate::{Catalog, CatalogError, Cataloger};

/// The files that say which distribution a root file system is, those that say it best first.
const FILES: [&str; 9] = [
    "etc/os-release",
    "usr/lib/os-release",
    "etc/alpine-release",
    "etc/lsb-release",
    "etc/redhat-release",
    "etc/centos-release",
    "etc/system-release",
    "etc/arch-release",
    "etc/debian_version",
];

/// Bytes of such a file that are read: it is asked again for every database.
const MAX_BYTES: usize = 64 << 10;

/// Which distribution a root file system is: `os-release` (os-release(5)), else the files that systems had before it.
///
/// It brings no packages. Its file counts as looked at, since an image may hold nothing else that is known.
#[derive(Debug)]
pub(crate) struct OsRelease;

impl Cataloger for OsRelease {
    fn id(&self) -> &'static str {
        "os-release"
    }

    fn wants(&self, entry: &Entry) -> bool {
        FILES.contains(&entry.path.as_str())
    }

    fn installed(&self) -> bool {
        true
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let bytes = tree.read_start(entry, MAX_BYTES)?;
        let told = read(&entry.path, &String::from_utf8_lossy(&bytes)).is_some();
        match (told, entry.path.ends_with("os-release")) {
            (true, _) => Ok(()),
            (false, true) => Err(CatalogError::whole("no `ID`: the distribution is not known")),
            // These files carry free text, and some tools leave them empty.
            (false, false) => {
                catalog.passed_over();
                Ok(())
            }
        }
    }
}

/// A distribution as its own files name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Distribution {
    /// `ID`, lower case: `debian`, `rhel`, `opensuse-leap`.
    pub(crate) id: String,
    /// `VERSION_ID`; none for what has no releases, and for Debian's testing and unstable.
    pub(crate) version: Option<String>,
    /// `VERSION_CODENAME`, lower case.
    pub(crate) codename: Option<String>,
}

impl Distribution {
    /// The distribution of this root file system, as far as it tells.
    pub(crate) fn of(tree: &Tree) -> Option<Self> {
        let mut found: Option<Self> = None;
        for path in FILES {
            let Some(entry) = root_file(tree, path) else { continue };
            let Ok(bytes) = tree.read_start(entry, MAX_BYTES) else { continue };
            let Some(told) = read(path, &String::from_utf8_lossy(&bytes)) else { continue };
            match &mut found {
                None => found = Some(told),
                // Debian's testing has no version, but a codename in another file.
                Some(known) if known.id == told.id => {
                    if known.version.is_none() && known.codename.is_none() {
                        known.version = told.version;
                        known.codename = told.codename;
                    }
                }
                Some(_) => {}
            }
        }
        found
    }

    /// The value of the purl qualifier `distro`: `debian-12`, `alpine-3.18.4`, `opensuse-leap-15.5`; with the codename where
    /// there is no version (`debian-trixie`), and the bare id where there is neither.
    pub(crate) fn label(&self) -> String {
        match self.version.as_ref().or(self.codename.as_ref()) {
            Some(release) => format!("{}-{release}", self.id),
            None => self.id.clone(),
        }
    }

    /// The namespace of its packages' purls: the id, except where the purl type's definition and other tools use the
    /// vendor's name.
    pub(crate) fn namespace(&self) -> &str {
        match self.id.as_str() {
            "rhel" => "redhat",
            id if id.starts_with("opensuse") => "opensuse",
            id => id,
        }
    }
}

/// A database without a distribution cannot be matched: said once for each.
pub(crate) fn needs_a_distribution(distribution: Option<&Distribution>, catalog: &mut Catalog) {
    if distribution.is_none() && !catalog.packages.is_empty() {
        let reason =
            "packages of an unknown distribution: there is no `etc/os-release` that says which"
                .to_owned();
        catalog.unknown(0, UnknownKind::Unreadable, reason);
    }
}

/// A word fit for an identity: short, lower case, without spaces and control characters.
fn word(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let fits = !text.is_empty()
        && text.len() <= 64
        && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    fits.then_some(text)
}

fn read(path: &str, text: &str) -> Option<Distribution> {
    match path.rsplit('/').next().unwrap_or_default() {
        "os-release" => Some(Distribution {
            id: word(&value(text, "ID")?)?,
            version: value(text, "VERSION_ID").as_deref().and_then(word),
            codename: value(text, "VERSION_CODENAME").as_deref().and_then(word),
        }),
        "lsb-release" => Some(Distribution {
            id: word(&value(text, "DISTRIB_ID")?)?,
            version: value(text, "DISTRIB_RELEASE").as_deref().and_then(word),
            codename: value(text, "DISTRIB_CODENAME").as_deref().and_then(word),
        }),
        "alpine-release" => Some(release("alpine", text.lines().next())),
        "arch-release" => Some(release("arch", None)),
        "debian_version" => {
            let first = text.lines().next().map(str::trim).filter(|line| !line.is_empty())?;
            if first.starts_with(|c: char| c.is_ascii_digit()) {
                // `12.5`: the point release changes nothing about which advisories count.
                return Some(release("debian", first.split('.').next()));
            }
            // `trixie/sid`
            let codename = first.split('/').next().and_then(word);
            Some(Distribution { codename, ..release("debian", None) })
        }
        _ => old_release(text.lines().next()?),
    }
}

fn release(id: &str, version: Option<&str>) -> Distribution {
    Distribution { id: id.to_owned(), version: version.and_then(word), ..Distribution::default() }
}

/// `CentOS release 6.10 (Final)`, `Red Hat Enterprise Linux Server release 6.10 (Santiago)`.
fn old_release(line: &str) -> Option<Distribution> {
    const NAMES: [(&str, &str); 9] = [
        ("red hat enterprise linux", "rhel"),
        ("centos", "centos"),
        ("fedora", "fedora"),
        ("amazon linux", "amzn"),
        ("oracle linux", "ol"),
        ("almalinux", "almalinux"),
        ("rocky linux", "rocky"),
        ("vmware photon", "photon"),
        ("cbl-mariner", "mariner"),
    ];
    let lower = line.to_lowercase();
    let (_, id) = NAMES.iter().find(|(name, _)| lower.starts_with(name))?;
    let version = lower
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    Some(release(id, version))
}

/// The value of the last assignment to `key`, as a shell would read it (os-release(5)).
fn value(text: &str, key: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('=').and_then(unquoted))
        .next_back()
        .filter(|text| !text.is_empty())
}

fn unquoted(raw: &str) -> Option<String> {
    let raw = raw.trim();
    if let Some(rest) = raw.strip_prefix('\'') {
        return rest.split_once('\'').map(|(inside, _)| inside.to_owned());
    }
    let (body, closed) = match raw.strip_prefix('"') {
        Some(rest) => (rest, false),
        None => (raw, true),
    };
    let mut out = String::new();
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if !closed => return Some(out),
            '\\' => out.extend(chars.next()),
            c if closed && (c.is_whitespace() || c == '#') => break,
            c => out.push(c),
        }
    }
    closed.then_some(out)
}

#[cfg(test)]
mod tests {
    use secgate_source::Limits;

    use super::*;

    fn of(files: &[(&str, &str)]) -> Option<Distribution> {
        let owned = files.iter().map(|(path, body)| ((*path).to_owned(), body.as_bytes().to_vec()));
        Distribution::of(&Tree::in_memory(owned, Limits::default()))
    }

    fn check(files: &[(&str, &str)], label: &str, namespace: &str) {
        let found = of(files).unwrap_or_else(|| panic!("{files:?}"));
        assert_eq!((found.label().as_str(), found.namespace()), (label, namespace));
    }

    #[test]
    fn every_distribution_has_its_label() {
        for (text, label, namespace) in [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n",
                "debian-12",
                "debian",
            ),
            ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"22.04\"\n", "ubuntu-22.04", "ubuntu"),
            ("NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.18.4\n", "alpine-3.18.4", "alpine"),
            (
                "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.3\"\n",
                "almalinux-9.3",
                "almalinux",
            ),
            ("ID=\"rhel\"\nVERSION_ID='9.2'\n", "rhel-9.2", "redhat"),
            ("ID=wolfi\nVERSION_ID=20230201\n", "wolfi-20230201", "wolfi"),
            ("ID=\"amzn\"\nVERSION_ID=\"2023\"\n", "amzn-2023", "amzn"),
            ("ID=\"opensuse-leap\"\nVERSION_ID=\"15.5\"\n", "opensuse-leap-15.5", "opensuse"),
            ("ID=\"sles\"\nVERSION_ID=\"15.5\"\n", "sles-15.5", "sles"),
            ("ID=\"openEuler\"\nVERSION_ID=\"22.03\"\n", "openeuler-22.03", "openeuler"),
            ("ID=arch\nBUILD_ID=rolling\n", "arch", "arch"),
            ("ID=debian\nVERSION_CODENAME=trixie\n", "debian-trixie", "debian"),
            (
                "# comment\nID=old\nID=deb\\ian # why\nVERSION_ID=\"1\\\"2\"\n",
                "debian-1\"2",
                "debian",
            ),
        ] {
            check(&[("etc/os-release", text)], label, namespace);
            check(&[("usr/lib/os-release", text)], label, namespace);
        }
    }

    #[test]
    fn older_systems_have_other_files() {
        check(&[("etc/alpine-release", "3.4.6\n")], "alpine-3.4.6", "alpine");
        check(&[("etc/debian_version", "7.11\n")], "debian-7", "debian");
        check(&[("etc/debian_version", "trixie/sid\n")], "debian-trixie", "debian");
        let ubuntu = "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\nDISTRIB_CODENAME=trusty\n";
        check(
            &[("etc/debian_version", "jessie/sid\n"), ("etc/lsb-release", ubuntu)],
            "ubuntu-14.04",
            "ubuntu",
        );
        check(&[("etc/redhat-release", "CentOS release 6.10 (Final)\n")], "centos-6.10", "centos");
        let rhel = "Red Hat Enterprise Linux Server release 6.10 (Santiago)\n";
        check(&[("etc/redhat-release", rhel)], "rhel-6.10", "redhat");
        let amazon = "Amazon Linux AMI release 2018.03\n";
        check(&[("etc/system-release", amazon)], "amzn-2018.03", "amzn");
        check(
            &[("etc/os-release", "ID=debian\n"), ("etc/debian_version", "forky/sid\n")],
            "debian-forky",
            "debian",
        );
    }

    #[test]
    fn what_does_not_tell_is_no_distribution() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("etc/os-release", "NAME=x\nID=\n")]), None);
        assert_eq!(of(&[("etc/os-release", "ID=\"open\n")]), None);
        assert_eq!(of(&[("etc/redhat-release", "Own Linux 1\n")]), None);
        assert_eq!(of(&[("app/etc/os-release", "ID=debian\n")]), None);
        let failure = crate::catalog::testing::failure(&OsRelease, "etc/os-release", "NAME=x\n");
        assert_eq!(failure, "no `ID`: the distribution is not known");
    }
}
