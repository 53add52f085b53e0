//! in-toto statements (in-toto attestation framework, `spec/v1/statement.md` and `spec/v0.1.0`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Payload type of a statement in a DSSE envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// `_type` of the current statement.
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// `_type` of the statement before, which cosign's attestations still have.
pub const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";
/// Most subjects that a statement may have.
pub const SUBJECTS: usize = 1024;

/// Predicate type of a statement that is a signature and nothing else (cosign, bundle form).
pub const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// What is claimed about which artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// [`STATEMENT_V1`] or [`STATEMENT_V0_1`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// The artifacts.
    pub subject: Vec<Subject>,
    /// How the predicate is to be read.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// The claim; absent and `null` are both nothing.
    #[serde(default)]
    pub predicate: Value,
}

/// An artifact by its digests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// A name, which proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Algorithm to lower-case hexadecimal digits.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
    /// Notes of the producer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
}

/// The short names of predicate types that cosign's `--type` takes.
const ALIASES: [(&str, &str); 9] = [
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
];

/// The predicate type that a short name stands for; any other text stands for itself.
pub fn predicate_type(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, whole)| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stand_for_types_and_types_for_themselves() {
        assert_eq!(predicate_type("vuln"), "https://cosign.sigstore.dev/attestation/vuln/v1");
        assert_eq!(predicate_type("https://example.org/x"), "https://example.org/x");
        assert_eq!(predicate_type("vulnx"), "vulnx");
    }

    #[test]
    fn a_statement_is_written_in_the_order_of_its_specification() {
        let text = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}"#;
        let statement: Statement = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&statement).unwrap(), text);
    }
}
