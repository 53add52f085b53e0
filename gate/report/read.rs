//! The report document back to our nouns, for whoever gathers the reports of several runs.
//!
//! A document comes from anybody. What it says is taken as it is, but a figure outside its range, a purl, a digest or a
//! time that is none is an error that names the place: a finding that is read half could slip through a policy.

use jiff::Timestamp;
use secgate_formats::report as wire;
use secgate_model as model;

use crate::Run;

/// What in a document does not mean anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ReadError {
    place: String,
    problem: String,
}

type Result<T> = std::result::Result<T, ReadError>;

fn error(place: &str, problem: &impl ToString) -> ReadError {
    ReadError { place: place.to_owned(), problem: crate::text::line(&problem.to_string()) }
}

fn time(place: &str, text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| {
        error(place, &format!("`{}` is not a time of RFC 3339", crate::text::clip(text, 40)))
    })
}

fn optional_time(place: &str, text: Option<&String>) -> Result<Option<Timestamp>> {
    text.map(|text| time(place, text)).transpose()
}

fn digest(place: &str, text: Option<&String>) -> Result<Option<model::Digest>> {
    text.map(|text| text.parse().map_err(|problem| error(place, &problem))).transpose()
}

fn between(place: &str, name: &str, figure: Option<f64>, most: f64) -> Result<Option<f64>> {
    match figure {
        Some(figure) if !(0.0..=most).contains(&figure) => {
            Err(error(place, &format!("`{name}` is {figure}, outside 0 to {most}")))
        }
        figure => Ok(figure),
    }
}

/// A whole document as our nouns.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The version of secgate that wrote it.
    pub tool_version: String,
    /// What was looked at.
    pub target: model::Target,
    /// When the scan began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// What each scanner left behind.
    pub outcomes: Vec<model::Outcome>,
    /// The packages.
    pub inventory: model::Inventory,
    /// The findings.
    pub findings: Vec<model::Finding>,
    /// The verdicts.
    pub verdicts: Vec<model::Verdict>,
    /// Whether the verdicts decided the exit code.
    pub gate: bool,
}

impl Report {
    /// The run that the document tells of, to be rendered again.
    pub fn run(&self) -> Run<'_> {
        Run {
            tool_version: &self.tool_version,
            target: &self.target,
            started: self.started,
            finished: self.finished,
            outcomes: &self.outcomes,
            inventory: Some(&self.inventory),
            findings: &self.findings,
            verdicts: &self.verdicts,
            gate: self.gate,
        }
    }
}

/// Everything that the document says.
pub fn report(document: &wire::ReportDocument) -> Result<Report> {
    let (started, finished) = times(document)?;
    Ok(Report {
        tool_version: document.tool.version.clone(),
        target: target(document)?,
        started,
        finished,
        outcomes: outcomes(document)?,
        inventory: inventory(document)?,
        findings: findings(document)?,
        verdicts: verdicts(document)?,
        gate: document.gate,
    })
}

/// What was looked at.
pub fn target(document: &wire::ReportDocument) -> Result<model::Target> {
    Ok(model::Target {
        kind: match document.target.kind {
            wire::TargetKind::Path => model::TargetKind::Path,
            wire::TargetKind::Image => model::TargetKind::Image,
            wire::TargetKind::Url => model::TargetKind::Url,
        },
        name: document.target.name.clone(),
        digest: digest("target.digest", document.target.digest.as_ref())?,
        revision: document.target.revision.clone(),
    })
}

/// When the scan began and ended.
pub fn times(document: &wire::ReportDocument) -> Result<(Timestamp, Timestamp)> {
    Ok((time("started", &document.started)?, time("finished", &document.finished)?))
}

