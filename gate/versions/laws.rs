//! Laws that hold for every scheme and every text: no panic, a total order, and ranges that do not depend on the order
//! of their events.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::sample::select;

use crate::tables::{TABLES, rows};
use crate::{Event, Membership, Scheme, Version, fixes, in_range, normalise_name};

fn any_scheme() -> impl Strategy<Value = Scheme> {
    select(Scheme::ALL.to_vec())
}

/// Words and separators of which versions are made, in every combination.
fn any_text() -> impl Strategy<Value = String> {
    const PIECES: [&str; 44] = [
        "0",
        "1",
        "2",
        "9",
        "10",
        "00",
        "01",
        "007",
        "20240101",
        "99999999999999999999",
        ".",
        ".",
        ".",
        ".",
        "-",
        "-",
        "_",
        "+",
        "~",
        "^",
        ":",
        "!",
        "a",
        "b",
        "m",
        "rc",
        "alpha",
        "beta",
        "dev",
        "post",
        "pre",
        "r",
        "p",
        "ga",
        "sp",
        "foo",
        "SNAPSHOT",
        "x",
        "v",
        "go",
        "-r",
        "dev-",
        "git",
        "é",
    ];
    prop::collection::vec(select(PIECES.to_vec()), 1..9).prop_map(|pieces| pieces.concat())
}

/// Three versions of one scheme: from the pieces above, or from its table.
fn three_versions() -> impl Strategy<Value = [Version; 3]> {
    let made = (any_scheme(), [any_text(), any_text(), any_text()]).prop_filter_map(
        "not versions",
        |(scheme, texts)| {
            let [a, b, c] = texts.map(|text| scheme.parse(&text).ok());
            Some([a?, b?, c?])
        },
    );
    let real = select(TABLES.to_vec()).prop_flat_map(|(scheme, table)| {
        let versions: Vec<Version> = rows(scheme, table).into_iter().flatten().collect();
        [select(versions.clone()), select(versions.clone()), select(versions)]
    });
    // Close to each other: one with something added or taken away.
    let near = (any_scheme(), any_text(), any_text(), any_text()).prop_filter_map(
        "not versions",
        |(scheme, a, b, c)| {
            let texts = [a.clone(), format!("{a}{b}"), format!("{a}{c}")]
                .map(|text| scheme.parse(&text).ok());
            let [a, b, c] = texts;
            Some([a?, b?, c?])
        },
    );
    prop_oneof![made, near, real]
}

