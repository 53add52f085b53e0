//! What `secgate image` writes: reports in every format, and what it remembers of layers.

use std::fs;

use serde_json::Value;

use crate::{
    harness::{Sandbox, hours_from_now},
    image::{Image, Layout, names, put, sandbox},
};

const FORMATS: [&str; 8] =
    ["table", "json", "sarif", "markdown", "html", "junit", "gitlab", "github"];

#[test]
fn a_report_in_every_format_whatever_the_verdict() {
    for (image, code) in [(Image::clean(), 0), (Image::debian("1.0.0"), 1)] {
        let sandbox = sandbox();
        put(&sandbox, &image);
        let mut args = vec!["image".to_owned(), "oci:oci".to_owned()];
        for format in FORMATS {
            args.extend(["-o".to_owned(), format!("{format}=out/{format}")]);
        }
        sandbox.run(args).exits(code);
        assert_eq!(names(&sandbox.path("out")).len(), FORMATS.len());
        let at = hours_from_now(1);
        for format in FORMATS {
            let written = sandbox.read(&format!("out/{format}"));
            assert!(!written.is_empty() || (format == "github" && code == 0), "{format} {code}");
            if code == 1 {
                assert!(written.contains("CVE-2025-20001"), "{format}");
            }
            let file = format!("{format}=again");
            let line = ["image", "oci:oci", "--at", &at, "--format", format, "-o", &file];
            let shown = sandbox.run(line).exits(code).stdout;
            if format != "table" {
                assert_eq!(sandbox.read("again"), shown, "{format}");
            }
        }
    }
}

#[test]
fn the_json_of_an_image_follows_the_published_schema() {
    let sandbox = sandbox();
    let schema = sandbox.say("schema report").exits(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for image in [Image::clean(), Image::debian("1.0.0")] {
        put(&sandbox, &image);
        let report = sandbox.say("image oci:oci --format json --no-gate").exits(0).json();
        let faults: Vec<String> =
            validator.iter_errors(&report).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new());
    }
}

#[test]
fn a_stage_of_images_writes_its_reports_and_sboms_beside_those_of_the_sources() {
    let sandbox = sandbox();
    sandbox.write("requirements.txt", crate::harness::CLEAN);
    sandbox.write(
        "secgate.yaml",
        "apiVersion: secgate.dev/v1
kind: Config
image: oci:oci
stages: [source, image]
reports: { folder: out, formats: [json, sarif], sboms: [cyclonedx-json, spdx-json] }
",
    );
    put(&sandbox, &Image::debian("1.0.0"));
    // The built-in policy wants a signature, which this version cannot check.
    sandbox.say("run").exits(3);
    assert_eq!(
        names(&sandbox.path("out")),
        [
            "image.report.json",
            "image.report.sarif",
            "image.sbom.cdx.json",
            "image.sbom.spdx.json",
            "report.json",
            "report.sarif",
            "sbom.cdx.json",
            "sbom.spdx.json",
        ]
    );
    let read = |name: &str| -> Value {
        serde_json::from_str(&sandbox.read(&format!("out/{name}"))).unwrap()
    };
    assert_eq!(read("image.report.json")["target"]["kind"], "image");
    assert_eq!(read("report.json")["target"]["kind"], "path");
    assert!(read("image.sbom.cdx.json").to_string().contains("zlib1g"));
    assert!(!read("sbom.cdx.json").to_string().contains("zlib1g"));
    // What a run wrote changes nothing for the next.
    sandbox.say("run").exits(3);
}

/// Reports of several formats at one time.
fn bytes(sandbox: &Sandbox, at: &str, more: &[&str]) -> Vec<String> {
    let show = |format: &&str| {
        let line = ["image", "oci:oci", "--at", at, "--no-gate", "--format", format];
        sandbox.run(line.iter().chain(more)).exits(0).stdout
    };
    FORMATS.iter().map(show).collect()
}

#[test]
fn remembered_layers_give_the_same_bytes() {
    let sandbox = sandbox();
    let digests = put(&sandbox, &Image::debian("1.0.0"));
    let at = hours_from_now(1);
    let without = bytes(&sandbox, &at, &["--no-layer-cache"]);
    let cache = sandbox.path("cache");
    assert!(!cache.exists());
    for _ in 0..2 {
        assert!(bytes(&sandbox, &at, &["--layer-cache", "cache"]) == without);
        let files = all_files(&cache);
        assert_eq!(files.len(), 3, "{files:?}");
    }
    // A remembered layer is not read again, and its bytes need not be there.
    let layout = Layout::new(&sandbox, "oci");
    fs::remove_file(layout.blob_path(&digests[3])).unwrap();
    assert!(bytes(&sandbox, &at, &["--layer-cache", "cache"]) == without);
    sandbox.say("image oci:oci --no-layer-cache").exits(3);
}

/// What may happen to a file.
type Harm<'f> = &'f dyn Fn(&mut Vec<u8>);

#[test]
fn a_damaged_memory_is_not_believed() {
    let sandbox = sandbox();
    put(&sandbox, &Image::debian("1.0.0"));
    let at = hours_from_now(1);
    let without = bytes(&sandbox, &at, &["--no-layer-cache"]);
    let line = format!("image oci:oci --at {at} --format json --no-gate --layer-cache cache");
    let harm: [Harm<'_>; 4] = [
        &|bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
        &|bytes| bytes.truncate(bytes.len() / 2),
        &Vec::clear,
        &|bytes| bytes.extend_from_slice(b"more"),
    ];
    for harm in harm {
        sandbox.say(&line).exits(0);
        for path in all_files(&sandbox.path("cache")) {
            let mut bytes = fs::read(&path).unwrap();
            harm(&mut bytes);
            fs::write(&path, bytes).unwrap();
        }
        assert!(sandbox.say(&line).exits(0).stdout == without[1]);
    }
}

#[test]
fn a_memory_that_cannot_be_written_costs_no_judgement() {
    let sandbox = sandbox();
    put(&sandbox, &Image::debian("1.0.0"));
    sandbox.write("file", "no folder");
    sandbox.say("image oci:oci --layer-cache file/below").exits(1).says(&["zlib1g"]);
}

fn all_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}
