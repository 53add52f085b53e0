//! What every format asks of a run: the findings in one order, and what the verdicts say of each.

use std::{cmp::Ordering, collections::HashMap};

use jiff::Timestamp;
use secgate_model::{
    Change, Decision, Ended, Finding, Fingerprint, Location, Package, Problem, Purl, Reason,
    Severity, Verdict, WaivedFinding,
};

use crate::{Run, text};

/// A run, looked up and in order.
pub(crate) struct View<'a> {
    pub(crate) run: &'a Run<'a>,
    /// The findings, worst first.
    pub(crate) items: Vec<Item<'a>>,
    /// The worst decision; `None` without a verdict.
    pub(crate) decision: Option<Decision>,
    by_fingerprint: HashMap<&'a str, usize>,
}

/// A finding and what the verdicts say of it.
pub(crate) struct Item<'a> {
    pub(crate) finding: &'a Finding,
    /// A rule that fails names it.
    pub(crate) blocks: bool,
    /// A rule that only warns names it.
    pub(crate) warns: bool,
    /// The baseline does not hold it; `None` without a baseline.
    pub(crate) new: Option<bool>,
    /// The waiver that covers it.
    pub(crate) waived: Option<&'a WaivedFinding>,
    /// When its grace period ends.
    pub(crate) grace: Option<Timestamp>,
}

#[derive(Default, Clone, Copy)]
struct Said<'a> {
    blocks: bool,
    warns: bool,
    new: Option<bool>,
    waived: Option<&'a WaivedFinding>,
    grace: Option<Timestamp>,
    /// A stage without a baseline blocks on it: no other stage's baseline can call it known.
    judged_without_baseline: bool,
}

/// The figures of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) findings: usize,
    pub(crate) blocking: usize,
    pub(crate) new: Option<usize>,
    pub(crate) new_blocking: Option<usize>,
    pub(crate) fixed: Option<usize>,
    pub(crate) waived: usize,
    pub(crate) warnings: usize,
    pub(crate) in_grace: usize,
    pub(crate) missing: usize,
}

