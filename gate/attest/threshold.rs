//! k of n: how many different signers there are, not how many signatures.

use std::collections::BTreeSet;

use crate::{
    key::PublicKey,
    reason::{Reason, Refusal, refuse},
    verify::{Report, SignedBy},
};

/// So many of the signers must have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold(usize);

impl Threshold {
    /// `required` of these keys; a key that is named twice counts once.
    pub fn of_keys(required: usize, keys: &[PublicKey]) -> Result<Self, Refusal> {
        let distinct: BTreeSet<&[u8]> = keys.iter().map(PublicKey::spki).collect();
        Self::of(required, distinct.len())
    }

    /// `required` of so many signers that are asked for one by one.
    pub fn of(required: usize, signers: usize) -> Result<Self, Refusal> {
        if (1..=signers).contains(&required) {
            return Ok(Self(required));
        }
        refuse(
            Reason::ThresholdMalformed,
            format!("{required} of {signers} different signers cannot be required"),
        )
    }

    /// The different signers of what was verified, if they are enough. What was not verified counts for nothing.
    pub fn check<'a>(
        self,
        reports: impl IntoIterator<Item = &'a Report>,
    ) -> Result<BTreeSet<&'a SignedBy>, Refusal> {
        let signers: BTreeSet<&SignedBy> = reports
            .into_iter()
            .filter_map(|report| report.result.as_ref().ok())
            .map(|verified| &verified.signed_by)
            .collect();
        let Self(required) = self;
        if signers.len() >= required {
            return Ok(signers);
        }
        let found = signers.len();
        refuse(Reason::Threshold, format!("{found} different signers, {required} are required"))
    }
}
