//! `secgate sbom diff` and `secgate sbom merge`.

use serde_json::Value;

use crate::{
    cli::sbom::FORMATS,
    harness::{CLEAN, Run, Sandbox, VULNERABLE},
    image::{Form, Image, Layer, put, sandbox},
};

/// Two documents `from.json` and `to.json` of folders with these requirements.
fn two(from: &str, to: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, text) in [("from", from), ("to", to)] {
        sandbox.write(&format!("{name}/requirements.txt"), text);
        sandbox.say(&format!("sbom {name} -o cyclonedx-json={name}.json --accept-gaps")).exits(0);
    }
    sandbox
}

#[test]
fn a_difference_is_told_and_is_an_exit_code_where_one_is_asked_for() {
    let sandbox = two("demo-web==1.0.0\ndemo-low==1\n", "demo-web==2.0.0\ndemo-queue==4.0.0\n");
    let texts = ["demo-web", "1.0.0", "2.0.0", "demo-low", "demo-queue", "4.0.0"];
    for format in ["text", "markdown", "json"] {
        let line = format!("sbom diff from.json to.json --format {format}");
        sandbox.say(&line).exits(0).says(&texts);
        let run = sandbox.say(&format!("{line} --exit-code")).exits(1).says(&texts);
        assert!(run.stderr.is_empty(), "{}", run.stderr);
        assert!(run.stdout.ends_with('\n'), "{format}");
        let same = format!("sbom diff from.json from.json --format {format} --exit-code");
        sandbox.say(&same).exits(0);
    }
    sandbox.say("sbom diff from.json to.json --format pdf").exits(2);
    sandbox.say("sbom diff from.json").exits(2);
    sandbox.say("sbom diff from.json nowhere.json").exits(3).says(&["nowhere.json"]);
    sandbox.write("text.json", "{}");
    sandbox.say("sbom diff from.json text.json").exits(3).says(&["text.json", "no CycloneDX"]);
}

#[test]
fn the_json_of_a_difference_follows_its_schema() {
    let schema = Sandbox::empty().say("schema sbom-diff").exits(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (from, to) in [
        (CLEAN, CLEAN),
        (CLEAN, VULNERABLE),
        (VULNERABLE, "demo-queue==4.0.0\n"),
        ("demo-web==1.0.0\ndemo-low==1\n", "demo-web==2.0.0\ndemo-low==1\ndemo-low==2\n"),
        ("demo-web>=1\ndemo-low==1\n", CLEAN),
    ] {
        let sandbox = two(from, to);
        let diff = sandbox.say("sbom diff from.json to.json --format json").json();
        let faults: Vec<String> =
            validator.iter_errors(&diff).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{from} {to}");
        assert_eq!(diff["schema"], "secgate.sbom-diff/1");
    }
}

#[test]
fn what_is_not_known_is_no_sameness() {
    let sandbox = two("demo-web>=1\n", CLEAN);
    for line in ["from.json to.json", "to.json from.json", "from.json from.json"] {
        sandbox.say(&format!("sbom diff {line}")).exits(3).says(&["gap: "]);
        sandbox.say(&format!("sbom diff {line} --exit-code --format json")).exits(3).json();
    }
}

#[test]
fn formats_do_not_differ() {
    let sandbox = sandbox();
    put(&sandbox, &Image::debian("1.0.0"));
    let mut files = Vec::new();
    for (format, ending) in FORMATS {
        let file = format!("{format}.{ending}");
        sandbox.say(&format!("sbom oci:oci -o {format}={file}")).exits(0);
        files.push(file);
    }
    for file in &files {
        sandbox.say(&format!("sbom diff {} {file} --exit-code", files[0])).exits(0);
    }
    let mut image = Image::debian("1.0.0");
    image.layers.push((Form::Zstd, Layer::new().python("demo-low", "1.0")));
    put(&sandbox, &image);
    sandbox.say("sbom oci:oci -o spdx-json=new.json").exits(0);
    for file in &files {
        let run = sandbox.say(&format!("sbom diff {file} new.json --exit-code --format json"));
        let diff = run.exits(1).json();
        assert_eq!(diff["added"].as_array().unwrap().len(), 1, "{file}");
        assert_eq!(diff["removed"].as_array().unwrap().len(), 0, "{file}");
        assert_eq!(diff["changed"].as_array().unwrap().len(), 0, "{file}");
    }
}

#[test]
fn a_merge_has_all_of_its_parts_in_every_format() {
    let sandbox = sandbox();
    put(&sandbox, &Image::debian("1.0.0"));
    sandbox.write("app/requirements.txt", "demo-queue==4.0.0\n");
    for (format, ending) in FORMATS {
        sandbox.say(&format!("sbom oci:oci -o {format}=image.{ending}")).exits(0);
        sandbox.say(&format!("sbom app -o {format}=app.{ending}")).exits(0);
        let line = format!("sbom merge image.{ending} app.{ending} --name fleet --format {format}");
        let shown = sandbox.say(&line).exits(0).stdout;
        assert!(shown.contains("fleet"), "{format}");
        sandbox.say(&format!("{line} -o whole.{ending}")).exits(0);
        let report =
            sandbox.say(&format!("audit whole.{ending} --no-gate --format json")).exits(0).json();
        assert_eq!(
            crate::harness::rules(&report),
            ["CVE-2025-10002", "CVE-2025-10001", "CVE-2025-10009", "CVE-2025-20001"],
            "{format}"
        );
        assert_eq!(report["components"].as_array().unwrap().len(), 5, "{format}");
        // The image's packages are those of the image.
        let image = sandbox.say(&format!("audit image.{ending} --no-gate --format json")).json();
        let purls = |report: &Value| -> Vec<Value> {
            let all = report["components"].as_array().unwrap().iter();
            let mut all: Vec<Value> = all.map(|one| one["purl"].clone()).collect();
            all.retain(|purl| !purl.as_str().unwrap().contains("demo-queue"));
            all
        };
        assert_eq!(purls(&report), purls(&image), "{format}");
    }
    sandbox.say("sbom merge").exits(2);
    sandbox.say("sbom merge nowhere.json").exits(3).says(&["nowhere.json"]);
    sandbox.write("text", "no document");
    let run = sandbox.say("sbom merge app.cdx.json text -o x.json").exits(3).says(&["text"]);
    assert!(run.stdout.is_empty() && !sandbox.exists("x.json"));
}

#[test]
fn a_merge_at_one_time_is_the_same_bytes() {
    let sandbox = two("demo-web==1.0.0\n", "demo-queue==4.0.0\n");
    let merge = |format: &str| {
        let mut command = sandbox.command();
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        command.args(["sbom", "merge", "from.json", "to.json", "--format", format]);
        Run::of(command.output().unwrap(), format!("merge as {format}")).exits(0).stdout
    };
    for (format, _) in FORMATS {
        let first = merge(format);
        assert!(first.contains("2023-11-14T22:13:20Z"), "{format}");
        assert!(merge(format) == first, "{format}");
    }
}