impl<'a> View<'a> {
    pub(crate) fn new(run: &'a Run<'a>) -> Self {
        let mut said: HashMap<&str, Said<'a>> = HashMap::new();
        for verdict in run.verdicts {
            if let Some(new) = &verdict.new {
                for finding in run.findings {
                    said.entry(&finding.fingerprint.0).or_default().new.get_or_insert(false);
                }
                for fingerprint in new {
                    said.entry(&fingerprint.0).or_default().new = Some(true);
                }
            }
            for waived in &verdict.waived {
                said.entry(&waived.fingerprint.0).or_default().waived.get_or_insert(waived);
            }
            for reason in &verdict.reasons {
                for fingerprint in &reason.findings {
                    let entry = said.entry(&fingerprint.0).or_default();
                    entry.blocks |= reason.outcome != Decision::Pass;
                    entry.judged_without_baseline |=
                        reason.outcome != Decision::Pass && verdict.new.is_none();
                    entry.warns |= reason.outcome == Decision::Pass && reason.warning;
                }
                for (fingerprint, until) in &reason.in_grace {
                    let entry = said.entry(&fingerprint.0).or_default();
                    entry.grace = Some(entry.grace.map_or(*until, |other| other.min(*until)));
                }
            }
        }
        let mut items: Vec<Item<'a>> = run
            .findings
            .iter()
            .map(|finding| {
                let Said { blocks, warns, new, waived, grace, judged_without_baseline } =
                    said.get(finding.fingerprint.0.as_str()).copied().unwrap_or_default();
                let new = new.filter(|new| *new || !judged_without_baseline);
                Item { finding, blocks, warns, new, waived, grace }
            })
            .collect();
        items.sort_by(|a, b| worst_first(a.finding, b.finding));
        let mut by_fingerprint = HashMap::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            by_fingerprint.entry(item.finding.fingerprint.0.as_str()).or_insert(at);
        }
        let decision = run.verdicts.iter().map(|verdict| verdict.decision).max();
        Self { run, items, decision, by_fingerprint }
    }

    /// The first finding with this identity.
    pub(crate) fn item(&self, fingerprint: &Fingerprint) -> Option<&Item<'a>> {
        self.by_fingerprint.get(fingerprint.0.as_str()).and_then(|at| self.items.get(*at))
    }

    /// The findings that a rule names, worst first. An identity that no finding of the run has is left out here; callers
    /// count by the rule's own list.
    pub(crate) fn of(&self, fingerprints: &[Fingerprint]) -> Vec<&Item<'a>> {
        let mut at: Vec<usize> = fingerprints
            .iter()
            .filter_map(|fingerprint| self.by_fingerprint.get(fingerprint.0.as_str()).copied())
            .collect();
        at.sort_unstable();
        at.dedup();
        at.into_iter().filter_map(|at| self.items.get(at)).collect()
    }

    /// The best place in a file: the finding's own, else where its package was found.
    pub(crate) fn place(&self, finding: &'a Finding) -> Option<&'a Location> {
        finding
            .locus
            .locations
            .first()
            .or_else(|| self.package(finding).and_then(|package| package.locations.first()))
    }

    /// The package that a finding is about, as the inventory has it.
    pub(crate) fn package(&self, finding: &Finding) -> Option<&'a Package> {
        self.run.inventory?.find(finding.locus.component.as_ref()?)
    }

    /// `path:line`, or the address of a web finding; empty when nobody knows.
    pub(crate) fn place_text(&self, finding: &'a Finding) -> String {
        if let Some(url) = &finding.locus.url {
            let method = finding.locus.method.as_deref().unwrap_or("GET");
            return match &finding.locus.parameter {
                Some(parameter) => text::line(&format!("{method} {url} ({parameter})")),
                None => text::line(&format!("{method} {url}")),
            };
        }
        self.place(finding).map(location_text).unwrap_or_default()
    }

    /// What the finding is in, short: package and version, method and route, or its place in a file.
    pub(crate) fn subject(&self, finding: &'a Finding) -> String {
        match (&finding.locus.component, &finding.locus.url) {
            (Some(component), _) => component_text(component),
            (None, Some(url)) => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
                let route = path.split(['?', '#']).next().unwrap_or(path);
                let method = finding.locus.method.as_deref().unwrap_or("GET");
                let parameter = finding
                    .locus
                    .parameter
                    .as_deref()
                    .map(|name| format!(" ({name})"))
                    .unwrap_or_default();
                text::line(&format!("{method} {route}{parameter}"))
            }
            (None, None) => self.place_text(finding),
        }
    }

    /// The verdict that a face shows when it can show only one.
    pub(crate) fn worst_verdict(&self) -> Option<&'a Verdict> {
        let worst = self.decision?;
        self.run.verdicts.iter().find(|verdict| verdict.decision == worst)
    }

    /// The reasons with a decision, over all verdicts.
    pub(crate) fn reasons(
        &self,
        outcome: Decision,
    ) -> impl Iterator<Item = (&'a Verdict, &'a Reason)> {
        let verdicts = self.run.verdicts;
        verdicts
            .iter()
            .flat_map(|verdict| verdict.reasons.iter().map(move |reason| (verdict, reason)))
            .filter(move |(_, reason)| reason.outcome == outcome)
    }

    pub(crate) fn figures(&self) -> Figures {
        let run = self.run;
        let count =
            |test: fn(&Item<'a>) -> bool| self.items.iter().filter(|item| test(item)).count();
        let baseline = run.verdicts.iter().any(|verdict| verdict.new.is_some());
        // A rule may name an identity that the findings do not hold; it counts all the same.
        let mut strangers: Vec<&str> = run
            .verdicts
            .iter()
            .flat_map(|verdict| &verdict.reasons)
            .filter(|reason| reason.outcome != Decision::Pass)
            .flat_map(|reason| &reason.findings)
            .map(|fingerprint| fingerprint.0.as_str())
            .filter(|fingerprint| !self.by_fingerprint.contains_key(fingerprint))
            .collect();
        strangers.sort_unstable();
        strangers.dedup();
        let mut fixed: Vec<&Fingerprint> =
            run.verdicts.iter().filter_map(|verdict| verdict.fixed.as_ref()).flatten().collect();
        fixed.sort();
        fixed.dedup();
        Figures {
            findings: self.items.len(),
            blocking: count(|item| item.blocks) + strangers.len(),
            new: baseline.then(|| count(|item| item.new == Some(true))),
            new_blocking: baseline.then(|| count(|item| item.blocks && item.new == Some(true))),
            fixed: baseline.then_some(fixed.len()),
            waived: count(|item| item.waived.is_some()),
            warnings: count(|item| item.warns && !item.blocks),
            in_grace: count(|item| item.grace.is_some() && !item.blocks),
            missing: self.reasons(Decision::Error).count(),
        }
    }

    /// What passes and is worth a look all the same, without being about single findings: evidence that is old at its
    /// source, findings that no rule looks at. Stages that say the same say it once.
    pub(crate) fn remarks(&self) -> Vec<&'a Reason> {
        let mut out: Vec<&'a Reason> = Vec::new();
        for reason in self.run.verdicts.iter().flat_map(|verdict| &verdict.reasons) {
            let is_remark = reason.outcome == Decision::Pass
                && reason.warning
                && reason.findings.is_empty()
                && reason.in_grace.is_empty();
            let is_said = out.iter().any(|said| said.rule == reason.rule && said.why == reason.why);
            if is_remark && !is_said {
                out.push(reason);
            }
        }
        out
    }

    /// Every gap that a scanner left, with the scanner's name; a scanner that failed without naming one counts too.
    pub(crate) fn gaps(&self) -> Vec<(&'a str, Ended, Option<&'a Problem>)> {
        let mut out = Vec::new();
        for outcome in self.run.outcomes {
            let before = out.len();
            out.extend(
                outcome
                    .problems
                    .iter()
                    .filter(|problem| problem.gap)
                    .map(|problem| (outcome.scanner.as_str(), outcome.ended, Some(problem))),
            );
            if out.len() == before && matches!(outcome.ended, Ended::Partial | Ended::Failed) {
                out.push((&outcome.scanner, outcome.ended, None));
            }
        }
        out
    }

    /// The findings of `reason` by the change that removes them, in the order of the plan; last those without one.
    pub(crate) fn by_change(
        &self,
        verdict: &'a Verdict,
        reason: &'a Reason,
    ) -> Vec<(Option<&'a Change>, Vec<&Item<'a>>)> {
        let mut change_of: HashMap<&str, usize> = HashMap::new();
        let changes = verdict.plan.as_ref().map(|plan| plan.changes.as_slice()).unwrap_or_default();
        for (at, change) in changes.iter().enumerate() {
            for fingerprint in &change.removes {
                change_of.entry(&fingerprint.0).or_insert(at);
            }
        }
        let mut groups: Vec<Vec<&Item<'a>>> = changes.iter().map(|_| Vec::new()).collect();
        let mut rest = Vec::new();
        for item in self.of(&reason.findings) {
            match change_of
                .get(item.finding.fingerprint.0.as_str())
                .and_then(|at| groups.get_mut(*at))
            {
                Some(group) => group.push(item),
                None => rest.push(item),
            }
        }
        let mut out: Vec<_> = changes
            .iter()
            .zip(groups)
            .filter(|(_, group)| !group.is_empty())
            .map(|(change, group)| (Some(change), group))
            .collect();
        if !rest.is_empty() {
            out.push((None, rest));
        }
        out
    }
}

