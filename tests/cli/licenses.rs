//! Licences as a policy judges them: of a folder, of an SBOM, of an image.

use serde_json::json;

use crate::{
    harness::Sandbox,
    image::{Form, Image, Layer, put, python_folder, sandbox},
};

fn policy(stage: &str, scanners: &str, license: &str) -> String {
    format!(
        "apiVersion: secgate.dev/v1
kind: Policy
metadata: {{ name: licences }}
stages:
  {stage}: {{ use: [licences], scanners: [{scanners}] }}
rules:
  licences:
    title: Licences
    match: {{ license: {license} }}
    action: fail
"
    )
}

const LISTS: [(&str, [i32; 4]); 5] = [
    // MIT, MIT OR GPL-3.0-only, GPL-3.0-only, none told.
    ("{ allow: [MIT], unknown: fail }", [0, 0, 1, 1]),
    ("{ allow: [MIT], unknown: ignore }", [0, 0, 1, 0]),
    ("{ deny: [GPL-3.0-only], unknown: fail }", [0, 0, 1, 1]),
    ("{ deny: [GPL-3.0-only], unknown: ignore }", [0, 0, 1, 0]),
    ("{ allow: [MIT, GPL-3.0-only], unknown: fail }", [0, 0, 0, 1]),
];

const TOLD: [&str; 4] = ["MIT", "MIT OR GPL-3.0-only", "GPL-3.0-only", ""];

fn config(sandbox: &Sandbox, more: &str) {
    let text = format!("apiVersion: secgate.dev/v1\nkind: Config\npolicy: policy.yaml\n{more}\n");
    sandbox.write("secgate.yaml", text);
}

#[test]
fn an_sbom_is_judged_by_its_licences() {
    let sandbox = sandbox();
    config(&sandbox, "path: app.cdx.json\nstages: [source]");
    for (list, codes) in LISTS {
        sandbox.write("policy.yaml", policy("source", "licenses", list));
        for (told, code) in TOLD.into_iter().zip(codes) {
            let licenses = if told.is_empty() { json!([]) } else { json!([{"expression": told}]) };
            let sbom = json!({
                "bomFormat": "CycloneDX", "specVersion": "1.6",
                "components": [{
                    "type": "library", "name": "a", "version": "1", "purl": "pkg:npm/a@1",
                    "licenses": licenses,
                }],
            });
            sandbox.write("app.cdx.json", sbom.to_string());
            let run = sandbox.say("run");
            assert_eq!(run.code, code, "{list} of {told}\n{}{}", run.stdout, run.stderr);
        }
    }
}

#[test]
fn an_image_is_judged_by_its_licences() {
    let sandbox = sandbox();
    config(&sandbox, "image: oci:oci\nstages: [image]");
    for (list, codes) in LISTS {
        sandbox.write("policy.yaml", policy("image", "image, licenses", list));
        for (told, code) in TOLD.into_iter().zip(codes) {
            let place = python_folder("demo-low", "9.0");
            let line = if told.is_empty() {
                String::new()
            } else {
                format!("License-Expression: {told}\n")
            };
            let metadata = format!("Metadata-Version: 2.4\nName: demo-low\nVersion: 9.0\n{line}");
            let layer = Layer::new().file(&format!("{place}/METADATA"), metadata);
            put(&sandbox, &Image::of(vec![(Form::Gzip, layer)]));
            for line in ["run", "image oci:oci"] {
                let run = sandbox.say(line);
                let said = format!("{}{}", run.stdout, run.stderr);
                assert_eq!(run.code, code, "{line}: {list} of {told}\n{said}");
            }
        }
    }
}

#[test]
fn a_list_that_says_nothing_is_wrong_usage() {
    let sandbox = sandbox();
    config(&sandbox, "stages: [source]");
    for list in
        ["{}", "{ allow: [] }", "{ allow: [NoSuchLicence!] }", "{ unknown: maybe }", "[MIT]"]
    {
        sandbox.write("policy.yaml", policy("source", "licenses", list));
        sandbox.say("run").exits(2).says(&["policy.yaml:"]);
    }
}
