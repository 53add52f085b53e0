//! The report document of secgate, `secgate.report/1`.
//!
//! A frozen copy of what the outside holds on to: fields are added, never renamed, and a breaking change raises the
//! number in `schema`. An unknown figure is `null`, never 0 or an empty text. Fields that were added after the first
//! draft may be absent when reading; the first ones must be there, so that a cut document is never taken for a clean one.

use serde::{Deserialize, Serialize};

/// The only value of `schema` that this module reads and writes.
pub const SCHEMA: &str = "secgate.report/1";

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// Why bytes are not a report document.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Larger than [`MAX_BYTES`].
    #[error("the report is {0} bytes long, more than the {MAX_BYTES} that are read")]
    TooLarge(usize),
    /// Not JSON, or not of the document's shape. The message names line and column.
    #[error("not a secgate report: {0}")]
    Shape(#[from] serde_json::Error),
    /// Another version or another document.
    #[error(
        "`schema` is `{0}`, and this version reads `{SCHEMA}`: write the report again with this version of secgate"
    )]
    Schema(String),
}

/// One scan: what was looked at, what was found and what the policy made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What wrote the document.
    pub tool: Tool,
    /// What was looked at.
    pub target: Target,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339.
    pub finished: String,
    /// What each scanner that ran leaves behind.
    pub evidence: Vec<Evidence>,
    /// Scanners that had nothing to look at that they understand, or were told not to run.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// The packages, sorted by purl.
    pub components: Vec<Component>,
    /// What was seen and could not be counted among the components.
    #[serde(default)]
    pub unknowns: Vec<Unknown>,
    /// The files that the components were read from.
    #[serde(default)]
    pub files: Vec<String>,
    /// The distribution that an image is made from, as the purl qualifier `distro` holds it: `debian-12`.
    #[serde(default)]
    pub distribution: Option<String>,
    /// Of an image, its layers, the lowest first.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// The findings, worst first.
    pub findings: Vec<Finding>,
    /// Whether the verdict decides the exit code; `false` when only a report was asked for.
    #[serde(default = "yes")]
    pub gate: bool,
    /// The verdict; of a run of several stages the worst one. `null` when no policy was evaluated.
    pub verdict: Option<Verdict>,
    /// The verdicts of every stage, in the order of the run.
    #[serde(default)]
    pub verdicts: Vec<Verdict>,
}

fn yes() -> bool {
    true
}

/// What wrote the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `secgate`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What sort of thing it is.
    pub kind: TargetKind,
    /// Its name as a person would say it.
    pub name: String,
    /// The image's manifest digest.
    pub digest: Option<String>,
    /// The git commit.
    pub revision: Option<String>,
}

/// The sorts of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// A folder or a file.
    Path,
    /// A container image.
    Image,
    /// A running application.
    Url,
}

/// What one scanner leaves behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The scanner.
    pub scanner: String,
    /// The scanner's version.
    #[serde(default)]
    pub version: Option<String>,
    /// How it ended.
    pub status: Status,
    /// One line for a person.
    #[serde(default)]
    pub detail: String,
    /// The advisory data that it matched against, where it did.
    #[serde(default)]
    pub advisories: Option<Advisories>,
    /// Every gap and every remark.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// Milliseconds of wall time.
    #[serde(default)]
    pub took_ms: Option<u64>,
}

/// How a scanner ended that had something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It looked at everything.
    Complete,
    /// It looked at less; `problems` says what is missing.
    Partial,
    /// It could not look at all.
    Failed,
}

/// A scanner that did not look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The scanner.
    pub scanner: String,
    /// The scanner's version.
    #[serde(default)]
    pub version: Option<String>,
    /// Why it did not look.
    #[serde(default)]
    pub detail: String,
    /// Remarks.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// Milliseconds of wall time.
    #[serde(default)]
    pub took_ms: Option<u64>,
}

/// Which advisories were matched against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisories {
    /// The database's content revision.
    pub revision: String,
    /// RFC 3339: when the sources were last known to be current.
    pub published: Option<String>,
    /// How many advisories it holds.
    pub count: u64,
    /// Whether it is the embedded starter set.
    #[serde(default)]
    pub starter: bool,
    /// RFC 3339: until when the EPSS scores are known to be the newest.
    #[serde(default)]
    pub epss: Option<String>,
    /// RFC 3339: until when the KEV catalogue is known to be the newest.
    #[serde(default)]
    pub kev: Option<String>,
    /// How old the data are by their own word.
    #[serde(default)]
    pub at_source: SourceDates,
}

/// The dates that data carry in themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDates {
    /// RFC 3339: the newest change of an advisory that does not lie in the future.
    #[serde(default)]
    pub advisories: Option<String>,
    /// RFC 3339: the day of the EPSS scores.
    #[serde(default)]
    pub epss: Option<String>,
    /// RFC 3339: the release of the KEV catalogue.
    #[serde(default)]
    pub kev: Option<String>,
}

