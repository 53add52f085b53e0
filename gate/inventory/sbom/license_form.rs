use secgate_model::Package;
use spdx::{Expression, LicenseItem, ParseMode};

/// What a licence text is to an SBOM format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// An id of SPDX's list, as it stands there.
    Id,
    /// A valid SPDX expression that is more than an id.
    Expression,
    /// Anything else.
    Name,
}

/// The version of SPDX's list that ids are looked up in.
pub(crate) const LIST_VERSION: &str = "3.27";

const LISTED: ParseMode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };

/// Tells what a licence text is (SPDX 2.3, annex D). Exact case and operators in capitals are asked for, because readers of
/// other makers ask for them.
pub(crate) fn form(text: &str) -> Form {
    // Ids of the list, deprecated, that the library takes for an id and an operator.
    let with_plus = ["GPL-1.0+", "GPL-2.0+", "GPL-3.0+", "LGPL-2.0+", "LGPL-2.1+", "LGPL-3.0+"];
    if spdx::license_id(text).is_some_and(|id| id.name == text && is_listed(text))
        || with_plus.contains(&text)
    {
        return Form::Id;
    }
    if text.len() > 4096 || text.trim() != text {
        return Form::Name;
    }
    let shouted = |word: &str| {
        !["and", "or", "with"].iter().any(|operator| word.eq_ignore_ascii_case(operator))
            || word.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    if !text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).all(shouted) {
        return Form::Name;
    }
    let Ok(expression) = Expression::parse_mode(text, LISTED) else { return Form::Name };
    let fine = expression.requirements().all(|needed| {
        let license = match &needed.req.license {
            LicenseItem::Spdx { id, .. } => is_listed(id.name) && text.contains(id.name),
            LicenseItem::Other(reference) => reference.doc_ref.is_none(),
        };
        license && !matches!(&needed.req.addition, Some(spdx::AdditionItem::Other(_)))
    });
    if fine { Form::Expression } else { Form::Name }
}

/// The library knows some names that are not in the list.
fn is_listed(id: &str) -> bool {
    id != "NOASSERTION" && id != "NONE" && !id.ends_with("-invariants")
}

/// The `LicenseRef-…` names in an expression, which the document must explain.
pub(crate) fn references(expression: &str) -> Vec<String> {
    let Ok(parsed) = Expression::parse_mode(expression, LISTED) else { return Vec::new() };
    let mut all: Vec<String> = parsed
        .requirements()
        .filter_map(|needed| match &needed.req.license {
            LicenseItem::Other(reference) => Some(reference.to_string()),
            LicenseItem::Spdx { .. } => None,
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

/// The name by which an SPDX document refers to a licence that no list has.
pub(crate) fn reference(text: &str) -> String {
    format!("LicenseRef-secgate-{}", identifier(text, 40))
}

/// Letters, digits, `.` and `-` (SPDX 2.3, clause 3.2: idstring) of a text, and a hash that keeps different texts apart.
pub(crate) fn identifier(text: &str, length: usize) -> String {
    let mut plain = String::with_capacity(length + 17);
    for c in text.chars() {
        if plain.len() >= length {
            break;
        }
        if c.is_ascii_alphanumeric() || c == '.' {
            plain.push(c);
        } else if !plain.ends_with('-') {
            plain.push('-');
        }
    }
    let hash = blake3::hash(text.as_bytes()).to_hex();
    format!("{}-{}", plain.trim_matches('-'), hash.get(..16).unwrap_or_default())
}

/// The licences of a package as one SPDX expression, and the texts that its own `LicenseRef`s stand for. Several licences
/// apply together: a file that lists them does not say that there is a choice.
pub(crate) fn declared(package: &Package) -> (Option<String>, Vec<(String, String)>) {
    let mut terms = Vec::new();
    let mut explained = Vec::new();
    let several = package.licenses.len() > 1;
    for text in package.licenses.iter().filter(|text| !text.is_empty()) {
        match form(text) {
            Form::Id => terms.push(text.clone()),
            Form::Expression => {
                let unexplained = "the text of this licence is not known to secgate";
                explained.extend(
                    references(text).into_iter().map(|name| (name, unexplained.to_owned())),
                );
                terms.push(if several { format!("({text})") } else { text.clone() });
            }
            Form::Name => {
                let name = reference(text);
                explained.push((name.clone(), text.clone()));
                terms.push(name);
            }
        }
    }
    ((!terms.is_empty()).then(|| terms.join(" AND ")), explained)
}

/// Whether the expression alone gives the package's licences back.
pub(crate) fn is_whole(package: &Package) -> bool {
    match package.licenses.as_slice() {
        [] => true,
        [one] => form(one) != Form::Name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_expressions_and_names() {
        let check = |text: &str, expected| assert_eq!(form(text), expected, "{text}");
        check("MIT", Form::Id);
        check("GPL-2.0", Form::Id);
        check("GPL-2.0+", Form::Id);
        check("mit", Form::Name);
        check("MIT OR Apache-2.0", Form::Expression);
        check("Apache-2.0 WITH LLVM-exception", Form::Expression);
        check("Apache-2.0+", Form::Expression);
        check("MIT or Apache-2.0", Form::Name);
        check("MIT/Apache-2.0", Form::Name);
        check("LicenseRef-acme", Form::Expression);
        check("DocumentRef-x:LicenseRef-acme", Form::Name);
        check("NOASSERTION", Form::Name);
        check("NONE", Form::Name);
        check("GFDL-1.1-invariants", Form::Name);
        check("GFDL-1.1-invariants-only", Form::Id);
        check("Apache 2.0", Form::Name);
        check("", Form::Name);
        check(" MIT", Form::Name);
        check("((((", Form::Name);
        check(&"(".repeat(100_000), Form::Name);
    }

    #[test]
    fn references_are_safe_and_apart() {
        let safe = |text: &str| {
            let name = reference(text);
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')));
            name
        };
        assert_ne!(safe("Acme licence 1"), safe("Acme/licence 1"));
        safe("\u{1b}[31m<é>\n");
        safe("");
    }
}
