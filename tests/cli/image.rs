//! `secgate image` and image stages of `secgate run`: verdicts, exit codes, forms, references, platforms, rules.

use std::fs;

use serde_json::{Value, json};

use crate::{
    harness::{CLEAN, Run, Sandbox, rules},
    image::{Form, Image, Layer, Layout, names, put, sandbox, saved},
};

const CONFIG: &str = "apiVersion: secgate.dev/v1\nkind: Config\npolicy: policy.yaml\n";
/// The built-in policy's image stage without what only a signature tells.
const POLICY: &str = "apiVersion: secgate.dev/v1
kind: Policy
metadata: { name: images }
extends: [\"builtin:default\"]
stages:
  image:
    use: [no-known-exploited, likely-exploited, fixable-high, unfixed-critical, no-secrets, config-high]
    scanners: [image]
";

/// Purls of what was found in an image, or in a path.
fn components(report: &Value) -> Vec<String> {
    let all = report["components"].as_array().unwrap().iter();
    all.map(|component| component["purl"].as_str().unwrap().to_owned()).collect()
}

fn report(sandbox: &Sandbox, reference: &str) -> Value {
    sandbox.say(&format!("image {reference} --format json --no-gate")).exits(0).json()
}

/// One message and nothing on standard output.
#[track_caller]
fn refused(run: Run, code: i32, texts: &[&str]) {
    let run = run.exits(code).says(texts);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    let errors = run.stderr.lines().filter(|line| line.starts_with("error:")).count();
    assert_eq!(errors, 1, "{}", run.stderr);
    assert!(run.stderr.lines().count() <= 2, "{}", run.stderr);
}

#[test]
fn an_image_fails_with_all_that_is_wrong_in_it() {
    let sandbox = sandbox();
    put(&sandbox, &Image::debian("1.0.0"));
    sandbox.say("image oci:oci").exits(1).says(&["FAIL", "CVE-2025-10001", "demo-web", "zlib1g"]);
    let report = report(&sandbox, "oci:oci");
    assert_eq!(rules(&report), ["CVE-2025-10001", "CVE-2025-10009", "CVE-2025-20001"]);
    assert_eq!(
        components(&report),
        [
            "pkg:cargo/demo-crate@0.4.1",
            "pkg:deb/debian/tzdata@2024a-0%2Bdeb12u1?arch=all&distro=debian-12",
            "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1%2Bb1?arch=amd64&distro=debian-12",
            "pkg:pypi/demo-web@1.0.0",
        ]
    );
    assert_eq!(report["target"]["kind"], "image");
    assert_eq!(report["evidence"][0]["status"], "complete", "{}", report["evidence"]);
}

#[test]
fn each_component_has_the_layer_that_brought_it() {
    let sandbox = sandbox();
    let image = Image::debian("1.0.0");
    put(&sandbox, &image);
    let report = report(&sandbox, "oci:oci");
    let layer = |at: usize| crate::image::digest(&image.layers[at].1.tar());
    for (name, at) in [("demo-web", 1), ("zlib1g", 0), ("demo-crate", 1)] {
        let all = report["components"].as_array().unwrap().iter();
        let found: Vec<&Value> =
            all.filter(|one| one["purl"].as_str().unwrap().contains(name)).collect();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0]["locations"][0]["layer"], layer(at), "{name}: {}", found[0]);
    }
    let steps: Vec<&Value> =
        report["layers"].as_array().unwrap().iter().map(|layer| &layer["step"]).collect();
    assert_eq!(steps, ["ADD rootfs.tar /", "RUN pip install", "RUN pip uninstall demo-kev"]);
}

