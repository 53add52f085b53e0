//! Our nouns to the report document.

use secgate_formats::report as wire;
use secgate_model as model;

use crate::{
    Run,
    view::{Item, View},
};

/// The report document of a run: findings worst first, everything else in the order of the model, so that the same run
/// always gives the same document.
pub fn document(run: &Run<'_>) -> wire::ReportDocument {
    of(&View::new(run))
}

pub(crate) fn of(view: &View<'_>) -> wire::ReportDocument {
    let run = view.run;
    let ran = |outcome: &&model::Outcome| outcome.ended != model::Ended::Skipped;
    wire::ReportDocument {
        schema: wire::SCHEMA.to_owned(),
        tool: wire::Tool { name: "secgate".to_owned(), version: run.tool_version.to_owned() },
        target: wire::Target {
            kind: match run.target.kind {
                model::TargetKind::Path => wire::TargetKind::Path,
                model::TargetKind::Image => wire::TargetKind::Image,
                model::TargetKind::Url => wire::TargetKind::Url,
            },
            name: run.target.name.clone(),
            digest: run.target.digest.as_ref().map(ToString::to_string),
            revision: run.target.revision.clone(),
        },
        started: run.started.to_string(),
        finished: run.finished.to_string(),
        evidence: run.outcomes.iter().filter(ran).map(evidence).collect(),
        skipped: run.outcomes.iter().filter(|outcome| !ran(outcome)).map(skipped).collect(),
        components: run
            .inventory
            .map(|inventory| inventory.packages.iter().map(component).collect())
            .unwrap_or_default(),
        unknowns: run
            .inventory
            .map(|inventory| inventory.unknowns.iter().map(unknown).collect())
            .unwrap_or_default(),
        files: run.inventory.map(|inventory| inventory.files.clone()).unwrap_or_default(),
        layers: run
            .inventory
            .map(|inventory| inventory.layers.iter().map(layer).collect())
            .unwrap_or_default(),
        distribution: run.inventory.and_then(|inventory| inventory.distribution.clone()),
        findings: view.items.iter().map(finding).collect(),
        gate: run.gate,
        verdict: view.worst_verdict().map(verdict),
        verdicts: run.verdicts.iter().map(verdict).collect(),
    }
}

fn evidence(outcome: &model::Outcome) -> wire::Evidence {
    wire::Evidence {
        scanner: outcome.scanner.clone(),
        version: Some(outcome.version.clone()),
        status: match outcome.ended {
            model::Ended::Complete => wire::Status::Complete,
            model::Ended::Partial => wire::Status::Partial,
            // What was skipped does not come here; were it to, it must not look like work done.
            model::Ended::Skipped | model::Ended::Failed => wire::Status::Failed,
        },
        detail: outcome.detail.clone(),
        advisories: outcome.advisories.as_ref().map(|data| wire::Advisories {
            revision: data.revision.clone(),
            published: data.published.map(|time| time.to_string()),
            count: data.count,
            starter: data.starter,
            epss: data.epss.map(|time| time.to_string()),
            kev: data.kev.map(|time| time.to_string()),
            at_source: wire::SourceDates {
                advisories: data.at_source.advisories.map(|time| time.to_string()),
                epss: data.at_source.epss.map(|time| time.to_string()),
                kev: data.at_source.kev.map(|time| time.to_string()),
            },
        }),
        problems: outcome.problems.iter().map(problem).collect(),
        took_ms: Some(outcome.took_ms),
    }
}

fn skipped(outcome: &model::Outcome) -> wire::Skipped {
    wire::Skipped {
        scanner: outcome.scanner.clone(),
        version: Some(outcome.version.clone()),
        detail: outcome.detail.clone(),
        problems: outcome.problems.iter().map(problem).collect(),
        took_ms: Some(outcome.took_ms),
    }
}

fn problem(problem: &model::Problem) -> wire::Problem {
    let location = problem.location.as_ref();
    wire::Problem {
        path: location.map(|location| location.path.clone()),
        line: location.and_then(|location| location.line),
        column: location.and_then(|location| location.column),
        end_line: location.and_then(|location| location.end_line),
        layer: location.and_then(|location| location.layer.as_ref().map(ToString::to_string)),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        gap: problem.gap,
    }
}

fn place(location: &model::Location) -> wire::Place {
    wire::Place {
        path: location.path.clone(),
        line: location.line,
        column: location.column,
        end_line: location.end_line,
        layer: location.layer.as_ref().map(ToString::to_string),
    }
}

