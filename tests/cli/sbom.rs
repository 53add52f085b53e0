//! `secgate sbom`: every format, to files and to standard output, and what is made of the document afterwards.

use serde_json::Value;

use crate::{
    harness::{CLEAN, Run, Sandbox, VULNERABLE},
    image::{Image, Layout, names, put, sandbox, saved},
};

/// Formats and the ending that a file of each has as a rule.
pub(super) const FORMATS: [(&str, &str); 13] = [
    ("cyclonedx-json", "cdx.json"),
    ("cyclonedx-json@1.4", "cdx.json"),
    ("cyclonedx-json@1.5", "cdx.json"),
    ("cyclonedx-json@1.6", "cdx.json"),
    ("cyclonedx-json@1.7", "cdx.json"),
    ("cyclonedx-xml", "cdx.xml"),
    ("cyclonedx-xml@1.4", "cdx.xml"),
    ("cyclonedx-xml@1.5", "cdx.xml"),
    ("cyclonedx-xml@1.6", "cdx.xml"),
    ("cyclonedx-xml@1.7", "cdx.xml"),
    ("spdx-json", "spdx.json"),
    ("spdx-tag-value", "spdx"),
    ("spdx-3-json", "spdx3.json"),
];

/// 2023-11-14T22:13:20Z.
const EPOCH: &str = "1700000000";

fn run_at(sandbox: &Sandbox, epoch: &str, line: &str) -> Run {
    let mut command = sandbox.command();
    command.env("SOURCE_DATE_EPOCH", epoch).args(line.split_whitespace());
    Run::of(command.output().unwrap(), line.to_owned())
}

/// Findings about packages and packages, as they are told of an image or of an SBOM.
fn told(report: &Value) -> Vec<String> {
    let list = |name: &str| report[name].as_array().unwrap().clone();
    let findings = list("findings").into_iter().filter(|finding| !finding["component"].is_null());
    let mut all: Vec<String> = findings
        .map(|one| format!("{} {} {}", one["rule"], one["component"], one["severity"]))
        .collect();
    all.extend(list("components").iter().map(|one| {
        let layers: Vec<&Value> =
            one["locations"].as_array().unwrap().iter().map(|place| &place["layer"]).collect();
        format!("{} {layers:?}", one["purl"])
    }));
    all.sort();
    all
}

#[test]
fn a_folder_and_an_image_in_every_format_to_file_and_standard_output() {
    let sandbox = sandbox();
    sandbox.write("app/requirements.txt", "demo-web==1.0.0\ndemo-queue==4.0.0\n");
    put(&sandbox, &Image::debian("1.0.0"));
    for (target, package) in [("app", "demo-queue"), ("oci:oci", "zlib1g")] {
        for (format, ending) in FORMATS {
            let line = format!("sbom {target} --format {format} -o {format}=out/one.{ending}");
            let first = run_at(&sandbox, EPOCH, &line).exits(0);
            assert!(first.stdout.contains(package), "{format}");
            assert!(first.stdout.contains("2023-11-14T22:13:20Z"), "{format}");
            assert!(first.stderr.is_empty(), "{}", first.stderr);
            // A file ends as its writer ends it; standard output ends with a line.
            let written = sandbox.read(&format!("out/one.{ending}"));
            assert_eq!(written.trim_end(), first.stdout.trim_end(), "{format}");
            assert!(first.stdout.ends_with('\n'), "{format}");
            // A file alone leaves standard output alone.
            let line = format!("sbom {target} -o {format}=out/two.{ending}");
            assert_eq!(run_at(&sandbox, EPOCH, &line).exits(0).stdout, "", "{format}");
            assert_eq!(sandbox.read(&format!("out/two.{ending}")), written, "{format}");
        }
    }
    assert_eq!(names(&sandbox.path("out")).len(), 2 * 5);
    let line = "sbom app -o spdx-json=out/a -o cyclonedx-xml=out/b";
    assert_eq!(sandbox.say(line).exits(0).stdout, "");
    assert!(sandbox.exists("out/a") && sandbox.exists("out/b"));
}

#[test]
fn the_same_image_gives_the_same_bytes_in_every_form_but_for_its_name() {
    let sandbox = sandbox();
    let image = Image::debian("1.0.0");
    let mut layout = Layout::new(&sandbox, "oci");
    layout.add(&image, None);
    sandbox.write("image.tar", layout.archive());
    sandbox.write("saved.tar", saved(&image, "shop:1"));
    for (format, _) in FORMATS {
        let show = |reference: &str, more: &str| {
            let line = format!("sbom {reference} --format {format} {more}");
            run_at(&sandbox, EPOCH, &line).exits(0).stdout
        };
        let first = show("oci:oci", "--no-layer-cache");
        for _ in 0..2 {
            assert!(show("oci:oci", "") == first, "{format}");
        }
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(&show("oci-archive:image.tar", "")), lines(&first), "{format}");
    }
}

#[test]
fn the_time_of_a_document() {
    let sandbox = Sandbox::with(CLEAN);
    let line = "sbom . --at 2026-01-02T03:04:05Z";
    assert!(run_at(&sandbox, EPOCH, line).exits(0).stdout.contains("2026-01-02T03:04:05Z"));
    for epoch in ["yesterday", "1e9", "99999999999999999999", "1700000000.5"] {
        run_at(&sandbox, epoch, "sbom .").exits(2).says(&["SOURCE_DATE_EPOCH", epoch]);
    }
}