/// `name version`, or the name alone.
pub(crate) fn component_text(purl: &Purl) -> String {
    let name = purl.full_name(if purl.kind() == "maven" { ":" } else { "/" });
    text::line(&purl.version().map_or_else(|| name.clone(), |version| format!("{name} {version}")))
}

/// `path:line`.
pub(crate) fn location_text(location: &Location) -> String {
    let path = text::line(&location.path);
    location.line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"))
}

/// The severity's name, `unknown` when nobody said.
pub(crate) fn severity_name(severity: Option<Severity>) -> &'static str {
    severity.map_or("unknown", Severity::name)
}

/// `2 critical, 5 high`.
pub(crate) fn by_severity<'i, 'a: 'i>(items: impl Iterator<Item = &'i Item<'a>>) -> String {
    let mut counts = [0_usize; 6];
    for item in items {
        if let Some(slot) = counts.get_mut(usize::from(severity_rank(item.finding.severity))) {
            *slot += 1;
        }
    }
    let names = ["critical", "high", "medium", "unknown", "low", "info"];
    let parts: Vec<String> = counts
        .iter()
        .zip(names)
        .filter(|(number, _)| **number > 0)
        .map(|(number, name)| format!("{} {name}", text::thousands(*number)))
        .collect();
    parts.join(", ")
}

/// What nobody rated may be bad: it stands before what is known to be harmless.
pub(crate) fn severity_rank(severity: Option<Severity>) -> u8 {
    match severity {
        Some(Severity::Critical) => 0,
        Some(Severity::High) => 1,
        Some(Severity::Medium) => 2,
        None => 3,
        Some(Severity::Low) => 4,
        Some(Severity::Info) => 5,
    }
}

fn worst_first(a: &Finding, b: &Finding) -> Ordering {
    let exploited = |finding: &Finding| {
        finding.vulnerability.as_ref().and_then(|vulnerability| vulnerability.kev) == Some(true)
    };
    severity_rank(a.severity)
        .cmp(&severity_rank(b.severity))
        .then_with(|| exploited(b).cmp(&exploited(a)))
        .then_with(|| a.kind.cmp(&b.kind))
        .then_with(|| a.rule.cmp(&b.rule))
        .then_with(|| a.locus.component.cmp(&b.locus.component))
        .then_with(|| a.locus.locations.cmp(&b.locus.locations))
        .then_with(|| a.locus.url.cmp(&b.locus.url))
        .then_with(|| a.locus.method.cmp(&b.locus.method))
        .then_with(|| a.locus.parameter.cmp(&b.locus.parameter))
        .then_with(|| a.fingerprint.cmp(&b.fingerprint))
        .then_with(|| a.title.cmp(&b.title))
}
