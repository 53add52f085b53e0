//! The simple signing payload (`containers/image`, `docs/atomic-signature.md`; cosign `specs/SIGNATURE_SPEC.md`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Media type of the layer that holds the payload.
pub const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// `critical.type` of a signature by cosign.
pub const COSIGN_TYPE: &str = "cosign container image signature";
/// `critical.type` of a signature by its forerunner.
pub const ATOMIC_TYPE: &str = "atomic container signature";

/// What a legacy signature signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// What a verifier must understand.
    pub critical: Critical,
    /// What it may ignore: `null` when empty.
    #[serde(default)]
    pub optional: Option<Map<String, Value>>,
}

/// What a verifier must understand; a field that is not known here is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Critical {
    /// The repository that was signed for.
    pub identity: Identity,
    /// The image.
    pub image: Image,
    /// [`COSIGN_TYPE`].
    #[serde(rename = "type")]
    pub kind: String,
}

/// The repository that was signed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// A reference to the image.
    #[serde(rename = "docker-reference")]
    pub docker_reference: String,
}

/// The image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Digest of its manifest or index.
    #[serde(rename = "docker-manifest-digest")]
    pub docker_manifest_digest: String,
}

impl Payload {
    /// The bytes as cosign writes them, which are Go's: no spaces, fields in order, names of `optional` sorted, and the
    /// characters escaped that HTML would read.
    pub fn to_bytes(&self) -> Vec<u8> {
        let optional = self.optional.as_ref().filter(|optional| !optional.is_empty()).map(|map| {
            let sorted: std::collections::BTreeMap<_, _> = map.iter().collect();
            sorted
        });
        let text = serde_json::json!({
            "identity": {"docker-reference": self.critical.identity.docker_reference},
            "image": {"docker-manifest-digest": self.critical.image.docker_manifest_digest},
            "type": self.critical.kind,
        });
        // The names of each object are in alphabetical order, in which the format's own order agrees.
        let optional = serde_json::to_string(&optional).unwrap_or_else(|_| "null".to_owned());
        go_escaped(&format!("{{\"critical\":{text},\"optional\":{optional}}}")).into_bytes()
    }
}

/// Go's `encoding/json` escapes these inside strings; outside of strings JSON does not have them.
fn go_escaped(text: &str) -> String {
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_cosigns() {
        let mut payload = Payload {
            critical: Critical {
                identity: Identity { docker_reference: "registry.example/app".into() },
                image: Image { docker_manifest_digest: "sha256:00".into() },
                kind: COSIGN_TYPE.into(),
            },
            optional: None,
        };
        let bare = r#"{"critical":{"identity":{"docker-reference":"registry.example/app"},"image":{"docker-manifest-digest":"sha256:00"},"type":"cosign container image signature"},"optional":null}"#;
        assert_eq!(payload.to_bytes(), bare.as_bytes());
        let mut optional = Map::new();
        optional.insert("z".into(), "<&>".into());
        optional.insert("a".into(), "é".into());
        payload.optional = Some(optional);
        let end = r#""optional":{"a":"é","z":"\u003c\u0026\u003e"}}"#;
        assert!(String::from_utf8(payload.to_bytes()).unwrap().ends_with(end));
        assert_eq!(serde_json::from_slice::<Payload>(&payload.to_bytes()).unwrap(), payload);
        payload.optional = Some(Map::new());
        assert_eq!(payload.to_bytes(), bare.as_bytes());
    }

    #[test]
    fn what_is_critical_and_not_known_is_refused() {
        let text = r#"{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":""},"type":"","until":1}}"#;
        assert!(serde_json::from_str::<Payload>(text).is_err());
    }
}
