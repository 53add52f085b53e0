//! The nouns of secgate. Nothing here reads a file, a clock or the environment, and nothing is async: a value of
//! these types means the same thing in a scanner, in a policy and in a report.

mod digest;
mod evidence;
mod finding;
mod inventory;
mod kind;
mod layer;
mod location;
mod package;
mod paths;
mod purl;
mod severity;
mod target;
mod verdict;

pub use digest::{Digest, DigestError};
pub use evidence::{AdvisoryData, Ended, Outcome, Problem, SourceDates};
pub use finding::{
    Confidence, Cvss, Finding, Fingerprint, Locus, Vulnerability, preferred_id_order,
};
pub use inventory::{Inventory, Unknown, UnknownKind};
pub use kind::Kind;
pub use layer::Layer;
pub use location::Location;
pub use package::{Package, Scope};
pub use paths::Paths;
pub use purl::{Purl, PurlError};
pub use severity::{Severity, SeverityError};
pub use target::{Target, TargetKind};
pub use verdict::{
    Change, ChangeKind, Decision, PassPlan, Reason, Turn, Verdict, WaivedFinding, WaiverNotice,
    WaiverNoticeKind,
};
