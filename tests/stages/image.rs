//! Images in an OCI layout, as a stranger may make them.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{CLEAN, Sandbox, VULNERABLE};

/// An image layout in the folder `oci` of a sandbox.
struct Layout<'s> {
    sandbox: &'s Sandbox,
    manifests: Vec<Value>,
}

impl<'s> Layout<'s> {
    fn new(sandbox: &'s Sandbox) -> Self {
        sandbox.write("oci/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        Self { sandbox, manifests: Vec::new() }
    }

    fn blob(&self, kind: &str, bytes: &[u8]) -> Value {
        let hex = hex(bytes);
        self.sandbox.write(&format!("oci/blobs/sha256/{hex}"), bytes);
        json!({"mediaType": kind, "digest": format!("sha256:{hex}"), "size": bytes.len()})
    }

    /// Adds an image of one layer with one file.
    fn image(&mut self, platform: &Value, path: &str, body: &str) {
        let layer = tar(path, body);
        let mut config = json!({
            "config": {"User": "10001", "Healthcheck": {"Test": ["CMD", "true"]}},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex(&layer))]},
        });
        for (name, value) in platform.as_object().unwrap() {
            config[name] = value.clone();
        }
        let config =
            self.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar", &layer);
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
        let mut manifest = self
            .blob("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes());
        manifest["platform"] = platform.clone();
        self.manifests.push(manifest);
        let index = json!({"schemaVersion": 2, "manifests": self.manifests});
        self.sandbox.write("oci/index.json", index.to_string());
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A tar file of one file.
fn tar(path: &str, body: &str) -> Vec<u8> {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, text: &str| {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, path);
    put(100, "0000644\0");
    put(124, &format!("{:011o}\0", body.len()));
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = block.to_vec();
    bytes.extend_from_slice(body.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    bytes
}

const METADATA: &str = "usr/lib/python3/dist-packages/demo_web-2.0.0.dist-info/METADATA";
const CLEAN_METADATA: &str = "Metadata-Version: 2.1\nName: demo-web\nVersion: 2.0.0\n";

fn linux() -> Value {
    json!({"os": "linux", "architecture": "amd64"})
}

#[test]
fn an_image_passes_and_its_sbom_is_whole() {
    let sandbox = Sandbox::new();
    Layout::new(&sandbox).image(&linux(), METADATA, CLEAN_METADATA);
    sandbox.say("image oci:oci --platform linux/amd64").exits(0).says(&["PASS"]);
    sandbox.say("sbom oci:oci --platform linux/amd64").exits(0);
}

#[test]
fn every_platform_has_reports_of_its_own_where_they_belong() {
    let sandbox = Sandbox::new();
    let mut layout = Layout::new(&sandbox);
    for (os, variant) in [("linux", "v6"), ("linux", "v7"), ("../../out", "v7"), ("linux", "v7")] {
        let platform = json!({"os": os, "architecture": "arm", "variant": variant});
        layout.image(&platform, METADATA, &format!("{CLEAN_METADATA}Summary: {os} {variant}\n"));
    }
    sandbox.write("reports/there", "");
    sandbox.say("image oci:oci --all-platforms -o json=reports/image.json").exits(0);
    let mut names: Vec<String> = std::fs::read_dir(sandbox.path("reports"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(!sandbox.path("../out-arm.image.json").exists() && !sandbox.path("../out").exists());
    assert_eq!(names[0], "------out-arm-v7.image.json", "{names:?}");
    assert_eq!(names[1], "linux-arm-v6.image.json", "{names:?}");
    assert!(names[2].starts_with("linux-arm-v7"), "{names:?}");
}

#[test]
fn an_image_that_no_stage_looks_at_is_not_passed_over() {
    let sandbox = Sandbox::with(CLEAN);
    Layout::new(&sandbox).image(&linux(), METADATA, CLEAN_METADATA);
    sandbox
        .say("run --stage source --image oci:oci")
        .exits(2)
        .says(&["no stage that runs looks at an image"]);
    sandbox.say("run --stage source").exits(0);
}

#[test]
fn what_an_image_says_is_one_line_and_moves_no_cursor() {
    let sandbox = Sandbox::new();
    let path = "a/\u{1b}[2Jx\n::error::y/.wh..";
    Layout::new(&sandbox).image(&linux(), path, "");
    let run = sandbox.say("image oci:oci --platform linux/amd64").exits(3);
    let text = run.says(&["names nothing"]).stderr;
    assert!(!text.contains('\u{1b}') && !text.contains("\n::"), "{text:?}");
}

#[test]
fn a_merged_sbom_has_the_gaps_of_its_parts() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.say("sbom . -o cyclonedx-json=whole.json").exits(0);
    sandbox.write("part/requirements.txt", "demo-web>=1\n");
    sandbox.say("sbom part -o cyclonedx-json=part.json").exits(3);
    sandbox.say("sbom merge whole.json -o one.json").exits(0);
    sandbox.say("sbom merge whole.json part.json -o both.json").exits(3).says(&["gap: "]);
    sandbox.say("sbom merge whole.json part.json --accept-gaps -o both.json").exits(0);
}
