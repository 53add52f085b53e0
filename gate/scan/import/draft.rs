use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use secgate_model::{
    AdvisoryData, Confidence, Ended, Finding, Fingerprint, Kind, Location, Locus, Outcome, Problem,
    Purl, Target, TargetKind, preferred_id_order,
};

use super::{
    Imported, MAX_FINDINGS,
    error::{ImportError, Input},
    phrase, redaction, stands_for,
};
use crate::{fingerprint, merge_findings, subject_key, vulnerability_fingerprint};

/// The most problems that an outcome lists.
const MAX_PROBLEMS: usize = 1_000;

/// How many bytes of descriptions and advice are kept, all findings together: one text may belong to very many.
const MAX_TEXT: usize = 64 << 20;

/// Of how many sightings of one finding the places and references are kept; what else they say is joined all the same.
const MAX_SIGHTINGS: usize = 64;

/// What a reader gathers; [`Draft::finish`] gives the findings their identity and the run its ending.
pub(super) struct Draft {
    file: String,
    format: &'static str,
    pub(super) tool: String,
    pub(super) version: Option<String>,
    pub(super) target: Option<Target>,
    pub(super) produced: Option<Timestamp>,
    pub(super) advisories: Option<AdvisoryData>,
    /// What was looked at, one line; findings are counted when it stays empty.
    pub(super) detail: String,
    /// The ids of our scanners that this run may stand for; by the tool's name when `None`.
    pub(super) stands_for: Option<Vec<&'static str>>,
    findings: Vec<(Finding, Mark)>,
    text: usize,
    suppressed: BTreeMap<&'static str, usize>,
    problems: Vec<Problem>,
    more_problems: usize,
    gap: bool,
    failed: bool,
    skipped: bool,
}

/// What tells a finding from others of its rule.
enum Mark {
    /// The package, where it has no purl.
    Package(String),
    /// What the source looks like; alike ones in one file are counted.
    Source(String),
    /// A secret's hash: the same secret in one file is one finding.
    Secret(String),
    /// Route, method and parameter are in the locus.
    Web,
}

/// A finding of which only the essential is known yet.
pub(super) fn blank(kind: Kind, rule: &str, title: &str) -> Finding {
    Finding {
        fingerprint: Fingerprint(String::new()),
        weak_fingerprint: None,
        scanner: String::new(),
        seen_by: Vec::new(),
        kind,
        rule: phrase::shortened(rule.trim(), 200),
        aliases: Vec::new(),
        cwe: Vec::new(),
        title: phrase::line(title),
        description: None,
        severity: None,
        confidence: Confidence::Medium,
        locus: Locus::default(),
        vulnerability: None,
        evidence: None,
        remediation: None,
        references: Vec::new(),
    }
}

impl Draft {
    pub(super) fn new(input: &Input<'_>, format: &'static str, tool: &str) -> Self {
        Self {
            file: input.name.to_owned(),
            format,
            tool: tool.to_owned(),
            version: None,
            target: None,
            produced: None,
            advisories: None,
            detail: String::new(),
            stands_for: None,
            findings: Vec::new(),
            text: 0,
            suppressed: BTreeMap::new(),
            problems: Vec::new(),
            more_problems: 0,
            gap: false,
            failed: false,
            skipped: false,
        }
    }

    /// Adds a vulnerability by all ids that it goes by; the preferred one becomes its rule.
    /// `package` names the package where there is no purl.
    pub(super) fn flaw(
        &mut self,
        ids: impl IntoIterator<Item = String>,
        package: &str,
        mut finding: Finding,
    ) -> Result<(), ImportError> {
        let mut ids: Vec<String> = ids.into_iter().filter_map(|id| advisory_id(&id)).collect();
        ids.sort_by(|a, b| preferred_id_order(a, b));
        ids.dedup();
        let mut ids = ids.into_iter();
        let Some(rule) = ids.next() else {
            return Err(self.refuse("it holds a vulnerability without an id"));
        };
        finding.rule = rule;
        finding.aliases = ids.take(64).collect();
        finding.aliases.sort();
        self.add(finding, Mark::Package(package.trim().to_owned()))
    }

    /// Adds a licence of a package that is named where there is no purl.
    pub(super) fn licence(&mut self, package: &str, finding: Finding) -> Result<(), ImportError> {
        self.add(finding, Mark::Package(package.trim().to_owned()))
    }

    /// Adds what stands in a file: code or configuration. `mark` is text that stays the same when the file is edited
    /// elsewhere.
    pub(super) fn source(&mut self, mark: &str, finding: Finding) -> Result<(), ImportError> {
        self.add(finding, Mark::Source(redaction::snippet_mark(mark)))
    }

