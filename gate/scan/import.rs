//! Reports that other tools wrote, read as if we had looked ourselves.
//!
//! A report that is cut off, empty, of another version or of a run that failed never becomes "no findings": it is an
//! [`ImportError`], or an [`Outcome`] that says failed or partial. What a tool left out because somebody told it to (a
//! suppression, an ignore file) counts here all the same as far as the report shows it: waivers are the policy's.

mod bandit;
mod cargo_audit;
mod checkov;
mod component;
mod cyclonedx;
mod draft;
mod error;
mod gitleaks;
mod govulncheck;
mod grype;
mod hadolint;
mod npm_audit;
mod osv_scanner;
mod phrase;
mod pip_audit;
mod place;
mod rating;
mod recognise;
mod redaction;
mod sarif;
mod semgrep;
mod snyk;
mod trivy;
mod zap;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use secgate_model::{Finding, Outcome, Target};

pub use error::ImportError;
use error::Input;
use recognise::{Format, recognise};

/// The largest report that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// The most findings that are taken from one report.
pub const MAX_FINDINGS: usize = 1_000_000;

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Recognised {
    /// A report of secgate itself: the report crate reads it.
    Own,
    /// A report of another tool.
    Foreign(Box<Imported>),
}

/// What a report of another tool says.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The format, for a person: `SARIF`, `Trivy`, `npm audit`.
    pub format: &'static str,
    /// The tool's name in lower case: the `scanner` of its outcome and of its findings.
    pub tool: String,
    /// The findings, merged and sorted.
    pub findings: Vec<Finding>,
    /// How the tool's run ended, as far as its report tells.
    pub outcome: Outcome,
    /// When the report was made, where it says so.
    pub produced: Option<Timestamp>,
    /// What was looked at, where the report says so.
    pub target: Option<Target>,
    /// The ids of our scanners in whose place this run may count, sorted. One that a policy requires and that is not
    /// here is still missing: a report of secrets proves nothing about dependencies.
    pub stands_for: Vec<&'static str>,
}

/// Reads a report. The format is told by its content; `name` is what messages call it, and decides only whose an empty
/// list is, because gitleaks and hadolint both write `[]` when they found nothing.
pub fn import(name: &str, bytes: &[u8]) -> Result<Recognised, ImportError> {
    let input = Input::new(name, bytes)?;
    let read = match recognise(&input)? {
        Format::Own => return Ok(Recognised::Own),
        Format::Bandit => bandit::read,
        Format::CargoAudit => cargo_audit::read,
        Format::Checkov => checkov::read,
        Format::CycloneDx => cyclonedx::read,
        Format::Gitleaks => gitleaks::read,
        Format::Govulncheck => govulncheck::read,
        Format::Grype => grype::read,
        Format::Hadolint => hadolint::read,
        Format::NpmAudit => npm_audit::read,
        Format::OsvScanner => osv_scanner::read,
        Format::PipAudit => pip_audit::read,
        Format::Sarif => sarif::read,
        Format::Semgrep => semgrep::read,
        Format::Snyk => snyk::read,
        Format::Trivy => trivy::read,
        Format::Zap => zap::read,
    };
    Ok(Recognised::Foreign(Box::new(read(&input)?.finish())))
}

/// Which of our scanners a tool of one purpose does the work of; `None` for an unknown tool, and for one of several
/// purposes (Trivy), whose report must show what it looked at: see [`Imported::stands_for`].
pub fn stands_for(tool: &str) -> Option<&'static str> {
    Some(match tool {
        "bandit" | "brakeman" | "codeql" | "gosec" | "semgrep" | "snykcode" => "code",
        "gitleaks" | "trufflehog" => "secrets",
        "checkov" | "hadolint" | "kics" | "kube-linter" | "terrascan" | "tfsec" => "config",
        "zap" => "dast",
        "cargo-audit" | "govulncheck" | "grype" | "npm-audit" | "osv-scanner" | "pip-audit"
        | "snyk" => "audit",
        _ => return None,
    })
}
