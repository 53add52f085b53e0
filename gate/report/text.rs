//! Text from strangers, made fit for a person's eyes.

use std::fmt::Write;

use jiff::Timestamp;
use secgate_model::Digest;
use sha2::{Digest as _, Sha256};
use unicode_width::UnicodeWidthChar;

/// The text on one line without anything that moves a cursor, turns the writing direction or hides: escape sequences,
/// control characters, bidirectional marks and invisible characters go, white space becomes single blanks.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for_each_visible(text, |c| {
        if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    });
    out.truncate(out.trim_end().len());
    out
}

/// Like [`line()`], but keeps line breaks.
pub fn lines(text: &str) -> String {
    let joined: Vec<String> = text
        .lines()
        .map(|part| {
            let mut out = String::with_capacity(part.len());
            for_each_visible(part, |c| out.push(if c.is_whitespace() { ' ' } else { c }));
            out.truncate(out.trim_end().len());
            out
        })
        .collect();
    joined.join("\n").trim_matches('\n').to_owned()
}

fn for_each_visible(text: &str, mut each: impl FnMut(char)) {
    // How many characters without a width stand in a row: a letter may carry a few, not a tower.
    let mut marks = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            c if c.is_whitespace() => {
                marks = 0;
                each(c);
            }
            c if c.is_control() || is_hidden(c) => {}
            c if c.width() == Some(0) => {
                marks += 1;
                if marks <= 2 {
                    each(c);
                }
            }
            c => {
                marks = 0;
                each(c);
            }
        }
    }
}

/// Goes past what follows an escape character: a CSI sequence up to its final byte, an OSC or other string sequence up
/// to its terminator, else one character (ECMA-48 §5.3, §5.4, §8.3.89).
fn skip_escape(chars: &mut std::str::Chars<'_>) {
    let mut ahead = chars.clone();
    match ahead.next() {
        Some('[') => {
            chars.next();
            let mut probe = chars.clone();
            while let Some(c) = probe.next() {
                match c {
                    '\u{20}'..='\u{3f}' => *chars = probe.clone(),
                    '\u{40}'..='\u{7e}' => {
                        *chars = probe;
                        return;
                    }
                    _ => return,
                }
            }
        }
        Some(']' | 'P' | '^' | '_' | 'X') => {
            let mut probe = ahead.clone();
            while let Some(c) = probe.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    *chars = probe;
                    return;
                }
                if c == '\u{1b}' {
                    if probe.next() == Some('\\') {
                        *chars = probe;
                        return;
                    }
                    break;
                }
            }
            // No end: the introducer alone goes, the text stays.
            *chars = ahead;
        }
        Some(c) if c.is_ascii() && !c.is_control() => *chars = ahead,
        _ => {}
    }
}

/// Characters that reorder or hide text (Unicode TR 36 §3.1, TR 9 §2; "Trojan Source").
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Columns that `text` takes on a terminal; `text` has passed through [`line()`].
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The front of `text` that fits into `columns`, with `…` where something is missing.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > columns {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Like [`fit`], but keeps the end: of a path the file's name matters most.
pub(crate) fn fit_end(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept: Vec<char> = Vec::new();
    let mut used = 0;
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used + 1 > columns {
            break;
        }
        kept.push(c);
    }
    // A mark without its letter would sit on the ellipsis.
    while kept.last().is_some_and(|c| c.width() == Some(0)) {
        kept.pop();
    }
    let mut out = String::from(if columns > 0 { "…" } else { "" });
    out.extend(kept.iter().rev());
    out
}

/// The text in lines of at most `columns`, broken at blanks; longer words are cut. At most `most` lines.
pub(crate) fn wrap(text: &str, columns: usize, most: usize) -> Vec<String> {
    let text = line(text);
    let mut out: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        // Not by what room is left: a word without a width fits into none, and the blank before it does not.
        if !current.is_empty() && width(&current) + 1 + width(word) > columns {
            if out.len() + 1 == most {
                current.push(' ');
                current.push_str(word);
                words.by_ref().for_each(drop);
                out.push(fit(&format!("{current} …"), columns));
                return out;
            }
            out.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(&fit(word, columns.saturating_sub(width(&current))));
    }
    if !current.is_empty() {
        out.push(current);
    }
    out
}

/// At most `most` characters, with `…` where something is missing.
pub(crate) fn clip(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// `1 finding`, `2 findings`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        Some(stem) if number != 1 => format!("{stem}ies"),
        None if number != 1 => format!("{noun}s"),
        _ => noun.to_owned(),
    };
    format!("{} {plural}", thousands(number))
}

/// `12,345`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// An address that is safe to make a link of: `https` or `http`, a host, no blanks, quotes or control characters, no
/// user information.
pub(crate) fn safe_url(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = text.chars().all(|c| {
        !c.is_whitespace()
            && !c.is_control()
            && !is_hidden(c)
            && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\' | '{' | '}' | '|' | '^')
    });
    (plain && !host.is_empty() && !host.contains('@') && text.len() <= 2048).then_some(text)
}

