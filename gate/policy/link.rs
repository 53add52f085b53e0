//! Joins the files of a policy into one: later definitions replace earlier ones by name, then every name must exist.

use std::collections::BTreeMap;

use secgate_model::Kind;

use crate::{
    Diagnostic,
    condition::{Mask, kind_bit},
    diagnostic::{Place, Sink},
    policy::{EvidenceRules, Policy, Requirement, Rule, SCANNERS, Stage, StageScanner, scanner_of},
    read_policy::{Draft, StageDraft},
};

/// The files in order of loading, the root file last.
pub(crate) fn link(
    files: Vec<(String, Draft)>,
    digest: String,
    found: &mut Vec<Diagnostic>,
) -> Option<Policy> {
    let before = found.len();
    let mut evidence = EvidenceRules::default();
    let (mut name, mut owner) = (None, None);
    let mut tools: Vec<String> = Vec::new();
    let mut teams = BTreeMap::new();
    let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
    let mut drafts: Vec<(String, StageDraft)> = Vec::new();
    let mut refs: Vec<(String, String, Place)> = Vec::new();
    let mut names = Vec::new();
    for (file, draft) in files {
        name = draft.name.or(name);
        owner = draft.owner.or(owner);
        evidence.advisories = draft.evidence.advisories.unwrap_or(evidence.advisories);
        evidence.starter = draft.evidence.starter.unwrap_or(evidence.starter);
        evidence.unsigned = draft.evidence.unsigned.unwrap_or(evidence.unsigned);
        evidence.undated_tools = draft.evidence.undated_tools.unwrap_or(evidence.undated_tools);
        evidence.epss = draft.evidence.epss.or(evidence.epss);
        evidence.kev = draft.evidence.kev.or(evidence.kev);
        evidence.at_source = draft.evidence.at_source.or(evidence.at_source);
        evidence.scanners.extend(draft.evidence.scanners);
        tools.extend(draft.tools);
        teams.extend(draft.teams);
        rules.extend(draft.rules.into_iter().map(|rule| (rule.name.clone(), rule)));
        for stage in draft.stages {
            if let Some(slot) = drafts.iter_mut().find(|(_, other)| other.name == stage.name) {
                *slot = (file.clone(), stage);
            } else {
                drafts.push((file.clone(), stage));
            }
        }
        refs.extend(draft.scanner_refs.into_iter().map(|(text, at)| (file.clone(), text, at)));
        names.push(file);
    }
    tools.sort();
    tools.dedup();
    let known = || SCANNERS.iter().map(|(name, _)| *name).chain(tools.iter().map(String::as_str));
    for (file, text, at) in &refs {
        if !known().any(|name| name == text) {
            Sink { file, found }.unknown(
                *at,
                "scanner",
                text,
                known().collect::<Vec<_>>().into_iter(),
            );
        }
    }
    let stage_names: Vec<String> = drafts.iter().map(|(_, draft)| draft.name.clone()).collect();
    let mut stages = Vec::new();
    for (file, draft) in drafts {
        let mut sink = Sink { file: &file, found };
        stages.extend(stage(draft, &rules, &tools, &evidence, &stage_names, &mut sink));
    }
    for rule in rules.values() {
        if let crate::policy::Check::Evidence(requirement) = &rule.check {
            let mut sink = Sink { file: &rule.origin.file, found };
            verdicts_exist(
                requirement,
                &stage_names,
                Place { line: rule.origin.line, column: 1 },
                &mut sink,
            );
        }
    }
    if stages.is_empty() && found.len() == before {
        let file = names.last().map(String::as_str).unwrap_or_default();
        Sink { file, found }.error(Place { line: 1, column: 1 }, "the policy defines no stage");
    }
    if found.len() != before {
        return None;
    }
    Some(Policy { name: name?, owner, evidence, tools, teams, stages, rules, files: names, digest })
}

fn verdicts_exist(requirement: &Requirement, stages: &[String], at: Place, sink: &mut Sink<'_>) {
    if let Requirement::Verdicts { stages: wanted, .. } = requirement {
        for name in wanted {
            if !stages.contains(name) {
                sink.unknown(at, "stage", name, stages.iter().map(String::as_str));
            }
        }
    }
}

