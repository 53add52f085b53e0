//! Documents as other tools write them: Syft 1.18 and cyclonedx-py 7 ran on small folders of ours; the one in Trivy's manner is
//! written by hand after its documented properties.

use secgate_model::{Inventory, Package};

use super::take_sbom;

fn read(name: &str, bytes: &[u8]) -> Inventory {
    take_sbom(name, bytes).unwrap().unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn find<'i>(inventory: &'i Inventory, name: &str) -> &'i Package {
    inventory.packages.iter().find(|package| package.purl.name() == name).unwrap()
}

fn source<'i>(inventory: &'i Inventory, name: &str) -> Option<(&'i str, &'i str)> {
    find(inventory, name).source.as_ref().map(|(name, version)| (name.as_str(), version.as_str()))
}

#[test]
fn syft_tells_sources_and_places() {
    let check = |name: &str, bytes: &[u8], places: bool| {
        let inventory = read(name, bytes);
        assert_eq!(inventory.unknowns, [], "{name}");
        assert_eq!(inventory.packages.len(), 4, "{name}");
        assert_eq!(source(&inventory, "libssl3").map(|(name, _)| name), Some("openssl"), "{name}");
        let version = find(&inventory, "libssl3").purl.version().unwrap();
        assert_eq!(source(&inventory, "libssl3").map(|(_, version)| version), Some(version));
        let (util, version) = source(&inventory, "bsdutils").unwrap();
        assert_eq!(util, "util-linux", "{name}");
        assert!(version.starts_with("2."), "{name}: {version}");
        assert_eq!(source(&inventory, "flask"), None, "{name}");
        if places {
            let place = &find(&inventory, "libssl3").locations[0];
            assert_eq!((place.path.as_str(), place.line), ("var/lib/dpkg/status", None), "{name}");
        }
    };
    check("a.cdx.json", include_bytes!("../testdata/sbom/syft.cdx.json"), true);
    check("a.cdx.xml", include_bytes!("../testdata/sbom/syft.cdx.xml"), true);
    check("a.spdx.json", include_bytes!("../testdata/sbom/syft.spdx.json"), false);
    check("a.spdx", include_bytes!("../testdata/sbom/syft.spdx"), false);
}

#[test]
fn trivy_tells_sources_layers_and_files() {
    let inventory = read("t.cdx.json", include_bytes!("../testdata/sbom/trivy.cdx.json"));
    let layer = format!("sha256:{}", "2".repeat(64)).parse().unwrap();
    let libc = find(&inventory, "libc6");
    assert_eq!(source(&inventory, "libc6"), Some(("glibc", "2.36-9+deb12u4")));
    assert_eq!(libc.locations[0].layer, Some(layer));
    assert_eq!(libc.direct, Some(true));
    let lodash = find(&inventory, "lodash");
    assert_eq!(lodash.locations[0].path, "app/node_modules/lodash/package.json");
    assert_eq!(lodash.hashes, ["sha1:b44a9b6297bcb698f1c51a3545a2b3b368d59c52"]);
    assert_eq!(inventory.packages.len(), 2);
    assert_eq!(inventory.unknowns, []);
}

#[test]
fn cyclonedx_py_tells_components() {
    let inventory = read("p.cdx.json", include_bytes!("../testdata/sbom/cyclonedx-py.cdx.json"));
    let purls: Vec<_> = inventory.packages.iter().map(|package| package.purl.to_string()).collect();
    assert_eq!(purls, ["pkg:pypi/flask@2.0.1", "pkg:pypi/werkzeug@2.0.0"]);
    assert_eq!(inventory.unknowns, []);
}

#[test]
fn a_document_that_calls_itself_incomplete_is_a_gap() {
    let check = |aggregate: &str, gaps: usize| {
        let text = format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {{"component": {{"type": "application",
            "name": "a"}}}}, "components": [], "compositions": [{{"aggregate": "{aggregate}"}}]}}"#
        );
        assert_eq!(read("a.cdx.json", text.as_bytes()).unknowns.len(), gaps, "{aggregate}");
        let text = format!(
            r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.5"><metadata><component type="application"><name>a</name>
            </component></metadata><compositions><composition><aggregate>{aggregate}</aggregate></composition>
            </compositions></bom>"#
        );
        assert_eq!(read("a.cdx.xml", text.as_bytes()).unknowns.len(), gaps, "{aggregate}");
    };
    check("incomplete", 1);
    check("incomplete_third_party_only", 1);
    check("complete", 0);
    check("unknown", 0);
}
