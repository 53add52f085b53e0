//! Whatever a finding holds, each format stays what it is.

use proptest::prelude::*;
use secgate_model::{Location, Severity};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::{
    Format, Options,
    golden::{sample, text},
    read::Report,
};

/// Texts that have broken reports before, and anything else.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("</script><script>alert(1)</script>".to_owned()),
        Just("<!--<script>".to_owned()),
        Just("\"><img src=x onerror=alert(1)>".to_owned()),
        Just("javascript:alert(document.domain)".to_owned()),
        Just("{{ 7 * 7 }}{% raw %}".to_owned()),
        Just("a\u{1b}[2J\u{1b}]8;;https://evil.example\u{7}b\r\n::error::x%0A%25".to_owned()),
        Just("| a | b |\n\n# h @all #1 ```\n<details>".to_owned()),
        Just("]]><!DOCTYPE x [<!ENTITY e 'x'>]>&e;".to_owned()),
        Just("漢字かな交じり文👩‍👩‍👧‍👦☁️e\u{301}\u{301}\u{301}\u{202e}\u{200b}\u{feff}".to_owned()),
        Just("../../../../etc/passwd\0\u{ffff}\u{2028}".to_owned()),
        Just("x".repeat(400)),
        ".{0,60}",
        "\\PC{0,60}",
    ]
}

prop_compose! {
    fn report()(
        texts in proptest::collection::vec(nasty(), 12),
        verbose in any::<bool>(),
        width in 40_usize..140,
    ) -> (Report, Options) {
        let mut report = sample();
        let mut next = texts.iter().cycle().cloned();
        let mut take = || next.next().unwrap_or_default();
        for finding in &mut report.findings {
            finding.title = take();
            finding.description = Some(take());
            finding.evidence = Some(take());
            finding.remediation = Some(take());
            finding.aliases = vec![take()];
            finding.references = vec![take(), "javascript:alert(1)".to_owned(), format!("https://x.example/{}", take())];
            finding.locus.locations = vec![Location { path: take(), line: Some(0), column: Some(u32::MAX), end_line: Some(u32::MAX), layer: None }];
            finding.severity = Some(Severity::High);
            if finding.locus.url.is_some() {
                finding.locus.url = Some(take());
                finding.locus.method = Some(take());
                finding.locus.parameter = Some(take());
            } else if finding.vulnerability.is_none() {
                finding.rule = take();
            }
            if let Some(about) = &mut finding.vulnerability {
                about.fixed_here = Some(take());
                about.epss = Some(f64::NAN);
                about.path = vec![take()];
            }
        }
        for verdict in &mut report.verdicts {
            verdict.stage = take();
            verdict.policy_digest = take();
            for reason in &mut verdict.reasons {
                reason.rule = take();
                reason.title = take();
                reason.why = take();
                reason.help = Some(take());
                reason.source = Some(take());
            }
            for waived in &mut verdict.waived {
                (waived.waiver, waived.reason, waived.owner, waived.source) = (take(), take(), take(), take());
            }
            for notice in &mut verdict.notices {
                (notice.waiver, notice.message, notice.source) = (take(), take(), take());
            }
            for change in verdict.plan.iter_mut().flat_map(|plan| &mut plan.changes) {
                (change.what, change.at) = (take(), Some(take()));
            }
            for turn in &mut verdict.turns {
                turn.what = take();
            }
        }
        for outcome in &mut report.outcomes {
            (outcome.scanner, outcome.detail) = (take(), take());
            for problem in &mut outcome.problems {
                (problem.message, problem.hint) = (take(), Some(take()));
                problem.location = Some(Location::file(take()));
            }
        }
        report.target.name = take();
        report.target.revision = Some(take());
        report.tool_version = take();
        (report, Options { width, verbose, ..Options::default() })
    }
}

