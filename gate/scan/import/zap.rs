//! ZAP's JSON (`traditional-json` and `traditional-json-plus`).
//!
//! Risk 3, 2, 1 and 0 are high, medium, low and info. A rule is `ZAP-` and the plug-in's number. A report without a
//! site is a scan that reached nothing.

use secgate_model::{Confidence, Finding, Kind, Severity, Target, TargetKind};
use serde::Deserialize;
use serde_json::Value;

use super::{
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, rating, redaction,
};

const FORMAT: &str = "ZAP";

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "@version")]
    version: Option<String>,
    created: Option<String>,
    site: Vec<Site>,
}

#[derive(Deserialize)]
struct Site {
    #[serde(rename = "@name")]
    name: String,
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    pluginid: String,
    name: Option<String>,
    // Older versions have only this name.
    #[serde(rename = "alert")]
    old_name: Option<String>,
    // Numbers in quotes; some writers leave the quotes out.
    riskcode: Value,
    confidence: Option<Value>,
    desc: Option<String>,
    solution: Option<String>,
    reference: Option<String>,
    cweid: Option<Value>,
    instances: Option<Vec<Instance>>,
}

#[derive(Deserialize)]
struct Instance {
    uri: String,
    method: Option<String>,
    param: Option<String>,
    evidence: Option<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let report: Report = input.parse(FORMAT)?;
    let mut draft = Draft::new(input, FORMAT, "zap");
    draft.version = report.version;
    draft.produced = report.created.as_deref().and_then(rating::moment);
    if report.site.is_empty() {
        draft.failed("ZAP reached no site");
    }
    // A scan of one site may load pages of others; which of several was meant, the report does not say.
    if let [site] = report.site.as_slice() {
        let name = redaction::address(&site.name).trim_end_matches('/').to_owned();
        draft.target = Some(Target { kind: TargetKind::Url, name, digest: None, revision: None });
    }
    for site in report.site {
        for alert in site.alerts {
            add(&mut draft, &site.name, &alert)?;
        }
    }
    Ok(draft)
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn add(draft: &mut Draft, site: &str, alert: &Alert) -> Result<(), ImportError> {
    let Some(risk) = number(&alert.riskcode) else {
        return Err(draft.refuse("an alert's `riskcode` is not a number"));
    };
    let title = phrase::first_line([alert.name.as_deref(), alert.old_name.as_deref()]);
    let mut about = blank(Kind::Web, &format!("ZAP-{}", alert.pluginid.trim()), &title);
    about.severity = match risk {
        0 => Some(Severity::Info),
        1 => Some(Severity::Low),
        2 => Some(Severity::Medium),
        3 => Some(Severity::High),
        _ => None,
    };
    // 0 is an alert that somebody marked as false; whether it counts is the policy's to say.
    about.confidence = match alert.confidence.as_ref().and_then(number) {
        Some(0 | 1) => Confidence::Low,
        Some(3 | 4) => Confidence::High,
        _ => Confidence::Medium,
    };
    let plain = |html: &Option<String>| html.as_deref().map(phrase::without_tags);
    about.description = phrase::prose_of(plain(&alert.desc).as_deref());
    about.remediation = phrase::prose_of(plain(&alert.solution).as_deref());
    about.references = phrase::links(plain(&alert.reference).unwrap_or_default().lines());
    about.cwe = alert
        .cweid
        .as_ref()
        .and_then(number)
        .and_then(|id| u32::try_from(id).ok())
        .filter(|id| *id > 0)
        .into_iter()
        .collect();
    let secret = quotes(alert.pluginid.trim(), &about.cwe);
    let instances = alert.instances.as_deref().unwrap_or_default();
    if instances.is_empty() {
        about.locus.url = Some(redaction::address(site));
        return draft.web(about);
    }
    for instance in instances {
        draft.web(seen_at(about.clone(), instance, secret))?;
    }
    Ok(())
}

/// Whether what the alert quotes is itself what must not get out: session ids, personal data, credentials.
fn quotes(plugin: &str, cwe: &[u32]) -> bool {
    matches!(plugin, "3" | "10024" | "10025" | "10062" | "10105")
        || cwe.iter().any(|number| matches!(number, 359 | 598))
        || redaction::quotes_a_secret(cwe)
}

fn seen_at(mut finding: Finding, instance: &Instance, secret: bool) -> Finding {
    let said =
        |text: &Option<String>| text.as_deref().map(phrase::line).filter(|text| !text.is_empty());
    finding.locus.url = Some(redaction::address(&instance.uri));
    finding.locus.method = said(&instance.method).map(|method| method.to_ascii_uppercase());
    finding.locus.parameter = said(&instance.param);
    finding.evidence = said(&instance.evidence).map(|text| {
        if secret { redaction::redacted(&text) } else { phrase::shortened(&text, 200) }
    });
    finding
}
