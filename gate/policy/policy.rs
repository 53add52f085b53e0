use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secgate_model::{Kind, Severity};

use crate::{
    condition::{Mask, Test, kind_bit},
    expression::Expression,
};

/// A place in a policy or waiver file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file, as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A loaded policy: every name in it is defined, every value means something. Made by [`load_policy`](crate::load_policy).
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) name: String,
    pub(crate) owner: Option<String>,
    pub(crate) evidence: EvidenceRules,
    pub(crate) tools: Vec<String>,
    pub(crate) teams: BTreeMap<String, Vec<String>>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) rules: BTreeMap<String, Rule>,
    pub(crate) files: Vec<String>,
    pub(crate) digest: String,
}

impl Policy {
    /// Its name, from `metadata`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who owns it, from `metadata`.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// `blake3:` and the digest of every file that took part, in the order of loading.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The files that took part, the extended ones first.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The stages' names, in the order of definition.
    pub fn stages(&self) -> impl Iterator<Item = &str> + Clone {
        self.stages.iter().map(|stage| stage.name.as_str())
    }

    /// The rules' names, sorted.
    pub fn rules(&self) -> impl Iterator<Item = &str> + Clone {
        self.rules.keys().map(String::as_str)
    }

    /// The scanners that a stage runs, with whether the stage cannot pass without each; `None` for an unknown stage.
    pub fn scanners(&self, stage: &str) -> Option<Vec<(&str, bool)>> {
        let stage = self.stage(stage)?;
        Some(
            stage
                .scanners
                .iter()
                .map(|scanner| (scanner.name.as_str(), scanner.required))
                .collect(),
        )
    }

    /// How old the advisories may be.
    pub fn advisory_age(&self) -> SignedDuration {
        self.evidence.advisories
    }

    /// Whether an advisory database that comes from a registry may be without a signature.
    pub fn accepts_unsigned_database(&self) -> bool {
        self.evidence.unsigned
    }

    /// Whether a stage counts only what the baseline does not hold.
    pub fn is_against_new(&self, stage: &str) -> bool {
        self.stage(stage).is_some_and(|stage| stage.against == Against::New)
    }

    /// The same policy with one more rule, `fail-on`, in `stage`: whatever is at least as severe as `severity`, or has
    /// no severity, fails. The policy gets stricter and never looser; its digest changes with it.
    #[must_use]
    pub fn with_fail_on(&self, stage: &str, severity: Severity) -> Self {
        const NAME: &str = "fail-on";
        let mut policy = self.clone();
        let mask = Severity::ALL
            .into_iter()
            .filter(|s| *s >= severity)
            .map(crate::condition::severity_bit)
            .sum();
        policy.rules.insert(
            NAME.to_owned(),
            Rule {
                name: NAME.to_owned(),
                title: format!("Findings of severity {severity} or above"),
                origin: Origin { file: "--fail-on".to_owned(), line: 1 },
                check: Check::Findings {
                    test: Some(Test::Severity { mask, none: false }),
                    when: None,
                    unknown: Undecided::Match,
                },
                action: Action::Fail,
                grace: None,
                waivable: Waivable::Yes { max: None, approvers: Vec::new(), vex: true },
                effective_on: None,
                help: None,
            },
        );
        if let Some(stage) = policy.stages.iter_mut().find(|other| other.name == stage)
            && !stage.uses.iter().any(|rule| rule == NAME)
        {
            stage.uses.push(NAME.to_owned());
        }
        policy.digest =
            crate::digest::text(&format!("{} {stage} fail-on {severity}", policy.digest));
        policy
    }

    pub(crate) fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The rules of a stage, in the stage's order.
    pub(crate) fn rules_of<'a>(
        &'a self,
        stage: &'a Stage,
    ) -> impl Iterator<Item = &'a Rule> + Clone {
        stage.uses.iter().filter_map(|name| self.rules.get(name))
    }
}

/// How old evidence may be, and what else it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EvidenceRules {
    pub(crate) advisories: SignedDuration,
    /// Whether the embedded starter set is enough.
    pub(crate) starter: bool,
    /// Whether a database from a registry may come without a signature.
    pub(crate) unsigned: bool,
    /// Whether reports of other tools may leave out which advisories they used.
    pub(crate) undated_tools: bool,
    /// `None`: enforced with the default only where a rule reads it.
    pub(crate) epss: Option<SignedDuration>,
    pub(crate) kev: Option<SignedDuration>,
    /// How old the data themselves may be. `None`: what is older than usual is warned of.
    pub(crate) at_source: SourceAges,
    /// Per scanner: whether a stage that runs it needs it.
    pub(crate) scanners: BTreeMap<String, bool>,
}

/// How old the newest of a source may be, by its own dates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SourceAges {
    pub(crate) advisories: Option<SignedDuration>,
    pub(crate) epss: Option<SignedDuration>,
    pub(crate) kev: Option<SignedDuration>,
}

impl SourceAges {
    /// What `self` leaves open as `base` has it.
    pub(crate) fn or(self, base: Self) -> Self {
        Self {
            advisories: self.advisories.or(base.advisories),
            epss: self.epss.or(base.epss),
            kev: self.kev.or(base.kev),
        }
    }
}

pub(crate) const DEFAULT_ADVISORY_AGE: SignedDuration = SignedDuration::from_hours(24);
pub(crate) const DEFAULT_EPSS_AGE: SignedDuration = SignedDuration::from_hours(48);
pub(crate) const DEFAULT_KEV_AGE: SignedDuration = SignedDuration::from_hours(48);