    /// Adds a secret.
    pub(super) fn secret(&mut self, secret: &str, finding: Finding) -> Result<(), ImportError> {
        self.add(finding, Mark::Secret(redaction::secret_mark(secret)))
    }

    /// Adds a secret of which the report does not hold the text: alike ones in one file are counted.
    pub(super) fn hidden_secret(
        &mut self,
        mark: &str,
        finding: Finding,
    ) -> Result<(), ImportError> {
        self.add(finding, Mark::Source(redaction::secret_mark(mark)))
    }

    /// Adds a weakness of a running application.
    pub(super) fn web(&mut self, finding: Finding) -> Result<(), ImportError> {
        self.add(finding, Mark::Web)
    }

    fn add(&mut self, mut finding: Finding, mark: Mark) -> Result<(), ImportError> {
        if finding.rule.is_empty() {
            return Err(self.refuse("it holds a result without a rule"));
        }
        if self.findings.len() >= MAX_FINDINGS {
            return Err(ImportError::TooMany { name: self.file.clone() });
        }
        let texts = [&finding.description, &finding.remediation, &finding.evidence];
        let length: usize =
            texts.into_iter().flatten().chain(&finding.references).map(String::len).sum();
        if self.text.saturating_add(length) > MAX_TEXT {
            finding.description = None;
            finding.remediation = None;
            finding.evidence = None;
            finding.references = Vec::new();
        } else {
            self.text += length;
        }
        self.findings.push((finding, mark));
        Ok(())
    }