#[test]
fn an_image_and_its_sbom_are_judged_alike() {
    let sandbox = sandbox();
    for (version, code) in [("1.0.0", 1), ("2.0.0", 1)] {
        put(&sandbox, &Image::debian(version));
        let wanted = told(&sandbox.say("image oci:oci --format json").exits(code).json());
        assert!(wanted.len() > 5, "{wanted:?}");
        for (format, ending) in FORMATS {
            let file = format!("image.{ending}");
            sandbox.say(&format!("sbom oci:oci -o {format}={file}")).exits(0);
            let report = sandbox.say(&format!("audit {file} --format json")).exits(code).json();
            assert_eq!(told(&report), wanted, "{format}");
            // Also under a name that says nothing.
            std::fs::copy(sandbox.path(&file), sandbox.path("any.thing")).unwrap();
            let report = sandbox.say("audit any.thing --format json").exits(code).json();
            assert_eq!(told(&report), wanted, "{format}");
        }
    }
}

#[test]
fn the_sbom_of_an_sbom_is_the_same_document() {
    let sandbox = sandbox();
    put(&sandbox, &Image::debian("1.0.0"));
    for (format, ending) in FORMATS {
        let (one, two) = (format!("a/image.{ending}"), format!("b/image.{ending}"));
        run_at(&sandbox, EPOCH, &format!("sbom oci:oci -o {format}={one}")).exits(0);
        run_at(&sandbox, EPOCH, &format!("sbom {one} -o {format}={two}")).exits(0);
        let run = sandbox.say(&format!("sbom diff {one} {two} --exit-code"));
        run.exits(0).says(&["No difference"]);
    }
}

#[test]
fn a_document_that_lacks_something_says_so_with_its_exit_code() {
    let sandbox = sandbox();
    sandbox.write("app/requirements.txt", "demo-web>=1\n");
    for (format, ending) in FORMATS {
        let line = format!("sbom app -o {format}=app.{ending}");
        sandbox.say(&line).exits(3).says(&["gap: requirements.txt:1"]);
        sandbox.say(&format!("{line} --accept-gaps")).exits(0);
        // Who reads it finds the gap again.
        sandbox.say(&format!("audit app.{ending}")).exits(3).says(&["demo-web"]);
        sandbox.say(&format!("sbom app.{ending}")).exits(3).says(&["gap: "]);
    }
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.say("sbom empty").exits(3).says(&["gap: empty has nothing"]);
}

#[test]
fn a_target_that_is_not_there_is_no_document() {
    let sandbox = sandbox();
    for (target, code, text) in [
        ("nowhere", 3, "there is no file or folder nowhere"),
        ("oci:nowhere", 3, "nowhere"),
        ("docker-archive:nowhere.tar", 3, "nowhere.tar"),
        ("oci:", 2, "path is missing"),
    ] {
        let run = sandbox.say(&format!("sbom {target} -o spdx-json=x.json"));
        let run = run.exits(code).says(&[text]);
        assert!(run.stdout.is_empty() && !sandbox.exists("x.json"), "{target}");
    }
    sandbox.write("requirements.txt", VULNERABLE);
    for line in
        ["sbom . --format spdx", "sbom . -o spdx-json", "sbom . -o spdx-json=", "sbom . -o a=b"]
    {
        assert!(sandbox.say(line).exits(2).stdout.is_empty(), "{line}");
    }
    sandbox.write("file", "");
    sandbox.say("sbom . -o spdx-json=file/below").exits(3).says(&["file/below"]);
}

#[test]
fn a_broken_sbom_is_no_judgement() {
    let sandbox = sandbox();
    put(&sandbox, &Image::debian("2.0.0"));
    sandbox.say("sbom oci:oci -o cyclonedx-json=whole.json").exits(0);
    for (format, ending) in FORMATS {
        let file = format!("image.{ending}");
        sandbox.say(&format!("sbom oci:oci -o {format}={file}")).exits(0);
        let whole = sandbox.read(&file);
        // Lines tell of no end; what they end with is who needs whom.
        let packages = whole.find("## Relationships").unwrap_or(whole.len() - 2);
        for cut in [whole.len() / 4, whole.len() / 2, packages - 1] {
            let broken = format!("broken/image.{ending}");
            sandbox.write(&broken, &whole.as_bytes()[..cut]);
            for verb in ["audit", "sbom", "sbom merge", "sbom diff whole.json"] {
                let run = sandbox.say(&format!("{verb} {broken}"));
                let said = format!("{}{}", run.stdout, run.stderr);
                assert_eq!(run.code, 3, "{format} cut at {cut}: {verb}\n{said}");
                assert!(!said.contains("panicked at"), "{said}");
            }
        }
    }
    for text in
        ["", "{", "{}", "no document", r#"{"bomFormat": "CycloneDX", "specVersion": "9.9"}"#]
    {
        sandbox.write("odd.cdx.json", text);
        assert_eq!(sandbox.say("audit odd.cdx.json").code, 3, "{text}");
        assert_eq!(sandbox.say("sbom merge odd.cdx.json").code, 3, "{text}");
        assert_eq!(sandbox.say("sbom diff odd.cdx.json odd.cdx.json").code, 3, "{text}");
    }
}
