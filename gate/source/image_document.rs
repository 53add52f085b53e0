use std::collections::BTreeSet;

use secgate_formats::oci::{INDEX, Index, MANIFEST, Manifest};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// A manifest or an index, and surely not both.
pub(crate) enum Document {
    Index(Box<Index>),
    Manifest(Box<Manifest>),
}

/// The fields that tell what a document is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

/// Reads a manifest or an index. `said` is what others call it: the descriptor, the source. All must agree, so that no two
/// tools can take one document for different images (OCI image specification, `manifest.md`, and CVE-2021-41190).
///
/// # Errors
/// One sentence.
pub(crate) fn read_document(bytes: &[u8], said: &[Option<&str>]) -> Result<Document, String> {
    check_keys(bytes, &|_| DOCUMENT)?;
    let probe: Probe = serde_json::from_slice(bytes)
        .map_err(|error| format!("it is not a JSON document of an image: {error}"))?;
    if probe.schema_version == Some(1) || probe.fs_layers.is_some() {
        return Err("it is of Docker's schema 1, which has no digests that could be checked; push the image anew".into());
    }
    if probe.schema_version != Some(2) {
        return Err("its schemaVersion is not 2".into());
    }
    let is_index =
        match (probe.manifests.is_some(), probe.layers.is_some() || probe.config.is_some()) {
            (true, false) => true,
            (false, true) => false,
            (true, true) => {
                return Err(
                    "it is both an index and a manifest, so that tools read it differently".into(),
                );
            }
            (false, false) => return Err("it is neither an index nor a manifest".into()),
        };
    let kind = if is_index { "an index" } else { "a manifest" };
    for name in said.iter().copied().chain([probe.media_type.as_deref()]).flatten() {
        let name = name.split(';').next().unwrap_or_default().trim();
        let agrees = match name {
            "" | "application/json" | "text/plain" | "application/octet-stream" => true,
            name if INDEX.contains(&name) => is_index,
            name if MANIFEST.contains(&name) => !is_index,
            _ => {
                return Err(format!(
                    "it is called `{name}`, which is neither an image nor an index"
                ));
            }
        };
        if !agrees {
            return Err(format!("it is {kind}, but is called `{name}`"));
        }
    }
    let malformed = |error: serde_json::Error| format!("it is not {kind} as specified: {error}");
    Ok(if is_index {
        Document::Index(Box::new(serde_json::from_slice(bytes).map_err(malformed)?))
    } else {
        Document::Manifest(Box::new(serde_json::from_slice(bytes).map_err(malformed)?))
    })
}

/// Fields of manifests and indexes that decide what an image is.
const DOCUMENT: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "fsLayers",
    "digest",
    "size",
    "platform",
    "architecture",
    "os",
    "os.version",
    "variant",
];

/// Refuses a configuration with fields that engines read and we do not.
///
/// # Errors
/// One sentence.
pub(crate) fn check_config(bytes: &[u8]) -> Result<(), String> {
    check_keys(bytes, &|place| match place {
        [] => &["architecture", "os", "variant", "config", "rootfs", "history"],
        ["config"] => {
            &["User", "Env", "Entrypoint", "Cmd", "ExposedPorts", "Labels", "Healthcheck"]
        }
        ["config", "Healthcheck"] => &["Test"],
        ["rootfs"] => &["type", "diff_ids"],
        ["history"] => &["created_by", "empty_layer"],
        _ => &[],
    })
}

/// Refuses a `manifest.json` of Docker with fields that Docker reads and we do not.
///
/// # Errors
/// One sentence.
pub(crate) fn check_saved(bytes: &[u8]) -> Result<(), String> {
    check_keys(bytes, &|_| &["Config", "RepoTags", "Layers"])
}

/// Refuses an `index.json` with fields that engines read and we do not.
///
/// # Errors
/// One sentence.
pub(crate) fn check_index(bytes: &[u8]) -> Result<(), String> {
    check_keys(bytes, &|_| DOCUMENT)
}

