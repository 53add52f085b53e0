//! CSAF 2.0 and 2.1, `vulnerabilities[].product_status` (profile VEX): `known_not_affected`, `fixed`, `first_fixed`.

use std::collections::HashMap;

use secgate_model::Purl;
use serde_json::Value;

use super::{Reader, Statement, Status, vulnerability_id};
use crate::{diagnostic::Place, waiver_file::JUSTIFICATIONS};

/// How deep branches may nest.
const MAX_DEPTH: usize = 64;

pub(super) fn read(document: &Value, reader: &mut Reader<'_, '_>) {
    let start = Place { line: 1, column: 1 };
    let text = |at: &str| document.pointer(at).and_then(Value::as_str);
    let Some(id) = text("/document/tracking/id") else {
        return reader.sink.error(start, "the CSAF document has no `document.tracking.id`");
    };
    let Some(author) = text("/document/publisher/name") else {
        return reader.sink.error(start, "the CSAF document has no `document.publisher.name`");
    };
    if text("/document/tracking/status").is_some_and(|status| status == "draft") {
        return reader.sink.error(start, "the CSAF document is a draft");
    }
    let mut products = HashMap::new();
    if let Some(tree) = document.get("product_tree") {
        branches(tree, 0, &mut products);
        relationships(tree, &mut products);
    }
    let list = document.get("vulnerabilities").and_then(Value::as_array);
    for (index, vulnerability) in list.into_iter().flatten().enumerate() {
        one(id, author, index, vulnerability, &products, reader);
    }
}

fn branches<'v>(value: &'v Value, depth: usize, products: &mut HashMap<&'v str, Vec<Purl>>) {
    if depth > MAX_DEPTH {
        return;
    }
    let array = |key: &str| value.get(key).and_then(Value::as_array).into_iter().flatten();
    for product in array("full_product_names").chain(value.get("product")) {
        let Some(id) = product.get("product_id").and_then(Value::as_str) else { continue };
        let helper = product.get("product_identification_helper");
        let one = helper.and_then(|helper| helper.get("purl"));
        let many = helper.and_then(|helper| helper.get("purls")).and_then(Value::as_array);
        let purls = one.into_iter().chain(many.into_iter().flatten()).filter_map(Value::as_str);
        products.entry(id).or_default().extend(purls.filter_map(|text| text.parse::<Purl>().ok()));
    }
    for branch in array("branches") {
        branches(branch, depth + 1, products);
    }
}

/// A product that is another one as part of a third has the purl of the part.
fn relationships<'v>(tree: &'v Value, products: &mut HashMap<&'v str, Vec<Purl>>) {
    for relation in tree.get("relationships").and_then(Value::as_array).into_iter().flatten() {
        let id = relation.pointer("/full_product_name/product_id").and_then(Value::as_str);
        let part = relation.get("product_reference").and_then(Value::as_str);
        if let (Some(id), Some(part)) = (id, part) {
            let purls = products.get(part).cloned().unwrap_or_default();
            products.entry(id).or_default().extend(purls);
        }
    }
}

fn one(
    document: &str,
    author: &str,
    index: usize,
    vulnerability: &Value,
    products: &HashMap<&str, Vec<Purl>>,
    reader: &mut Reader<'_, '_>,
) {
    let cve = vulnerability.get("cve").and_then(Value::as_str);
    let others = vulnerability.get("ids").and_then(Value::as_array).into_iter().flatten();
    let others = others.filter_map(|id| id.get("text").and_then(Value::as_str));
    let ids: Vec<&str> = cve.into_iter().chain(others).filter_map(vulnerability_id).collect();
    let flags: Vec<&Value> =
        vulnerability.get("flags").and_then(Value::as_array).into_iter().flatten().collect();
    let threats: Vec<&Value> =
        vulnerability.get("threats").and_then(Value::as_array).into_iter().flatten().collect();
    let lists = [
        ("known_not_affected", Status::NotAffected),
        ("fixed", Status::Fixed),
        ("first_fixed", Status::Fixed),
    ];
    for (key, status) in lists {
        let named =
            vulnerability.pointer(&format!("/product_status/{key}")).and_then(Value::as_array);
        for product in named.into_iter().flatten().filter_map(Value::as_str) {
            if ids.is_empty() {
                return reader.error(index, "the entry names no vulnerability");
            }
            let Some(purls) = products.get(product) else {
                reader.error(
                    index,
                    format!(
                        "the product `{}` is not in the product tree",
                        crate::diagnostic::short(product)
                    ),
                );
                continue;
            };
            // A flag or threat without products or groups holds for all of them.
            let about = |value: &&&Value| {
                let list = value.get("product_ids").and_then(Value::as_array);
                list.is_none_or(|list| list.iter().any(|id| id.as_str() == Some(product)))
            };
            let justification = flags
                .iter()
                .filter(about)
                .find_map(|flag| flag.get("label").and_then(Value::as_str))
                .filter(|label| JUSTIFICATIONS.contains(label));
            let impact = threats
                .iter()
                .filter(|threat| threat.get("category").and_then(Value::as_str) == Some("impact"))
                .filter(about)
                .find_map(|threat| threat.get("details").and_then(Value::as_str));
            if status == Status::NotAffected && justification.is_none() && impact.is_none() {
                reader.error(
                    index,
                    format!(
                        "`known_not_affected` of `{}` has neither a flag nor an impact statement",
                        crate::diagnostic::short(product)
                    ),
                );
                continue;
            }
            let reason = impact
                .or(justification)
                .unwrap_or("fixed in this version")
                .chars()
                .take(500)
                .collect();
            let statement = Statement {
                document,
                index,
                ids: ids.clone(),
                status,
                justification,
                reason,
                author,
            };
            for purl in purls {
                reader.waive(&statement, purl, None);
            }
        }
    }
}