fn stage(
    draft: StageDraft,
    rules: &BTreeMap<String, Rule>,
    tools: &[String],
    evidence: &EvidenceRules,
    stages: &[String],
    sink: &mut Sink<'_>,
) -> Option<Stage> {
    let before = sink.found.len();
    for (name, at) in &draft.uses {
        if !rules.contains_key(name) {
            sink.unknown(*at, "rule", name, rules.keys().map(String::as_str));
        }
    }
    let known: Vec<&str> =
        SCANNERS.iter().map(|(name, _)| *name).chain(tools.iter().map(String::as_str)).collect();
    for (name, at) in draft.scanners.iter().flatten().chain(&draft.optional) {
        if !known.contains(&name.as_str()) {
            sink.unknown(*at, "scanner", name, known.iter().copied());
        }
    }
    if let Some(requirement) = &draft.require {
        verdicts_exist(requirement, stages, draft.at, sink);
        if let Requirement::Verdicts { stages: wanted, .. } = requirement
            && wanted.contains(&draft.name)
        {
            sink.error(draft.at, format!("the stage `{}` requires its own verdict", draft.name));
        }
    }
    let every: Mask = Kind::ALL.into_iter().map(kind_bit).sum();
    let mut scanners: Vec<String> = Vec::new();
    match &draft.scanners {
        Some(list) => scanners.extend(list.iter().map(|(name, _)| name.clone())),
        None => {
            for (name, at) in &draft.uses {
                let Some(kinds) = rules.get(name).map(Rule::kinds) else { continue };
                if kinds == every {
                    sink.error_hint(
                        *at,
                        format!("the rule `{name}` looks at every kind of finding, so it does not tell which scanners the stage runs"),
                        "give the stage `scanners`, or the rule `kind`",
                    );
                    continue;
                }
                let derived = Kind::ALL
                    .into_iter()
                    .filter(|kind| kinds & kind_bit(*kind) != 0)
                    .map(scanner_of);
                for scanner in derived {
                    if !scanners.iter().any(|other| other == scanner) {
                        scanners.push(scanner.to_owned());
                    }
                }
            }
        }
    }
    // A rule without a scanner that looks for its kind of finding would always pass.
    for (name, at) in &draft.uses {
        let Some(kinds) = rules.get(name).map(Rule::kinds).filter(|kinds| *kinds != every) else {
            continue;
        };
        for kind in Kind::ALL.into_iter().filter(|kind| kinds & kind_bit(*kind) != 0) {
            let looks = |scanner: &String| {
                tools.contains(scanner)
                    || SCANNERS
                        .iter()
                        .any(|(other, finds)| other == scanner && finds.contains(&kind))
            };
            if !scanners.iter().any(looks) {
                let hint = format!("add `{}` to `scanners`", scanner_of(kind));
                sink.error_hint(
                    *at,
                    format!("no scanner of the stage `{}` looks for {kind} findings, which the rule `{name}` is about", draft.name),
                    hint,
                );
            }
        }
    }
    for (name, at) in &draft.optional {
        if known.contains(&name.as_str()) && !scanners.contains(name) {
            sink.unknown(*at, "scanner of this stage", name, scanners.iter().map(String::as_str));
        }
    }
    if scanners.is_empty() && draft.require.is_none() && sink.found.len() == before {
        let asks =
            draft.uses.iter().filter_map(|(name, _)| rules.get(name)).all(|rule| rule.kinds() == 0);
        if !asks {
            sink.error(draft.at, format!("the stage `{}` runs no scanner", draft.name));
        }
    }
    let scanners = scanners
        .into_iter()
        .map(|name| StageScanner {
            required: !draft.optional.iter().any(|(other, _)| *other == name)
                && evidence.scanners.get(&name).copied().unwrap_or(true),
            name,
        })
        .collect();
    (sink.found.len() == before).then_some(Stage {
        name: draft.name,
        origin: draft.origin,
        uses: draft.uses.into_iter().map(|(name, _)| name).collect(),
        against: draft.against,
        scanners,
        require: draft.require,
    })
}