/// One thing that a scanner could not judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file, where it has one.
    #[serde(default)]
    pub path: Option<String>,
    /// Line, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Column in characters, from 1.
    #[serde(default)]
    pub column: Option<u32>,
    /// Last line, from 1.
    #[serde(default)]
    pub end_line: Option<u32>,
    /// The image layer.
    #[serde(default)]
    pub layer: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(default)]
    pub hint: Option<String>,
    /// Whether the scan is less than complete because of it.
    #[serde(default = "yes")]
    pub gap: bool,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Of its uncompressed bytes.
    pub diff_id: String,
    /// The build step that made it, secrets redacted.
    #[serde(default)]
    pub step: Option<String>,
    /// Whether it seems to be the base image's.
    #[serde(default)]
    pub base: Option<bool>,
}

/// A package of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its whole purl.
    pub purl: String,
    /// Where it was found.
    pub locations: Vec<Place>,
    /// Whether the project itself names it.
    pub direct: Option<bool>,
    /// What it is needed for.
    pub scope: Option<Scope>,
    /// Licences as the file states them.
    pub licenses: Vec<String>,
    /// The purls that pull it in directly.
    #[serde(default)]
    pub parents: Vec<String>,
    /// The distribution's source package.
    #[serde(default)]
    pub source: Option<SourcePackage>,
    /// The purl of the distribution's package that it came with.
    #[serde(default)]
    pub owned_by: Option<String>,
    /// Checksums of the published artifact, as `sha256:<hex>`.
    #[serde(default)]
    pub hashes: Vec<String>,
    /// The catalogers that saw it.
    #[serde(default)]
    pub found_by: Vec<String>,
}

/// What a package is needed for; `null` when nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Needed to run the application.
    Runtime,
    /// Installed only when asked for.
    Optional,
    /// Needed only to build or test.
    Dev,
}

/// The source package that a distribution built a package from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Something seen and not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Where.
    pub location: Place,
    /// What sort of gap.
    pub kind: UnknownKind,
    /// What is wrong and what to do.
    pub reason: String,
}

/// The sorts of gap in an inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownKind {
    /// The file cannot be read as its format.
    Unreadable,
    /// A dependency without a version that could be judged.
    Unpinned,
    /// Outside secgate's bounds.
    Limit,
}

/// A place in a file of the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path relative to the target's root.
    pub path: String,
    /// Line, from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Column in characters, from 1.
    #[serde(default)]
    pub column: Option<u32>,
    /// Last line, from 1.
    #[serde(default)]
    pub end_line: Option<u32>,
    /// The image layer (diffID) that brought the file.
    #[serde(default)]
    pub layer: Option<String>,
}

/// Where a finding is: an address of a running application, or a place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Location {
    /// An address.
    Web(Web),
    /// A file.
    File(Place),
}

/// An address of a running application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Web {
    /// The address, without credentials.
    pub url: String,
    /// HTTP method, upper case.
    #[serde(default)]
    pub method: Option<String>,
    /// The parameter that carries it.
    #[serde(default)]
    pub parameter: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// CVSS 9.0 to 10.0.
    Critical,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// CVSS 0.1 to 3.9.
    Low,
    /// Worth knowing.
    Info,
    /// Nobody said.
    Unknown,
}

/// What sort of thing a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An advisory that affects a package.
    Vulnerability,
    /// A credential.
    Secret,
    /// A weakness in source code.
    Code,
    /// A misconfiguration.
    Config,
    /// A weakness of a running application.
    Web,
    /// A licence that needs a decision.
    Licence,
    /// A missing or wrong signature or attestation.
    Signature,
}

/// How sure the scanner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Worth a look.
    Low,
    /// Probably.
    Medium,
    /// Proved, or as good as.
    High,
}

