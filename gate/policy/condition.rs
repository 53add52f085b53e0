//! What a rule looks for in a finding, compiled to native tests.
//!
//! The tests are three-valued (Kleene): a figure that nobody published makes a test neither true nor false. What is
//! still undecided at the end counts as a match unless the rule says `unknown: ignore`, so that a finding without a
//! severity does not slip through `severity: ">=high"`.

use jiff::Timestamp;
use secgate_model::{Confidence, Finding, Kind, Scope, Severity, Vulnerability};

use crate::{
    license::LicenseTest,
    package_pattern::PackagePattern,
    values::{Bound, Globs},
};

/// Kleene's three values; `and` is the least of them, `or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    False,
    Unknown,
    True,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

/// A set of small numbers.
pub(crate) type Mask = u16;

/// One condition.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Kind(Mask),
    /// The severities that match, and whether the missing one was named.
    Severity {
        mask: Mask,
        none: bool,
    },
    Fix(bool),
    Scope(Mask),
    Direct(bool),
    Rule(Globs),
    Cwe(Vec<u32>),
    Package(Vec<PackagePattern>),
    Path(Globs),
    Epss(Bound),
    EpssPercentile(Bound),
    Kev(bool),
    Cvss(Bound),
    /// Seconds since the advisory was published.
    Age(Bound),
    Informational(Informational),
    Confidence(Mask),
    Scanner(Vec<String>),
    License(LicenseTest),
}

/// RustSec's classes of advisories that are not vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Informational {
    Any(bool),
    Classes(Vec<String>),
}

pub(crate) fn kind_bit(kind: Kind) -> Mask {
    1 << (kind as Mask)
}

pub(crate) fn severity_bit(severity: Severity) -> Mask {
    1 << (severity as Mask)
}

pub(crate) fn scope_bit(scope: Scope) -> Mask {
    1 << (scope as Mask)
}

pub(crate) fn confidence_bit(confidence: Confidence) -> Mask {
    1 << (confidence as Mask)
}

impl Test {
    /// The truth of the condition about `finding` at `now`.
    pub(crate) fn truth(&self, finding: &Finding, now: Timestamp) -> Truth {
        match self {
            Self::All(tests) => {
                let mut least = Truth::True;
                for test in tests {
                    least = least.min(test.truth(finding, now));
                    if least == Truth::False {
                        break;
                    }
                }
                least
            }
            Self::Any(tests) => {
                tests.iter().map(|test| test.truth(finding, now)).max().unwrap_or(Truth::False)
            }
            Self::Not(test) => test.truth(finding, now).not(),
            Self::Kind(mask) => (mask & kind_bit(finding.kind) != 0).into(),
            Self::Severity { mask, none } => match finding.severity {
                Some(severity) => (mask & severity_bit(severity) != 0).into(),
                None if *none => Truth::True,
                None => Truth::Unknown,
            },
            Self::Confidence(mask) => (mask & confidence_bit(finding.confidence) != 0).into(),
            Self::Cwe(numbers) => finding.cwe.iter().any(|cwe| numbers.contains(cwe)).into(),
            Self::Rule(globs) => (globs.matches(&finding.rule)
                || finding.aliases.iter().any(|alias| globs.matches(alias)))
            .into(),
            Self::Scanner(names) => {
                let seen =
                    |name: &String| *name == finding.scanner || finding.seen_by.contains(name);
                names.iter().any(seen).into()
            }
            Self::Package(patterns) => {
                let component = finding.locus.component.as_ref();
                component
                    .is_some_and(|purl| patterns.iter().any(|pattern| pattern.matches(purl)))
                    .into()
            }
            // The rule of a licence finding is its expression.
            Self::License(test) => {
                (finding.kind == Kind::Licence && test.objects(&finding.rule)).into()
            }
            Self::Path(globs) => {
                let locations = &finding.locus.locations;
                if locations.is_empty() && finding.kind != Kind::Web {
                    Truth::Unknown
                } else {
                    locations.iter().any(|location| globs.matches(&location.path)).into()
                }
            }
            _ => match &finding.vulnerability {
                Some(vulnerability) => self.of_vulnerability(vulnerability, now),
                // A vulnerability without its facts is undecided; of anything else the test is simply not true.
                None if finding.kind == Kind::Vulnerability => Truth::Unknown,
                None => Truth::False,
            },
        }
    }