#[test]
fn a_clean_image_passes() {
    let sandbox = sandbox();
    let mut image = Image::debian("2.0.0");
    image.layers[0].1 = Layer::new().file("etc/os-release", crate::image::OS_RELEASE).file(
        "var/lib/dpkg/status",
        crate::image::DPKG
            .replace("1:1.2.13.dfsg-1+b1", "1:1.3")
            .replace("(1:1.2.13.dfsg-1)", "(1:1.3)"),
    );
    image.layers[1].1 = Layer::new().python("demo-web", "2.0.0").python("demo-kev", "1.0");
    put(&sandbox, &image);
    sandbox.say("image oci:oci").exits(0).says(&["PASS"]);
}

#[test]
fn an_image_is_the_same_in_every_form() {
    let sandbox = sandbox();
    let image = Image::debian("1.0.0");
    let mut layout = Layout::new(&sandbox, "oci");
    layout.add(&image, Some("1"));
    sandbox.write("image.oci.tar", layout.archive());
    sandbox.write("image.docker.tar", saved(&image, "shop:1"));
    let wanted = report(&sandbox, "oci:oci");
    for reference in [
        "oci:oci:1",
        "oci-archive:image.oci.tar",
        "oci-archive:image.oci.tar:1",
        "docker-archive:image.docker.tar",
        "docker-archive:image.docker.tar:shop:1",
    ] {
        sandbox.say(&format!("image {reference}")).exits(1).says(&["FAIL"]);
        let found = report(&sandbox, reference);
        assert_eq!(found["components"], wanted["components"], "{reference}");
        assert_eq!(rules(&found), rules(&wanted), "{reference}");
        let status = |report: &Value| report["evidence"][0]["status"].clone();
        assert_eq!(status(&found), status(&wanted), "{reference}");
    }
}

#[test]
fn a_reference_that_names_no_image_is_wrong_usage() {
    let sandbox = sandbox();
    for (reference, text) in [
        ("", "empty"),
        ("App", "lower case"),
        ("a//b", "is empty"),
        ("a b", "no part"),
        ("a:", "not a tag"),
        ("https://registry.example/a", "without `https://`"),
        ("a@sha256:12", "a digest is"),
        ("oci:", "path is missing"),
        ("oci:oci:", "tag is missing"),
        ("docker-archive:", "path is missing"),
        ("docker-daemon:", "empty"),
        ("oci:a\n::error::b", "control character"),
    ] {
        refused(sandbox.run(["image", reference]), 2, &[text]);
    }
    refused(sandbox.run(["image", "oci:oci", "--platform", "linux"]), 2, &["linux"]);
    for line in ["image", "image oci:a oci:b", "image oci:oci --platform a/b --all-platforms"] {
        assert!(sandbox.say(line).exits(2).stdout.is_empty(), "{line}");
    }
}

#[test]
fn an_image_that_is_not_there_is_no_judgement() {
    let sandbox = sandbox();
    let digests = put(&sandbox, &Image::clean());
    sandbox.write("empty.tar", Layer::new().tar());
    sandbox.write("text.tar", "no archive\n".repeat(200));
    sandbox.write("nothing", "");
    for (reference, text) in [
        ("oci:nowhere".to_owned(), "nowhere"),
        ("oci:oci:2".to_owned(), "2"),
        (format!("oci:oci@sha256:{}", "0".repeat(64)), "0000"),
        // A digest that is there and is no manifest.
        (format!("oci:oci@{}", digests[1]), "sha256:"),
        ("oci-archive:nowhere.tar".to_owned(), "nowhere.tar"),
        ("oci-archive:empty.tar".to_owned(), "empty.tar"),
        ("docker-archive:empty.tar".to_owned(), "empty.tar"),
        ("docker-archive:text.tar".to_owned(), "text.tar"),
        ("docker-archive:nothing".to_owned(), "nothing"),
        ("oci:nothing".to_owned(), "nothing"),
        ("docker-daemon:shop:1".to_owned(), "engine"),
        ("127.0.0.1:1/shop:1".to_owned(), "127.0.0.1:1"),
    ] {
        let mut command = sandbox.command();
        // Whatever runs on this machine is not asked.
        command.env("DOCKER_HOST", "unix:///nowhere/engine.sock").args(["image", &reference]);
        refused(Run::of(command.output().unwrap(), reference), 3, &[text]);
    }
    // Also where nobody wants a judgement.
    sandbox.say("image oci:nowhere --no-gate").exits(3);
    sandbox.say(&format!("image oci:oci@{}", digests[0])).exits(0);
}