/// Something true about the target that a policy may object to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable across runs, moves and line shifts.
    pub fingerprint: String,
    /// A weaker identity without the path.
    #[serde(default)]
    pub weak_fingerprint: Option<String>,
    /// The scanner that reported it first.
    pub scanner: String,
    /// Every scanner or tool that saw it.
    #[serde(default)]
    pub seen_by: Vec<String>,
    /// What sort of finding.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// The rule, or the preferred id of the alias group.
    pub rule: String,
    /// Every other id of the group.
    pub aliases: Vec<String>,
    /// CWE numbers.
    pub cwe: Vec<u32>,
    /// One line.
    pub title: String,
    /// Why it matters.
    #[serde(default)]
    pub description: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// CVSS vectors.
    pub cvss: Vec<Cvss>,
    /// EPSS probability, 0 to 1.
    pub epss: Option<f64>,
    /// EPSS percentile, 0 to 1.
    #[serde(default)]
    pub epss_percentile: Option<f64>,
    /// Whether it is known to be exploited.
    pub kev: Option<bool>,
    /// The package, a whole purl.
    pub component: Option<String>,
    /// Every version that fixes it.
    pub fixed_in: Vec<String>,
    /// The lowest of them that is above the installed version.
    #[serde(default)]
    pub fixed_here: Option<String>,
    /// RFC 3339: when the earliest advisory was published.
    #[serde(default)]
    pub published: Option<String>,
    /// The class of an advisory that is not a vulnerability.
    #[serde(default)]
    pub informational: Option<String>,
    /// What becomes of the flaw in a distribution's release, in the distribution's words.
    #[serde(default)]
    pub vendor_status: Option<String>,
    /// What the package is needed for.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Whether the project itself names the package.
    #[serde(default)]
    pub direct: Option<bool>,
    /// The chain of purls from a direct dependency to the package.
    #[serde(default)]
    pub path: Vec<String>,
    /// Functions, symbols or platforms that the advisory limits itself to.
    #[serde(default)]
    pub affects: Vec<String>,
    /// The best place.
    pub location: Option<Location>,
    /// Every place in a file, best first.
    #[serde(default)]
    pub locations: Vec<Place>,
    /// What was seen, secrets redacted.
    pub evidence: Option<String>,
    /// What to do.
    pub remediation: Option<String>,
    /// Further reading.
    pub references: Vec<String>,
    /// Whether the baseline does not hold it; `null` without a baseline.
    #[serde(default)]
    pub new: Option<bool>,
    /// The waiver that covers it.
    pub waiver: Option<Waiver>,
}

/// A score by a CVSS vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cvss {
    /// The vector as published.
    pub vector: String,
    /// The base score, 0.0 to 10.0.
    pub score: Option<f64>,
}

/// The waiver that covers a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The waiver's id.
    pub id: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// RFC 3339: until when.
    pub expires: Option<String>,
    /// The VEX status.
    pub status: String,
    /// The file it stands in, `path:line`.
    pub source: String,
}

/// What a policy decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every rule holds.
    Pass,
    /// A rule is broken.
    Fail,
    /// Evidence is missing, stale or broken.
    Error,
}

/// The verdict of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was judged, by name.
    #[serde(default)]
    pub subject: Option<String>,
    /// The stage.
    pub stage: String,
    /// The decision.
    pub outcome: Outcome,
    /// Digest of the policy.
    pub policy: String,
    /// Digest of findings, evidence, waivers and baseline.
    #[serde(default)]
    pub inputs: Option<String>,
    /// RFC 3339: the time at which it was evaluated.
    #[serde(default)]
    pub evaluated_at: Option<String>,
    /// Every rule of the stage.
    pub reasons: Vec<Reason>,
    /// Findings that a waiver covers.
    #[serde(default)]
    pub waived: Vec<WaivedFinding>,
    /// Findings that the baseline does not hold.
    #[serde(default)]
    pub new: Option<Vec<String>>,
    /// Baseline findings that are gone.
    #[serde(default)]
    pub fixed: Option<Vec<String>>,
    /// Waivers that somebody should look at.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// The smallest change that makes the stage pass.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// When the verdict turns red by itself.
    #[serde(default)]
    pub turns: Vec<Turn>,
}

/// What one rule came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's name.
    pub rule: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// What it does to the verdict.
    pub outcome: Outcome,
    /// Broken, but the rule only warns.
    #[serde(default)]
    pub warning: bool,
    /// The conjunction that matched, or the evidence that is missing.
    #[serde(default)]
    pub why: String,
    /// What to do.
    #[serde(default)]
    pub help: Option<String>,
    /// Policy file and line.
    #[serde(default)]
    pub source: Option<String>,
    /// Fingerprints of the findings that break it.
    pub findings: Vec<String>,
    /// Findings inside their grace period.
    #[serde(default)]
    pub in_grace: Vec<Grace>,
}

/// A finding inside its grace period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grace {
    /// The finding.
    pub fingerprint: String,
    /// RFC 3339: when the period ends.
    pub until: String,
}

/// A finding that a waiver covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaivedFinding {
    /// The finding.
    pub fingerprint: String,
    /// The waiver.
    #[serde(flatten)]
    pub waiver: Waiver,
}

/// A waiver that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The waiver's id.
    pub waiver: String,
    /// Which case.
    pub kind: NoticeKind,
    /// One sentence.
    pub message: String,
    /// The file it stands in, `path:line`.
    pub source: String,
}

/// Why a waiver needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// It matches nothing.
    Unused,
    /// It has run out.
    Expired,
    /// It runs out soon.
    ExpiresSoon,
    /// A rule forbids it.
    NotAllowed,
}