/// The names of fields at a place: the names of the objects around it, the outermost first, lists passed over.
type Names<'n> = dyn Fn(&[&str]) -> &'static [&'static str] + 'n;

/// Refuses names that differ in case alone, and those that differ so from one that is `known` at their place. Engines read
/// JSON as Go does, which takes `Layers` for `layers` and the last of both, so that a document could show them other layers
/// than us.
fn check_keys(bytes: &[u8], known: &Names<'_>) -> Result<(), String> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| format!("it is not a JSON document of an image: {error}"))?;
    let mut open: Vec<(&Value, Vec<&str>)> = vec![(&value, Vec::new())];
    while let Some((value, place)) = open.pop() {
        match value {
            Value::Array(items) => {
                let nested = items.iter().filter(|item| item.is_array() || item.is_object());
                open.extend(nested.map(|item| (item, place.clone())));
            }
            Value::Object(fields) => {
                let names = known(&place);
                let mut seen = BTreeSet::new();
                for (key, value) in fields {
                    let plain = folded(key);
                    let meant = names.iter().find(|name| folded(name) == plain && *name != key);
                    if let Some(name) = meant {
                        return Err(format!(
                            "it has the field `{}`, which some tools take for `{name}` and others do not",
                            key.escape_debug()
                        ));
                    }
                    if !seen.insert(plain) {
                        return Err(format!(
                            "it has the field `{}` in two spellings, which tools read differently",
                            key.escape_debug()
                        ));
                    }
                    // These hold names that somebody chose.
                    if !matches!(
                        key.as_str(),
                        "annotations" | "Labels" | "ExposedPorts" | "Volumes"
                    ) && (value.is_array() || value.is_object())
                    {
                        let mut place = place.clone();
                        place.push(key);
                        open.push((value, place));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A name as Go's `encoding/json` compares it.
fn folded(key: &str) -> String {
    let fold = |letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    key.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: &str = r#""config":{"digest":"sha256:0","size":1},"layers":[]"#;

    #[test]
    fn everybody_must_agree_what_a_document_is() {
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        let manifest = format!(r#"{{"schemaVersion":2,{LAYER}}}"#);
        let check = |text: &str, said: &[Option<&str>], expected: &str| {
            let result = read_document(text.as_bytes(), said);
            let got = match result {
                Ok(Document::Index(_)) => "index".to_owned(),
                Ok(Document::Manifest(_)) => "manifest".to_owned(),
                Err(error) => error,
            };
            assert!(got.contains(expected), "{text} {said:?}: {got}");
        };
        check(index, &[], "index");
        check(index, &[Some(INDEX[0]), Some("application/json; charset=utf-8"), None], "index");
        check(&manifest, &[Some(MANIFEST[1])], "manifest");
        check(index, &[Some(MANIFEST[0])], "it is an index, but is called");
        check(&manifest, &[Some(INDEX[1])], "it is a manifest, but is called");
        check(&manifest, &[Some("application/vnd.example")], "neither an image nor an index");
        check(&format!(r#"{{"schemaVersion":2,"manifests":[],{LAYER}}}"#), &[], "both");
        check(r#"{"schemaVersion":2}"#, &[], "neither");
        check(r#"{"schemaVersion":1,"fsLayers":[]}"#, &[], "schema 1");
        check(r#"{"schemaVersion":3,"manifests":[]}"#, &[], "not 2");
        check(r#"{"manifests":[]}"#, &[], "not 2");
        check("nonsense", &[], "not a JSON");
        let twice = format!(r#"{{"schemaVersion":2,{LAYER},"Layers":[{{}}]}}"#);
        check(&twice, &[], "take for `layers`");
        let twice = format!(r#"{{"schemaVersion":2,{LAYER},"layerſ":[]}}"#);
        check(&twice, &[], "take for `layers`");
        check(r#"{"schemaVersion":2,"manifests":[],"data":1,"Data":2}"#, &[], "in two spellings");
        check(r#"{"schemaVersion":2,"manifests":[],"Layers":[]}"#, &[], "take for `layers`");
        check(r#"{"schemaVersion":2,"manifests":[{"Digest":""}]}"#, &[], "take for `digest`");
        let chosen = r#"{"schemaVersion":2,"manifests":[],"annotations":{"a":"","A":""}}"#;
        check(chosen, &[], "index");
        check(r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#, &[], "duplicate");
        check(
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#,
            &[],
            "is called",
        );
        check(r#"{"schemaVersion":2,"layers":[]}"#, &[], "missing field `config`");
    }

    #[test]
    fn what_only_engines_would_read_is_refused() {
        let check = |text: &str, expected: &str| {
            let got = check_config(text.as_bytes()).err().unwrap_or_default();
            assert!(
                got.contains(expected) && got.is_empty() == expected.is_empty(),
                "{text}: {got}"
            );
        };
        check(r#"{"config":{"User":"a","Env":[],"OnBuild":null},"Size":1,"rootfs":{}}"#, "");
        check(
            r#"{"config":{"Labels":{"user":"a","User":"b"}},"container_config":{"User":""}}"#,
            "",
        );
        check(r#"{"config":{"env":["TOKEN=a"]}}"#, "take for `Env`");
        check(r#"{"Config":{}}"#, "take for `config`");
        check(r#"{"config":{"Healthcheck":{"test":[]}}}"#, "take for `Test`");
        check(r#"{"history":[{},{"Created_By":"a"}]}"#, "take for `created_by`");
        check(r#"{"rootfs":{"Diff_IDs":[]}}"#, "take for `diff_ids`");
        assert!(check_saved(br#"[{"Config":"a","config":"b"}]"#).is_err());
        assert!(check_saved(br#"[{"Config":"a","layers":[]}]"#).is_err());
        assert_eq!(check_saved(br#"[{"Config":"a","Layers":[],"RepoTags":null}]"#), Ok(()));
        assert!(check_index(br#"{"schemaVersion":2,"Manifests":[]}"#).is_err());
    }
}
