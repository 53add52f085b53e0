use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Fingerprint;

/// What a policy decided about a stage. A verdict that cannot be reached is `Error`, and every face turns it into "no".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Every rule holds on complete, fresh evidence.
    Pass,
    /// A rule is broken.
    Fail,
    /// Evidence that a rule needs is missing, stale or broken.
    Error,
}

impl Decision {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

/// The document that a stage ends with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was judged, by name.
    pub subject: String,
    /// The stage.
    pub stage: String,
    /// The decision: `Error` wins over `Fail` wins over `Pass`.
    pub decision: Decision,
    /// Every rule of the stage with what became of it, in the policy's order; evidence checks first.
    pub reasons: Vec<Reason>,
    /// Findings that a waiver covers.
    pub waived: Vec<WaivedFinding>,
    /// Fingerprints of findings that the baseline does not hold; `None` without a baseline.
    pub new: Option<Vec<Fingerprint>>,
    /// Baseline fingerprints that are gone; `None` without a baseline.
    pub fixed: Option<Vec<Fingerprint>>,
    /// Waivers that match nothing, are expired or expire soon.
    pub notices: Vec<WaiverNotice>,
    /// What would turn the verdict green; `None` when it is green or when only missing evidence stands in the way.
    pub plan: Option<PassPlan>,
    /// When this verdict will turn red by itself, soonest first.
    pub turns: Vec<Turn>,
    /// `blake3:` and the digest of every policy file that took part.
    pub policy_digest: String,
    /// `blake3:` and the digest of findings, evidence, waivers and baseline.
    pub inputs_digest: String,
    /// The time at which it was evaluated.
    pub evaluated_at: Timestamp,
}

/// What one rule came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's name in the policy.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// What it does to the verdict.
    pub outcome: Decision,
    /// Broken, but the rule only warns (its action, or `effective_on` lies ahead).
    pub warning: bool,
    /// The conjunction that matched, or the evidence that is missing and who should have produced it.
    pub why: String,
    /// What to do about it, from the rule's `help`.
    pub help: Option<String>,
    /// Policy file and line, `path:line`.
    pub source: Option<String>,
    /// The findings that break it, sorted.
    pub findings: Vec<Fingerprint>,
    /// Findings that match and are inside their grace period, with the time at which it ends.
    pub in_grace: Vec<(Fingerprint, Timestamp)>,
}

/// A finding that a waiver covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaivedFinding {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// The waiver's id.
    pub waiver: String,
    /// Why it was waived.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when; `None` only for a VEX document, which has no expiry of its own.
    pub expires: Option<Timestamp>,
    /// The VEX status that it states, `accepted_risk` for an ordinary waiver.
    pub status: String,
    /// The file it stands in, `path:line`.
    pub source: String,
}

/// A waiver that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverNotice {
    /// The waiver's id.
    pub waiver: String,
    /// Which case.
    pub kind: WaiverNoticeKind,
    /// One sentence.
    pub message: String,
    /// The file it stands in, `path:line`.
    pub source: String,
}

/// Why a waiver needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaiverNoticeKind {
    /// It matches nothing.
    Unused,
    /// It has run out and no longer counts.
    Expired,
    /// It runs out within 14 days.
    ExpiresSoon,
    /// It matches a finding that a rule forbids to waive, or that it may not waive for so long or without approval.
    NotAllowed,
}

/// The smallest change that makes the stage pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassPlan {
    /// What to do, most effect first.
    pub changes: Vec<Change>,
    /// Blocking findings that no known change removes except a waiver.
    pub unfixable: Vec<Fingerprint>,
}

/// One step of a pass plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What sort of step.
    pub kind: ChangeKind,
    /// One line for a person, for example `raise werkzeug 2.0.1 to 2.2.3`.
    pub what: String,
    /// The package, where there is one, as a purl with the present version.
    pub component: Option<String>,
    /// The version to go to.
    pub to: Option<String>,
    /// Where to make it, `path:line`.
    pub at: Option<String>,
    /// The findings that it removes.
    pub removes: Vec<Fingerprint>,
}

/// The sorts of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Raise a version.
    Raise,
    /// Change code or configuration.
    Edit,
    /// Remove and revoke a credential.
    Revoke,
    /// Waive, because there is nothing to change to.
    Waive,
}

/// A moment at which a green verdict turns red by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// What happens, one line, for example `waiver W-2026-014 expires`.
    pub what: String,
}
