//! The policies that ship: they load, their tests pass, and the tests cover every rule in both directions.

use std::{fs, io, path::Path};

use crate::{check, explain, load_policy, load_policy_tests, run_policy_tests};

#[expect(clippy::disallowed_methods, reason = "a test reads its own small files")]
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path)
}

fn policies() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

#[test]
fn every_shipped_policy_passes_its_tests() {
    let files: Vec<_> = ["default", "strict"]
        .map(|name| policies().join(format!("tests/{name}.yaml")))
        .iter()
        .map(|path| load_policy_tests(path, &read).unwrap_or_else(|errors| panic!("{errors}")))
        .collect();
    let report = run_policy_tests(&files);
    for result in &report.results {
        assert!(
            result.failures.is_empty(),
            "{}:{} {}: {:#?}",
            result.file,
            result.line,
            result.name,
            result.failures
        );
    }
    assert!(report.uncovered.is_empty(), "{:#?}", report.uncovered);
    assert!(report.passed());
}

#[test]
fn the_embedded_policies_are_those_on_disk() {
    for name in ["default", "strict"] {
        let embedded = load_policy(Path::new(&format!("builtin:{name}")), &read).unwrap();
        assert_eq!(embedded.name(), name);
        assert_eq!(
            crate::builtin_policy(name).unwrap().as_bytes(),
            read(&policies().join(format!("{name}.yaml"))).unwrap()
        );
        let stages: Vec<_> = embedded.stages().collect();
        assert_eq!(stages, ["source", "code", "image", "web", "deploy"]);
        for stage in stages {
            let text = explain(&embedded, stage).unwrap();
            assert!(text.contains(&format!("builtin:{name}:")) || name == "strict", "{text}");
        }
    }
    let default = load_policy(Path::new("builtin:default"), &read).unwrap();
    assert!(check(&default).is_empty());
    assert_eq!(default.scanners("source"), Some(vec![("audit", true)]));
    assert_eq!(
        default.scanners("code"),
        Some(vec![("secrets", true), ("code", true), ("config", true)])
    );
}