    fn of_vulnerability(&self, facts: &Vulnerability, now: Timestamp) -> Truth {
        let bounded = |bound: &Bound, figure: Option<f64>| match figure {
            Some(figure) if figure.is_finite() => bound.holds(figure).into(),
            _ => Truth::Unknown,
        };
        match self {
            Self::Fix(wanted) => match (&facts.fixed_here, facts.fixed_in.is_empty()) {
                (Some(_), _) => (*wanted).into(),
                (None, true) => (!*wanted).into(),
                (None, false) => Truth::Unknown,
            },
            Self::Scope(mask) => {
                if mask & scope_bit(facts.scope) != 0 {
                    Truth::True
                } else if facts.scope == Scope::Unknown {
                    Truth::Unknown
                } else {
                    Truth::False
                }
            }
            Self::Direct(wanted) => {
                facts.direct.map_or(Truth::Unknown, |direct| (direct == *wanted).into())
            }
            Self::Kev(wanted) => {
                facts.kev.map_or(Truth::Unknown, |listed| (listed == *wanted).into())
            }
            Self::Epss(bound) => bounded(bound, facts.epss),
            Self::EpssPercentile(bound) => bounded(bound, facts.epss_percentile),
            Self::Cvss(bound) => bounded(bound, best_cvss(facts)),
            Self::Age(bound) => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "seconds between two time stamps fit a double"
                )]
                let age =
                    facts.published.map(|published| now.duration_since(published).as_secs() as f64);
                bounded(bound, age)
            }
            Self::Informational(Informational::Any(wanted)) => {
                (facts.informational.is_some() == *wanted).into()
            }
            Self::Informational(Informational::Classes(names)) => {
                facts.informational.as_ref().is_some_and(|class| names.contains(class)).into()
            }
            _ => Truth::Unknown,
        }
    }

    /// Cheap tests first, so that most findings leave after one or two comparisons.
    pub(crate) fn sort_by_cost(&mut self) {
        match self {
            Self::All(tests) | Self::Any(tests) => {
                for test in &mut *tests {
                    test.sort_by_cost();
                }
                tests.sort_by_key(Self::cost);
            }
            Self::Not(test) => test.sort_by_cost(),
            _ => {}
        }
    }

    fn cost(&self) -> u32 {
        match self {
            Self::Kind(_) => 0,
            Self::Severity { .. } | Self::Confidence(_) => 1,
            Self::Fix(_)
            | Self::Scope(_)
            | Self::Direct(_)
            | Self::Kev(_)
            | Self::Epss(_)
            | Self::EpssPercentile(_) => 2,
            Self::Cvss(_) | Self::Age(_) | Self::Informational(_) | Self::Cwe(_) => 3,
            Self::Scanner(_) => 4,
            Self::Not(test) => test.cost(),
            Self::All(tests) | Self::Any(tests) => 5 + tests.iter().map(Self::cost).sum::<u32>(),
            Self::Rule(_) => 20,
            Self::Path(_) => 21,
            Self::License(_) => 30,
            Self::Package(_) => 40,
        }
    }

    /// Calls `see` for this test and every one inside it.
    pub(crate) fn walk(&self, see: &mut dyn FnMut(&Self)) {
        see(self);
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().for_each(|test| test.walk(see)),
            Self::Not(test) => test.walk(see),
            _ => {}
        }
    }

    /// The kinds of finding that can match: everything, unless the test says otherwise.
    pub(crate) fn kinds(&self) -> Mask {
        let all = Kind::ALL.into_iter().map(kind_bit).sum();
        match self {
            Self::Kind(mask) => *mask,
            Self::License(_) => kind_bit(Kind::Licence),
            Self::All(tests) => tests.iter().map(Self::kinds).fold(all, |a, b| a & b),
            Self::Any(tests) => tests.iter().map(Self::kinds).fold(0, |a, b| a | b),
            Self::Not(test) => match &**test {
                Self::Kind(mask) => all & !mask,
                _ => all,
            },
            _ if self.only_of_vulnerabilities() => kind_bit(Kind::Vulnerability),
            _ => all,
        }
    }

    pub(crate) fn only_of_vulnerabilities(&self) -> bool {
        matches!(
            self,
            Self::Fix(_)
                | Self::Scope(_)
                | Self::Direct(_)
                | Self::Kev(_)
                | Self::Epss(_)
                | Self::EpssPercentile(_)
                | Self::Cvss(_)
                | Self::Age(_)
                | Self::Informational(_)
        )
    }

    /// The condition in words.
    pub(crate) fn words(&self) -> String {
        let join = |tests: &[Self], by: &str| {
            tests.iter().map(Self::inner_words).collect::<Vec<_>>().join(by)
        };
        match self {
            Self::All(tests) => join(tests, " and "),
            Self::Any(tests) => join(tests, " or "),
            Self::Not(test) => format!("not {}", test.inner_words()),
            Self::Kind(mask) => {
                format!("kind is {}", names(*mask, &Kind::ALL.map(|k| (kind_bit(k), k.name()))))
            }
            Self::Severity { mask, none } => {
                let mut text = names(*mask, &Severity::ALL.map(|s| (severity_bit(s), s.name())));
                if *none {
                    text = if text.is_empty() {
                        "unknown".into()
                    } else {
                        format!("{text} or unknown")
                    };
                }
                format!("severity is {text}")
            }
            Self::Fix(true) => "a fix is available".into(),
            Self::Fix(false) => "no fix is available".into(),
            Self::Scope(mask) => {
                format!("scope is {}", names(*mask, &SCOPES.map(|s| (scope_bit(s), s.name()))))
            }
            Self::Direct(true) => "the dependency is direct".into(),
            Self::Direct(false) => "the dependency is transitive".into(),
            Self::Rule(globs) => format!("rule is {}", globs.words()),
            Self::Cwe(numbers) => {
                format!(
                    "CWE is {}",
                    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
                )
            }
            Self::Package(patterns) => {
                format!(
                    "package is {}",
                    patterns.iter().map(PackagePattern::text).collect::<Vec<_>>().join(" or ")
                )
            }
            Self::Path(globs) => format!("path is {}", globs.words()),
            Self::Epss(bound) => format!("EPSS probability {}", bound.words()),
            Self::EpssPercentile(bound) => format!("EPSS percentile {}", bound.words()),
            Self::Kev(true) => "known to be exploited (KEV)".into(),
            Self::Kev(false) => "not known to be exploited (KEV)".into(),
            Self::Cvss(bound) => format!("CVSS {}", bound.words()),
            Self::Age(bound) => format!("published {} ago", bound.duration_words()),
            Self::Informational(Informational::Any(true)) => "informational".into(),
            Self::Informational(Informational::Any(false)) => "not informational".into(),
            Self::Informational(Informational::Classes(classes)) => {
                format!("informational: {}", classes.join(" or "))
            }
            Self::Confidence(mask) => {
                format!(
                    "confidence is {}",
                    names(*mask, &CONFIDENCES.map(|c| (confidence_bit(c), confidence_name(c))))
                )
            }
            Self::License(test) => test.words(),
            Self::Scanner(names) => format!("seen by {}", names.join(" or ")),
        }
    }

    fn inner_words(&self) -> String {
        match self {
            Self::All(tests) | Self::Any(tests) if tests.len() > 1 => format!("({})", self.words()),
            _ => self.words(),
        }
    }
}

pub(crate) const SCOPES: [Scope; 4] = [Scope::Runtime, Scope::Optional, Scope::Dev, Scope::Unknown];
pub(crate) const CONFIDENCES: [Confidence; 3] =
    [Confidence::Low, Confidence::Medium, Confidence::High];

pub(crate) fn confidence_name(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Low => "low",
        Confidence::Medium => "medium",
        Confidence::High => "high",
    }
}

/// The highest base score of the group's vectors.
pub(crate) fn best_cvss(facts: &Vulnerability) -> Option<f64> {
    facts
        .cvss
        .iter()
        .filter_map(|cvss| cvss.score)
        .filter(|score| score.is_finite())
        .max_by(f64::total_cmp)
}

fn names(mask: Mask, all: &[(Mask, &str)]) -> String {
    all.iter()
        .filter(|(bit, _)| mask & bit != 0)
        .map(|(_, name)| *name)
        .collect::<Vec<_>>()
        .join(" or ")
}
