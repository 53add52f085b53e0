//! Matching, a table an ecosystem: records of our own in the shape of the public ones, and what they must say.

use std::fmt::Write;

use secgate_model::Purl;

use crate::{
    Database, Matches, Record, Status,
    compile::{Seen, compile},
    ecosystem::Coordinates,
    feed::Tables,
    match_package,
    record::Taken,
};

/// A record as the export has it.
pub(crate) fn osv(id: &str, extra: &str, affected: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2024-01-01T00:00:00Z","summary":"About {id}"{extra},"affected":[{affected}]}}"#
    )
}

/// An affected package: its events as `introduced 1, fixed 2`, and listed versions.
pub(crate) fn affected(ecosystem: &str, name: &str, events: &str, versions: &[&str]) -> String {
    let mut list = String::new();
    for event in events.split(", ").filter(|event| !event.is_empty()) {
        let (kind, version) = event.split_once(' ').unwrap();
        let comma = if list.is_empty() { "" } else { "," };
        write!(list, r#"{comma}{{"{kind}":"{version}"}}"#).unwrap();
    }
    let ranges = if list.is_empty() {
        String::new()
    } else {
        // A range of commits stands first in much real data, and must not end the evaluation.
        format!(
            r#","ranges":[{{"type":"GIT","repo":"https://example.org/r","events":[{{"introduced":"0"}},{{"fixed":"abc"}}]}},{{"type":"ECOSYSTEM","events":[{list}]}}]"#
        )
    };
    format!(
        r#"{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}}{ranges},"versions":{versions:?}}}"#
    )
}

pub(crate) fn records(texts: &[String]) -> Vec<Record> {
    let read = |text: &String| match Record::from_osv(serde_json::from_str(text).expect(text)) {
        Ok(Taken::Record(record)) => Some(*record),
        Ok(Taken::Withdrawn) => None,
        Err(reason) => panic!("{reason}: {text}"),
    };
    texts.iter().filter_map(read).collect()
}

pub(crate) fn database(texts: &[String]) -> Database {
    let bytes = compile(records(texts), Status::default(), &Seen::new(), &Tables::default());
    Database::from_vec(bytes).unwrap()
}

pub(crate) fn matches(database: &Database, purl: &str) -> Matches {
    let purl: Purl = purl.parse().unwrap();
    let Coordinates::In { ecosystem, name, version } = Coordinates::of(&purl) else {
        panic!("{purl} has no ecosystem")
    };
    match_package(database, ecosystem, &name, version).unwrap()
}

/// Checks one advisory against purls that it affects, that it does not affect, and that nobody can judge.
fn check(affected: &str, hit: &[&str], clear: &[&str], unjudged: &[&str]) {
    let database = database(&[osv("T-1", "", affected)]);
    for purl in hit {
        let found = matches(&database, purl);
        assert_eq!(found.groups.len(), 1, "{purl}: {affected}: {found:?}");
    }
    for purl in clear {
        assert_eq!(matches(&database, purl), Matches::default(), "{purl}: {affected}");
    }
    for purl in unjudged {
        let found = matches(&database, purl);
        assert_eq!(
            (found.groups.len(), found.unjudged.len()),
            (0, 1),
            "{purl}: {affected}: {found:?}"
        );
    }
}

#[test]
fn python() {
    check(
        &affected("PyPI", "Zope.Interface", "introduced 0, fixed 2.0", &["3.0", "4.0a1"]),
        &[
            "pkg:pypi/zope-interface@1.0",
            "pkg:pypi/Zope_Interface@2.0rc1",
            "pkg:pypi/zope.interface@3",
            "pkg:pypi/zope-interface@3.0.0",
            "pkg:pypi/zope-interface@v3.0",
            "pkg:pypi/zope-interface@4.0.alpha1",
        ],
        &["pkg:pypi/zope-interface@2.0", "pkg:pypi/zope-interface@3.0.1", "pkg:pypi/zope@1.0"],
        &["pkg:pypi/zope-interface"],
    );
    // An epoch and a local version order as PEP 440 says.
    check(
        &affected("PyPI", "x", "introduced 1!0, fixed 1!2.0", &[]),
        &["pkg:pypi/x@1!1.9%2Blocal.1"],
        &["pkg:pypi/x@1!2.0%2Bcu118"],
        &["pkg:pypi/x@(unknown)"],
    );
}

#[test]
fn rust() {
    check(
        &affected("crates.io", "serde_yaml", "introduced 0.0.0-0, fixed 0.8.4", &[]),
        &[
            "pkg:cargo/serde_yaml@0.8.3",
            "pkg:cargo/serde-yaml@0.8.4-rc.1",
            "pkg:cargo/Serde_Yaml@0.1.0",
        ],
        &["pkg:cargo/serde_yaml@0.8.4", "pkg:cargo/serde_yaml@0.8.4%2Bbuild"],
        &["pkg:cargo/serde_yaml@latest"],
    );
}

#[test]
fn javascript() {
    check(
        &affected("npm", "@babel/traverse", "introduced 7.0.0, fixed 7.23.2", &[]),
        &[
            "pkg:npm/%40babel/traverse@7.0.0",
            "pkg:npm/@babel/traverse@7.23.2-beta.1",
            "pkg:npm/babel/traverse@7.1.0",
        ],
        &[
            "pkg:npm/%40babel/traverse@7.23.2",
            "pkg:npm/%40babel/traverse@7.0.0-rc.1",
            "pkg:npm/traverse@7.1.0",
        ],
        &[],
    );
    check(
        &affected("npm", "JSONStream", "introduced 0", &[]),
        &["pkg:npm/JSONStream@99999999999999999999.0.0"],
        &["pkg:npm/jsonstream@1.0.0"],
        &[],
    );
}

#[test]
fn go() {
    check(
        &affected("Go", "github.com/BurntSushi/toml", "introduced 0, fixed 1.2.0", &[]),
        &[
            "pkg:golang/github.com/BurntSushi/toml@v1.1.0",
            "pkg:golang/github.com/burntsushi/toml@v1.1.0",
            "pkg:golang/github.com/BurntSushi/toml@v1.2.0-rc.1",
            "pkg:golang/github.com/BurntSushi/toml@v1.1.0%2Bincompatible",
        ],
        &[
            "pkg:golang/github.com/BurntSushi/toml@v1.2.0",
            "pkg:golang/github.com/BurntSushi/toml/v2@v2.0.0",
        ],
        &["pkg:golang/github.com/BurntSushi/toml@(devel)"],
    );
    check(
        &affected(
            "Go",
            "golang.org/x/crypto",
            "introduced 0, fixed 0.0.0-20200220183623-bac4c82f6975",
            &[],
        ),
        &["pkg:golang/golang.org/x/crypto@v0.0.0-20190308221718-c2843e01d9a2"],
        &[
            "pkg:golang/golang.org/x/crypto@v0.0.0-20200220183623-bac4c82f6975",
            "pkg:golang/golang.org/x/crypto@v0.1.0",
        ],
        &[],
    );
    check(
        &affected(
            "Go",
            "stdlib",
            "introduced 0, fixed 1.20.12, introduced 1.21.0-0, fixed 1.21.5",
            &[],
        ),
        &[
            "pkg:golang/stdlib@1.20.11",
            "pkg:golang/stdlib@go1.21.4",
            "pkg:golang/stdlib@go1.21rc2",
            "pkg:golang/std@go1.19",
        ],
        &[
            "pkg:golang/stdlib@go1.20.12",
            "pkg:golang/stdlib@1.21.5",
            "pkg:golang/stdlib@go1.21.5-corp",
            "pkg:golang/stdlib@go1.21.5%20X:boringcrypto",
        ],
        &["pkg:golang/stdlib@devel%20go1.23-abc"],
    );
    check(
        &affected("Go", "toolchain", "introduced 0, fixed 1.21.5", &[]),
        &["pkg:golang/toolchain@go1.21.4"],
        &["pkg:golang/stdlib@go1.21.4"],
        &[],
    );
}

#[test]
fn java() {
    check(
        &affected("Maven", "org.acme:Core", "introduced 1-ga-1, fixed 2.0", &["3.0.0.RELEASE"]),
        &[
            "pkg:maven/org.acme/Core@1-1",
            "pkg:maven/org.acme/Core@2.0-SNAPSHOT",
            "pkg:maven/org.acme/Core@3.0.0",
            "pkg:maven/org.acme/Core@3.0-ga",
        ],
        &[
            "pkg:maven/org.acme/Core@1",
            "pkg:maven/org.acme/Core@2",
            "pkg:maven/org.acme/core@1.5",
            "pkg:maven/com.acme/Core@1.5",
        ],
        &[],
    );
    check(
        &affected("Maven:https://repo.example.org/releases/", "org.acme:x", "introduced 0", &[]),
        &["pkg:maven/org.acme/x@1"],
        &[],
        &[],
    );
}

#[test]
fn dot_net() {
    check(
        &affected("NuGet", "Newtonsoft.Json", "introduced 0, fixed 13.0.1", &[]),
        &[
            "pkg:nuget/newtonsoft.json@12.0.3",
            "pkg:nuget/Newtonsoft.Json@13.0.1-BETA1",
            "pkg:nuget/NEWTONSOFT.JSON@13.0.0.9",
        ],
        &["pkg:nuget/Newtonsoft.Json@13.0.1.0"],
        &[],
    );
}

#[test]
fn ruby() {
    check(
        &affected("RubyGems", "nokogiri", "introduced 1.13.0, fixed 1.13.4", &[]),
        &[
            "pkg:gem/nokogiri@1.13.0",
            "pkg:gem/nokogiri@1.13.0-x86_64-linux",
            "pkg:gem/nokogiri@1.13.4.rc1",
            "pkg:gem/nokogiri@1.13.3-java",
        ],
        &[
            "pkg:gem/nokogiri@1.13.0.rc1",
            "pkg:gem/nokogiri@1.13.4",
            "pkg:gem/nokogiri@1.13.4-arm64-darwin",
            "pkg:gem/Nokogiri@1.13.0",
        ],
        &[],
    );
}

#[test]
fn php() {
    check(
        &affected(
            "Packagist:https://packages.drupal.org/8",
            "drupal/Core",
            "introduced 8.0.0, fixed 9.1.0",
            &[],
        ),
        &["pkg:composer/drupal/core@v8.0.0", "pkg:composer/Drupal/core@9.1.0-RC1"],
        &["pkg:composer/drupal/core@9.1.0"],
        &["pkg:composer/drupal/core@dev-main"],
    );
}

#[test]
fn the_smaller_ecosystems() {
    let until_2 =
        |ecosystem: &str, name: &str| affected(ecosystem, name, "introduced 0, fixed 2.0.0", &[]);
    for (ecosystem, name, purl) in [
        ("Hex", "plug", "pkg:hex/plug"),
        ("Pub", "dio", "pkg:pub/dio"),
        ("Hackage", "aeson", "pkg:hackage/aeson"),
        ("CRAN", "readxl", "pkg:cran/readxl"),
        ("Julia", "HTTP", "pkg:julia/HTTP"),
        ("opam", "tls", "pkg:opam/tls"),
        (
            "SwiftURL",
            "https://github.com/Apple/swift-nio.git",
            "pkg:swift/github.com/apple/swift-nio",
        ),
        ("ConanCenter", "zlib", "pkg:conan/zlib"),
        ("GitHub Actions", "Acme/Deploy", "pkg:githubactions/acme/deploy"),
    ] {
        let (hit, clear) = (format!("{purl}@1.9.9"), format!("{purl}@2.0.0"));
        check(&until_2(ecosystem, name), &[&hit], &[&clear], &[]);
    }
    let pinned = "pkg:githubactions/acme/deploy@8f4b7f84864484a7bf31766abe9204da3cbe65b3";
    check(
        &until_2("GitHub Actions", "acme/deploy"),
        &[&format!("{pinned}?tag=v1.2.0")],
        &[&format!("{pinned}?tag=v2.0.0")],
        &[pinned],
    );
}

#[test]
fn ranges_and_lists() {
    let x = |events: &str, versions: &[&str]| affected("npm", "x", events, versions);
    // Unsorted events, several intervals, `last_affected`, `limit`.
    check(
        &x("fixed 3.2.0, introduced 3.0.0, fixed 1.0.0, introduced 0", &[]),
        &["pkg:npm/x@0.9.0", "pkg:npm/x@3.1.0"],
        &["pkg:npm/x@1.0.0", "pkg:npm/x@2.0.0", "pkg:npm/x@3.2.0"],
        &[],
    );
    check(
        &x("introduced 1.0.0, last_affected 1.5.0", &[]),
        &["pkg:npm/x@1.5.0"],
        &["pkg:npm/x@1.5.1"],
        &[],
    );
    check(&x("introduced 0, limit 2.0.0", &[]), &["pkg:npm/x@1.0.0"], &["pkg:npm/x@2.0.0"], &[]);
    // A list without a range, and a list beside one.
    check(
        &x("", &["1.0.0"]),
        &["pkg:npm/x@1.0.0", "pkg:npm/x@v1.0.0"],
        &["pkg:npm/x@1.0.1"],
        &["pkg:npm/x@one"],
    );
    check(
        &x("introduced 2.0.0", &["1.0.0", "one"]),
        &["pkg:npm/x@1.0.0", "pkg:npm/x@one", "pkg:npm/x@2.0.0"],
        &["pkg:npm/x@1.1.0"],
        &[],
    );
    // An event that has no order decides nothing about what others decide.
    check(
        &x("introduced 1.0.0, fixed some-day", &[]),
        &[],
        &["pkg:npm/x@0.9.0"],
        &["pkg:npm/x@1.0.0"],
    );
    let silent = matches(&database(&[osv("T-1", "", &x("", &[]))]), "pkg:npm/x@1.0.0");
    assert_eq!((silent.groups.len(), silent.silent.len()), (0, 1));
}

#[test]
fn withdrawn_records_and_other_relations_say_nothing() {
    let x = affected("npm", "x", "introduced 0", &[]);
    let withdrawn = osv("A-1", r#","withdrawn":"2024-02-01T00:00:00Z""#, &x);
    assert_eq!(matches(&database(&[withdrawn]), "pkg:npm/x@1.0.0"), Matches::default());
    let texts = [
        osv("A-1", r#","related":["A-2"],"upstream":["A-2"]"#, &x),
        osv("A-2", "", &x),
        osv("GHSA-1", r#","aliases":["CVE-1"]"#, &x),
        osv(
            "PYSEC-1",
            r#","aliases":["CVE-1"]"#,
            &affected("npm", "x", "introduced 0, fixed 0.5.0", &[]),
        ),
    ];
    let found = matches(&database(&texts), "pkg:npm/x@1.0.0");
    let ids: Vec<Vec<String>> = found.groups.into_iter().map(|group| group.ids).collect();
    assert_eq!(ids, [vec!["A-1"], vec!["A-2"], vec!["CVE-1", "GHSA-1", "PYSEC-1"]]);
}

#[test]
fn the_fix_here_is_clear_of_the_whole_group() {
    let texts = [
        osv(
            "GHSA-1",
            r#","aliases":["CVE-1"]"#,
            &affected("npm", "x", "introduced 0, fixed 1.2.0, introduced 2.0.0, fixed 2.3.0", &[]),
        ),
        osv(
            "OTHER-1",
            r#","aliases":["CVE-1"]"#,
            &affected("npm", "x", "introduced 1.2.0, fixed 1.4.0", &[]),
        ),
    ];
    let database = database(&texts);
    let fix = |version: &str| {
        let found = matches(&database, &format!("pkg:npm/x@{version}"));
        (found.groups[0].fixed_in.clone(), found.groups[0].fixed_here.clone())
    };
    let all = ["1.2.0", "1.4.0", "2.3.0"].map(str::to_owned).to_vec();
    assert_eq!(fix("1.0.0"), (all.clone(), Some("1.4.0".into())));
    assert_eq!(fix("1.3.0"), (all.clone(), Some("1.4.0".into())));
    assert_eq!(fix("2.0.0"), (all, Some("2.3.0".into())));
    // One of the group knows no fix: nothing is one.
    let texts = [
        texts[0].clone(),
        osv("OTHER-2", r#","aliases":["CVE-1"]"#, &affected("npm", "x", "introduced 0", &[])),
    ];
    let found = matches(&self::database(&texts), "pkg:npm/x@1.0.0");
    assert_eq!((found.groups[0].fixed_in.len(), found.groups[0].fixed_here.as_deref()), (2, None));
}

#[test]
fn a_second_entry_that_limits_nothing_lifts_the_limits_of_the_first() {
    let plain = affected("crates.io", "x", "introduced 0", &[]);
    let limited =
        plain.replacen('{', r#"{"database_specific":{"informational":"unmaintained"},"#, 1);
    let informational = |entries: &str| {
        let found = matches(&database(&[osv("RUSTSEC-1", "", entries)]), "pkg:cargo/x@1.0.0");
        found.groups[0].hits[0].1.informational.clone()
    };
    assert_eq!(informational(&limited).as_deref(), Some("unmaintained"));
    assert_eq!(informational(&format!("{limited},{plain}")), None);
    assert_eq!(informational(&format!("{plain},{limited}")), None);
}
