//! The JSON Schemas for editors know every field that the readers know, and no other.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use crate::{
    read_match::MATCH_FIELDS, read_policy as p, read_policy_test as t, shipped::read,
    waiver_file as w,
};

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/schema").join(name);
    serde_json::from_slice(&read(&path).unwrap()).unwrap()
}

fn check(schema: &Value, at: &str, fields: &[&str]) {
    let object = schema.pointer(at).unwrap_or_else(|| panic!("the schema has no {at}"));
    let properties =
        object["properties"].as_object().unwrap_or_else(|| panic!("{at} has no properties"));
    let known: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    assert_eq!(known, fields.iter().copied().collect::<BTreeSet<_>>(), "{at}");
    assert_eq!(object["additionalProperties"], Value::Bool(false), "{at}");
}

#[test]
fn the_policy_schema_has_the_fields_of_the_reader() {
    let schema = schema("policy.schema.json");
    check(&schema, "", p::POLICY_FIELDS);
    check(&schema, "/properties/metadata", p::METADATA_FIELDS);
    check(&schema, "/properties/evidence", p::EVIDENCE_FIELDS);
    check(&schema, "/properties/evidence/properties/advisories/oneOf/1", p::ADVISORIES_FIELDS);
    check(&schema, "/properties/evidence/properties/epss/oneOf/1", p::TABLE_FIELDS);
    check(&schema, "/properties/evidence/properties/kev/oneOf/1", p::TABLE_FIELDS);
    check(&schema, "/$defs/stage", p::STAGE_FIELDS);
    check(&schema, "/$defs/rule", p::RULE_FIELDS);
    check(&schema, "/$defs/match", MATCH_FIELDS);
    check(&schema, "/$defs/rule/properties/grace", p::GRACE_FIELDS);
    check(&schema, "/$defs/rule/properties/waivable/oneOf/1", p::WAIVABLE_FIELDS);
    check(&schema, "/$defs/require", p::REQUIRE_FIELDS);
    check(&schema, "/$defs/require/properties/by", p::BY_FIELDS);
}

#[test]
fn the_waiver_schema_has_the_fields_of_the_reader() {
    let schema = schema("waivers.schema.json");
    check(&schema, "/oneOf/1", w::FILE_FIELDS);
    check(&schema, "/$defs/waiver", w::WAIVER_FIELDS);
    check(&schema, "/$defs/waiver/properties/match", w::WAIVER_MATCH_FIELDS);
    check(&schema, "/$defs/waiver/properties/approved_by/items", w::APPROVAL_FIELDS);
}

#[test]
fn the_test_schema_has_the_fields_of_the_reader() {
    let schema = schema("policy-test.schema.json");
    check(&schema, "", t::TEST_FILE_FIELDS);
    check(&schema, "/$defs/test", t::TEST_FIELDS);
    check(&schema, "/$defs/finding", t::FINDING_FIELDS);
    check(&schema, "/$defs/outcome", t::OUTCOME_FIELDS);
    check(&schema, "/$defs/test/properties/expect", t::EXPECT_FIELDS);
}
