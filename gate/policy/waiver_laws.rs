//! Laws 4, 5, 7 and 12: waivers end, one function decides about them, and those that need attention are reported.

use secgate_model::{Decision, Severity, Verdict, WaiverNoticeKind};

use crate::{
    Approval, Inputs, NewWaiver, Policy, Waivers, evaluate, is_waived,
    laws::{HIGH, now, policy, vulnerability, waivers, with},
    load_waivers, render_waiver,
};

fn run(policy: &Policy, waivers: &Waivers) -> Verdict {
    let mut finding =
        vulnerability("CVE-2023-30861", Some(Severity::High), "pkg:pypi/flask@2.0.1", &["2.2.5"]);
    finding.aliases = vec!["GHSA-m2qf-hxjv-5gpq".into()];
    let findings = [finding];
    with(policy, &findings, |inputs| {
        let inputs = Inputs { waivers, ..inputs };
        let verdict = evaluate(&inputs);
        assert_eq!(is_waived(&findings[0], &inputs).is_some(), !verdict.waived.is_empty());
        assert_eq!(verdict.decision == Decision::Pass, !verdict.waived.is_empty());
        verdict
    })
}

fn check(match_: &str, expires: &str, waived: bool, notices: &[WaiverNoticeKind]) {
    let text = format!(
        "- id: W-1\n  match: {{ {match_} }}\n  reason: r\n  owner: o\n  created: 2026-11-19\n  expires: {expires}\n"
    );
    let verdict = run(&policy(HIGH), &waivers(&text));
    assert_eq!(!verdict.waived.is_empty(), waived, "{match_} {expires}");
    let kinds: Vec<_> = verdict.notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, notices, "{match_} {expires}");
}

#[test]
fn everything_that_a_waiver_names_must_hold() {
    use WaiverNoticeKind::Unused;
    let end = "2027-03-01";
    check("vuln: CVE-2023-30861", end, true, &[]);
    check("vuln: ghsa-M2QF-hxjv-5gpq", end, true, &[]);
    check("vuln: CVE-2023-3086", end, false, &[Unused]);
    check("vuln: CVE-2023-30861, package: \"pkg:pypi/Flask\"", end, true, &[]);
    check("vuln: CVE-2023-30861, package: \"pkg:pypi/flask@2.0.2\"", end, false, &[Unused]);
    check("vuln: CVE-2023-30861, package: \"pkg:pypi/flas*\"", end, true, &[]);
    check("vuln: CVE-2023-30861, path: \"**/requirements.txt\"", end, true, &[]);
    check("vuln: CVE-2023-30861, path: \"tests/**\"", end, false, &[Unused]);
    check("vuln: CVE-2023-30861, subject: \"shop/*\"", end, true, &[]);
    check("vuln: CVE-2023-30861, subject: \"payments/*\"", end, false, &[]);
    check("rule: CVE-2023-*", end, true, &[]);
    check("rule: CVE-2024-*", end, false, &[Unused]);
    check("fingerprint: sg1-CVE-2023-30861-pkg", end, false, &[Unused]);
}

#[test]
fn a_waiver_ends_at_its_moment() {
    use WaiverNoticeKind::{Expired, ExpiresSoon, NotAllowed};
    let vuln = "vuln: CVE-2023-30861";
    check(vuln, "2026-11-20", false, &[Expired]);
    check(vuln, "2026-11-20T12:00:00Z", false, &[Expired]);
    check(vuln, "2026-11-20T12:00:01Z", true, &[ExpiresSoon]);
    check(vuln, "2026-12-04", true, &[ExpiresSoon]);
    check(vuln, "2026-12-05", true, &[]);
    check(vuln, "2029-12-05", false, &[NotAllowed]);
    let verdict = run(
        &policy(HIGH),
        &waivers(
            "- { id: W-1, match: { vuln: CVE-2023-30861 }, reason: r, owner: o, created: 2026-11-19, expires: 2026-11-20T20:00:00Z }\n- { id: W-2, match: { vuln: CVE-2023-30861 }, reason: r, owner: o, created: 2026-11-19, expires: 2026-11-21T02:00:00Z }\n",
        ),
    );
    assert_eq!(verdict.waived[0].waiver, "W-2", "the one that lasts longest");
    assert_eq!(verdict.turns[0].what, "the waiver W-2 expires");
    assert_eq!(verdict.turns[0].at.to_string(), "2026-11-21T02:00:00Z");
}

