//! Each scheme against a table of real versions in ascending order (`testdata/order`), every pair both ways, and against
//! texts that it must refuse.

use std::cmp::Ordering;

use crate::{MAX_LENGTH, Scheme, Version, VersionError, compare};

pub(crate) const TABLES: [(Scheme, &str); 18] = [
    (Scheme::Pep440, include_str!("testdata/order/pep440.txt")),
    (Scheme::Semver, include_str!("testdata/order/semver.txt")),
    (Scheme::Go, include_str!("testdata/order/go.txt")),
    (Scheme::Maven, include_str!("testdata/order/maven.txt")),
    (Scheme::Nuget, include_str!("testdata/order/nuget.txt")),
    (Scheme::RubyGems, include_str!("testdata/order/rubygems.txt")),
    (Scheme::Packagist, include_str!("testdata/order/packagist.txt")),
    (Scheme::Pub, include_str!("testdata/order/pub.txt")),
    (Scheme::Hackage, include_str!("testdata/order/hackage.txt")),
    (Scheme::Cran, include_str!("testdata/order/cran.txt")),
    (Scheme::Julia, include_str!("testdata/order/julia.txt")),
    (Scheme::Opam, include_str!("testdata/order/opam.txt")),
    (Scheme::Conan, include_str!("testdata/order/conan.txt")),
    (Scheme::Dpkg, include_str!("testdata/order/dpkg.txt")),
    (Scheme::Apk, include_str!("testdata/order/apk.txt")),
    (Scheme::Rpm, include_str!("testdata/order/rpm.txt")),
    (Scheme::Alpm, include_str!("testdata/order/alpm.txt")),
    (Scheme::Generic, include_str!("testdata/order/generic.txt")),
];

/// The lines of a table; each holds versions that are equal.
pub(crate) fn rows(scheme: Scheme, table: &str) -> Vec<Vec<Version>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(" = ").map(|text| scheme.parse(text).expect(text)).collect())
        .collect()
}

