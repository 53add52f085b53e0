//! The scan as a whole.

use std::collections::BTreeSet;

use proptest::prelude::*;
use secgate_formats::oci::History;
use secgate_model::Kind;
use secgate_scan::{Job, Scanner};
use secgate_source::{Limits, ModeFile, Tree};

use super::{
    IMAGE_RULES, ImageRules, MAX_HITS, scan_image,
    trial::{digest, image, target, with_execution, with_files, with_history, with_modes},
};

#[test]
fn rules_are_described_and_in_order() {
    let ids: Vec<&str> = IMAGE_RULES.iter().map(|rule| rule.about().id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for rule in IMAGE_RULES {
        let about = rule.about();
        assert!(about.id.starts_with("SG-IMG-"), "{}", about.id);
        assert!(!about.title.is_empty() && !about.help.is_empty() && !about.remedy.is_empty());
        assert!(about.references.iter().all(|text| text.starts_with("https://")), "{}", about.id);
        assert!(matches!(about.kind, Kind::Config | Kind::Secret));
    }
}

fn rules(image: &secgate_source::Image) -> Vec<String> {
    scan_image(&target("r.example/app:1"), image)
        .findings
        .into_iter()
        .map(|found| found.rule)
        .collect()
}

#[test]
fn it_is_a_scanner() {
    let image = image();
    let target = target("a:latest");
    let job =
        Job { target: &target, tree: None, inventory: None, now: jiff::Timestamp::UNIX_EPOCH };
    let scanner = ImageRules { image: &image };
    assert_eq!((scanner.about().id, scanner.about().needs), ("image", &[][..]));
    assert_eq!(scanner.scan(&job).unwrap(), scan_image(&target, &image));
    assert_eq!(scan_image(&target, &image).findings[0].rule, "SG-IMG-LATEST-TAG");
}

#[test]
fn names_that_hold_secrets_are_not_shown() {
    let image =
        with_files(&[("root/.npmrc", "//u:kQ7x2Vb9Zp4L@r.example/:_authToken=0f1e2d3c-4b5a\n")]);
    let all = format!("{:?}", scan_image(&target("a:1"), &image));
    assert!(all.contains("SG-IMG-SECRET-FILE") && all.contains("_authToken=…"), "{all}");
    assert!(!all.contains("kQ7x") && !all.contains("0f1e"), "{all}");
}

#[test]
fn one_identity_is_one_finding() {
    let step = "RUN curl https://e.example/i | sh";
    let scan = scan_image(&target("a:1"), &with_history(&[step, "RUN x", step]));
    assert_eq!(scan.findings.len(), 1);
    let places: Vec<_> =
        scan.findings[0].locus.locations.iter().map(|place| place.path.as_str()).collect();
    assert_eq!(places, ["history:1", "history:3"]);
}

#[test]
fn a_sound_image_is_without_findings() {
    assert_eq!(rules(&image()), Vec::<String>::new());
}

#[test]
fn identities_outlive_a_new_build() {
    let build = |name: &str, first: &[&str], number: u8| {
        let mut steps = first.to_vec();
        steps.extend(["RUN |1 T_TOKEN=kQ7x2Vb9Zp4L /bin/sh -c x", "ADD https://e.example/x /x"]);
        let mut image = with_history(&steps);
        let run = image.config.config.as_mut().unwrap();
        run.user = String::new();
        run.env = Some(vec!["DB_PASSWORD=hunter2".into()]);
        run.cmd = Some(vec!["app".into()]);
        image.config_digest = digest(number);
        for layer in &mut image.layers {
            layer.diff_id = digest(number);
        }
        image.modes = vec![ModeFile { path: "app/x".into(), mode: 0o4755, layer: steps.len() - 1 }];
        image.tree = Tree::in_memory(
            [(
                "root/.npmrc".to_owned(),
                format!("{}_authToken=kQ7x2Vb9Zp4Lm1\n", "#\n".repeat(number.into())).into_bytes(),
            )],
            Limits::default(),
        );
        let mut found: Vec<_> = scan_image(&target(name), &image)
            .findings
            .into_iter()
            .map(|found| (found.rule, found.fingerprint))
            .collect();
        found.sort();
        found
    };
    let one = build("r.example/app:1", &[], 1);
    let two = build("r.example/app:2@sha256:00", &["RUN more", "RUN yet more"], 2);
    assert_eq!(one, two);
    assert_eq!(one.len(), 7);
    let distinct: BTreeSet<_> = one.iter().map(|(_, fingerprint)| fingerprint).collect();
    assert_eq!(distinct.len(), one.len());
    assert!(build("r.example/other:1", &[], 1).iter().all(|found| !one.contains(found)));
}

#[test]
fn another_secret_in_the_same_place_is_another_finding() {
    let of = |value: &str| {
        let image = with_execution(|run| run.env = Some(vec![format!("DB_PASSWORD={value}")]));
        scan_image(&target("a"), &image)
            .findings
            .into_iter()
            .find(|found| found.kind == Kind::Secret)
            .unwrap()
            .fingerprint
    };
    assert_eq!(of("hunter2"), of("hunter2"));
    assert_ne!(of("hunter2"), of("hunter3"));
}

#[test]
fn not_looked_is_said() {
    let scan = scan_image(&target("a:1"), &image());
    assert!(
        scan.problems.iter().any(|problem| problem.message.contains("no history") && !problem.gap)
    );
    assert!(scan.detail.contains("0 of the history's 0 steps"), "{}", scan.detail);
    let scan = scan_image(&target("a:1"), &with_history(&["RUN x", ""]));
    assert!(scan.problems.is_empty(), "{:?}", scan.problems);
    assert!(scan.detail.contains("1 of the history's 2 steps"), "{}", scan.detail);
    let scan = scan_image(&target("a:1"), &with_history(&["", ""]));
    assert!(scan.problems[0].message.contains("names no commands"));
    let mut squashed = with_history(&["RUN x", "RUN y"]);
    squashed.config.history.truncate(1);
    let scan = scan_image(&target("a:1"), &squashed);
    assert!(scan.problems[0].message.contains("names 1 of its 2 layers"));
}

#[test]
fn what_cannot_be_read_is_a_gap() {
    let limits = Limits { file_bytes: 10, ..Limits::default() };
    let mut image = image();
    image.tree = Tree::in_memory(
        [("root/.npmrc".to_owned(), vec![b'a'; 11]), ("etc/passwd".to_owned(), vec![b'a'; 11])],
        limits,
    );
    let scan = scan_image(&target("a:1"), &image);
    let gaps: Vec<_> = scan
        .problems
        .iter()
        .filter(|problem| problem.gap)
        .map(|problem| problem.location.as_ref().unwrap().path.as_str())
        .collect();
    assert_eq!(gaps, ["etc/passwd", "root/.npmrc"]);
}

#[test]
fn hostile_configurations_are_bounded() {
    let mut image = with_execution(|run| {
        run.env = Some(vec![
            format!("A_TOKEN={}", "x\u{1b}[31m1".repeat(200_000)),
            format!("{}_PASSWORD=hunter2\u{7}\u{fffd}", "N".repeat(100_000)),
            "\u{0}\u{1b}]0;PASSWORD=hunter2".into(),
        ]);
    });
    image.config.history = (0..10_001)
        .map(|number| History {
            created_by: Some(format!(
                "RUN |1 A_TOKEN=kQ7x2Vb9Zp4L{number} /bin/sh -c {}",
                "|1 A=b ".repeat(5)
            )),
            ..History::default()
        })
        .collect();
    let scan = scan_image(&target("a:1"), &image);
    assert!(
        scan.problems.iter().any(|problem| problem.gap && problem.message.contains("10001 steps"))
    );
    assert!(
        scan.problems.iter().any(|problem| problem.gap && problem.message.contains("10000 things"))
    );
    assert!(
        scan.problems
            .iter()
            .any(|problem| problem.gap && problem.message.contains("1 variables are longer"))
    );
    assert!(scan.findings.len() <= MAX_HITS + 10);
    for found in &scan.findings {
        let all = format!("{}{:?}{:?}", found.title, found.evidence, found.locus.locations);
        assert!(all.len() < 3000 && !all.contains("hunter") && !all.contains("kQ7x2"), "{all}");
        assert!(
            !found.title.contains(char::is_control)
                && !found.locus.locations[0].path.contains(char::is_control)
        );
    }
}

#[test]
fn many_files_are_a_gap_and_not_less() {
    let paths: Vec<String> = (0..600).map(|number| format!("app/{number}")).collect();
    let modes: Vec<(&str, u32)> = paths.iter().map(|path| (path.as_str(), 0o4755)).collect();
    let scan = scan_image(&target("a:1"), &with_modes(&modes));
    assert_eq!(scan.findings.len(), MAX_HITS);
    assert!(scan.problems.iter().any(|problem| problem.gap));
}

proptest! {
    #[test]
    fn no_configuration_makes_a_rule_panic_or_tell_a_secret(
        user in "\\PC{0,20}",
        env in prop::collection::vec("([A-Z_]{0,12}(TOKEN|PASSWORD)?=)?\\PC{0,40}", 0..6),
        steps in prop::collection::vec("(RUN |ENV |ARG |ADD |\\|1 )?\\PC{0,60}", 0..6),
        secret in "[a-z]{4}[A-Z]{4}[0-9]{4}[a-z]{6}",
    ) {
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let mut image = with_history(&steps);
        image.config.history.push(History {
            created_by: Some(format!("RUN |1 API_TOKEN={secret} /bin/sh -c x")),
            empty_layer: true,
            ..History::default()
        });
        let run = image.config.config.as_mut().unwrap();
        run.user = user;
        run.env = Some(env);
        let scan = scan_image(&target("r.example/app:1"), &image);
        prop_assert!(scan.findings.iter().any(|found| found.rule == "SG-IMG-SECRET-HISTORY"));
        let all = format!("{scan:?}");
        prop_assert!(!all.contains(&secret));
    }
}