/// What each scanner left behind: those that ran, then those that did not look.
pub fn outcomes(document: &wire::ReportDocument) -> Result<Vec<model::Outcome>> {
    let mut out = Vec::with_capacity(document.evidence.len() + document.skipped.len());
    for (at, evidence) in document.evidence.iter().enumerate() {
        let place = format!("evidence {at} ({})", crate::text::clip(&evidence.scanner, 40));
        out.push(model::Outcome {
            scanner: evidence.scanner.clone(),
            version: evidence.version.clone().unwrap_or_default(),
            ended: match evidence.status {
                wire::Status::Complete => model::Ended::Complete,
                wire::Status::Partial => model::Ended::Partial,
                wire::Status::Failed => model::Ended::Failed,
            },
            detail: evidence.detail.clone(),
            problems: problems(&place, &evidence.problems)?,
            advisories: evidence
                .advisories
                .as_ref()
                .map(|data| {
                    Ok(model::AdvisoryData {
                        revision: data.revision.clone(),
                        published: optional_time(&place, data.published.as_ref())?,
                        count: data.count,
                        starter: data.starter,
                        epss: optional_time(&place, data.epss.as_ref())?,
                        kev: optional_time(&place, data.kev.as_ref())?,
                        at_source: model::SourceDates {
                            advisories: optional_time(&place, data.at_source.advisories.as_ref())?,
                            epss: optional_time(&place, data.at_source.epss.as_ref())?,
                            kev: optional_time(&place, data.at_source.kev.as_ref())?,
                        },
                    })
                })
                .transpose()?,
            took_ms: evidence.took_ms.unwrap_or_default(),
        });
    }
    for (at, skipped) in document.skipped.iter().enumerate() {
        out.push(model::Outcome {
            scanner: skipped.scanner.clone(),
            version: skipped.version.clone().unwrap_or_default(),
            ended: model::Ended::Skipped,
            detail: skipped.detail.clone(),
            problems: problems(&format!("skipped {at}"), &skipped.problems)?,
            advisories: None,
            took_ms: skipped.took_ms.unwrap_or_default(),
        });
    }
    Ok(out)
}

fn problems(place: &str, problems: &[wire::Problem]) -> Result<Vec<model::Problem>> {
    problems
        .iter()
        .map(|problem| {
            let location = problem
                .path
                .as_ref()
                .map(|path| {
                    Ok(model::Location {
                        path: path.clone(),
                        line: problem.line,
                        column: problem.column,
                        end_line: problem.end_line,
                        layer: digest(place, problem.layer.as_ref())?,
                    })
                })
                .transpose()?;
            Ok(model::Problem {
                location,
                message: problem.message.clone(),
                hint: problem.hint.clone(),
                gap: problem.gap,
            })
        })
        .collect()
}

/// The packages and what could not be counted among them.
pub fn inventory(document: &wire::ReportDocument) -> Result<model::Inventory> {
    let packages = document
        .components
        .iter()
        .enumerate()
        .map(|(at, component)| {
            let place = format!("component {at}");
            Ok(model::Package {
                purl: component.purl.parse().map_err(|problem| error(&place, &problem))?,
                scope: scope(component.scope),
                direct: component.direct,
                licenses: component.licenses.clone(),
                locations: locations(&place, &component.locations)?,
                parents: component
                    .parents
                    .iter()
                    .map(|parent| parent.parse().map_err(|problem| error(&place, &problem)))
                    .collect::<Result<_>>()?,
                source: component
                    .source
                    .as_ref()
                    .map(|source| (source.name.clone(), source.version.clone())),
                owned_by: component
                    .owned_by
                    .as_ref()
                    .map(|owner| owner.parse().map_err(|problem| error(&place, &problem)))
                    .transpose()?,
                hashes: component.hashes.clone(),
                found_by: component.found_by.clone(),
            })
        })
        .collect::<Result<_>>()?;
    let unknowns = document
        .unknowns
        .iter()
        .enumerate()
        .map(|(at, unknown)| {
            Ok(model::Unknown {
                location: location(&format!("unknown {at}"), &unknown.location)?,
                kind: match unknown.kind {
                    wire::UnknownKind::Unreadable => model::UnknownKind::Unreadable,
                    wire::UnknownKind::Unpinned => model::UnknownKind::Unpinned,
                    wire::UnknownKind::Limit => model::UnknownKind::Limit,
                },
                reason: unknown.reason.clone(),
            })
        })
        .collect::<Result<_>>()?;
    let layers = document
        .layers
        .iter()
        .enumerate()
        .map(|(at, layer)| {
            let problem = |problem| error(&format!("layer {at}"), &problem);
            Ok(model::Layer {
                diff_id: layer.diff_id.parse().map_err(problem)?,
                step: layer.step.clone(),
                base: layer.base,
            })
        })
        .collect::<Result<_>>()?;
    let (files, distribution) = (document.files.clone(), document.distribution.clone());
    Ok(model::Inventory { packages, unknowns, files, distribution, layers }.normalised())
}