#[test]
fn tables_are_in_order() {
    let mut wrong = Vec::new();
    for (scheme, table) in TABLES {
        let rows = rows(scheme, table);
        assert!(rows.len() >= 50, "{scheme}: {} rows", rows.len());
        for (i, row_a) in rows.iter().enumerate() {
            for (j, row_b) in rows.iter().enumerate() {
                for a in row_a {
                    for b in row_b {
                        if a.cmp_same(b) != i.cmp(&j) {
                            wrong.push(format!("{scheme}: {a} {:?} {b}", a.cmp_same(b)));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_scheme_has_a_table() {
    assert!(TABLES.iter().map(|(scheme, _)| *scheme).eq(Scheme::ALL));
}

#[test]
fn not_versions() {
    let check = |scheme: Scheme, texts: &[&str]| {
        for text in texts {
            let found = scheme.parse(text);
            assert!(
                matches!(found, Err(VersionError::NotAVersion { .. })),
                "{scheme} {text}: {found:?}"
            );
        }
    };
    check(
        Scheme::Semver,
        &[
            "latest",
            "*",
            "1.x",
            "^1.2.3",
            ">=1",
            "1..2",
            "1.2.",
            "1.2.3-",
            "1.2.3-a..b",
            "file:../a",
        ],
    );
    check(Scheme::Go, &["(devel)", "devel go1.23-abc", "master", "go", "v", "go1.", "unknown"]);
    check(Scheme::Maven, &["1.0 2", "${project.version}", "[1.0,2.0)"]);
    check(Scheme::Nuget, &["1.*", "[1.0,2.0)", "beta", "1.0.0-"]);
    check(Scheme::RubyGems, &["a", ">= 1", "1..2", "1.0-", "1.0+1", "1a"]);
    check(Scheme::Packagist, &["1.2.3.4.5", "8.x-1.0", "main", "*", "^1.0", "1.0-foo"]);
    check(Scheme::Pub, &["any", "^1.0.0"]);
    check(Scheme::Hackage, &["1.0-alpha", "1.0.", "a", "1..0"]);
    check(Scheme::Cran, &["1.0-a", "1.0.", "R"]);
    check(Scheme::Conan, &["system", "cci.20200101", "[>1.0]"]);
    check(Scheme::Dpkg, &["<unfixed>", "1.0 2", "a:1.0", "1:", ":1", "-1"]);
    check(Scheme::Apk, &["a", "1.1.0-r1-r0", "1.0-1", "1.0_foo", "1.0-r", "1.0~", "1.0A", "1."]);
    check(Scheme::Rpm, &["1.0 2", "-1"]);
    check(
        Scheme::Generic,
        &["main", "v", "1.0beta", "11bd71901bbe5b1630ceea73d27597364c9af683", "release/v1"],
    );
}

#[test]
fn length_is_bounded() {
    for scheme in Scheme::ALL {
        assert!(matches!(scheme.parse(" \t"), Err(VersionError::Empty { .. })), "{scheme}");
        let long = "1".repeat(MAX_LENGTH + 1);
        assert!(
            matches!(scheme.parse(&long), Err(VersionError::TooLong { length: 1025, .. })),
            "{scheme}"
        );
        let nested = "1-".repeat(MAX_LENGTH / 2);
        if let Ok(version) = scheme.parse(&nested) {
            assert_eq!(version.cmp_same(&version), Ordering::Equal, "{scheme}");
        }
    }
}

#[test]
fn legacy_python_versions() {
    let check = |text: &str, expected: bool| {
        assert_eq!(Scheme::Pep440.parse(text).expect(text).is_legacy(), expected, "{text}");
    };
    for modern in ["1.0", "v1.0", "1.0a", "1.0a.", "1.0.post", "1!2.0+a.b", "1.0-1", " 1.0 "] {
        check(modern, false);
    }
    for legacy in [
        "a",
        "1.",
        "1..0",
        "1.0+",
        "1.0rc1.2",
        "1.0.dev1rc1",
        "1.0.*",
        "2.10.0-NA",
        "١.٠",
        "0.3m1",
        ">=1.0",
    ] {
        check(legacy, true);
    }
    // setuptools' order among them.
    for (a, b) in [
        ("0.3m1", "0.3m2"),
        ("0.7.10p1", "0.7.11p1"),
        ("0.8.4p1", "0.8.4p2"),
        ("foo", "trunk"),
        ("1.0-x", "2.0-x"),
    ] {
        assert_eq!(compare(Scheme::Pep440, a, b), Ok(Ordering::Less), "{a} {b}");
    }
}

#[test]
fn prereleases() {
    let check = |scheme: Scheme, stable: &[&str], pre: &[&str]| {
        for (texts, expected) in [(stable, false), (pre, true)] {
            for text in texts {
                assert_eq!(
                    scheme.parse(text).expect(text).is_prerelease(),
                    expected,
                    "{scheme} {text}"
                );
            }
        }
    };
    check(Scheme::Pep440, &["1.0", "1.0.post1", "1.0+rc1"], &["1.0a1", "1.0.dev3", "1.0rc1.post1"]);
    check(Scheme::Semver, &["1.0.0", "1.0.0+rc.1"], &["1.0.0-rc.1", "1.2.3beta"]);
    check(
        Scheme::Go,
        &["v1.2.3", "go1.20", "v2.0.0+incompatible"],
        &["v1.2.3-0.20200101000000-abcdefabcdef", "go1.21rc2"],
    );
    check(
        Scheme::Maven,
        &["1.0", "1.0.Final", "31.1-jre", "1.0-sp1"],
        &["1.0-SNAPSHOT", "1.0-M1", "1.0-rc-2", "1.0.alpha"],
    );
    check(Scheme::Nuget, &["1.0.0.0"], &["1.0.0-Beta"]);
    check(Scheme::RubyGems, &["1.0.0"], &["1.0.0.rc1", "1.0-1"]);
    check(Scheme::Packagist, &["1.0.0", "1.0.0-p1"], &["1.0.0-RC1", "dev-main", "1.x-dev"]);
    check(Scheme::Apk, &["1.0-r0", "1.0_p1"], &["1.0_rc1-r0"]);
    check(Scheme::Conan, &["1.1.1w"], &["1.0-rc.1"]);
    check(Scheme::Dpkg, &["1.0~rc1"], &[]);
}

#[test]
fn shortened_generic_versions_have_no_order() {
    assert_eq!(compare(Scheme::Generic, "v4", "v5.0.0"), Ok(Ordering::Less));
    assert_eq!(compare(Scheme::Generic, "v4", "4"), Ok(Ordering::Equal));
    assert!(matches!(
        compare(Scheme::Generic, "v4", "v4.1.7"),
        Err(VersionError::Unordered { .. })
    ));
    assert!(matches!(
        compare(Scheme::Generic, "v4.1.0", "v4.1"),
        Err(VersionError::Unordered { .. })
    ));
}

#[test]
fn messages_say_what_is_wrong() {
    let message = Scheme::Apk.parse("1.0-1").expect_err("no revision").to_string();
    assert_eq!(message, "`1.0-1` is no apk version: expected a form such as 1.2.3a_rc1-r4");
    let message = Scheme::Semver.parse(&"x".repeat(200)).expect_err("letters").to_string();
    assert!(message.starts_with(&format!("`{}…`", "x".repeat(80))), "{message}");
}
