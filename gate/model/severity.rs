use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How bad a finding is, lowest first. That nobody said is `Option::<Severity>::None`, never a member of this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, nothing to fix.
    Info,
    /// CVSS 0.1 to 3.9.
    Low,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 9.0 to 10.0.
    Critical,
}

/// Why a text is not a severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a severity: expected info, low, medium, high or critical")]
pub struct SeverityError(String);

impl Severity {
    /// Every severity, lowest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The qualitative rating of a CVSS v3 or v4 base score from 0.0 to 10.0 (CVSS v3.1 §5, v4.0 §6). The bands of v2
    /// end at `High`: callers with a v2 score use [`Severity::from_cvss2`]. What is no number is as bad as can be.
    pub fn from_cvss(score: f64) -> Self {
        if score >= 9.0 || score.is_nan() {
            Self::Critical
        } else if score >= 7.0 {
            Self::High
        } else if score >= 4.0 {
            Self::Medium
        } else if score > 0.0 {
            Self::Low
        } else {
            Self::Info
        }
    }

    /// The NVD's rating of a CVSS v2 base score: low below 4.0, medium below 7.0, else high.
    pub fn from_cvss2(score: f64) -> Self {
        Self::from_cvss(score).min(Self::High)
    }

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Severity {
    type Err = SeverityError;

    /// Reads a lower-case name; `moderate` is taken as medium because npm and GitHub write it so.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "moderate" => Ok(Self::Medium),
            _ => Self::ALL
                .into_iter()
                .find(|severity| severity.name() == text)
                .ok_or_else(|| SeverityError(text.chars().take(40).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_those_of_the_specification() {
        for (score, expected) in [
            (0.0, Severity::Info),
            (0.1, Severity::Low),
            (3.9, Severity::Low),
            (4.0, Severity::Medium),
            (6.9, Severity::Medium),
            (7.0, Severity::High),
            (8.9, Severity::High),
            (9.0, Severity::Critical),
        ] {
            assert_eq!(Severity::from_cvss(score), expected, "{score}");
        }
        assert_eq!(Severity::from_cvss2(10.0), Severity::High);
        assert_eq!(Severity::from_cvss(f64::NAN), Severity::Critical);
        assert!(Severity::Critical > Severity::High);
        assert!("High".parse::<Severity>().is_err());
    }
}