/// The smallest change that makes a stage pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What to do, most effect first.
    pub changes: Vec<Change>,
    /// Blocking findings that only a waiver removes.
    pub unfixable: Vec<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What sort of step.
    pub kind: ChangeKind,
    /// One line for a person.
    pub what: String,
    /// The package, with its present version.
    pub component: Option<String>,
    /// The version to go to.
    pub to: Option<String>,
    /// Where to make it, `path:line`.
    pub at: Option<String>,
    /// The findings that it removes.
    pub removes: Vec<String>,
}

/// The sorts of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Raise a version.
    Raise,
    /// Change code or configuration.
    Edit,
    /// Remove and revoke a credential.
    Revoke,
    /// Waive.
    Waive,
}

/// A moment at which a green verdict turns red by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// RFC 3339.
    pub at: String,
    /// What happens.
    pub what: String,
}

impl ReportDocument {
    /// Reads a document. Fields that this version does not know are passed over; another `schema` is an error, and it is
    /// told before anything else that may be wrong with the document.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ReportError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        if bytes.len() > MAX_BYTES {
            return Err(ReportError::TooLarge(bytes.len()));
        }
        let head: Head = serde_json::from_slice(bytes)?;
        if head.schema != SCHEMA {
            return Err(ReportError::Schema(head.schema.chars().take(60).collect()));
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONTRACT: &str = r#"{
      "schema": "secgate.report/1",
      "tool": {"name": "secgate", "version": "0.1.0"},
      "target": {"kind": "path", "name": "shop", "digest": null, "revision": "0f3c"},
      "started": "2026-11-20T10:00:00Z", "finished": "2026-11-20T10:00:01Z",
      "evidence": [{"scanner": "audit", "status": "complete", "detail": "2 files",
                    "advisories": {"revision": "r1", "published": "2026-11-20T00:00:00Z", "count": 12}}],
      "components": [{"purl": "pkg:pypi/flask@2.0.1", "locations": [{"path": "poetry.lock", "line": 12, "layer": null}],
                      "direct": true, "scope": "runtime", "licenses": ["BSD-3-Clause"]}],
      "findings": [{"fingerprint": "sg1-1", "scanner": "dast", "rule": "SG-WEB-XSS", "aliases": [], "cwe": [79],
        "title": "t", "severity": "unknown", "cvss": [], "epss": null, "kev": null, "component": null, "fixed_in": [],
        "location": {"url": "https://shop.example/", "method": "GET", "parameter": "q"},
        "evidence": null, "remediation": null, "references": [], "waiver": null, "later": {"x": 1}}],
      "verdict": {"stage": "source", "outcome": "fail", "policy": "sha256:00",
                  "reasons": [{"rule": "r", "outcome": "fail", "findings": ["sg1-1"]}]}
    }"#;

    fn error(text: &str) -> String {
        ReportDocument::from_slice(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_document_of_the_contract_is_read_and_written_back() {
        let document = ReportDocument::from_slice(CONTRACT.as_bytes()).unwrap();
        assert!(
            matches!(&document.findings[0].location, Some(Location::Web(web)) if web.method.as_deref() == Some("GET"))
        );
        assert_eq!(document.components[0].locations[0].line, Some(12));
        let text = serde_json::to_vec(&document).unwrap();
        assert_eq!(ReportDocument::from_slice(&text).unwrap(), document);
    }

    #[test]
    fn another_schema_is_an_error_whatever_else_the_document_holds() {
        let newer = error(r#"{"schema": "secgate.report/2", "findings": {}}"#);
        assert!(newer.contains("secgate.report/2"), "{newer}");
        assert!(error("[]").contains("line 1"));
        assert!(error(&CONTRACT.replace("\"complete\"", "\"great\"")).contains("great"));
    }

    #[test]
    fn a_document_without_one_of_its_parts_is_not_read_as_clean() {
        for part in ["evidence", "findings", "components", "verdict"] {
            let text = CONTRACT.replacen(&format!("\"{part}\": "), &format!("\"x-{part}\": "), 1);
            if part == "verdict" {
                // A missing verdict is an unknown one, which no reader may take for a pass.
                assert_eq!(ReportDocument::from_slice(text.as_bytes()).unwrap().verdict, None);
            } else {
                assert!(error(&text).contains(part), "{part}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(text in r#"[\[\]{}":,a-z0-9 ]{0,80}"#) {
            let _ = ReportDocument::from_slice(text.as_bytes());
        }

        #[test]
        fn a_cut_document_is_an_error(at in 0..CONTRACT.len()) {
            prop_assume!(!CONTRACT[at..].trim().is_empty());
            prop_assert!(ReportDocument::from_slice(&CONTRACT.as_bytes()[..at]).is_err());
        }
    }
}
