//! Who may have signed: exactly somebody, or a pattern that says where it begins and ends.

use regex::{Regex, RegexBuilder};

use crate::reason::{Reason, Refusal, refuse, shown};

/// Most bytes of a pattern.
const PATTERN_LIMIT: usize = 1024;

/// What a certificate says about its holder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// An address of electronic mail.
    Email(String),
    /// An address of a workflow or a service.
    Uri(String),
}

impl Holder {
    /// The address itself.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(text) | Self::Uri(text) => text,
        }
    }
}

/// A rule about a text of a certificate.
#[derive(Debug, Clone)]
pub enum TextRule {
    /// This text.
    Exact(String),
    /// A text that matches from its first to its last character.
    Pattern(Pattern),
}

/// A pattern that is matched whole.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: String,
    whole: Regex,
}

impl TextRule {
    /// A pattern, which must begin with `^` and end with `$`: one that does not would also match what an attacker puts
    /// around a name that he may not have.
    pub fn pattern(written: &str) -> Result<Self, Refusal> {
        let inner = written.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
        let inner = inner.filter(|inner| {
            let backslashes = inner.bytes().rev().take_while(|byte| *byte == b'\\').count();
            backslashes % 2 == 0
        });
        let Some(inner) = inner else {
            return refuse(
                Reason::PatternUnanchored,
                format!("the pattern `{}` does not begin with ^ and end with $", shown(written)),
            );
        };
        let compile = |pattern: &str| {
            RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|_| {
                let written = shown(written);
                Refusal::new(Reason::PatternMalformed, format!("the pattern `{written}`"))
            })
        };
        if written.len() > PATTERN_LIMIT {
            return refuse(Reason::PatternMalformed, "a pattern of more than 1024 bytes");
        }
        compile(written)?;
        // Not as written: `^a|b$` would match whatever begins with a, and with `m` the ends of lines count.
        let whole = compile(&format!(r"\A(?:{inner})\z"))?;
        Ok(Self::Pattern(Pattern { written: written.to_owned(), whole }))
    }

    /// Whether the rule holds.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => wanted == text,
            Self::Pattern(pattern) => pattern.whole.is_match(text),
        }
    }

    /// The rule for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Exact(text) => shown(text),
            Self::Pattern(pattern) => shown(&pattern.written),
        }
    }
}

/// A rule about the holder of a certificate.
#[derive(Debug, Clone)]
pub enum HolderRule {
    /// Whichever kind of address.
    Any(TextRule),
    /// An address of electronic mail.
    Email(TextRule),
    /// An address of a workflow or a service.
    Uri(TextRule),
}

impl HolderRule {
    /// Whether the rule holds.
    pub fn matches(&self, holder: &Holder) -> bool {
        match (self, holder) {
            (Self::Any(rule), holder) => rule.matches(holder.as_str()),
            (Self::Email(rule), Holder::Email(text)) | (Self::Uri(rule), Holder::Uri(text)) => {
                rule.matches(text)
            }
            _ => false,
        }
    }

    /// The rule for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Any(rule) => rule.shown(),
            Self::Email(rule) => format!("email {}", rule.shown()),
            Self::Uri(rule) => format!("URI {}", rule.shown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let rule = TextRule::pattern(pattern).unwrap();
        for text in matching {
            assert!(rule.matches(text), "{pattern} {text}");
        }
        for text in others {
            assert!(!rule.matches(text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_is_matched_whole() {
        check(
            "^https://x/[a-z]+$",
            &["https://x/ab"],
            &["https://x/ab/", "ahttps://x/ab", "https://x/ab\n", "https://x/ab\nhttps://x/ab"],
        );
        check("^a|b$", &["a", "b"], &["ax", "xb", "ab"]);
        check("^a$|^b$", &["a", "b"], &["ax", "xb", "a\nb"]);
        check("^(?m)a$", &["a"], &["a\nb", "b\na"]);
        check(r"^a\\$", &[r"a\"], &["a"]);
    }

    #[test]
    fn a_pattern_without_ends_is_refused() {
        let reason = |pattern: &str| TextRule::pattern(pattern).unwrap_err().reason;
        for pattern in ["", "a", "^a", "a$", r"^a\$", "(?i)^a$", "^", "(^a$)"] {
            assert_eq!(reason(pattern), Reason::PatternUnanchored, "{pattern}");
        }
        for pattern in ["^a)(b$", "^($", "^a{1000}{1000}$", "^a)|(?:b$", "^(?x)a #$"] {
            assert_eq!(reason(pattern), Reason::PatternMalformed, "{pattern}");
        }
        assert_eq!(reason(&format!("^{}$", "a".repeat(1024))), Reason::PatternMalformed);
    }

    #[test]
    fn an_email_is_no_uri() {
        let rule = || TextRule::Exact("a@b".into());
        let email = Holder::Email("a@b".into());
        assert!(HolderRule::Any(rule()).matches(&email));
        assert!(HolderRule::Email(rule()).matches(&email));
        assert!(!HolderRule::Uri(rule()).matches(&email));
    }
}