fn location(at: &str, place: &wire::Place) -> Result<model::Location> {
    Ok(model::Location {
        path: place.path.clone(),
        line: place.line,
        column: place.column,
        end_line: place.end_line,
        layer: digest(at, place.layer.as_ref())?,
    })
}

fn locations(at: &str, places: &[wire::Place]) -> Result<Vec<model::Location>> {
    places.iter().map(|place| location(at, place)).collect()
}

fn scope(scope: Option<wire::Scope>) -> model::Scope {
    match scope {
        Some(wire::Scope::Runtime) => model::Scope::Runtime,
        Some(wire::Scope::Optional) => model::Scope::Optional,
        Some(wire::Scope::Dev) => model::Scope::Dev,
        None => model::Scope::Unknown,
    }
}

/// The findings, in the document's order.
pub fn findings(document: &wire::ReportDocument) -> Result<Vec<model::Finding>> {
    document.findings.iter().enumerate().map(|(at, finding)| read_finding(at, finding)).collect()
}

fn read_finding(at: usize, finding: &wire::Finding) -> Result<model::Finding> {
    let place =
        format!("finding {at} ({})", crate::text::clip(&crate::text::line(&finding.rule), 40));
    if finding.fingerprint.is_empty() {
        return Err(error(&place, &"the fingerprint is empty"));
    }
    let kind = finding.kind.map_or_else(|| kind_by_scanner(finding), kind);
    let mut locus = model::Locus {
        component: finding
            .component
            .as_ref()
            .map(|purl| purl.parse().map_err(|problem| error(&place, &problem)))
            .transpose()?,
        locations: locations(&place, &finding.locations)?,
        ..model::Locus::default()
    };
    match &finding.location {
        Some(wire::Location::Web(web)) => {
            locus.url = Some(web.url.clone());
            locus.method.clone_from(&web.method);
            locus.parameter.clone_from(&web.parameter);
        }
        Some(wire::Location::File(best)) if locus.locations.is_empty() => {
            locus.locations.push(location(&place, best)?);
        }
        Some(wire::Location::File(_)) | None => {}
    }
    let vulnerability = (kind == model::Kind::Vulnerability)
        .then(|| {
            Ok(model::Vulnerability {
                cvss: finding
                    .cvss
                    .iter()
                    .map(|cvss| {
                        Ok(model::Cvss {
                            vector: cvss.vector.clone(),
                            score: between(&place, "cvss.score", cvss.score, 10.0)?,
                        })
                    })
                    .collect::<Result<_>>()?,
                epss: between(&place, "epss", finding.epss, 1.0)?,
                epss_percentile: between(&place, "epss_percentile", finding.epss_percentile, 1.0)?,
                kev: finding.kev,
                fixed_in: finding.fixed_in.clone(),
                fixed_here: finding.fixed_here.clone(),
                published: optional_time(&place, finding.published.as_ref())?,
                informational: finding.informational.clone(),
                status: finding.vendor_status.clone(),
                scope: scope(finding.scope),
                direct: finding.direct,
                path: finding.path.clone(),
                affects: finding.affects.clone(),
            })
        })
        .transpose()?;
    Ok(model::Finding {
        fingerprint: model::Fingerprint(finding.fingerprint.clone()),
        weak_fingerprint: finding.weak_fingerprint.clone().map(model::Fingerprint),
        scanner: finding.scanner.clone(),
        seen_by: if finding.seen_by.is_empty() {
            vec![finding.scanner.clone()]
        } else {
            finding.seen_by.clone()
        },
        kind,
        rule: finding.rule.clone(),
        aliases: finding.aliases.clone(),
        cwe: finding.cwe.clone(),
        title: finding.title.clone(),
        description: finding.description.clone(),
        severity: severity(finding.severity),
        // A document that does not say leaves no room for doubt: a rule on sure findings must see it.
        confidence: match finding.confidence {
            Some(wire::Confidence::Low) => model::Confidence::Low,
            Some(wire::Confidence::Medium) => model::Confidence::Medium,
            Some(wire::Confidence::High) | None => model::Confidence::High,
        },
        locus,
        vulnerability,
        evidence: finding.evidence.clone(),
        remediation: finding.remediation.clone(),
        references: finding.references.clone(),
    })
}

