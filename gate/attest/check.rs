//! What was checked and how it ended: never more than was done.

use serde::Serialize;

use crate::reason::Refusal;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done, and it holds.
    Passed,
    /// Done, and it does not hold.
    Failed,
    /// There is nothing of this kind to check.
    Absent,
    /// There is or may be something, and it was not looked at.
    Skipped,
}

/// What is checked, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// The document is of its form and version.
    Form,
    /// It was signed in the way that was asked for: by a key, or by somebody with a certificate.
    Material,
    /// The signature verifies over the payload.
    Signature,
    /// The payload is of its type and form.
    Payload,
    /// It is what was asked for: a signature, or an attestation of this type.
    Kind,
    /// It is about this artifact.
    Subject,
    /// It was made for this repository.
    Repository,
    /// The certificate leads to a trusted authority and was valid when it signed.
    Certificate,
    /// The certificate was logged by its authority.
    CertificateTransparency,
    /// The signer is who was asked for.
    Identity,
    /// The signer was vouched for by whom was asked for.
    Issuer,
    /// Entries of transparency logs are about this signature.
    LogEntry,
    /// They are proved to be in their log.
    LogInclusion,
    /// The log's promises to include them verify.
    LogPromise,
    /// Timestamps of authorities verify.
    Timestamp,
}

impl Name {
    /// Every check.
    pub const ALL: [Self; 15] = [
        Self::Form,
        Self::Material,
        Self::Signature,
        Self::Payload,
        Self::Kind,
        Self::Subject,
        Self::Repository,
        Self::Certificate,
        Self::CertificateTransparency,
        Self::Identity,
        Self::Issuer,
        Self::LogEntry,
        Self::LogInclusion,
        Self::LogPromise,
        Self::Timestamp,
    ];
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: Name,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, or what was found.
    pub detail: String,
}

/// The record of a verification: every [`Name`] once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Every check, in order.
    pub fn all(&self) -> &[Check] {
        &self.0
    }

    /// How a check ended.
    pub fn outcome(&self, name: Name) -> Outcome {
        self.0.iter().find(|check| check.name == name).map_or(Outcome::Skipped, |c| c.outcome)
    }

    pub(crate) fn passed(&mut self, name: Name, detail: impl Into<String>) {
        self.note(name, Outcome::Passed, detail);
    }

    pub(crate) fn absent(&mut self, name: Name, detail: impl Into<String>) {
        self.note(name, Outcome::Absent, detail);
    }

    pub(crate) fn skipped(&mut self, name: Name, detail: impl Into<String>) {
        self.note(name, Outcome::Skipped, detail);
    }

    /// Records a failure and hands it on.
    pub(crate) fn hold<T>(&mut self, name: Name, done: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = &done {
            self.note(name, Outcome::Failed, refusal.to_string());
        }
        done
    }

    fn note(&mut self, name: Name, outcome: Outcome, detail: impl Into<String>) {
        // What failed stays failed, whatever is noted later.
        if self.0.iter().any(|check| check.name == name && check.outcome == Outcome::Failed) {
            return;
        }
        self.0.retain(|check| check.name != name);
        self.0.push(Check { name, outcome, detail: detail.into() });
    }

    /// Names what was not reached, and sorts.
    pub(crate) fn finish(mut self) -> Self {
        for name in Name::ALL {
            if !self.0.iter().any(|check| check.name == name) {
                self.note(name, Outcome::Skipped, "not reached");
            }
        }
        self.0.sort_by_key(|check| check.name);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;

    #[test]
    fn a_record_holds_every_check_once_and_failures_stay() {
        let mut checks = Checks::default();
        checks.passed(Name::Timestamp, "");
        let failed = checks.hold::<()>(Name::Form, Err(Refusal::new(Reason::Base64, "x")));
        assert!(failed.is_err());
        checks.passed(Name::Form, "");
        let checks = checks.finish();
        let names: Vec<Name> = checks.all().iter().map(|check| check.name).collect();
        assert_eq!(names, Name::ALL);
        assert_eq!(checks.outcome(Name::Form), Outcome::Failed);
        assert_eq!(checks.outcome(Name::Timestamp), Outcome::Passed);
        assert_eq!(checks.outcome(Name::Subject), Outcome::Skipped);
    }
}
