use std::path::Path;

use secgate_model::{Finding, Outcome as Left, Target};
use secgate_policy::{Baseline, Inputs, explain_finding};
use secgate_report::Format;

use crate::{
    args::ExplainArgs,
    baseline::{from_report, read_baseline},
    exit::{FAIL, Failure, Outcome, PASS},
    judge::{policy_for, show},
    look::{Looked, look},
    settings::{MAX_REPORT, Settings, read},
};

pub(crate) fn run(args: &ExplainArgs) -> Outcome {
    let common = &args.common;
    if common.format != Format::Table || !common.output.is_empty() {
        return Err(Failure::usage(
            "explain writes text to standard output: it has no --format and no -o",
        )
        .hint("`secgate audit . --format json` has the findings for programs"));
    }
    let settings = Settings::read(common, None)?;
    let policy = policy_for(&settings, common, &args.stage)?;
    let LookedAt { target, findings, outcomes, baseline } = looked_at(args, &settings)?;
    let found: Vec<&Finding> = findings.iter().filter(|finding| names(finding, &args.id)).collect();
    if found.is_empty() {
        return Err(Failure::usage(format!("no finding is called {}", args.id))
            .hint("give an advisory id or alias, a rule, a fingerprint or its beginning, or a package name"));
    }
    let inputs = Inputs {
        policy: &policy,
        stage: &args.stage,
        subject: &target.name,
        findings: &findings,
        outcomes: &outcomes,
        waivers: &settings.waivers,
        baseline: baseline.as_ref(),
        first_seen: None,
        now: settings.now,
    };
    let mut text = String::new();
    let mut blocks = false;
    for finding in found {
        if !text.is_empty() {
            text.push('\n');
        }
        describe(&mut text, finding);
        if let Some(explanation) = explain_finding(finding, &inputs) {
            blocks |= explanation.blocks;
            text.push('\n');
            for line in explanation.text().lines() {
                text.push_str("  ");
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    show(plain(&text).as_bytes())?;
    Ok(if blocks && !common.no_gate { FAIL } else { PASS })
}

/// What is explained, and what it is compared with.
struct LookedAt {
    target: Target,
    findings: Vec<Finding>,
    outcomes: Vec<Left>,
    baseline: Option<Baseline>,
}

fn looked_at(args: &ExplainArgs, settings: &Settings) -> Result<LookedAt, Failure> {
    let named = args.common.baseline.as_deref();
    let Some(path) = &args.report else {
        let database = settings.database(&args.common)?;
        let (path, scanners) = (settings.config.target(), ["audit"]);
        let Looked { target, ran, .. } = look(&path, settings, &database, &scanners)?;
        let baseline = named
            .map(|named| read_baseline(named, &path, settings, &database, &scanners))
            .transpose()?;
        return Ok(LookedAt { target, findings: ran.findings, outcomes: ran.outcomes, baseline });
    };
    let baseline = match named.map(Path::new) {
        Some(named) if !named.is_file() => {
            return Err(Failure::usage(format!(
                "--baseline {}: no such file, and a report cannot be compared with a revision",
                named.display()
            ))
            .hint("name the report of that revision, or leave --report out"));
        }
        named => named.map(from_report).transpose()?,
    };
    let failed = |error: String| Failure::evidence(format!("{}: {error}", path.display()));
    let bytes = read(path, MAX_REPORT).map_err(|error| failed(error.to_string()))?;
    let document = secgate_formats::report::ReportDocument::from_slice(&bytes)
        .map_err(|error| failed(error.to_string()))?;
    let report =
        secgate_report::read::report(&document).map_err(|error| failed(error.to_string()))?;
    let (target, findings, outcomes) = (report.target, report.findings, report.outcomes);
    Ok(LookedAt { target, findings, outcomes, baseline })
}

fn names(finding: &Finding, id: &str) -> bool {
    finding.rule.eq_ignore_ascii_case(id)
        || finding.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id))
        || (id.starts_with("sg1-") && id.len() >= 8 && finding.fingerprint.0.starts_with(id))
        || finding.locus.component.as_ref().is_some_and(|purl| {
            purl.name() == id
                || purl.full_name("/") == id
                || purl.to_string() == id
                || purl.package().to_string() == id
        })
}

fn describe(text: &mut String, finding: &Finding) {
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<12}{value}\n"));
        }
    };
    let severity = finding.severity.map_or("unknown", secgate_model::Severity::name);
    line(&finding.rule, "");
    line("finding", &format!("{} {}", finding.rule, finding.title));
    line("fingerprint", &finding.fingerprint.0);
    line("severity", severity);
    line("aliases", &finding.aliases.join(", "));
    if let Some(component) = &finding.locus.component {
        line("package", &component.to_string());
    }
    for place in finding.locus.locations.iter().take(5) {
        let at = place.line.map_or_else(String::new, |line| format!(":{line}"));
        line("at", &format!("{}{at}", place.path));
    }
    if let Some(vulnerability) = &finding.vulnerability {
        if vulnerability.path.len() > 1 {
            line("pulled in", &vulnerability.path.join(" → "));
        }
        for cvss in &vulnerability.cvss {
            let score =
                cvss.score.map_or_else(|| "no score".to_owned(), |score| format!("{score:.1}"));
            line("cvss", &format!("{score} {}", cvss.vector));
        }
        if let Some(status) = &vulnerability.status {
            line("status", &format!("{status}, says the distribution"));
        }
        if let Some(epss) = vulnerability.epss {
            line("epss", &format!("{:.1} % within 30 days", epss * 100.0));
        }
        match vulnerability.kev {
            Some(true) => line("exploited", "yes, CISA lists it"),
            Some(false) => {}
            None => line("exploited", "unknown: the database has no KEV catalogue"),
        }
        line("fixed in", &vulnerability.fixed_in.join(", "));
        line("affects", &vulnerability.affects.join(", "));
    }
    line("evidence", finding.evidence.as_deref().unwrap_or_default());
    line("do", finding.remediation.as_deref().unwrap_or_default());
    if let Some(reference) = finding.references.first() {
        line("read", reference);
    }
}

/// Control characters of foreign texts must not reach the terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}
