//! `read(write(inventory)) == inventory`, for every format and version.

use proptest::{collection::vec as some, prelude::*};
use secgate_model::{
    Digest, Inventory, Location, Package, Purl, Scope, Target, TargetKind, Unknown, UnknownKind,
};

use super::{SbomFormat, SbomInput, recognise, take_sbom, write_sbom};

pub(crate) fn target(kind: TargetKind) -> Target {
    let digest = (kind == TargetKind::Image).then(|| Digest::sha256(&[7; 32]));
    Target { kind, name: "registry.example/team/app:1.0".to_owned(), digest, revision: None }
}

pub(crate) fn write(inventory: &Inventory, kind: TargetKind, format: SbomFormat) -> Vec<u8> {
    let target = target(kind);
    let input = SbomInput {
        tool_version: "0.1.0",
        target: &target,
        inventory,
        created: "2026-01-02T03:04:05Z".parse().unwrap(),
        parts: &[],
    };
    write_sbom(&input, format).unwrap()
}

/// Whether the format holds any character.
fn is_exact(format: SbomFormat) -> bool {
    !matches!(format, SbomFormat::CycloneDxXml(_) | SbomFormat::SpdxTagValue)
}

fn text(exact: bool) -> BoxedStrategy<String> {
    if exact {
        prop_oneof![
            "[a-zA-Z0-9 ./_:<>&\"'=\\\\é@#-]{1,12}",
            "\\PC{0,8}",
            Just("a\u{0}\u{1b}[31m\n\r\t\u{7f}</text>\u{202e}".to_owned()),
        ]
        .boxed()
    } else {
        prop_oneof!["[a-zA-Z0-9 ./_:<>&\"'=\\\\é@#-]{0,12}", Just("]]>xmlns=\"&#x41;".to_owned())]
            .boxed()
    }
}

fn license(exact: bool) -> BoxedStrategy<String> {
    let named = prop_oneof![
        Just("MIT".to_owned()),
        Just("GPL-2.0+".to_owned()),
        Just("MIT OR Apache-2.0".to_owned()),
        Just("Apache-2.0 WITH LLVM-exception".to_owned()),
        Just("LicenseRef-acme".to_owned()),
        Just("DocumentRef-a:LicenseRef-b".to_owned()),
        Just("NOASSERTION".to_owned()),
        Just("Apache License, Version 2.0 <b>".to_owned()),
    ];
    // The formats' readers take the space around a licence away.
    let free = text(exact)
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("empty", |text| !text.is_empty());
    prop_oneof![3 => named, 1 => free].boxed()
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(|bytes| Digest::sha256(&bytes))
}

fn location(exact: bool) -> impl Strategy<Value = Location> {
    let number = || proptest::option::of(1_u32..5000);
    (text(exact), number(), number(), number(), proptest::option::of(digest())).prop_map(
        |(path, line, column, end_line, layer)| Location { path, line, column, end_line, layer },
    )
}

fn purl() -> impl Strategy<Value = Purl> {
    let space = proptest::option::of("[a-z@]{1,3}");
    let kinds = prop_oneof![Just("npm"), Just("pypi"), Just("deb"), Just("golang"), Just("rpm")];
    (kinds, space, "[a-c]", "[0-9]{1,2}|1:2~é+b/1", proptest::option::of("[a-z /&=]{1,4}"))
        .prop_map(|(kind, space, name, version, qualifier)| {
            let purl = Purl::new(kind, space.as_deref(), &name, Some(&version)).unwrap();
            // `upstream` must not be taken for a source that the inventory does not have.
            qualifier.map_or(purl.clone(), |value| purl.with_qualifier("upstream", value.trim()))
        })
}

fn hash() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-f]{40}".prop_map(|hex| format!("sha1:{hex}")),
        "[0-9a-f]{64}".prop_map(|hex| format!("sha256:{hex}")),
        "[0-9a-f]{96}".prop_map(|hex| format!("sha384:{hex}")),
        "[0-9a-f]{128}".prop_map(|hex| format!("sha512:{hex}")),
        Just("sha256:short".to_owned()),
        Just("md5:00".to_owned()),
    ]
}

fn package(exact: bool) -> impl Strategy<Value = Package> {
    let scopes = prop_oneof![
        Just(Scope::Runtime),
        Just(Scope::Optional),
        Just(Scope::Dev),
        Just(Scope::Unknown)
    ];
    (
        (purl(), scopes, any::<Option<bool>>(), some(license(exact), 0..4)),
        (some(location(exact), 0..3), some(purl(), 0..3)),
        proptest::option::of((text(exact), text(exact))),
        (proptest::option::of(purl()), some(hash(), 0..3), some("[a-z-]{1,6}", 0..3)),
    )
        .prop_map(|(one, two, source, three)| {
            let (purl, scope, direct, licenses) = one;
            let (locations, parents) = two;
            let (owned_by, hashes, found_by) = three;
            Package {
                purl,
                scope,
                direct,
                licenses,
                locations,
                parents,
                source,
                owned_by,
                hashes,
                found_by,
            }
        })
}

