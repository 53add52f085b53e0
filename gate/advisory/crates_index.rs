use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use secgate_model::{
    Confidence, Finding, Kind, Locus, Package, Paths, Severity, Target, Vulnerability,
};
use secgate_scan::vulnerability_fingerprint;
use secgate_versions::{Scheme, Version};
use serde::Deserialize;

/// Bytes of one crate's file: some ten times the longest.
const MAX_FILE: u64 = 32 << 20;
/// The rule of a release that its publisher took back; cargo-audit calls it the same, so that both are one finding.
const RULE: &str = "yanked";

/// A copy of the crates.io index on this machine: a checkout of its repository, a mirror of the sparse index, or the cache
/// that Cargo keeps in `registry/index/…/.cache` (Cargo book, "Registry Index"; cache format in
/// `cargo/sources/registry/index/cache.rs`). It tells which releases were yanked, which no advisory does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CratesIndex {
    folder: PathBuf,
}

/// A release, as the index lists it.
#[derive(Debug, Deserialize)]
struct Release {
    vers: String,
    #[serde(default)]
    yanked: bool,
}

/// What the index says about the crates of an inventory.
#[derive(Debug, Default)]
pub(crate) struct Yanked {
    pub(crate) findings: Vec<Finding>,
    /// Crates that the index does not hold, or not in this version.
    pub(crate) absent: Vec<String>,
    /// Files of the index that cannot be read, with the reason.
    pub(crate) broken: Vec<String>,
}

impl CratesIndex {
    /// The index in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks up every crate of crates.io in the inventory.
    pub(crate) fn look_up(&self, target: &Target, paths: &Paths<'_>, has_kev: bool) -> Yanked {
        let mut yanked = Yanked::default();
        for package in
            paths.inventory().packages.iter().filter(|package| is_from_crates_io(package))
        {
            let (name, version) = (package.purl.name(), package.purl.version().unwrap_or_default());
            let releases = match self.releases(name) {
                Ok(Some(releases)) => releases,
                Ok(None) => {
                    yanked.absent.push(format!("{name} {version}"));
                    continue;
                }
                Err(error) => {
                    yanked.broken.push(format!("{name}: {error}"));
                    continue;
                }
            };
            // Releases that differ in build metadata alone were accepted once: the exact one counts first.
            let exact = releases.iter().find(|release| release.vers == version);
            let listed = || releases.iter().find(|release| same_release(&release.vers, version));
            match exact.or_else(listed) {
                None => yanked.absent.push(format!("{name} {version}")),
                Some(release) if release.yanked => {
                    yanked.findings.push(finding(target, paths, package, &releases, has_kev));
                }
                Some(_) => {}
            }
        }
        yanked
    }

    /// The releases of a crate; `None` when the index does not hold it.
    fn releases(&self, name: &str) -> io::Result<Option<Vec<Release>>> {
        let Some(place) = place(name) else { return Ok(None) };
        let mut bytes = Vec::new();
        match File::open(self.folder.join(place)) {
            Ok(file) => file.take(MAX_FILE + 1).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if bytes.len() as u64 > MAX_FILE {
            return Err(io::Error::other(format!("larger than {MAX_FILE} bytes")));
        }
        read(&bytes).map(Some)
    }
}

/// Where a crate's file stands in every form of the index: by the length and first letters of its name, in lower case.
fn place(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match name.len() {
        _ if !plain => None,
        0 => None,
        1 => Some(format!("1/{name}")),
        2 => Some(format!("2/{name}")),
        3 => Some(format!("3/{}/{name}", name.get(..1)?)),
        _ => Some(format!("{}/{}/{name}", name.get(..2)?, name.get(2..4)?)),
    }
}

/// A file of the index: a line of JSON a release; or Cargo's cache of it: a version byte, the index's version, a tag, and
/// pairs of version and JSON, each ended by a zero byte.
fn read(bytes: &[u8]) -> io::Result<Vec<Release>> {
    let entry = |text: &[u8]| serde_json::from_slice(text).map_err(io::Error::from);
    match bytes.first() {
        Some(3) => {
            let mut parts = bytes.get(5..).unwrap_or_default().split(|byte| *byte == 0).skip(1);
            let mut releases = Vec::new();
            while let (Some(version), Some(text)) = (parts.next(), parts.next()) {
                if version.is_empty() {
                    break;
                }
                releases.push(entry(text)?);
            }
            if releases.is_empty() || !bytes.ends_with(&[0]) {
                return Err(io::Error::other("a file of Cargo's cache that is cut off"));
            }
            Ok(releases)
        }
        Some(b'{') => bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.iter().all(u8::is_ascii_whitespace))
            .map(entry)
            .collect(),
        _ => Err(io::Error::other("neither a file of the index nor of Cargo's cache of it")),
    }
}

