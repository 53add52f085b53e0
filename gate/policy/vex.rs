//! VEX documents as waivers with their own source. Only the statements `not_affected` and `fixed` excuse a finding, and
//! only where a package URL of the statement names the finding's package.

mod csaf;
mod cyclonedx;
mod openvex;

use secgate_model::Purl;
use serde_json::Value;

use crate::{
    diagnostic::{Place, Sink, short},
    package_pattern::PackagePattern,
    policy::Origin,
    waiver::{Waiver, WaiverMatch},
};

/// The largest VEX document that is read, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// The most waivers that one document becomes.
const MAX_STATEMENTS: usize = 100_000;

/// Whether a file is JSON, which for waivers means a VEX document.
pub(crate) fn looks_like_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
        && bytes
            .iter()
            .skip_while(|byte| **byte != b'{')
            .skip(1)
            .find(|byte| !byte.is_ascii_whitespace())
            == Some(&b'"')
}

/// Reads one document of whichever of the three formats it is.
pub(crate) fn read(bytes: &[u8], sink: &mut Sink<'_>) -> Vec<Waiver> {
    let start = Place { line: 1, column: 1 };
    if bytes.len() > MAX_BYTES {
        sink.error(
            start,
            format!("the VEX document has {} bytes; at most {MAX_BYTES} are read", bytes.len()),
        );
        return Vec::new();
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Value = match serde_json::from_slice(bytes) {
        Ok(document) => document,
        Err(error) => {
            let at = Place { line: clamp(error.line()), column: clamp(error.column()) };
            sink.error(at, format!("this is not JSON: {}", short(&error.to_string())));
            return Vec::new();
        }
    };
    let context = match document.get("@context") {
        Some(Value::Array(list)) => list.first().and_then(Value::as_str),
        Some(value) => value.as_str(),
        None => None,
    };
    let array = if context.is_some() { "statements" } else { "vulnerabilities" };
    let mut reader = Reader { lines: element_lines(bytes, array), sink, found: Vec::new() };
    if context.is_some_and(|context| context.starts_with("https://openvex.dev/ns")) {
        openvex::read(&document, &mut reader);
    } else if document.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
        cyclonedx::read(&document, &mut reader);
    } else if document.pointer("/document/csaf_version").is_some() {
        csaf::read(&document, &mut reader);
    } else {
        reader.sink.error_hint(
            start,
            "this JSON file is no VEX document",
            "OpenVEX with `@context`, CycloneDX with `bomFormat` and CSAF with `document.csaf_version` are read",
        );
    }
    reader.found
}

fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Collects waivers and faults of a document; `lines` are the lines of its statements.
struct Reader<'r, 'f> {
    lines: Vec<u32>,
    sink: &'r mut Sink<'f>,
    found: Vec<Waiver>,
}

/// The two statuses that excuse a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    NotAffected,
    Fixed,
}

/// What a statement says, apart from the product.
struct Statement<'s> {
    /// The document's own id.
    document: &'s str,
    /// Which statement, from 0.
    index: usize,
    /// Every id of the vulnerability.
    ids: Vec<&'s str>,
    status: Status,
    justification: Option<&'s str>,
    reason: String,
    author: &'s str,
}

impl Reader<'_, '_> {
    fn at(&self, index: usize) -> Place {
        Place { line: self.lines.get(index).copied().unwrap_or(1), column: 1 }
    }

    fn error(&mut self, index: usize, message: impl Into<String>) {
        let at = self.at(index);
        self.sink.error(at, message);
    }

    /// One waiver an id for a product; `subject` where the statement is about a package inside one product.
    fn waive(&mut self, statement: &Statement<'_>, purl: &Purl, subject: Option<&str>) {
        // "Fixed" without a version would be said of the versions that are not fixed, too.
        if statement.status == Status::Fixed && purl.version().is_none() {
            return;
        }
        let at = self.at(statement.index);
        let subject = match subject {
            None => None,
            Some(text) => {
                // A name is taken as it is, so wildcards in it stand for themselves.
                let plain: String = text
                    .chars()
                    .flat_map(|c| if "*?[]{}\\".contains(c) { vec!['\\', c] } else { vec![c] })
                    .collect();
                let Some(globs) =
                    crate::values::Globs::new(&[(&plain, at)], "subject", false, self.sink)
                else {
                    return;
                };
                Some(globs)
            }
        };
        for id in &statement.ids {
            if self.found.len() >= MAX_STATEMENTS {
                self.sink.error(
                    at,
                    format!(
                        "the document has more than {MAX_STATEMENTS} statements about products"
                    ),
                );
                return;
            }
            let status =
                if statement.status == Status::NotAffected { "not_affected" } else { "fixed" };
            self.found.push(Waiver {
                id: format!("{}#{}", statement.document, statement.index + 1),
                matches: WaiverMatch {
                    vuln: Some((*id).to_owned()),
                    package: Some(PackagePattern::of(purl.clone())),
                    subject: subject.clone(),
                    ..WaiverMatch::default()
                },
                reason: statement.reason.clone(),
                status: status.to_owned(),
                justification: statement.justification.map(str::to_owned),
                owner: statement.author.to_owned(),
                approved_by: Vec::new(),
                created: None,
                expires: None,
                origin: Origin { file: self.sink.file.to_owned(), line: at.line },
                vex: true,
            });
        }
    }
}

/// A usable id of a vulnerability.
fn vulnerability_id(text: &str) -> Option<&str> {
    let good = (4..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
    good.then_some(text)
}

/// The lines at which the elements of the top-level array `key` begin. `bytes` is known to be JSON.
fn element_lines(bytes: &[u8], key: &str) -> Vec<u32> {
    let (mut lines, mut line, mut depth) = (Vec::new(), 1_u32, 0_u32);
    let (mut inside, mut text, mut last_key) = (false, Vec::new(), Vec::new());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in bytes {
        if byte == b'\n' {
            line = line.saturating_add(1);
        }
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ if depth == 1 => text.push(byte),
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => {
                in_string = true;
                text.clear();
            }
            b':' if depth == 1 => last_key.clone_from(&text),
            b'[' | b'{' => {
                if inside && depth == 2 {
                    lines.push(line);
                }
                depth += 1;
                if byte == b'[' && depth == 2 {
                    inside = last_key == key.as_bytes();
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth < 2 {
            inside = false;
        }
    }
    lines
}

#[cfg(test)]
mod tests;
