use spdx::{Expression, LicenseItem, ParseMode};

use crate::spelling::{fold, known};

/// What stands for the licence of a package that tells none (SPDX 2.3, clause 7.15).
pub const NOT_TOLD: &str = "NOASSERTION";

const LISTED: ParseMode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };
/// A longer text is a licence's words and not its name.
const MOST: usize = 1024;

/// The licences that a package states as one SPDX expression (SPDX 2.3, annex D). Several apply together, because a file that
/// lists them does not say that there is a choice. Deprecated ids become today's, common spellings become ids, and what is not
/// known becomes a `LicenseRef-`, which a policy can still name. [`NOT_TOLD`] when nothing is stated.
pub fn normalise(texts: &[String]) -> String {
    let mut terms: Vec<String> = texts.iter().filter_map(|text| one(text.trim())).collect();
    terms.sort();
    terms.dedup();
    if terms.len() > 1 {
        for term in terms.iter_mut().filter(|term| term.contains(" OR ")) {
            *term = format!("({term})");
        }
    }
    if terms.is_empty() { NOT_TOLD.to_owned() } else { terms.join(" AND ") }
}

/// `None` for a text that says nothing.
fn one(text: &str) -> Option<String> {
    if matches!(fold(text).as_str(), "" | "noassertion" | "none" | "unknown" | "see license") {
        return None;
    }
    if text.len() > MOST {
        return Some(reference(text));
    }
    if let Some(id) = id(text) {
        return Some(id);
    }
    Some(listed(text).or_else(|| spelt(text)).unwrap_or_else(|| reference(text)))
}

/// An expression of listed ids, with today's names for deprecated ones.
fn listed(text: &str) -> Option<String> {
    let parsed = Expression::parse_mode(text, LISTED).ok()?;
    // A reference stays as it is; names that the library knows and the list does not are none.
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for needed in parsed.requirements() {
        let LicenseItem::Spdx { id: found, .. } = &needed.req.license else { continue };
        let (from, to) = (needed.span.start as usize, needed.span.end as usize);
        let written = text.get(from..to)?;
        let name = written.trim_end_matches('+');
        let id = id(found.name)?;
        if id.contains(' ') && needed.req.addition.is_some() {
            return None;
        }
        out.push_str(text.get(end..from)?);
        out.push_str(&id);
        end = from + name.len();
    }
    out.push_str(text.get(end..)?);
    // Operators in capitals, one blank between words.
    let words = out.split_whitespace().map(|word| {
        let bare = word.trim_matches(['(', ')']);
        if ["and", "or", "with"].iter().any(|operator| bare.eq_ignore_ascii_case(operator)) {
            word.to_ascii_uppercase()
        } else {
            word.to_owned()
        }
    });
    let joined = words.collect::<Vec<_>>().join(" ");
    // GNU licences take no `+`; what was rewritten must still be an expression.
    Expression::parse_mode(&joined, LISTED).ok().map(|_| joined)
}

/// Terms joined by `and`, `or`, `with` or `/` in any case, where every term is known by some spelling.
fn spelt(text: &str) -> Option<String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " / ");
    let mut out: Vec<String> = Vec::new();
    let mut term: Vec<&str> = Vec::new();
    let end = |term: &mut Vec<&str>, out: &mut Vec<String>| -> Option<()> {
        if !term.is_empty() {
            let text = term.join(" ");
            let after_with = out.last().is_some_and(|word| word == "WITH");
            let found = if after_with { exception(&text)? } else { id(&text)? };
            out.push(if found.contains(" OR ") { format!("({found})") } else { found });
            term.clear();
        }
        Some(())
    };
    for word in spaced.split_whitespace() {
        let operator = match word {
            "(" | ")" => word,
            "/" | "|" | "||" => "OR",
            "&" | "&&" => "AND",
            _ if word.eq_ignore_ascii_case("and") => "AND",
            _ if word.eq_ignore_ascii_case("or") => "OR",
            _ if word.eq_ignore_ascii_case("with") => "WITH",
            _ => {
                term.push(word);
                continue;
            }
        };
        end(&mut term, &mut out)?;
        out.push(operator.to_owned());
    }
    end(&mut term, &mut out)?;
    let joined = out.join(" ").replace("( ", "(").replace(" )", ")");
    Expression::parse_mode(&joined, LISTED).ok().map(|_| joined)
}

/// One licence by its id in any case, or by another spelling; today's id.
fn id(text: &str) -> Option<String> {
    let folded = fold(text);
    if let Some(expression) = known(&folded) {
        return Some(expression.to_owned());
    }
    let found = spdx::identifiers::LICENSES.iter().find(|license| {
        license.name.eq_ignore_ascii_case(text)
            || license.name.len() + 8 == text.len() && is_license_of(license.name, text)
    })?;
    let unlisted =
        matches!(found.name, "NOASSERTION" | "NONE") || found.name.ends_with("-invariants");
    (!unlisted).then(|| found.name.to_owned())
}

