//! SBOMs of RPM systems as Syft and Trivy write them match as the image itself does.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use crate::{
    harness::{Sandbox, build, rules},
    mirror::Mirror,
};

/// Advisories that name a source package, and one about a stream of a module.
fn sandbox() -> Sandbox {
    let mut mirror = Mirror::fixture();
    let record = |id: &str, ecosystem: &str, package: &str, fixed: &str, summary: &str| {
        json!({
            "schema_version": "1.7.0", "id": id, "modified": "2026-01-05T00:00:00Z",
            "published": "2025-11-01T00:00:00Z", "summary": summary,
            "affected": [{
                "package": {"ecosystem": ecosystem, "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
            }],
        })
    };
    for (name, ecosystem) in [("Rocky Linux", "Rocky Linux:9"), ("AlmaLinux", "AlmaLinux:8")] {
        let id =
            |at: u32| format!("CVE-2025-3{}{at}", if name == "AlmaLinux" { "00" } else { "10" });
        let fixed = "1:18.20-1.module_el8.9.0+1+a";
        let records: BTreeMap<String, Value> = [
            record(&id(1), ecosystem, "openssl", "1:3.0.8-1.el9", "openssl: a flaw"),
            record(&id(2), ecosystem, "nodejs", fixed, "Important: nodejs:18 security update"),
            record(
                &id(3),
                ecosystem,
                "nodejs",
                "1:20.1-1.module_el8.9.0+1+a",
                "Important: nodejs:20 security update",
            ),
        ]
        .into_iter()
        .map(|record| (record["id"].as_str().unwrap().to_owned(), record))
        .collect();
        mirror.records.insert(name.to_owned(), records);
    }
    let sandbox = Sandbox::empty();
    fs::create_dir_all(sandbox.database().parent().unwrap()).unwrap();
    fs::write(sandbox.database(), build(&mirror)).unwrap();
    sandbox
}

fn found(sandbox: &Sandbox, purl: &str, properties: &[(&str, &str)]) -> Vec<String> {
    let list: Vec<Value> =
        properties.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let sbom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [{"type": "library", "name": "x", "purl": purl, "properties": list}],
    });
    sandbox.write("x.cdx.json", sbom.to_string());
    let report = sandbox.say("audit x.cdx.json --no-gate --format json").exits(0).json();
    rules(&report)
}

#[test]
fn a_source_package_that_a_property_tells() {
    let sandbox = sandbox();
    let purl = "pkg:rpm/rocky/openssl-libs@3.0.7-1.el9?arch=x86_64&distro=rocky-9.3&epoch=1";
    let file = "openssl-3.0.7-1.el9.src.rpm";
    let wanted = ["CVE-2025-3101"];
    assert_eq!(found(&sandbox, &format!("{purl}&upstream={file}"), &[]), wanted);
    assert_eq!(found(&sandbox, purl, &[("syft:metadata:sourceRpm", file)]), wanted);
    let trivy = [
        ("aquasecurity:trivy:SrcName", "openssl"),
        ("aquasecurity:trivy:SrcVersion", "3.0.7"),
        ("aquasecurity:trivy:SrcRelease", "1.el9"),
        ("aquasecurity:trivy:SrcEpoch", "1"),
    ];
    assert_eq!(found(&sandbox, purl, &trivy), wanted);
    // Where nothing tells it, it is a gap and no pass.
    sandbox.write(
        "x.cdx.json",
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6",
            "components": [{"type": "library", "name": "x", "purl": purl}],
        })
        .to_string(),
    );
    sandbox.say("audit x.cdx.json").exits(3);
}

#[test]
fn a_module_that_a_property_tells() {
    let sandbox = sandbox();
    let purl = "pkg:rpm/almalinux/nodejs@18.14.2-2.module_el8.7.0%2B1%2Ba?arch=x86_64&distro=almalinux-8.9&epoch=1";
    let label = "nodejs:18:8070020230306:bd1";
    let wanted = ["CVE-2025-3002"];
    assert_eq!(found(&sandbox, &format!("{purl}&modularity=nodejs:18"), &[]), wanted);
    assert_eq!(found(&sandbox, purl, &[("syft:metadata:modularityLabel", label)]), wanted);
    assert_eq!(found(&sandbox, purl, &[("aquasecurity:trivy:Modularitylabel", label)]), wanted);
    // Whose stream nobody tells may be of either.
    assert_eq!(found(&sandbox, purl, &[]), ["CVE-2025-3002", "CVE-2025-3003"]);
}
