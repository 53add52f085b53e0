//! The two applications of this repository: the good one passes on what the program brings along, the bad one has every
//! flaw that its list expects.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::harness::Sandbox;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let name = item.file_name();
        if item.file_type().unwrap().is_file() {
            fs::copy(item.path(), to.join(name)).unwrap();
        } else if name != ".venv" && name != "node_modules" {
            copy(&item.path(), &to.join(name));
        }
    }
}

fn application(path: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &sandbox.path("app"));
    sandbox
}

#[test]
fn the_reference_application_passes_offline_and_says_on_what() {
    let sandbox = application("app");
    let run = sandbox.say("run --config app/secgate.yaml").exits(0).says(&["PASS", "starter"]);
    assert!(run.stdout.contains("packages"), "{}", run.stdout);
    for file in ["report.json", "report.html", "report.sarif", "report.junit.xml"] {
        assert!(sandbox.exists(&format!("app/secgate-reports/{file}")), "{file}");
    }
    // The same under a policy that does not allow starter data.
    sandbox.say("audit app --policy builtin:default").exits(3);
}

#[derive(Deserialize)]
struct Expected {
    flaws: Vec<Flaw>,
}

#[derive(Deserialize)]
struct Flaw {
    kind: String,
    file: String,
    line: u64,
    package: Option<String>,
    scope: Option<String>,
}

#[test]
fn every_vulnerable_package_of_the_bad_application_is_found_at_its_line() {
    let sandbox = application("tests/fixtures/vulnerable-app");
    let expected: Expected = serde_saphyr::from_str(&sandbox.read("app/EXPECTED.yaml")).unwrap();
    let report = sandbox.say("audit app --no-gate --format json").exits(0).json();
    let components = report["components"].as_array().unwrap();
    let findings = report["findings"].as_array().unwrap();
    let flaws: Vec<&Flaw> =
        expected.flaws.iter().filter(|flaw| flaw.kind == "vulnerability").collect();
    assert!(flaws.len() >= 20, "{}", flaws.len());
    for flaw in flaws {
        let package = flaw.package.as_deref().unwrap();
        let component = components.iter().find(|component| component["purl"] == package);
        let component = component.unwrap_or_else(|| panic!("{package} is not in the inventory"));
        let at = |place: &Value| place["path"] == *flaw.file && place["line"] == flaw.line;
        assert!(
            component["locations"].as_array().unwrap().iter().any(at),
            "{package} is not at {}:{}: {component}",
            flaw.file,
            flaw.line
        );
        if let Some(scope) = &flaw.scope {
            assert_eq!(component["scope"], **scope, "{package}");
        }
        // Which advisories the starter set holds is its own affair; those that it holds are found here.
        let held = findings.iter().filter(|finding| finding["component"] == package);
        for finding in held {
            assert_eq!(finding["location"]["line"], flaw.line, "{package}");
        }
    }
    let known: Vec<&str> = findings.iter().filter_map(|finding| finding["rule"].as_str()).collect();
    assert!(known.contains(&"CVE-2023-30861"), "{known:?}");
}

#[test]
fn the_bad_application_never_passes() {
    let sandbox = application("tests/fixtures/vulnerable-app");
    for policy in ["builtin:default", "builtin:strict"] {
        let run = sandbox.run(["audit", "app", "--policy", policy]);
        assert!(matches!(run.code, 1 | 3), "{policy}: {run:?}");
    }
}