/// Build metadata tells no two releases apart.
fn same_release(listed: &str, version: &str) -> bool {
    let plain = |text: &str| text.split('+').next().unwrap_or_default().to_owned();
    plain(listed) == plain(version)
}

fn is_from_crates_io(package: &Package) -> bool {
    let purl = &package.purl;
    let elsewhere = ["vcs_url", "repository_url", "download_url"];
    purl.kind() == "cargo" && elsewhere.iter().all(|key| purl.qualifier(key).is_none())
}

fn finding(
    target: &Target,
    paths: &Paths<'_>,
    package: &Package,
    releases: &[Release],
    has_kev: bool,
) -> Finding {
    let purl = &package.purl;
    let (name, version) = (purl.name(), purl.version().unwrap_or_default());
    let read = |text: &str| Scheme::Semver.parse(text).ok();
    let mut later: Vec<Version> = read(version).map_or_else(Vec::new, |installed| {
        let better = |release: &Version| {
            release.cmp_same(&installed).is_gt()
                && (installed.is_prerelease() || !release.is_prerelease())
        };
        let live = releases.iter().filter(|release| !release.yanked);
        live.filter_map(|release| read(&release.vers)).filter(better).collect()
    });
    later.sort();
    let fixed_here = later.first().map(|version| version.text().to_owned());
    let remediation = match &fixed_here {
        Some(to) => format!("Raise {name} from {version} to {to} or later."),
        None => format!("Every later release of {name} was yanked or there is none: replace it."),
    };
    Finding {
        fingerprint: vulnerability_fingerprint(target, RULE, purl),
        weak_fingerprint: None,
        scanner: "audit".to_owned(),
        seen_by: vec!["audit".to_owned()],
        kind: Kind::Vulnerability,
        rule: RULE.to_owned(),
        aliases: Vec::new(),
        cwe: Vec::new(),
        title: format!("{name} {version} was yanked: its publisher took the release back"),
        description: None,
        severity: Some(Severity::Info),
        confidence: Confidence::High,
        locus: Locus {
            component: Some(purl.clone()),
            locations: package.locations.clone(),
            ..Locus::default()
        },
        vulnerability: Some(Vulnerability {
            kev: has_kev.then_some(false),
            fixed_in: fixed_here.iter().cloned().collect(),
            fixed_here,
            informational: Some("yanked".to_owned()),
            scope: package.scope,
            direct: package.direct,
            path: paths.to(purl).into_iter().map(ToString::to_string).collect(),
            ..Vulnerability::default()
        }),
        evidence: Some(format!("the crates.io index lists {name} {version} as yanked")),
        remediation: Some(remediation),
        references: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use secgate_model::{Inventory, Location, TargetKind};

    use super::*;

    const LINES: &str = concat!(
        r#"{"name":"time","vers":"0.3.0","deps":[],"cksum":"00","features":{},"yanked":false}"#,
        "\n",
        r#"{"name":"time","vers":"0.3.1","deps":[],"cksum":"00","features":{},"yanked":true}"#,
        "\n",
        r#"{"name":"time","vers":"0.3.2","deps":[],"cksum":"00","features":{},"yanked":true}"#,
        "\n",
        r#"{"name":"time","vers":"0.4.0-rc.1","deps":[],"cksum":"00","features":{}}"#,
        "\n",
        r#"{"name":"time","vers":"0.3.3","deps":[],"cksum":"00","features":{}}"#,
        "\n",
    );

    /// The same as Cargo keeps it.
    fn cache() -> Vec<u8> {
        let mut bytes = vec![3, 2, 0, 0, 0];
        bytes.extend_from_slice(b"etag: W/\"x\"\0");
        for line in LINES.lines() {
            let release: Release = serde_json::from_str(line).unwrap();
            bytes.extend_from_slice(release.vers.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    fn look_up(body: &[u8], purls: &[&str]) -> Yanked {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("ti/me")).unwrap();
        std::fs::write(dir.path().join("ti/me/time"), body).unwrap();
        let target =
            Target { kind: TargetKind::Path, name: "x".into(), digest: None, revision: None };
        let packages = purls
            .iter()
            .map(|purl| Package::new(purl.parse().unwrap(), "test", Location::file("Cargo.lock")));
        let inventory = Inventory { packages: packages.collect(), ..Inventory::default() };
        CratesIndex::new(dir.path().to_owned()).look_up(
            &target,
            &Paths::of(&inventory.normalised()),
            true,
        )
    }

    #[test]
    fn a_yanked_release_is_found_in_both_forms_and_the_next_live_one_named() {
        for body in [LINES.as_bytes().to_vec(), cache()] {
            let yanked = look_up(
                &body,
                &[
                    "pkg:cargo/time@0.3.0",
                    "pkg:cargo/time@0.3.1",
                    "pkg:cargo/time@0.3.2?repository_url=https://crates.example",
                    "pkg:npm/time@0.3.1",
                ],
            );
            let [found] = yanked.findings.as_slice() else { panic!("{yanked:?}") };
            let about = found.vulnerability.as_ref().unwrap();
            assert_eq!(found.locus.component.as_ref().unwrap().to_string(), "pkg:cargo/time@0.3.1");
            assert_eq!(about.fixed_here.as_deref(), Some("0.3.3"));
            assert_eq!(about.informational.as_deref(), Some("yanked"));
            assert!(yanked.absent.is_empty() && yanked.broken.is_empty());
        }
    }

    #[test]
    fn of_two_builds_of_one_version_the_exact_one_counts() {
        let lines = concat!(
            r#"{"name":"time","vers":"1.0.0+one","yanked":false}"#,
            "\n",
            r#"{"name":"time","vers":"1.0.0+two","yanked":true}"#,
            "\n",
        );
        let yanked = |purl: &str| look_up(lines.as_bytes(), &[purl]).findings.len();
        assert_eq!(yanked("pkg:cargo/time@1.0.0%2Btwo"), 1);
        assert_eq!(yanked("pkg:cargo/time@1.0.0%2Bone"), 0);
        assert_eq!(yanked("pkg:cargo/time@1.0.0"), 0);
    }

    #[test]
    fn what_the_index_does_not_hold_is_told() {
        let yanked = look_up(
            LINES.as_bytes(),
            &["pkg:cargo/time@9.9.9", "pkg:cargo/Other@1.0.0", "pkg:cargo/..%2Fx@1"],
        );
        assert_eq!(
            yanked.absent,
            ["..%2Fx 1".replace("%2F", "/"), "Other 1.0.0".into(), "time 9.9.9".into()]
        );
    }

    #[test]
    fn no_bytes_panic_and_a_cut_cache_is_an_error() {
        let whole = cache();
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        assert!(read(&whole[..whole.len() - 1]).is_err());
        assert!(read(b"").is_err());
        assert!(read(b"<html>").is_err());
        assert_eq!(look_up(b"{\"vers\":", &["pkg:cargo/time@0.3.0"]).broken.len(), 1);
    }

    #[test]
    fn files_stand_where_cargo_puts_them() {
        for (name, expected) in
            [("a", "1/a"), ("ab", "2/ab"), ("abc", "3/a/abc"), ("Serde_Json", "se/rd/serde_json")]
        {
            assert_eq!(place(name).as_deref(), Some(expected));
        }
        assert_eq!(place("../x"), None);
    }
}
