//! What the audit takes as input besides a folder.

use crate::harness::{CLEAN, Sandbox, rules};

const BOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
  {"type":"library","name":"demo-web","version":"1.0.0","purl":"pkg:pypi/demo-web@1.0.0"},
  {"type":"library","name":"demo-left","version":"1.3.1","purl":"pkg:npm/demo-left@1.3.1"}]}"#;

#[test]
fn an_sbom_is_judged_whatever_it_is_called() {
    let sandbox = Sandbox::new();
    for name in ["app.cdx.json", "bom.json", "list", "x.txt", "requirements.txt"] {
        sandbox.write(name, BOM);
        let report = sandbox.run(["audit", name, "--format", "json"]).exits(1).json();
        assert_eq!(rules(&report), ["CVE-2025-10001"], "{name}");
        assert_eq!(report["components"].as_array().unwrap().len(), 2, "{name}");
    }
}

#[test]
fn spdx_and_xml_are_read_too() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "x.spdx.json",
        r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","dataLicense":"CC0-1.0","documentNamespace":"https://example.org/x","creationInfo":{"created":"2026-01-01T00:00:00Z","creators":["Tool: x"]},"packages":[{"name":"demo-web","SPDXID":"SPDXRef-a","versionInfo":"1.0.0","downloadLocation":"NOASSERTION","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:pypi/demo-web@1.0.0"}]}]}"#,
    );
    sandbox.write(
        "x.xml",
        r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="1"><components><component type="library"><name>demo-web</name><version>1.0.0</version><purl>pkg:pypi/demo-web@1.0.0</purl></component></components></bom>"#,
    );
    sandbox.say("audit x.spdx.json").exits(1).says(&["CVE-2025-10001"]);
    sandbox.say("audit x.xml").exits(1).says(&["CVE-2025-10001"]);
}

#[test]
fn an_sbom_in_a_folder_counts() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("dist/app.cdx.json", BOM);
    sandbox.say("audit .").exits(1).says(&["dist/app.cdx.json"]);
}

#[test]
fn a_component_that_nobody_can_name_is_a_gap() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "a.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{"type":"library","name":"x","version":"1","purl":"pkg:pypi"}]}"#,
    );
    sandbox.say("audit a.cdx.json").exits(3).says(&["a.cdx.json"]);
}

#[test]
fn a_broken_sbom_is_an_error() {
    let sandbox = Sandbox::new();
    for text in [
        &BOM[..BOM.len() - 20],
        r#"{"bomFormat":"CycloneDX"}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"9.9","components":[]}"#,
    ] {
        sandbox.write("a.cdx.json", text);
        sandbox.say("audit a.cdx.json").exits(3).says(&["a.cdx.json"]);
    }
}

#[test]
fn a_file_that_is_no_lockfile_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write("README.md", "# nothing\n");
    sandbox.say("audit README.md").exits(3).says(&["README.md", "lockfile"]);
    sandbox.write("data.json", "{}");
    sandbox.say("audit data.json").exits(3).says(&["data.json"]);
    sandbox.write("empty", "");
    sandbox.say("audit empty").exits(3);
}

#[test]
fn a_tree_of_scripts_without_dependencies_is_no_pass() {
    let sandbox = Sandbox::new();
    sandbox.write("gradlew", "#!/bin/sh\nexit 0\n");
    sandbox.say("audit .").exits(3);
    sandbox.write("bin/start", "#!/bin/sh\nexit 0\n");
    sandbox.write("empty", "");
    sandbox.say("audit .").exits(3);
    sandbox.say("audit gradlew").exits(3);
}

#[test]
fn a_lockfile_named_alone_is_judged_alone() {
    let sandbox = Sandbox::with("demo-web==1.0.0\n");
    sandbox.write("sub/requirements.txt", CLEAN);
    sandbox.say("audit sub/requirements.txt").exits(0);
    sandbox.say("audit requirements.txt").exits(1);
}

#[test]
fn what_the_configuration_leaves_out_is_left_out_and_nothing_else() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("fixtures/requirements.txt", "demo-web==1.0.0\n");
    sandbox.say("audit .").exits(1);
    let config = |list: &str| {
        format!("apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\nexclude: [{list}]\n")
    };
    sandbox.write("secgate.yaml", config("fixtures"));
    sandbox.say("audit .").exits(0);
    sandbox.say("run").exits(0);
    sandbox.write("secgate.yaml", config("\"fixtures/\""));
    sandbox.say("audit .").exits(0);
    sandbox.write("secgate.yaml", config("fix"));
    sandbox.say("audit .").exits(1);
    sandbox.write("secgate.yaml", config("\"[\""));
    sandbox.say("audit .").exits(2).says(&["exclude"]);
}

#[test]
fn leaving_everything_out_is_no_pass() {
    let sandbox = Sandbox::with("demo-web==1.0.0\n");
    sandbox.write(
        "secgate.yaml",
        "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\nexclude: [\"**\"]\n",
    );
    sandbox.say("run").exits(3);
}