fn kind(kind: wire::Kind) -> model::Kind {
    match kind {
        wire::Kind::Vulnerability => model::Kind::Vulnerability,
        wire::Kind::Secret => model::Kind::Secret,
        wire::Kind::Code => model::Kind::Code,
        wire::Kind::Config => model::Kind::Config,
        wire::Kind::Web => model::Kind::Web,
        wire::Kind::Licence => model::Kind::Licence,
        wire::Kind::Signature => model::Kind::Signature,
    }
}

fn kind_by_scanner(finding: &wire::Finding) -> model::Kind {
    match finding.scanner.as_str() {
        "secrets" => model::Kind::Secret,
        "code" => model::Kind::Code,
        "config" => model::Kind::Config,
        "dast" => model::Kind::Web,
        "sign" => model::Kind::Signature,
        _ if finding.component.is_some() => model::Kind::Vulnerability,
        _ => model::Kind::Config,
    }
}

fn severity(severity: wire::Severity) -> Option<model::Severity> {
    match severity {
        wire::Severity::Critical => Some(model::Severity::Critical),
        wire::Severity::High => Some(model::Severity::High),
        wire::Severity::Medium => Some(model::Severity::Medium),
        wire::Severity::Low => Some(model::Severity::Low),
        wire::Severity::Info => Some(model::Severity::Info),
        wire::Severity::Unknown => None,
    }
}

/// The verdicts of every stage. A document that names only one has that one.
pub fn verdicts(document: &wire::ReportDocument) -> Result<Vec<model::Verdict>> {
    let all = if document.verdicts.is_empty() {
        document.verdict.as_slice()
    } else {
        document.verdicts.as_slice()
    };
    let worst = all.iter().map(|verdict| decision(verdict.outcome)).max();
    if worst != document.verdict.as_ref().map(|verdict| decision(verdict.outcome)) {
        return Err(error("verdict", &"it is not the worst of `verdicts`"));
    }
    all.iter().map(|verdict| read_verdict(document, verdict)).collect()
}

fn decision(outcome: wire::Outcome) -> model::Decision {
    match outcome {
        wire::Outcome::Pass => model::Decision::Pass,
        wire::Outcome::Fail => model::Decision::Fail,
        wire::Outcome::Error => model::Decision::Error,
    }
}

fn fingerprints(texts: &[String]) -> Vec<model::Fingerprint> {
    texts.iter().cloned().map(model::Fingerprint).collect()
}