pub(crate) fn inventory(exact: bool) -> impl Strategy<Value = Inventory> {
    let kinds = prop_oneof![
        Just(UnknownKind::Unreadable),
        Just(UnknownKind::Unpinned),
        Just(UnknownKind::Limit)
    ];
    let unknown = (location(exact), kinds, text(exact))
        .prop_map(|(location, kind, reason)| Unknown { location, kind, reason });
    let distribution = proptest::option::of("[a-z]{1,8}(-[a-z0-9.]{1,6}){0,2}");
    (some(package(exact), 0..8), some(unknown, 0..3), some(text(exact), 0..3), distribution)
        .prop_map(|(packages, unknowns, files, distribution)| {
            Inventory { packages, unknowns, files, distribution, layers: Vec::new() }.normalised()
        })
}

fn check(inventory: &Inventory, kind: TargetKind, format: SbomFormat) {
    let bytes = write(inventory, kind, format);
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(recognise(text).is_some(), "{format}");
    let read = take_sbom("sbom", &bytes).unwrap().unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(&read, inventory, "{format}: {text}");
    assert_eq!(write(&read, kind, format), bytes, "{format}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn json_gives_the_inventory_back(inventory in inventory(true)) {
        for format in SbomFormat::ALL.into_iter().filter(|format| is_exact(*format)) {
            for kind in [TargetKind::Path, TargetKind::Image] {
                check(&inventory, kind, format);
            }
        }
    }

    #[test]
    fn text_formats_give_the_inventory_back(inventory in inventory(false)) {
        for format in SbomFormat::ALL.into_iter().filter(|format| !is_exact(*format)) {
            for kind in [TargetKind::Path, TargetKind::Image] {
                check(&inventory, kind, format);
            }
        }
    }

    #[test]
    fn any_text_can_be_read_back(inventory in inventory(true)) {
        for format in SbomFormat::ALL.into_iter().filter(|format| !is_exact(*format)) {
            let bytes = write(&inventory, TargetKind::Path, format);
            let read = take_sbom("sbom", &bytes).unwrap().unwrap();
            prop_assert_eq!(read.packages.len(), inventory.packages.len());
            prop_assert_eq!(read.unknowns.is_empty(), inventory.unknowns.is_empty());
        }
    }
}

/// In a tree, an SBOM is one file among others: what it tells of gaps counts, what it tells of places does not, because they
/// are places elsewhere.
#[test]
fn a_partial_sbom_in_a_tree_is_a_gap_of_the_tree() {
    let package = Package::new("pkg:npm/a@1".parse().unwrap(), "npm", Location::line("lock", 7));
    let unknown = Unknown {
        location: Location::line("Cargo.lock", 3),
        kind: UnknownKind::Limit,
        reason: "too large".to_owned(),
    };
    let partial = Inventory {
        packages: vec![package],
        unknowns: vec![unknown],
        files: vec!["lock".to_owned()],
        distribution: None,
        layers: Vec::new(),
    };
    for format in SbomFormat::ALL {
        let name = format!("s.{}", format.ending());
        let files = [(name.clone(), write(&partial, TargetKind::Path, format))];
        let tree = secgate_source::Tree::in_memory(files, secgate_source::Limits::default());
        let read = crate::take_inventory(&tree);
        assert_eq!(read.files, [name.as_str()]);
        let place = &read.packages[0].locations[0];
        assert_eq!(place.path, name);
        assert_eq!(read.packages[0].found_by, ["sbom"]);
        assert_eq!(read.unknowns.len(), 1, "{format}");
        assert_eq!(read.unknowns[0].reason, "the SBOM tells of Cargo.lock:3: too large");
        assert_eq!(read.unknowns[0].kind, UnknownKind::Limit);
    }
}

/// The golden examples are fixed points: what is read from them is written as they are.
#[test]
fn the_golden_examples_are_what_is_written() {
    let check = |format: &str, golden: &str| {
        let read = take_sbom("sbom", golden.as_bytes()).unwrap().unwrap();
        assert_eq!((read.packages.len(), read.unknowns.len(), read.files.len()), (3, 1, 3));
        let made = write(&read, TargetKind::Image, format.parse().unwrap());
        assert!(
            made == golden.as_bytes(),
            "{format} differs: run `cargo run -p secgate-inventory --example golden` and read the difference"
        );
    };
    check("cyclonedx-json", include_str!("../../../reports/examples/sbom.cdx.json"));
    check("spdx-json", include_str!("../../../reports/examples/sbom.spdx.json"));
}