fn scope(scope: model::Scope) -> Option<wire::Scope> {
    match scope {
        model::Scope::Runtime => Some(wire::Scope::Runtime),
        model::Scope::Optional => Some(wire::Scope::Optional),
        model::Scope::Dev => Some(wire::Scope::Dev),
        model::Scope::Unknown => None,
    }
}

fn component(package: &model::Package) -> wire::Component {
    wire::Component {
        purl: package.purl.to_string(),
        locations: package.locations.iter().map(place).collect(),
        direct: package.direct,
        scope: scope(package.scope),
        licenses: package.licenses.clone(),
        parents: package.parents.iter().map(ToString::to_string).collect(),
        source: package.source.as_ref().map(|(name, version)| wire::SourcePackage {
            name: name.clone(),
            version: version.clone(),
        }),
        owned_by: package.owned_by.as_ref().map(ToString::to_string),
        hashes: package.hashes.clone(),
        found_by: package.found_by.clone(),
    }
}

fn layer(layer: &model::Layer) -> wire::Layer {
    wire::Layer { diff_id: layer.diff_id.to_string(), step: layer.step.clone(), base: layer.base }
}

fn unknown(unknown: &model::Unknown) -> wire::Unknown {
    wire::Unknown {
        location: place(&unknown.location),
        kind: match unknown.kind {
            model::UnknownKind::Unreadable => wire::UnknownKind::Unreadable,
            model::UnknownKind::Unpinned => wire::UnknownKind::Unpinned,
            model::UnknownKind::Limit => wire::UnknownKind::Limit,
        },
        reason: unknown.reason.clone(),
    }
}

fn finding(item: &Item<'_>) -> wire::Finding {
    let finding = item.finding;
    let about = finding.vulnerability.as_ref();
    let locus = &finding.locus;
    let location = match &locus.url {
        Some(url) => Some(wire::Location::Web(wire::Web {
            url: url.clone(),
            method: locus.method.clone(),
            parameter: locus.parameter.clone(),
        })),
        None => locus.locations.first().map(|location| wire::Location::File(place(location))),
    };
    wire::Finding {
        fingerprint: finding.fingerprint.0.clone(),
        weak_fingerprint: finding
            .weak_fingerprint
            .as_ref()
            .map(|fingerprint| fingerprint.0.clone()),
        scanner: finding.scanner.clone(),
        seen_by: finding.seen_by.clone(),
        kind: Some(kind(finding.kind)),
        rule: finding.rule.clone(),
        aliases: finding.aliases.clone(),
        cwe: finding.cwe.clone(),
        title: finding.title.clone(),
        description: finding.description.clone(),
        severity: severity(finding.severity),
        confidence: Some(match finding.confidence {
            model::Confidence::Low => wire::Confidence::Low,
            model::Confidence::Medium => wire::Confidence::Medium,
            model::Confidence::High => wire::Confidence::High,
        }),
        cvss: about
            .map(|about| {
                about
                    .cvss
                    .iter()
                    .map(|cvss| wire::Cvss {
                        vector: cvss.vector.clone(),
                        score: finite(cvss.score),
                    })
                    .collect()
            })
            .unwrap_or_default(),
        epss: about.and_then(|about| finite(about.epss)),
        epss_percentile: about.and_then(|about| finite(about.epss_percentile)),
        kev: about.and_then(|about| about.kev),
        component: locus.component.as_ref().map(ToString::to_string),
        fixed_in: about.map(|about| about.fixed_in.clone()).unwrap_or_default(),
        fixed_here: about.and_then(|about| about.fixed_here.clone()),
        published: about.and_then(|about| about.published).map(|time| time.to_string()),
        informational: about.and_then(|about| about.informational.clone()),
        vendor_status: about.and_then(|about| about.status.clone()),
        scope: about.and_then(|about| scope(about.scope)),
        direct: about.and_then(|about| about.direct),
        path: about.map(|about| about.path.clone()).unwrap_or_default(),
        affects: about.map(|about| about.affects.clone()).unwrap_or_default(),
        location,
        locations: locus.locations.iter().map(place).collect(),
        evidence: finding.evidence.clone(),
        remediation: finding.remediation.clone(),
        references: finding.references.clone(),
        new: item.new,
        waiver: item.waived.map(waiver),
    }
}

/// JSON has no infinities; a figure that is none is unknown.
fn finite(figure: Option<f64>) -> Option<f64> {
    figure.filter(|figure| figure.is_finite())
}