/// `BSD-3-Clause License`.
fn is_license_of(name: &str, text: &str) -> bool {
    let (front, back) = (text.get(..name.len()), text.get(name.len()..));
    front.is_some_and(|front| front.eq_ignore_ascii_case(name))
        && back.is_some_and(|back| {
            back.eq_ignore_ascii_case(" license") || back.eq_ignore_ascii_case(" licence")
        })
}

fn exception(text: &str) -> Option<String> {
    let all = spdx::identifiers::EXCEPTIONS;
    all.iter()
        .find(|known| known.name.eq_ignore_ascii_case(text))
        .map(|found| found.name.to_owned())
}

/// A name for a licence that nobody lists: the same for the same words, and no other text's where the words are cut.
fn reference(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() > 60 {
            break;
        }
    }
    let name = name.trim_matches('-');
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ' '));
    if name.len() <= 60 && plain && !name.is_empty() {
        return format!("LicenseRef-{name}");
    }
    let hash = blake3::hash(text.as_bytes()).to_hex();
    let name = name.get(..name.len().min(60)).unwrap_or_default().trim_matches('-');
    let hash = hash.get(..8).unwrap_or_default();
    if name.is_empty() { format!("LicenseRef-{hash}") } else { format!("LicenseRef-{name}-{hash}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(texts: &[&str]) -> String {
        normalise(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn texts_become_expressions() {
        let check = |text: &str, expected: &str| assert_eq!(of(&[text]), expected, "{text}");
        check("MIT", "MIT");
        check("mit", "MIT");
        check("MIT license", "MIT");
        check("The MIT License (MIT)", "MIT");
        check("Apache 2.0", "Apache-2.0");
        check("Apache License, Version 2.0", "Apache-2.0");
        check("apache-2.0", "Apache-2.0");
        check("License :: OSI Approved :: Apache Software License", "Apache-2.0");
        check("BSD-3-Clause License", "BSD-3-Clause");
        check("BSD License", "LicenseRef-BSD-License");
        check("GPL-2.0", "GPL-2.0-only");
        check("GPL-2.0+", "GPL-2.0-or-later");
        check("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later");
        check("GPL-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0");
        check("MIT OR Apache-2.0", "MIT OR Apache-2.0");
        check("mit or apache 2.0", "MIT OR Apache-2.0");
        check("MIT/Apache-2.0", "MIT OR Apache-2.0");
        check("(MIT AND GPL-2.0) OR ISC", "(MIT AND GPL-2.0-only) OR ISC");
        check("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception");
        check("apache-2.0 with llvm-exception", "Apache-2.0 WITH LLVM-exception");
        check("Apache-2.0+", "Apache-2.0+");
        check("LicenseRef-acme", "LicenseRef-acme");
        check("Acme Commercial", "LicenseRef-Acme-Commercial");
        check("MIT and Acme", "LicenseRef-MIT-and-Acme");
        check("Apache 1.2", "LicenseRef-Apache-1.2");
        check("MIT-style", "LicenseRef-MIT-style");
        check("", "NOASSERTION");
        check("NOASSERTION", "NOASSERTION");
        check("UNKNOWN", "NOASSERTION");
    }

    #[test]
    fn several_apply_together() {
        assert_eq!(of(&["MIT", "mit license"]), "MIT");
        assert_eq!(of(&["MIT OR ISC", "BSD-3-Clause"]), "BSD-3-Clause AND (MIT OR ISC)");
        assert_eq!(of(&["MIT", "Acme"]), "LicenseRef-Acme AND MIT");
        assert_eq!(of(&["", "MIT"]), "MIT");
        assert_eq!(of(&[]), "NOASSERTION");
    }

    #[test]
    fn every_listed_id_stays_or_becomes_one_that_is_not_deprecated_by_a_rule() {
        for license in spdx::identifiers::LICENSES {
            let made = of(&[license.name]);
            if license.name == "NOASSERTION" {
                continue;
            }
            if made.starts_with("LicenseRef-") {
                assert!(license.name.ends_with("-invariants"), "{}", license.name);
                continue;
            }
            assert!(Expression::parse_mode(&made, LISTED).is_ok(), "{made}");
            let deprecated = license.flags & spdx::flags::IS_DEPRECATED != 0;
            assert!(deprecated || made == license.name, "{} {made}", license.name);
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_an_expression_and_stays_the_same(
            texts in proptest::collection::vec(
                prop_oneof![
                    "[MITGPLapche0-9.+() /-]{0,16}",
                    "\\PC{0,20}",
                    "(MIT|GPL-2.0|GPL-2.0\\+|ISC|acme|Apache 2.0)( (and|OR|WITH|/) (MIT|GPLv3|LLVM-exception|x)){0,3}",
                ],
                0..4,
            ),
        ) {
            let made = normalise(&texts);
            prop_assert!(made == NOT_TOLD || Expression::parse_mode(&made, LISTED).is_ok(), "{:?} {}", texts, made);
            prop_assert_eq!(normalise(std::slice::from_ref(&made)), made);
        }
    }
}