/// The page with what a browser would run or follow taken apart.
fn check_page(page: &str) {
    let parts: Vec<&str> = page.split("<script").collect();
    assert_eq!(parts.len(), 3, "one data block and one script");
    let ends = page.matches("</script").count();
    assert_eq!(ends, 2);
    let data = parts[1].split_once('>').unwrap().1.split_once("</script").unwrap().0;
    let data: Value = serde_json::from_str(data).unwrap();
    for finding in data["findings"].as_array().unwrap() {
        for url in finding["refs"].as_array().into_iter().flatten() {
            assert!(url.as_str().unwrap().starts_with("https://"), "{url}");
        }
    }
    let markup = format!("{}{}", parts[0], parts[1].split_once('>').unwrap().0);
    assert_eq!(markup.matches("<img").count() + markup.matches("<iframe").count(), 0);
    assert_eq!(
        markup.matches("href=").count(),
        1,
        "only the link to the findings stands in the markup"
    );
    // Every `<` begins an element of the template: hostile ones are escaped.
    assert!(!markup.contains("<details>") && !markup.contains("onerror=alert(1)>"));
    assert!(!page.contains("49{%"), "text is not a template");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_content_breaks_a_format((report, options) in report()) {
        for line in text(Format::Table, &report, &options).lines() {
            prop_assert!(line.width() <= options.width, "{} columns: {line:?}", line.width());
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        }

        let document: Value = serde_json::from_str(&text(Format::Json, &report, &options)).unwrap();
        prop_assert_eq!(document["findings"].as_array().unwrap().len(), report.findings.len());

        let log: Value = serde_json::from_str(&text(Format::Sarif, &report, &options)).unwrap();
        for result in log["runs"][0]["results"].as_array().unwrap() {
            let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
            prop_assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()) && !uri.starts_with('/') && !uri.split('/').any(|part| part == ".."), "{uri}");
        }

        let markdown = text(Format::Markdown, &report, &options);
        prop_assert!(markdown.len() <= 64 << 10);
        prop_assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count());
        prop_assert!(!markdown.contains("<img") && !markdown.contains("<script") && !markdown.contains("@all"));

        let xml = text(Format::Junit, &report, &options);
        let parsed = roxmltree::Document::parse(&xml);
        prop_assert!(parsed.is_ok(), "{:?}\n{xml}", parsed.err());

        let gitlab: Value = serde_json::from_str(&text(Format::Gitlab, &report, &options)).unwrap();
        for found in gitlab["vulnerabilities"].as_array().unwrap() {
            prop_assert!(found["name"].as_str().unwrap().chars().count() <= 255);
        }

        for line in text(Format::Github, &report, &options).lines() {
            prop_assert!(line.starts_with("::error ") || line.starts_with("::notice "), "{line}");
            prop_assert_eq!(line.split("::").nth(1).map(|head| head.split(' ').next().unwrap_or_default().len() <= 6), Some(true));
        }

        check_page(&text(Format::Html, &report, &options));
    }
}

#[test]
fn a_large_comment_stays_below_the_limit_and_says_what_is_left_out() {
    let mut report = sample();
    let model = report.findings[0].clone();
    for at in 0..3000 {
        let mut finding = model.clone();
        finding.fingerprint.0 = format!("sg1-{at}");
        finding.title = "|".repeat(500);
        report.verdicts[0].reasons[1].findings.push(finding.fingerprint.clone());
        report.findings.push(finding);
    }
    let markdown = text(Format::Markdown, &report, &Options::default());
    assert!(markdown.len() <= 64 << 10, "{}", markdown.len());
    assert!(markdown.ends_with("</sub>\n"), "the end is not cut off");
    assert!(markdown.contains("more; the full report has them all"));
    assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count());
}

#[test]
fn colours_and_links_only_when_asked_for() {
    let report = sample();
    let plain = text(Format::Table, &report, &Options::default());
    assert!(!plain.contains('\u{1b}'));
    let rich = text(
        Format::Table,
        &report,
        &Options { colour: true, hyperlinks: true, ..Options::default() },
    );
    assert!(
        rich.contains("\u{1b}[1m\u{1b}[31m")
            && rich.contains("\u{1b}]8;;https://osv.dev/vulnerability/CVE-2021-44906\u{1b}\\")
    );
    let stripped: Vec<String> = rich.lines().map(crate::text::lines).collect();
    assert_eq!(stripped, plain.lines().map(crate::text::lines).collect::<Vec<_>>());
}
