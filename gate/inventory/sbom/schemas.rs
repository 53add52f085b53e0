//! What is written is valid by the published schemas, whatever the inventory.

use std::io::Read;

use jsonschema::{Registry, Validator};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use secgate_model::TargetKind;
use serde_json::Value;

use super::{
    SbomFormat,
    round_trip::{inventory, write},
};

fn schema(name: &str) -> Value {
    let path = format!("{}/testdata/schemas/{name}.schema.json.gz", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).take(16 << 20).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn check(validator: &Validator, format: SbomFormat) {
    let mut runner = TestRunner::deterministic();
    let random = inventory(true);
    for _ in 0..40 {
        let inventory = random.new_tree(&mut runner).unwrap().current();
        for kind in [TargetKind::Path, TargetKind::Image] {
            let bytes = write(&inventory, kind, format);
            let document: Value = serde_json::from_slice(&bytes).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{format}: {}", errors.join("\n"));
        }
    }
}

#[test]
fn cyclonedx_json_is_valid() {
    let near = |name: &str| format!("http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json");
    let registry = Registry::new()
        .add(near("spdx"), schema("cyclonedx-spdx"))
        .unwrap()
        .add(near("jsf-0.82"), schema("cyclonedx-jsf-0.82"))
        .unwrap()
        .add(near("cryptography-defs"), schema("cyclonedx-cryptography-defs"))
        .unwrap()
        .prepare()
        .unwrap();
    for format in SbomFormat::ALL {
        let SbomFormat::CycloneDxJson(version) = format else { continue };
        let schema = schema(&format!("cyclonedx-{}", version.name()));
        let validator = jsonschema::options().with_registry(&registry).build(&schema).unwrap();
        assert!(!validator.is_valid(&serde_json::json!({"bomFormat": "CycloneDX"})));
        check(&validator, format);
    }
}

#[test]
fn spdx_json_is_valid() {
    let validator = jsonschema::draft7::new(&schema("spdx-2.3")).unwrap();
    assert!(!validator.is_valid(&serde_json::json!({"spdxVersion": "SPDX-2.3"})));
    check(&validator, SbomFormat::SpdxJson);
}

/// Every id that is written as one is in the list that readers of CycloneDX hold.
#[test]
fn every_licence_id_is_in_the_schema() {
    let schema = schema("cyclonedx-spdx");
    let listed: Vec<&str> =
        schema["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for license in spdx::identifiers::LICENSES {
        let is_id = super::license_form::form(license.name) == super::license_form::Form::Id;
        assert_eq!(is_id, listed.contains(&license.name), "{}", license.name);
    }
}