#[test]
fn rules_bound_waivers() {
    let rule = |waivable: &str| {
        policy(&format!(
            "teams: {{ \"@acme/appsec\": [lead@acme.example] }}\nstages:\n  source: {{ use: [low, high] }}\nrules:\n  low: {{ match: {{ kind: vulnerability }} }}\n  high: {{ match: {{ kind: vulnerability, severity: high }}, waivable: {waivable} }}\n"
        ))
    };
    let waiver = |expires: &str, approved: &str| {
        waivers(&format!(
            "- {{ id: W-1, match: {{ vuln: CVE-2023-30861 }}, reason: r, owner: o, created: 2026-11-20, expires: {expires}, approved_by: [{approved}] }}\n"
        ))
    };
    let passes =
        |policy: &Policy, waivers: &Waivers| run(policy, waivers).decision == Decision::Pass;
    let lead = "{ who: lead@acme.example, at: 2026-11-01 }";
    assert!(passes(&rule("true"), &waiver("2027-03-01", "")));
    // One rule that forbids it is enough: a finding is waived in every rule or in none (law 7).
    assert!(!passes(&rule("false"), &waiver("2026-12-01", lead)));
    assert!(passes(&rule("{ max: 60d }"), &waiver("2026-12-30", "")));
    assert!(!passes(&rule("{ max: 60d }"), &waiver("2027-03-01", "")));
    assert!(
        !passes(&rule("{ max: 60d }"), &waiver("2027-01-10", lead)),
        "counted from the approval"
    );
    let needs = rule("{ approvers: \"@acme/appsec\" }");
    assert!(passes(&needs, &waiver("2026-12-01", lead)));
    assert!(passes(&needs, &waiver("2026-12-01", "{ who: \"@acme/appsec\", at: 2026-11-01 }")));
    assert!(!passes(&needs, &waiver("2026-12-01", "")));
    assert!(!passes(&needs, &waiver("2026-12-01", "{ who: dev@acme.example, at: 2026-11-01 }")));
    assert!(
        !passes(&needs, &waiver("2026-12-01", "{ who: lead@acme.example, at: 2026-11-21 }")),
        "approved tomorrow"
    );
    let notices = run(&needs, &waiver("2026-12-20", "")).notices;
    assert_eq!(notices[0].kind, WaiverNoticeKind::NotAllowed);
    assert!(notices[0].message.contains("needs an approval by @acme/appsec"), "{notices:?}");
}

fn new_waiver() -> NewWaiver {
    NewWaiver {
        id: "W-2026-002".into(),
        vuln: Some("CVE-2023-30861".into()),
        package: Some("pkg:pypi/flask".into()),
        reason: "It says: \"never\" #1 - really\nsecond line".into(),
        owner: "appsec@acme.example".into(),
        approved_by: vec![Approval {
            who: "lead@acme.example".into(),
            at: now(),
            via: Some("review 991".into()),
        }],
        expires: "2026-12-31T00:00:00Z".parse().unwrap(),
        ..NewWaiver::default()
    }
}

#[test]
fn a_written_waiver_reads_back_and_the_rest_of_the_file_stays() {
    let old = "- id: W-2026-001 # first\n  match: { vuln: CVE-2026-1 }\n  reason: r\n  owner: o\n  created: 2026-11-19\n  expires: 2026-12-31\n";
    let wrapped = format!(
        "# ours\napiVersion: secgate.dev/v1\nkind: Waivers\nwaivers:\n  {}",
        old.trim_end().replace('\n', "\n  ")
    );
    for existing in [
        String::new(),
        "# waivers\n".into(),
        old.into(),
        old.trim_end().into(),
        format!("---\n{old}"),
        wrapped.clone(),
        format!("{wrapped}\n"),
    ] {
        let text = render_waiver("w.yaml", &existing, &new_waiver())
            .unwrap_or_else(|errors| panic!("{errors}\n{existing}"));
        assert!(text.starts_with(&existing), "{text}");
        let loaded = waivers(&text);
        let last = loaded.list().last().unwrap();
        assert_eq!(
            (last.id.as_str(), last.reason.as_str()),
            ("W-2026-002", new_waiver().reason.as_str())
        );
        assert_eq!(run(&policy(HIGH), &loaded).decision, Decision::Pass);
        assert_eq!(loaded.next_id(now()), "W-2026-003");
    }
    let between = "apiVersion: secgate.dev/v1\nwaivers:\n- id: W-1\n  match: { vuln: CVE-2026-1 }\n  reason: r\n  owner: o\n  created: 2026-11-19\n  expires: 2026-12-31\n\n# the kind\nkind: Waivers\n";
    let text = render_waiver("w.yaml", between, &new_waiver()).unwrap();
    assert!(text.ends_with("\n\n# the kind\nkind: Waivers\n"), "{text}");
    assert_eq!(waivers(&text).list().len(), 2);
    for empty in [
        "[]",
        "# ours\n[]\n",
        "apiVersion: secgate.dev/v1\nkind: Waivers\nwaivers: []\n# the end\n",
    ] {
        let text = render_waiver("w.yaml", empty, &new_waiver())
            .unwrap_or_else(|errors| panic!("{errors}\n{empty}"));
        assert_eq!(waivers(&text).list().len(), 1, "{text}");
        assert!(
            empty.lines().filter(|line| line.starts_with('#')).all(|line| text.contains(line)),
            "{text}"
        );
    }
    for existing in [
        "a: [",
        "hello",
        "- { id: W-2026-002, match: { vuln: CVE-2026-1 }, reason: r, owner: o, created: 2026-11-19, expires: 2026-12-31 }",
    ] {
        assert!(render_waiver("w.yaml", existing, &new_waiver()).is_err(), "{existing}");
    }
    let forever = NewWaiver { vuln: Some("*".into()), ..new_waiver() };
    assert!(render_waiver("w.yaml", "", &forever).is_err());
}

