//! What the script of the page reads: every finding and every component, as JSON inside a script element.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    RenderError,
    html::{fix, state},
    text::{self, day},
    view::{Item, View, component_text, location_text, severity_rank},
};

/// What the script reads.
#[derive(Serialize)]
struct Data<'a> {
    findings: Vec<Entry<'a>>,
    components: Vec<Part>,
}

/// A finding; what is empty is left away, because there may be tens of thousands.
#[derive(Serialize)]
struct Entry<'a> {
    /// Severity rank, 0 the worst.
    s: u8,
    id: String,
    t: String,
    k: &'static str,
    sub: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    at: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    fix: String,
    st: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rem: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    al: Vec<String>,
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    cwe: &'a [u32],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cvss: Vec<(String, Option<f64>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pct: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kev: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refs: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gr: Option<String>,
    conf: &'static str,
    by: String,
    fp: &'a str,
}

#[derive(Serialize)]
struct Part {
    n: String,
    e: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<bool>,
    sc: &'static str,
    l: String,
    at: String,
    f: usize,
}

/// JSON for a script element: `<`, `>` and `&` as escapes, so that no text ends the element or opens a comment.
pub(crate) fn data(view: &View<'_>) -> Result<String, RenderError> {
    let mut findings_of: BTreeMap<String, usize> = BTreeMap::new();
    let findings = view
        .items
        .iter()
        .map(|item| {
            let entry = entry(view, item);
            if let Some(purl) = &entry.purl {
                *findings_of.entry(purl.clone()).or_default() += 1;
            }
            entry
        })
        .collect();
    let components = view
        .run
        .inventory
        .iter()
        .flat_map(|inventory| &inventory.packages)
        .map(|package| Part {
            n: component_text(&package.purl),
            e: text::line(package.purl.kind()),
            d: package.direct,
            sc: package.scope.name(),
            l: text::line(&package.licenses.join(", ")),
            at: package.locations.first().map(location_text).unwrap_or_default(),
            f: findings_of.get(&text::line(&package.purl.to_string())).copied().unwrap_or(0),
        })
        .collect();
    let json = serde_json::to_string(&Data { findings, components })?;
    let mut out = String::with_capacity(json.len() + json.len() / 50);
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    Ok(out)
}

fn entry<'a>(view: &View<'a>, item: &Item<'a>) -> Entry<'a> {
    let finding = item.finding;
    let about = finding.vulnerability.as_ref();
    let (subject, place) = (view.subject(finding), view.place_text(finding));
    Entry {
        s: severity_rank(finding.severity),
        id: text::line(&finding.rule),
        t: text::line(&finding.title),
        k: finding.kind.name(),
        at: if place == subject { String::new() } else { place },
        sub: subject,
        fix: fix(item),
        st: state(view, item),
        new: item.new,
        desc: finding.description.as_deref().map(|body| text::clip(&text::lines(body), 6000)),
        seen: finding.evidence.as_deref().map(|body| text::clip(&text::lines(body), 3000)),
        rem: finding.remediation.as_deref().map(|body| text::clip(&text::lines(body), 3000)),
        al: finding.aliases.iter().map(|alias| text::line(alias)).collect(),
        cwe: &finding.cwe,
        cvss: about
            .map(|about| {
                about.cvss.iter().map(|cvss| (text::line(&cvss.vector), cvss.score)).collect()
            })
            .unwrap_or_default(),
        epss: about.and_then(|about| about.epss),
        pct: about.and_then(|about| about.epss_percentile),
        kev: about.and_then(|about| about.kev),
        path: about
            .map(|about| about.path.iter().map(|step| text::line(step)).collect())
            .unwrap_or_default(),
        locs: finding.locus.locations.iter().skip(1).take(50).map(location_text).collect(),
        refs: finding.references.iter().filter_map(|url| text::safe_url(url)).collect(),
        purl: finding.locus.component.as_ref().map(|purl| text::line(&purl.to_string())),
        scope: about.map(|about| about.scope.name()),
        wv: item.waived.map(|waived| {
            let until = waived.expires.map(|at| format!(", until {}", day(at))).unwrap_or_default();
            text::line(&format!("{}: {} ({}{until})", waived.waiver, waived.reason, waived.owner))
        }),
        gr: item.grace.map(day),
        conf: match finding.confidence {
            secgate_model::Confidence::Low => "low",
            secgate_model::Confidence::Medium => "medium",
            secgate_model::Confidence::High => "high",
        },
        by: text::line(&finding.seen_by.join(", ")),
        fp: &finding.fingerprint.0,
    }
}