    /// How many findings there are before alike ones are joined.
    pub(super) fn len(&self) -> usize {
        self.findings.len()
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> ImportError {
        ImportError::Refused { name: self.file.clone(), format: self.format, reason: reason.into() }
    }

    /// The run looked at less than it was asked to.
    pub(super) fn gap(&mut self, message: impl Into<String>, hint: Option<&str>) {
        self.gap = true;
        self.problem(None, &message.into(), hint, true);
    }

    /// The same, of one file.
    pub(super) fn gap_in(&mut self, path: &str, message: impl Into<String>) {
        self.gap = true;
        self.problem((!path.is_empty()).then(|| Location::file(path)), &message.into(), None, true);
    }

    /// Worth saying, nothing is missing.
    pub(super) fn note(&mut self, message: impl Into<String>, hint: Option<&str>) {
        self.problem(None, &message.into(), hint, false);
    }

    /// The tool says that it did not do its work.
    pub(super) fn failed(&mut self, message: impl Into<String>) {
        self.failed = true;
        self.problem(
            None,
            &message.into(),
            Some("run it again and look at what it writes to its log"),
            true,
        );
    }

    /// The tool had nothing to look at.
    pub(super) fn skipped(&mut self, message: impl Into<String>) {
        self.skipped = true;
        self.problem(None, &message.into(), None, false);
    }

    /// So many findings that the tool was told to leave out count here all the same; `how` completes "findings that".
    pub(super) fn suppressed(&mut self, count: usize, how: &'static str) {
        *self.suppressed.entry(how).or_default() += count;
    }

    fn problem(
        &mut self,
        location: Option<Location>,
        message: &str,
        hint: Option<&str>,
        gap: bool,
    ) {
        if self.problems.len() < MAX_PROBLEMS {
            let message = phrase::line(message);
            self.problems.push(Problem { location, message, hint: hint.map(str::to_owned), gap });
        } else {
            self.more_problems += 1;
        }
    }

    pub(super) fn finish(mut self) -> Imported {
        for (how, count) in
            std::mem::take(&mut self.suppressed).into_iter().filter(|(_, count)| *count > 0)
        {
            self.note(
                format!("{count} finding(s) that {how} count here: only waivers of the policy excuse a finding"),
                Some("write a waiver with an owner, a reason and an expiry for what is accepted"),
            );
        }
        let nowhere =
            Target { kind: TargetKind::Path, name: String::new(), digest: None, revision: None };
        let findings = std::mem::take(&mut self.findings);
        let findings = merge_findings(identified(
            findings,
            self.target.as_ref().unwrap_or(&nowhere),
            &self.tool,
        ));
        if self.more_problems > 0 {
            let (message, gap) = (format!("and {} more problems", self.more_problems), self.gap);
            self.problems.push(Problem { location: None, message, hint: None, gap });
        }
        self.problems.sort();
        self.problems.dedup();
        let ended = if self.failed {
            Ended::Failed
        } else if self.gap {
            Ended::Partial
        } else if self.skipped && findings.is_empty() {
            Ended::Skipped
        } else {
            Ended::Complete
        };
        let first_problem = self
            .problems
            .iter()
            .max_by_key(|problem| problem.gap)
            .map(|problem| problem.message.clone());
        let detail = match (ended, self.detail.is_empty(), first_problem) {
            (Ended::Failed | Ended::Skipped, _, Some(message)) => message,
            (_, false, _) => self.detail,
            _ => format!("{} finding(s) in a report of {}", findings.len(), self.format),
        };
        let mut stands_for =
            self.stands_for.unwrap_or_else(|| stands_for(&self.tool).into_iter().collect());
        stands_for.sort_unstable();
        stands_for.dedup();
        Imported {
            format: self.format,
            findings,
            outcome: Outcome {
                scanner: self.tool.clone(),
                version: self.version.map_or_else(
                    || "unknown".to_owned(),
                    |version| phrase::shortened(&phrase::line(&version), 80),
                ),
                ended,
                detail: phrase::line(&detail),
                problems: self.problems,
                advisories: self.advisories,
                took_ms: 0,
            },
            tool: self.tool,
            produced: self.produced,
            target: self.target,
            stands_for,
        }
    }
}

/// Gives every finding its fingerprints. Alike ones in one file are numbered in the order of their lines, so that the
/// order in which the tool lists them does not matter.
fn identified(mut findings: Vec<(Finding, Mark)>, target: &Target, tool: &str) -> Vec<Finding> {
    findings.sort_by(|(a, _), (b, _)| {
        (a.locus.locations.first(), &a.rule, &a.title).cmp(&(
            b.locus.locations.first(),
            &b.rule,
            &b.title,
        ))
    });
    let subject = subject_key(target);
    let mut seen: HashMap<(Kind, String, String, String), usize> = HashMap::new();
    let mut sightings: HashMap<(Fingerprint, Option<Purl>), usize> = HashMap::new();
    findings
        .into_iter()
        .map(|(mut finding, mark)| {
            let path = finding
                .locus
                .locations
                .first()
                .map_or("", |location| location.path.as_str())
                .to_owned();
            let (kind, rule) = (finding.kind, finding.rule.clone());
            let weakly =
                |mark: &str| Some(fingerprint(kind, &subject, &rule, &["without path", mark]));
            match mark {
                Mark::Package(package) => {
                    finding.fingerprint = match (&finding.locus.component, kind) {
                        (Some(component), Kind::Vulnerability) => {
                            vulnerability_fingerprint(target, &rule, component)
                        }
                        (Some(component), _) => fingerprint(
                            kind,
                            &subject,
                            &rule,
                            &[&component.package().to_string(), target.kind.name()],
                        ),
                        (None, _) => fingerprint(
                            kind,
                            &subject,
                            &rule,
                            &["by name", &package, &path, target.kind.name()],
                        ),
                    };
                }
                Mark::Source(mark) => {
                    let count =
                        seen.entry((kind, rule.clone(), path.clone(), mark.clone())).or_default();
                    let number = count.to_string();
                    *count += 1;
                    finding.fingerprint =
                        fingerprint(kind, &subject, &rule, &[&path, &mark, &number]);
                    finding.weak_fingerprint = weakly(&mark);
                }
                Mark::Secret(mark) => {
                    finding.fingerprint = fingerprint(kind, &subject, &rule, &[&path, &mark]);
                    finding.weak_fingerprint = weakly(&mark);
                }
                Mark::Web => {
                    let url = finding.locus.url.as_deref().unwrap_or_default();
                    let origin = subject_key(&Target {
                        kind: TargetKind::Url,
                        name: url.to_owned(),
                        ..target.clone()
                    });
                    finding.fingerprint = fingerprint(
                        kind,
                        &origin,
                        &rule,
                        &[
                            finding.locus.method.as_deref().unwrap_or_default(),
                            &redaction::route(url),
                            finding.locus.parameter.as_deref().unwrap_or_default(),
                        ],
                    );
                }
            }
            tool.clone_into(&mut finding.scanner);
            finding.seen_by = vec![tool.to_owned()];
            if finding.title.is_empty() {
                finding.title = rule;
            }
            finding.cwe.sort_unstable();
            finding.cwe.dedup();
            let key = (finding.fingerprint.clone(), finding.locus.component.clone());
            let count = sightings.entry(key).or_default();
            *count += 1;
            if *count > MAX_SIGHTINGS {
                finding.locus.locations = Vec::new();
                finding.references = Vec::new();
            }
            finding
        })
        .collect()
}

/// An advisory's id in its canonical spelling; `None` for what cannot be one.
fn advisory_id(text: &str) -> Option<String> {
    let text = text.trim();
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '+');
    if text.is_empty() || text.len() > 128 || !text.chars().all(plain) {
        return None;
    }
    let upper = text.to_ascii_uppercase();
    Some(if upper.starts_with("CVE-") {
        upper
    } else if upper.starts_with("GHSA-") {
        format!("GHSA-{}", text.get(5..).unwrap_or_default().to_ascii_lowercase())
    } else {
        text.to_owned()
    })
}