#[test]
fn what_does_not_check_out_is_no_judgement() {
    let damage = |at: usize, change: &dyn Fn(&mut Vec<u8>)| {
        let sandbox = sandbox();
        let mut layout = Layout::new(&sandbox, "oci");
        let digests = layout.add(&Image::debian("2.0.0"), None);
        let path = layout.blob_path(&digests[at]);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        for _ in 0..2 {
            // What did not check out is not remembered either.
            refused(sandbox.say("image oci:oci"), 3, &["sha256:"]);
        }
    };
    // Manifest, configuration, and layers in each form.
    for at in 0..5 {
        damage(at, &|bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        damage(at, &|bytes| bytes.truncate(bytes.len() / 2));
        damage(at, &|bytes| bytes.push(b'\n'));
        damage(at, &Vec::clear);
    }
}

#[test]
fn a_layer_that_is_not_what_the_configuration_says_is_no_judgement() {
    let image = Image::debian("2.0.0");
    let config: Value = serde_json::from_slice(&image.config()).unwrap();
    let ids = config["rootfs"]["diff_ids"].clone();
    let other = format!("sha256:{}", "1".repeat(64));
    for ids in [
        json!([ids[0], ids[1], other]),
        json!([ids[1], ids[0], ids[2]]),
        json!([ids[0], ids[1]]),
        json!([ids[0], ids[1], ids[2], ids[2]]),
        json!([]),
        json!(["md5:1", ids[1], ids[2]]),
        Value::Null,
    ] {
        let sandbox = sandbox();
        let mut layout = Layout::new(&sandbox, "oci");
        let mut changed = config.clone();
        changed["rootfs"]["diff_ids"] = ids;
        layout.add_as(&image, changed.to_string().as_bytes(), None);
        // Twice: with the layers that were right remembered.
        for _ in 0..2 {
            let run = sandbox.say("image oci:oci").exits(3);
            assert!(run.stdout.is_empty(), "{}", run.stdout);
        }
    }
}

#[test]
fn an_archive_that_is_cut_off_is_no_judgement() {
    let sandbox = sandbox();
    let image = Image::debian("2.0.0");
    let mut layout = Layout::new(&sandbox, "oci");
    layout.add(&image, None);
    for (scheme, bytes) in
        [("oci-archive", layout.archive()), ("docker-archive", saved(&image, "shop:1"))]
    {
        for cut in [1, 511, 512, 1025, bytes.len() / 3, bytes.len() / 2, bytes.len() - 2000] {
            sandbox.write("cut.tar", &bytes[..cut]);
            let run = sandbox.say(&format!("image {scheme}:cut.tar")).exits(3);
            assert!(run.stdout.is_empty(), "{scheme} {cut}: {}", run.stdout);
        }
    }
}

#[test]
fn an_index_has_an_image_for_each_platform() {
    let sandbox = sandbox();
    let mut layout = Layout::new(&sandbox, "oci");
    layout.add(&Image::debian("1.0.0").on("riscv64"), None);
    layout.add(&Image::clean().on("s390x"), None);
    sandbox.say("image oci:oci --platform linux/riscv64").exits(1).says(&["CVE-2025-10001"]);
    sandbox.say("image oci:oci --platform linux/s390x").exits(0);
    let texts = ["linux/riscv64", "linux/s390x"];
    refused(sandbox.say("image oci:oci --platform linux/mips"), 3, &texts);
    // This machine's own is not there.
    refused(sandbox.say("image oci:oci"), 3, &texts);
    // The worst of all decides.
    let line = "image oci:oci --all-platforms -o json=out/all.json";
    sandbox.say(line).exits(1).says(&["linux/riscv64", "linux/s390x", "FAIL", "PASS"]);
    assert_eq!(names(&sandbox.path("out")), ["linux-riscv64.all.json", "linux-s390x.all.json"]);
    let read = |name: &str| -> Value {
        serde_json::from_str(&sandbox.read(&format!("out/linux-{name}.all.json"))).unwrap()
    };
    assert_eq!(read("riscv64")["verdict"]["outcome"], "fail");
    assert_eq!(read("s390x")["verdict"]["outcome"], "pass");
    // An SBOM is about one image.
    sandbox.say("sbom oci:oci --all-platforms").exits(2).says(&["--platform"]);
    sandbox.say("sbom oci:oci --platform linux/s390x").exits(0);
}

#[test]
fn an_image_for_another_platform_than_the_one_asked_for_is_not_taken() {
    let sandbox = sandbox();
    let image = Image::clean().on("s390x");
    Layout::new(&sandbox, "oci").add(&image, None);
    sandbox.write("image.tar", saved(&image, "shop:1"));
    for reference in ["oci:oci", "docker-archive:image.tar"] {
        sandbox.say(&format!("image {reference} --platform linux/s390x")).exits(0);
        let run = sandbox.say(&format!("image {reference} --platform linux/riscv64")).exits(3);
        assert!(run.stdout.is_empty(), "{}", run.stdout);
    }
}

#[test]
fn the_rules_of_images_are_judged() {
    let sandbox = sandbox();
    let mut image = Image::clean();
    let secret = ["ghp", "_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    image.run = json!({"Cmd": ["python3"], "Env": ["PATH=/bin", format!("GITHUB_TOKEN={secret}")]});
    image.layers[0].1 = image.layers[0]
        .1
        .clone()
        .mode_file("usr/bin/odd", 0o4755, "x")
        .mode_file("srv/w", 0o666, "");
    Layout::new(&sandbox, "oci").add(&image, Some("latest"));
    let run = sandbox.say("image oci:oci:latest").exits(1).says(&["FAIL", "GITHUB_TOKEN"]);
    assert!(!run.stdout.contains(&secret[..12]), "{}", run.stdout);
    let report = report(&sandbox, "oci:oci:latest");
    assert!(!report.to_string().contains(&secret[..12]), "{report}");
    let found = rules(&report);
    for rule in [
        "SG-IMG-ROOT-USER",
        "SG-IMG-SECRET-ENV",
        "SG-IMG-LATEST-TAG",
        "SG-IMG-NO-HEALTHCHECK",
        "SG-IMG-SETUID",
    ] {
        assert!(found.iter().any(|one| one == rule), "{rule}: {found:?}");
    }
    // None of them where nothing is wrong.
    put(&sandbox, &Image::clean());
    let report = self::report(&sandbox, "oci:oci:1");
    assert_eq!(rules(&report), Vec::<String>::new());
}

#[test]
fn an_image_of_unknown_contents_does_not_pass() {
    let sandbox = sandbox();
    put(&sandbox, &Image::of(vec![(Form::Gzip, Layer::new().file("srv/app", "x"))]));
    sandbox.say("image oci:oci").exits(3).says(&["record of packages"]);
    for layers in [Vec::new(), vec![(Form::Gzip, Layer::new())]] {
        put(&sandbox, &Image::of(layers));
        sandbox.say("image oci:oci").exits(3).says(&["the image has no files"]);
        sandbox.say("sbom oci:oci").exits(3).says(&["gap: "]);
    }
}

#[test]
fn only_what_is_new_since_an_earlier_report_counts() {
    let sandbox = sandbox();
    sandbox.write(
        "policy.yaml",
        POLICY.replace("scanners: [image]", "scanners: [image]\n    against: new"),
    );
    put(&sandbox, &Image::debian("1.0.0"));
    sandbox.say("image oci:oci --policy policy.yaml -o json=before.json").exits(1);
    let line = "image oci:oci --policy policy.yaml --baseline before.json";
    sandbox.say(line).exits(0).says(&["PASS"]);
    // One package more is new.
    let mut image = Image::debian("1.0.0");
    image.layers.push((Form::Gzip, Layer::new().python("demo-queue", "4.0.0")));
    put(&sandbox, &image);
    sandbox.say(line).exits(1).says(&["demo-queue"]);
    sandbox.write("broken.json", "{");
    let line = "image oci:oci --policy policy.yaml --baseline";
    refused(sandbox.say(&format!("{line} broken.json")), 3, &["broken.json"]);
    refused(sandbox.say(&format!("{line} nowhere.json")), 3, &["nowhere.json"]);
}

#[test]
fn an_image_stage_judges_the_image_that_is_named() {
    let sandbox = sandbox();
    sandbox.write("requirements.txt", CLEAN);
    sandbox.write("policy.yaml", POLICY);
    sandbox.write("secgate.yaml", format!("{CONFIG}image: oci:oci\nstages: [source, image]\n"));
    put(&sandbox, &Image::clean());
    sandbox.say("run --stage image").exits(0).says(&["PASS"]);
    sandbox.say("run").exits(0).says(&["PASS"]);
    put(&sandbox, &Image::debian("1.0.0"));
    sandbox.say("run").exits(1).says(&["FAIL", "zlib1g"]);
    sandbox.say("run --stage source").exits(0);
    // What is named on the command line is another image, relative to where the command runs.
    Layout::new(&sandbox, "other").add(&Image::clean(), None);
    sandbox.say("run --stage image --image oci:other").exits(0);
    sandbox.say("run --stage image --image oci:nowhere").exits(3).says(&["nowhere"]);
    sandbox.say("run --stage image --image oci:").exits(2);
    // From a folder below, the configuration's image is still the same.
    fs::create_dir(sandbox.path("below")).unwrap();
    let mut command = sandbox.command();
    let output =
        command.current_dir(sandbox.path("below")).args(["run", "--stage", "image"]).output();
    Run::of(output.unwrap(), "run below".to_owned()).exits(1);
    // Without an image the stage cannot pass.
    sandbox.write("secgate.yaml", format!("{CONFIG}stages: [image]\n"));
    sandbox.say("run").exits(3).says(&["ERROR"]);
    sandbox.say("run --image oci:other").exits(0);
}

#[test]
fn what_engines_show_differently_does_not_pass() {
    let sandbox = sandbox();
    let packages = "usr/lib/python3/dist-packages/demo_web-1.0.0.dist-info";
    let base = Layer::new().symlink("lib", "usr/lib").python("demo-web", "1.0.0").python("a", "1");
    for top in [
        // Below a link of a lower layer.
        Layer::new().file("lib/python3/dist-packages/.wh.demo_web-1.0.0.dist-info", ""),
        // A folder behind its own whiteout.
        Layer::new()
            .file("usr/lib/python3/dist-packages/.wh.demo_web-1.0.0.dist-info", "")
            .folder(packages),
        // An opaque root.
        Layer::new().file(".wh..wh..opq", "").python("a", "1"),
    ] {
        put(&sandbox, &Image::of(vec![(Form::Gzip, base.clone()), (Form::Gzip, top)]));
        sandbox.say("image oci:oci").exits(3).says(&["container engines differ"]);
        sandbox.say("sbom oci:oci -o spdx-json=x.spdx.json").exits(3).says(&["gap: "]);
    }
    // At its real path all of them do the same.
    let top = Layer::new().file("usr/lib/python3/dist-packages/.wh.demo_web-1.0.0.dist-info", "");
    put(&sandbox, &Image::of(vec![(Form::Gzip, base), (Form::Gzip, top)]));
    sandbox.say("image oci:oci").exits(0);
}
