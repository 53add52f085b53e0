//! OpenVEX 0.2.0: <https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md>.

use secgate_model::Purl;
use serde_json::Value;

use super::{Reader, Statement, Status, vulnerability_id};
use crate::{diagnostic::short, waiver_file::JUSTIFICATIONS};

pub(super) fn read(document: &Value, reader: &mut Reader<'_, '_>) {
    let text =
        |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = text(document, "@id").unwrap_or_else(|| "openvex".to_owned());
    let author = text(document, "author").unwrap_or_default();
    if author.trim().is_empty() {
        reader.sink.error(
            crate::diagnostic::Place { line: 1, column: 1 },
            "the OpenVEX document names no `author`",
        );
        return;
    }
    let Some(statements) = document.get("statements").and_then(Value::as_array) else {
        reader.sink.error(
            crate::diagnostic::Place { line: 1, column: 1 },
            "the OpenVEX document has no `statements`",
        );
        return;
    };
    for (index, statement) in statements.iter().enumerate() {
        one(&id, &author, index, statement, reader);
    }
}

fn one(document: &str, author: &str, index: usize, statement: &Value, reader: &mut Reader<'_, '_>) {
    let status = match statement.get("status").and_then(Value::as_str) {
        Some("not_affected") => Status::NotAffected,
        Some("fixed") => Status::Fixed,
        Some("affected" | "under_investigation") => return,
        Some(other) => {
            return reader.error(index, format!("`{}` is not an OpenVEX status", short(other)));
        }
        None => return reader.error(index, "the statement has no `status`"),
    };
    let justification = statement.get("justification").and_then(Value::as_str);
    let impact = statement.get("impact_statement").and_then(Value::as_str);
    if let Some(text) = justification.filter(|text| !JUSTIFICATIONS.contains(text)) {
        return reader.error(index, format!("`{}` is not an OpenVEX justification", short(text)));
    }
    if status == Status::NotAffected && justification.is_none() && impact.is_none() {
        return reader
            .error(index, "`not_affected` needs a `justification` or an `impact_statement`");
    }
    let vulnerability = statement.get("vulnerability");
    let name = match vulnerability {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(value) => value.get("name").and_then(Value::as_str),
        None => None,
    };
    let Some(name) = name.and_then(vulnerability_id) else {
        return reader.error(index, "the statement names no vulnerability");
    };
    let aliases = vulnerability.and_then(|value| value.get("aliases")).and_then(Value::as_array);
    let mut ids = vec![name];
    ids.extend(
        aliases.into_iter().flatten().filter_map(Value::as_str).filter_map(vulnerability_id),
    );
    let Some(products) =
        statement.get("products").and_then(Value::as_array).filter(|list| !list.is_empty())
    else {
        return reader.error(index, "the statement names no product");
    };
    let reason =
        impact.or(justification).unwrap_or("fixed in this version").chars().take(500).collect();
    let statement = Statement { document, index, ids, status, justification, reason, author };
    for product in products {
        let parts =
            product.get("subcomponents").and_then(Value::as_array).filter(|list| !list.is_empty());
        match parts {
            None => {
                if let Some(purl) = purl(product) {
                    reader.waive(&statement, &purl, None);
                }
            }
            // The statement is about a package inside one product, so it holds for that product alone.
            Some(parts) => {
                let Some(subject) = identifier(product) else { continue };
                for purl in parts.iter().filter_map(purl) {
                    reader.waive(&statement, &purl, Some(subject));
                }
            }
        }
    }
}

fn identifier(component: &Value) -> Option<&str> {
    component.as_str().or_else(|| component.get("@id")?.as_str())
}

fn purl(component: &Value) -> Option<Purl> {
    let given = component
        .pointer("/identifiers/purl")
        .and_then(Value::as_str)
        .or_else(|| identifier(component))?;
    given.parse().ok()
}
