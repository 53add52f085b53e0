use std::collections::BTreeMap;

use secgate_model::{Decision, Fingerprint};

/// What was already there: how often each finding occurred in an earlier run of the target branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    counts: BTreeMap<Fingerprint, u64>,
}

/// Why a run cannot be a baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// Measuring against it would excuse what it failed on.
    #[error("a run that ended `{}` cannot be the baseline: use the last one that passed, or name a report on purpose", .0.name())]
    NotPassed(Decision),
}

impl Baseline {
    /// The baseline of a run of the target branch, which must have passed.
    pub fn new(
        decision: Decision,
        findings: impl IntoIterator<Item = (Fingerprint, u64)>,
    ) -> Result<Self, BaselineError> {
        match decision {
            Decision::Pass => Ok(Self::from_findings(findings)),
            other => Err(BaselineError::NotPassed(other)),
        }
    }

    /// The baseline of a report that a person named on purpose, whatever it ended with. Entries of one fingerprint add
    /// up.
    pub fn from_findings(findings: impl IntoIterator<Item = (Fingerprint, u64)>) -> Self {
        let mut counts: BTreeMap<Fingerprint, u64> = BTreeMap::new();
        for (fingerprint, count) in findings {
            let slot = counts.entry(fingerprint).or_default();
            *slot = slot.saturating_add(count);
        }
        counts.retain(|_, count| *count > 0);
        Self { counts }
    }

    pub(crate) fn count(&self, fingerprint: &Fingerprint) -> u64 {
        self.counts.get(fingerprint).copied().unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Fingerprint, u64)> {
        self.counts.iter().map(|(fingerprint, count)| (fingerprint, *count))
    }
}
