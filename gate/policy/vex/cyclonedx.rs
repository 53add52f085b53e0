//! CycloneDX 1.4 to 1.7, `vulnerabilities[].analysis`, in a document of its own or inside the BOM that it is about.

use std::collections::HashMap;

use secgate_model::Purl;
use serde_json::Value;

use super::{Reader, Statement, Status, vulnerability_id};
use crate::diagnostic::{Place, short};

/// How deep components may nest.
const MAX_DEPTH: usize = 32;

pub(super) fn read(document: &Value, reader: &mut Reader<'_, '_>) {
    let id = document.get("serialNumber").and_then(Value::as_str).unwrap_or("cyclonedx");
    let author = document
        .pointer("/metadata/supplier/name")
        .or_else(|| document.pointer("/metadata/manufacturer/name"))
        .or_else(|| document.pointer("/metadata/authors/0/name"))
        .or_else(|| document.pointer("/metadata/component/name"))
        .and_then(Value::as_str)
        .unwrap_or("CycloneDX VEX");
    let Some(list) = document.get("vulnerabilities").and_then(Value::as_array) else {
        reader.sink.error_hint(
            Place { line: 1, column: 1 },
            "the CycloneDX document has no `vulnerabilities`",
            "name VEX documents here, not plain SBOMs",
        );
        return;
    };
    let mut purls = HashMap::new();
    for start in ["/metadata/component", "/components"] {
        if let Some(value) = document.pointer(start) {
            components(value, 0, &mut purls);
        }
    }
    for (index, vulnerability) in list.iter().enumerate() {
        one(id, author, index, vulnerability, &purls, reader);
    }
}

/// Every component's purl by its `bom-ref`.
fn components<'v>(value: &'v Value, depth: usize, purls: &mut HashMap<&'v str, Purl>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(list) => list.iter().for_each(|item| components(item, depth + 1, purls)),
        Value::Object(component) => {
            let purl =
                component.get("purl").and_then(Value::as_str).and_then(|text| text.parse().ok());
            if let (Some(name), Some(purl)) =
                (component.get("bom-ref").and_then(Value::as_str), purl)
            {
                purls.insert(name, purl);
            }
            if let Some(inner) = component.get("components") {
                components(inner, depth + 1, purls);
            }
        }
        _ => {}
    }
}

fn one(
    document: &str,
    author: &str,
    index: usize,
    vulnerability: &Value,
    purls: &HashMap<&str, Purl>,
    reader: &mut Reader<'_, '_>,
) {
    // Without an analysis the entry only says that the vulnerability is known.
    let Some(analysis) = vulnerability.get("analysis") else { return };
    let status = match analysis.get("state").and_then(Value::as_str) {
        Some("not_affected") => Status::NotAffected,
        Some("resolved" | "resolved_with_pedigree") => Status::Fixed,
        Some("exploitable" | "in_triage" | "false_positive") | None => return,
        Some(other) => {
            return reader
                .error(index, format!("`{}` is not a CycloneDX analysis state", short(other)));
        }
    };
    let Some(id) = vulnerability.get("id").and_then(Value::as_str).and_then(vulnerability_id)
    else {
        return reader.error(index, "the entry has no usable `id`");
    };
    let references = vulnerability.get("references").and_then(Value::as_array);
    let mut ids = vec![id];
    ids.extend(
        references
            .into_iter()
            .flatten()
            .filter_map(|reference| reference.get("id").and_then(Value::as_str))
            .filter_map(vulnerability_id),
    );
    let justification = analysis.get("justification").and_then(Value::as_str);
    let detail = analysis.get("detail").and_then(Value::as_str);
    if status == Status::NotAffected && justification.is_none() && detail.is_none() {
        return reader.error(index, "`not_affected` needs a `justification` or a `detail`");
    }
    let reason = detail.or(justification).unwrap_or("resolved").chars().take(500).collect();
    let statement = Statement { document, index, ids, status, justification: None, reason, author };
    let Some(affects) =
        vulnerability.get("affects").and_then(Value::as_array).filter(|list| !list.is_empty())
    else {
        return reader.error(index, "the entry names nothing in `affects`");
    };
    for affected in affects {
        let Some(name) = affected.get("ref").and_then(Value::as_str) else { continue };
        let name = name
            .rsplit_once('#')
            .filter(|_| name.starts_with("urn:cdx:"))
            .map_or(name, |(_, name)| name);
        let Some(purl) = purls.get(name).cloned().or_else(|| name.parse().ok()) else { continue };
        match affected.get("versions").and_then(Value::as_array) {
            None => reader.waive(&statement, &purl, None),
            // Only single versions that are called unaffected are taken; ranges and the rest excuse nothing.
            Some(versions) => {
                for version in versions {
                    let unaffected =
                        version.get("status").and_then(Value::as_str) == Some("unaffected");
                    if let Some(number) =
                        version.get("version").and_then(Value::as_str).filter(|_| unaffected)
                    {
                        reader.waive(&statement, &purl.clone().with_version(Some(number)), None);
                    }
                }
            }
        }
    }
}