fn read_verdict(
    document: &wire::ReportDocument,
    verdict: &wire::Verdict,
) -> Result<model::Verdict> {
    let place =
        format!("verdict of stage {}", crate::text::clip(&crate::text::line(&verdict.stage), 40));
    let reasons = verdict
        .reasons
        .iter()
        .map(|reason| {
            Ok(model::Reason {
                rule: reason.rule.clone(),
                title: reason.title.clone(),
                outcome: decision(reason.outcome),
                warning: reason.warning,
                why: reason.why.clone(),
                help: reason.help.clone(),
                source: reason.source.clone(),
                findings: fingerprints(&reason.findings),
                in_grace: reason
                    .in_grace
                    .iter()
                    .map(|grace| {
                        Ok((
                            model::Fingerprint(grace.fingerprint.clone()),
                            time(&place, &grace.until)?,
                        ))
                    })
                    .collect::<Result<_>>()?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let decision = decision(verdict.outcome);
    if let Some(reason) = reasons.iter().find(|reason| reason.outcome > decision) {
        return Err(error(
            &place,
            &format!(
                "the outcome is `{}`, but rule `{}` says `{}`",
                decision.name(),
                reason.rule,
                reason.outcome.name()
            ),
        ));
    }
    Ok(model::Verdict {
        subject: verdict.subject.clone().unwrap_or_else(|| document.target.name.clone()),
        stage: verdict.stage.clone(),
        decision,
        reasons,
        waived: verdict
            .waived
            .iter()
            .map(|waived| {
                Ok(model::WaivedFinding {
                    fingerprint: model::Fingerprint(waived.fingerprint.clone()),
                    waiver: waived.waiver.id.clone(),
                    reason: waived.waiver.reason.clone(),
                    owner: waived.waiver.owner.clone(),
                    expires: optional_time(&place, waived.waiver.expires.as_ref())?,
                    status: waived.waiver.status.clone(),
                    source: waived.waiver.source.clone(),
                })
            })
            .collect::<Result<_>>()?,
        new: verdict.new.as_deref().map(fingerprints),
        fixed: verdict.fixed.as_deref().map(fingerprints),
        notices: verdict
            .notices
            .iter()
            .map(|notice| model::WaiverNotice {
                waiver: notice.waiver.clone(),
                kind: match notice.kind {
                    wire::NoticeKind::Unused => model::WaiverNoticeKind::Unused,
                    wire::NoticeKind::Expired => model::WaiverNoticeKind::Expired,
                    wire::NoticeKind::ExpiresSoon => model::WaiverNoticeKind::ExpiresSoon,
                    wire::NoticeKind::NotAllowed => model::WaiverNoticeKind::NotAllowed,
                },
                message: notice.message.clone(),
                source: notice.source.clone(),
            })
            .collect(),
        plan: verdict.plan.as_ref().map(|plan| model::PassPlan {
            changes: plan
                .changes
                .iter()
                .map(|change| model::Change {
                    kind: match change.kind {
                        wire::ChangeKind::Raise => model::ChangeKind::Raise,
                        wire::ChangeKind::Edit => model::ChangeKind::Edit,
                        wire::ChangeKind::Revoke => model::ChangeKind::Revoke,
                        wire::ChangeKind::Waive => model::ChangeKind::Waive,
                    },
                    what: change.what.clone(),
                    component: change.component.clone(),
                    to: change.to.clone(),
                    at: change.at.clone(),
                    removes: fingerprints(&change.removes),
                })
                .collect(),
            unfixable: fingerprints(&plan.unfixable),
        }),
        turns: verdict
            .turns
            .iter()
            .map(|turn| Ok(model::Turn { at: time(&place, &turn.at)?, what: turn.what.clone() }))
            .collect::<Result<_>>()?,
        policy_digest: verdict.policy.clone(),
        inputs_digest: verdict.inputs.clone().unwrap_or_default(),
        evaluated_at: match &verdict.evaluated_at {
            Some(text) => time(&place, text)?,
            None => time("finished", &document.finished)?,
        },
    })
}