fn kind(kind: model::Kind) -> wire::Kind {
    match kind {
        model::Kind::Vulnerability => wire::Kind::Vulnerability,
        model::Kind::Secret => wire::Kind::Secret,
        model::Kind::Code => wire::Kind::Code,
        model::Kind::Config => wire::Kind::Config,
        model::Kind::Web => wire::Kind::Web,
        model::Kind::Licence => wire::Kind::Licence,
        model::Kind::Signature => wire::Kind::Signature,
    }
}

fn severity(severity: Option<model::Severity>) -> wire::Severity {
    match severity {
        Some(model::Severity::Critical) => wire::Severity::Critical,
        Some(model::Severity::High) => wire::Severity::High,
        Some(model::Severity::Medium) => wire::Severity::Medium,
        Some(model::Severity::Low) => wire::Severity::Low,
        Some(model::Severity::Info) => wire::Severity::Info,
        None => wire::Severity::Unknown,
    }
}

fn waiver(waived: &model::WaivedFinding) -> wire::Waiver {
    wire::Waiver {
        id: waived.waiver.clone(),
        reason: waived.reason.clone(),
        owner: waived.owner.clone(),
        expires: waived.expires.map(|time| time.to_string()),
        status: waived.status.clone(),
        source: waived.source.clone(),
    }
}

fn outcome(decision: model::Decision) -> wire::Outcome {
    match decision {
        model::Decision::Pass => wire::Outcome::Pass,
        model::Decision::Fail => wire::Outcome::Fail,
        model::Decision::Error => wire::Outcome::Error,
    }
}

fn texts(fingerprints: &[model::Fingerprint]) -> Vec<String> {
    fingerprints.iter().map(|fingerprint| fingerprint.0.clone()).collect()
}

fn verdict(verdict: &model::Verdict) -> wire::Verdict {
    wire::Verdict {
        subject: Some(verdict.subject.clone()),
        stage: verdict.stage.clone(),
        outcome: outcome(verdict.decision),
        policy: verdict.policy_digest.clone(),
        inputs: Some(verdict.inputs_digest.clone()),
        evaluated_at: Some(verdict.evaluated_at.to_string()),
        reasons: verdict
            .reasons
            .iter()
            .map(|reason| wire::Reason {
                rule: reason.rule.clone(),
                title: reason.title.clone(),
                outcome: outcome(reason.outcome),
                warning: reason.warning,
                why: reason.why.clone(),
                help: reason.help.clone(),
                source: reason.source.clone(),
                findings: texts(&reason.findings),
                in_grace: reason
                    .in_grace
                    .iter()
                    .map(|(fingerprint, until)| wire::Grace {
                        fingerprint: fingerprint.0.clone(),
                        until: until.to_string(),
                    })
                    .collect(),
            })
            .collect(),
        waived: verdict
            .waived
            .iter()
            .map(|waived| wire::WaivedFinding {
                fingerprint: waived.fingerprint.0.clone(),
                waiver: waiver(waived),
            })
            .collect(),
        new: verdict.new.as_deref().map(texts),
        fixed: verdict.fixed.as_deref().map(texts),
        notices: verdict
            .notices
            .iter()
            .map(|notice| wire::Notice {
                waiver: notice.waiver.clone(),
                kind: match notice.kind {
                    model::WaiverNoticeKind::Unused => wire::NoticeKind::Unused,
                    model::WaiverNoticeKind::Expired => wire::NoticeKind::Expired,
                    model::WaiverNoticeKind::ExpiresSoon => wire::NoticeKind::ExpiresSoon,
                    model::WaiverNoticeKind::NotAllowed => wire::NoticeKind::NotAllowed,
                },
                message: notice.message.clone(),
                source: notice.source.clone(),
            })
            .collect(),
        plan: verdict.plan.as_ref().map(|plan| wire::Plan {
            changes: plan
                .changes
                .iter()
                .map(|change| wire::Change {
                    kind: match change.kind {
                        model::ChangeKind::Raise => wire::ChangeKind::Raise,
                        model::ChangeKind::Edit => wire::ChangeKind::Edit,
                        model::ChangeKind::Revoke => wire::ChangeKind::Revoke,
                        model::ChangeKind::Waive => wire::ChangeKind::Waive,
                    },
                    what: change.what.clone(),
                    component: change.component.clone(),
                    to: change.to.clone(),
                    at: change.at.clone(),
                    removes: texts(&change.removes),
                })
                .collect(),
            unfixable: texts(&plan.unfixable),
        }),
        turns: verdict
            .turns
            .iter()
            .map(|turn| wire::Turn { at: turn.at.to_string(), what: turn.what.clone() })
            .collect(),
    }
}