impl Default for EvidenceRules {
    fn default() -> Self {
        Self {
            advisories: DEFAULT_ADVISORY_AGE,
            starter: false,
            unsigned: false,
            undated_tools: false,
            epss: None,
            kev: None,
            at_source: SourceAges::default(),
            scanners: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) uses: Vec<String>,
    pub(crate) against: Against,
    pub(crate) scanners: Vec<StageScanner>,
    pub(crate) require: Option<Requirement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    All,
    New,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StageScanner {
    pub(crate) name: String,
    pub(crate) required: bool,
}

/// One rule. Findings are never changed by it.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) origin: Origin,
    pub(crate) check: Check,
    pub(crate) action: Action,
    pub(crate) grace: Option<Grace>,
    pub(crate) waivable: Waivable,
    pub(crate) effective_on: Option<Timestamp>,
    pub(crate) help: Option<String>,
}

impl Rule {
    /// Whether a match stops the stage at `now`, or only warns.
    pub(crate) fn blocks_at(&self, now: Timestamp) -> bool {
        self.action == Action::Fail && self.effective_on.is_none_or(|day| day <= now)
    }

    /// The kinds of finding that it looks at; none for a rule that asks for evidence.
    pub(crate) fn kinds(&self) -> Mask {
        match &self.check {
            Check::Findings { test, .. } => {
                test.as_ref().map_or_else(|| Kind::ALL.into_iter().map(kind_bit).sum(), Test::kinds)
            }
            Check::Evidence(_) => 0,
        }
    }

    /// Whether it reads EPSS figures, and whether it reads the KEV catalogue.
    pub(crate) fn reads(&self) -> (bool, bool) {
        let (mut epss, mut kev) = (false, false);
        if let Check::Findings { test, when, .. } = &self.check {
            if let Some(test) = test {
                test.walk(&mut |test| {
                    epss |= matches!(test, Test::Epss(_) | Test::EpssPercentile(_));
                    kev |= matches!(test, Test::Kev(_));
                });
            }
            if let Some(when) = when {
                epss |= when.reads("epss") || when.reads("epss_percentile");
                kev |= when.reads("kev");
            }
        }
        (epss, kev)
    }
}

/// What a rule checks.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// No finding may match. At least one of `test` and `when` is there.
    Findings { test: Option<Test>, when: Option<Expression>, unknown: Undecided },
    /// Evidence must be there.
    Evidence(Requirement),
}

/// What a test that nobody can decide counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undecided {
    Match,
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Fail,
    Warn,
    Info,
}

/// Time to act before a finding counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grace {
    /// The key `None` is the unknown severity.
    pub(crate) lengths: BTreeMap<Option<Severity>, SignedDuration>,
    pub(crate) from: GraceFrom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GraceFrom {
    FirstSeen,
    Published,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Waivable {
    No,
    /// `max` bounds ordinary waivers; a VEX document states a fact and has no expiry of its own.
    Yes {
        max: Option<SignedDuration>,
        approvers: Vec<String>,
        vex: bool,
    },
}

/// Evidence that a rule or a stage asks for. This version produces none of it, so asking for it is an error outcome:
/// the gate stays closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requirement {
    Signed { key: String },
    Attestation { kind: String, min_components: Option<u64> },
    Verdicts { stages: Vec<String>, max_age: Option<SignedDuration>, signer: Option<String> },
}

impl Requirement {
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Signed { key } => format!("the image is signed by {key}"),
            Self::Attestation { kind, min_components: Some(count) } => {
                format!("there is an attestation of type {kind} with at least {count} components")
            }
            Self::Attestation { kind, min_components: None } => {
                format!("there is an attestation of type {kind}")
            }
            Self::Verdicts { stages, max_age, signer } => {
                let mut text = format!("there is a verdict `pass` of {}", stages.join(", "));
                if let Some(age) = max_age {
                    text.push_str(&format!(
                        " not older than {}",
                        crate::values::duration_words(*age)
                    ));
                }
                if let Some(signer) = signer {
                    text.push_str(&format!(" signed by {signer}"));
                }
                text
            }
        }
    }

    /// What is missing, for the `why` of an error.
    pub(crate) fn missing(&self) -> String {
        let what = match self {
            Self::Signed { .. } => "no evidence of a signature",
            Self::Attestation { .. } => "no evidence of an attestation",
            Self::Verdicts { .. } => "no evidence of earlier verdicts",
        };
        format!("{what}: not produced by this version (required: {})", self.words())
    }
}

/// The scanners of secgate and the kinds of finding that each may report.
pub(crate) const SCANNERS: [(&str, &[Kind]); 9] = [
    ("audit", &[Kind::Vulnerability]),
    ("image", &[Kind::Vulnerability, Kind::Secret, Kind::Config]),
    ("secrets", &[Kind::Secret]),
    ("code", &[Kind::Code]),
    ("config", &[Kind::Config]),
    ("dast", &[Kind::Web]),
    ("sign", &[Kind::Signature]),
    ("sbom", &[]),
    ("licenses", &[Kind::Licence]),
];

/// The scanner that looks for a kind of finding where a stage does not say.
pub(crate) fn scanner_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Vulnerability => "audit",
        Kind::Secret => "secrets",
        Kind::Code => "code",
        Kind::Config => "config",
        Kind::Web => "dast",
        Kind::Signature => "sign",
        Kind::Licence => "licenses",
    }
}