/// A page about an advisory id, when the id looks like one.
pub(crate) fn advisory_url(id: &str) -> Option<String> {
    let known = ["CVE-", "GHSA-", "PYSEC-", "RUSTSEC-", "GO-", "OSV-", "DSA-", "ALPINE-", "MAL-"];
    let plain = id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (plain && known.iter().any(|start| id.starts_with(start)))
        .then(|| format!("https://osv.dev/vulnerability/{id}"))
}

/// The front of a commit hash or digest.
pub(crate) fn short(hash: &str) -> &str {
    let digits = hash.rsplit(':').next().unwrap_or(hash);
    digits.get(..12).unwrap_or(digits)
}

/// A file's path as a URI reference relative to the repository: `base` in front, `.` and `..` resolved without leaving
/// it, every byte encoded that RFC 3986 does not allow in a path.
pub(crate) fn relative_uri(base: Option<&str>, path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for part in clean_path(base, path).split('/') {
        if !out.is_empty() {
            out.push('/');
        }
        for byte in part.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// A file's path relative to the repository, with `base` in front; never empty, never absolute, never above its root.
pub(crate) fn clean_path(base: Option<&str>, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let both = base.unwrap_or_default().split(['/', '\\']).chain(path.split('/'));
    for part in both {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { "target".to_owned() } else { parts.join("/") }
}

/// `2026-12-31`, UTC.
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `2026-12-31 06:00 UTC`.
pub(crate) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The SHA-256 digest of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A short text that stands for a digest that may be any text.
pub(crate) fn digest_label(digest: &str) -> String {
    match digest.parse::<Digest>() {
        Ok(digest) => format!("sha256:{}", short(digest.hex())),
        Err(_) => clip(&line(digest), 30),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_line(text: &str, expected: &str) {
        assert_eq!(line(text), expected, "{text:?}");
    }

    #[test]
    fn what_moves_a_cursor_goes() {
        check_line("a\u{1b}[31mred\u{1b}[0m b", "ared b");
        check_line("a\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{7}z", "alinkz");
        check_line("a\u{1b}]0;no end", "a0;no end");
        check_line("a\u{1b}[31", "a");
        check_line("tab\tnew\r\nline\u{9b}2J", "tab new line2J");
        check_line("user\u{202e}gpj.exe\u{200b}", "usergpj.exe");
        check_line("e\u{301}\u{301}\u{301}\u{301}x", "e\u{301}\u{301}x");
        assert_eq!(lines("a\n\n  b \u{1b}[1m\n"), "a\n\n  b");
    }

    #[test]
    fn cutting_keeps_the_front_or_the_end() {
        assert_eq!(fit("werkzeug", 8), "werkzeug");
        assert_eq!(fit("werkzeug", 5), "werk…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 4), "漢…");
        assert_eq!(fit_end("src/shop/cart.py:12", 10), "…art.py:12");
        assert_eq!(fit("x", 0), "");
        assert_eq!(wrap("one two three four", 9, 2), ["one two", "three fo…"]);
        assert_eq!(wrap("one two three", 9, 3), ["one two", "three"]);
        assert_eq!(clip("abcdef", 4), "abc…");
    }

    #[test]
    fn numbers_and_nouns() {
        assert_eq!(count(1, "advisory"), "1 advisory");
        assert_eq!(count(1234, "advisory"), "1,234 advisories");
        assert_eq!(count(0, "finding"), "0 findings");
    }

    #[test]
    fn only_plain_addresses_become_links() {
        assert!(safe_url("https://nvd.nist.gov/vuln/detail/CVE-2023-25577").is_some());
        for bad in [
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "http://u:p@h/",
            "https://x/\"onclick",
            " https://x",
            "HTTPS://x",
            "data:text/html,x",
            "https://x/a b",
        ] {
            assert_eq!(safe_url(bad), None, "{bad}");
        }
        assert_eq!(advisory_url("CVE-2023-1\"><script>"), None);
    }

    #[test]
    fn paths_stay_inside() {
        assert_eq!(relative_uri(Some("services/pay"), "./a b/../ü.py"), "services/pay/%C3%BC.py");
        assert_eq!(relative_uri(None, "/../../etc/passwd"), "etc/passwd");
        assert_eq!(relative_uri(None, "a:b"), "a%3Ab");
        assert_eq!(clean_path(None, ".."), "target");
    }

    #[test]
    fn a_word_without_a_width_needs_a_blank_all_the_same() {
        for part in wrap("ab \u{7eb}", 2, 1) {
            assert!(width(&part) <= 2, "{part:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "\\PC{0,30}|.{0,30}", columns in 0_usize..20, most in 1_usize..4) {
            let clean = line(&text);
            prop_assert!(!clean.chars().any(char::is_control));
            prop_assert!(width(&fit(&clean, columns)) <= columns);
            prop_assert!(width(&fit_end(&clean, columns)) <= columns);
            let wrapped = wrap(&text, columns.max(2), most);
            prop_assert!(wrapped.len() <= most);
            for part in wrapped {
                prop_assert!(width(&part) <= columns.max(2));
            }
        }
    }
}