fn event(kind: u8, text: &str) -> Event<'_> {
    match kind {
        0 => Event::Introduced(text),
        1 => Event::Fixed(text),
        2 => Event::LastAffected(text),
        _ => Event::Limit(text),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, max_global_rejects: 400_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(scheme in any_scheme(), a in "\\PC{0,40}", b in any_text(), ecosystem in "\\PC{0,12}") {
        let _ = normalise_name(&ecosystem, &a);
        let _ = Scheme::of_ecosystem(&ecosystem);
        for (x, y) in [(&a, &b), (&b, &a), (&b, &b)] {
            if let (Ok(x), Ok(y)) = (scheme.parse(x), scheme.parse(y)) {
                prop_assert_eq!(x.cmp_same(&y), y.cmp_same(&x).reverse());
            }
        }
        if let Ok(version) = scheme.parse(&b) {
            let events = [Event::Introduced("0"), Event::Fixed(&a), Event::LastAffected(&b), Event::Limit(&a)];
            let _ = in_range(scheme, &events, &version);
            let _ = fixes(scheme, &events, &version);
        }
    }

    #[test]
    fn what_was_read_is_what_is_shown(scheme in any_scheme(), text in any_text()) {
        if let Ok(version) = scheme.parse(&text) {
            prop_assert_eq!(version.text(), text.as_str());
            let again = scheme.parse(&version.to_string()).expect("it was a version before");
            prop_assert_eq!(version.cmp_same(&again), Ordering::Equal);
            prop_assert_eq!(version.is_prerelease(), again.is_prerelease());
        }
    }

    #[test]
    fn the_order_is_total([a, b, c] in three_versions()) {
        prop_assert_eq!(a.cmp_same(&a), Ordering::Equal);
        prop_assert_eq!(a.cmp_same(&b), b.cmp_same(&a).reverse());
        let mut three = [&a, &b, &c];
        three.sort();
        let [low, middle, high] = three;
        prop_assert!(
            low <= middle && middle <= high && low <= high,
            "{}: {} {} {}", a.scheme(), low, middle, high
        );
        if low == middle {
            prop_assert_eq!(low.cmp_same(high), middle.cmp_same(high));
        }
        if middle == high {
            prop_assert_eq!(low.cmp_same(high), low.cmp_same(middle));
        }
    }

    #[test]
    fn equal_versions_are_in_the_same_ranges([a, b, c] in three_versions(), kinds in [0u8..4, 0u8..4, 0u8..4]) {
        let texts = [a.text(), b.text(), c.text()];
        let events: Vec<Event<'_>> = kinds.into_iter().zip(texts).map(|(kind, text)| event(kind, text)).collect();
        for (x, y) in [(&a, &b), (&b, &c), (&a, &c)] {
            // A generic version and its shortened form are kept apart although they compare equal in numbers.
            if x == y && x.scheme() != Scheme::Generic {
                prop_assert_eq!(in_range(a.scheme(), &events, x), in_range(a.scheme(), &events, y), "{} {}", x, y);
            }
        }
    }

    #[test]
    fn the_order_of_events_does_not_matter(
        [a, b, c] in three_versions(),
        mut events in prop::collection::vec((0u8..4, 0usize..6), 0..7).prop_shuffle(),
        turn in 0usize..7,
    ) {
        fn kind_of(found: &Membership) -> u8 {
            match found {
                Membership::Inside => 0,
                Membership::Outside => 1,
                Membership::Unordered(_) => 2,
                Membership::Disputed(_) => 3,
            }
        }
        let texts = [a.text(), b.text(), c.text(), "0", "*", "?? no version"];
        let read = |events: &[(u8, usize)]| -> Vec<Event<'_>> {
            events.iter().map(|(kind, at)| event(*kind, texts[*at])).collect::<Vec<_>>()
        };
        for version in [&a, &b, &c] {
            let before = in_range(a.scheme(), &read(&events), version);
            let length = events.len().max(1);
            let turn = (turn % length).min(events.len());
            events.rotate_left(turn);
            events.reverse();
            prop_assert_eq!(kind_of(&before), kind_of(&in_range(a.scheme(), &read(&events), version)));
        }
    }

    #[test]
    fn ranges_agree_with_the_order([low, version, high] in three_versions()) {
        let scheme = version.scheme();
        // Legacy Python versions, branches and shortened versions have answers of their own.
        let plain = [&low, &version, &high].iter().all(|v| !v.is_legacy())
            && !matches!(scheme, Scheme::Packagist | Scheme::Generic);
        if plain && low < high && low.text() != "0" {
            let fixed = [Event::Fixed(high.text()), Event::Introduced(low.text())];
            let expected = low <= version && version < high;
            prop_assert_eq!(in_range(scheme, &fixed, &version) == Membership::Inside, expected);
            let last = [Event::Introduced(low.text()), Event::LastAffected(high.text())];
            let expected = low <= version && version <= high;
            prop_assert_eq!(in_range(scheme, &last, &version) == Membership::Inside, expected);
        }
    }

    #[test]
    fn the_nearest_fix_is_one_that_helps([low, version, high] in three_versions()) {
        let scheme = version.scheme();
        let events = [Event::Introduced(low.text()), Event::Fixed(high.text())];
        let found = fixes(scheme, &events, &version);
        prop_assert_eq!(found.all, vec![high.text()]);
        if let Some(fix) = found.nearest {
            let fix = scheme.parse(fix).expect("it was a version before");
            prop_assert!(fix > version);
            prop_assert_eq!(in_range(scheme, &events, &fix), Membership::Outside);
        }
    }
}