#[test]
fn ids_are_unique_over_files() {
    let text =
        b"- { id: W-1, match: { vuln: CVE-2026-1 }, reason: r, owner: o, created: 2026-11-19, expires: 2026-12-31 }\n"
            .to_vec();
    let found =
        load_waivers(&[("a.yaml".into(), text.clone()), ("b.yaml".into(), text)]).unwrap_err().0;
    assert_eq!((found[0].file.as_str(), found[0].line), ("b.yaml", 1));
    assert!(found[0].message.contains("first in a.yaml:1"));
}

#[test]
fn only_who_may_approve_lets_the_time_begin_anew() {
    let strict = policy(
        "stages:\n  source: { use: [high], scanners: [audit] }\nrules:\n  high:\n    match: { kind: vulnerability, severity: \">=high\" }\n    action: fail\n    waivable: { max: 30d, approvers: [sec@x.y] }\n",
    );
    let with = |rest: &str| {
        waivers(&format!(
            "- id: W-1\n  match: {{ vuln: CVE-2023-30861 }}\n  reason: r\n  owner: o\n  created: 2026-11-19\n  expires: 2026-12-10\n{rest}"
        ))
    };
    let old = "  approved_by:\n  - { who: sec@x.y, at: 2026-01-01 }\n";
    assert_eq!(run(&strict, &with(old)).decision, Decision::Fail);
    let other = "  - { who: dev@x.y, at: 2026-11-19 }\n";
    assert_eq!(run(&strict, &with(&format!("{old}{other}"))).decision, Decision::Fail);
    let new = "  - { who: sec@x.y, at: 2026-11-19 }\n";
    assert_eq!(run(&strict, &with(&format!("{old}{new}"))).decision, Decision::Pass);
}

#[test]
fn a_waiver_is_as_long_as_since_it_was_written() {
    let limited = policy(
        "stages:\n  source: { use: [high], scanners: [audit] }\nrules:\n  high:\n    match: { kind: vulnerability, severity: \">=high\" }\n    action: fail\n    waivable: { max: 30d }\n",
    );
    let with = |created: &str| {
        waivers(&format!(
            "- id: W-1\n  match: {{ vuln: CVE-2023-30861 }}\n  reason: r\n  owner: o\n  created: {created}\n  expires: 2026-12-10\n"
        ))
    };
    assert_eq!(run(&limited, &with("2026-09-01")).decision, Decision::Fail);
    assert_eq!(run(&limited, &with("2026-11-15")).decision, Decision::Pass);
    let ahead = run(&limited, &with("2026-11-21"));
    assert_eq!(ahead.decision, Decision::Fail);
    assert!(ahead.notices[0].message.contains("lies ahead"), "{:?}", ahead.notices);
    let moment = run(&limited, &with("2026-11-20T12:00:30Z"));
    assert_eq!(moment.decision, Decision::Pass, "clocks differ a little");
}

#[test]
fn waiting_makes_no_waiver_shorter() {
    let rule = |waivable: &str| {
        policy(&format!(
            "stages:\n  source: {{ use: [high], scanners: [audit] }}\nrules:\n  high:\n    match: {{ kind: vulnerability, severity: \">=high\" }}\n    action: fail\n    waivable: {waivable}\n"
        ))
    };
    let with = |since: &str| {
        waivers(&format!(
            "- id: W-1\n  match: {{ vuln: CVE-2023-30861 }}\n  reason: r\n  owner: o\n  {since}\n  expires: 2026-12-10\n"
        ))
    };
    let other = "approved_by: [{ who: dev@x.y, at: 2026-11-15 }]";
    // An approval that does not count under this rule begins nothing, and nothing else says when it began.
    let named = rule("{ max: 30d, approvers: [sec@x.y] }");
    let verdict = run(&named, &with(other));
    assert_eq!(verdict.decision, Decision::Fail);
    assert!(verdict.notices[0].message.contains("add `created`"), "{:?}", verdict.notices);
    assert_eq!(run(&rule("{ max: 30d }"), &with(other)).decision, Decision::Pass);
    // No rule has to say that a waiver is no law of its own: over a year is too long, however little of it is left.
    assert_eq!(run(&rule("true"), &with("created: 2025-12-10")).decision, Decision::Pass);
    let long = run(&rule("true"), &with("created: 2025-12-08"));
    assert_eq!(long.decision, Decision::Fail);
    assert!(long.notices[0].message.contains("allows 366d"), "{:?}", long.notices);
}
