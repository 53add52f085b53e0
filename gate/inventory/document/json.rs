use std::borrow::Cow;

use super::{Budget, MAX_DEPTH, Map, Member, Node, Value, given_twice, too_deep};
use crate::CatalogError;

/// Reads a JSON text (RFC 8259) strictly.
pub fn parse_json(text: &str) -> Result<Node<'_>, CatalogError> {
    Parser { text, at: 0, line: 1, lenient: false, budget: Budget::default() }.document()
}

/// Reads JSON that may hold comments and trailing commas, as `bun.lock` and editors' files do.
pub fn parse_json5_like(text: &str) -> Result<Node<'_>, CatalogError> {
    Parser { text, at: 0, line: 1, lenient: true, budget: Budget::default() }.document()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    lenient: bool,
    budget: Budget,
}

impl<'a> Parser<'a> {
    fn document(mut self) -> Result<Node<'a>, CatalogError> {
        self.space()?;
        if self.peek().is_none() {
            return Err(CatalogError::whole("the file is empty"));
        }
        let node = self.value(0)?;
        self.space()?;
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.error("text after the end of the document")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, message: &str) -> CatalogError {
        match self.peek() {
            None => CatalogError::at(self.line, "the file ends in the middle of a value"),
            Some(_) => CatalogError::at(self.line, message),
        }
    }

    fn space(&mut self) -> Result<(), CatalogError> {
        loop {
            match self.peek() {
                Some(b'\n') => {
                    self.line = self.line.saturating_add(1);
                    self.at += 1;
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'/') if self.lenient => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<(), CatalogError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").ok_or_else(|| self.error("a comment does not end"))? + 2
        } else {
            return Err(self.error("expected a value"));
        };
        let newlines = rest.bytes().take(length).filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.at += length;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, CatalogError> {
        let line = self.line;
        self.budget.spend(line)?;
        if depth > MAX_DEPTH {
            return Err(too_deep(line));
        }
        let value = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            _ => return Err(self.error("expected a value")),
        };
        Ok(Node { line, value })
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, CatalogError> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("expected a value"))
        }
    }

    fn number(&mut self) -> Result<Value<'a>, CatalogError> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.peek() {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        // Lockfiles hold few numbers, and none that matters; the grammar is checked by the standard parser.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !(digits.len() > 1
            && digits.starts_with('0')
            && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit));
        if plain
            && !digits.starts_with('.')
            && !digits.starts_with('+')
            && !text.ends_with('.')
            && text.parse::<f64>().is_ok()
        {
            Ok(Value::Number(Cow::Borrowed(text)))
        } else {
            Err(self.error("a number is malformed"))
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, CatalogError> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.space()?;
            if self.peek() == Some(b']') && (list.is_empty() || self.lenient) {
                break;
            }
            list.push(self.value(depth + 1)?);
            self.space()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.error("expected `,` or `]`")),
            }
        }
        self.at += 1;
        Ok(Value::List(list))
    }

    fn map(&mut self, depth: usize) -> Result<Value<'a>, CatalogError> {
        self.at += 1;
        let mut map = Map::default();
        loop {
            self.space()?;
            match self.peek() {
                Some(b'}') if map.is_empty() || self.lenient => break,
                Some(b'"') => {}
                _ => return Err(self.error("expected a key in double quotes")),
            }
            let line = self.line;
            let key = self.string()?;
            self.space()?;
            if self.peek() != Some(b':') {
                return Err(self.error("expected `:` after a key"));
            }
            self.at += 1;
            self.space()?;
            let node = self.value(depth + 1)?;
            let name = key.clone();
            if !map.push(Member { key, line, node }) {
                return Err(given_twice(line, &name));
            }
            self.space()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.error("expected `,` or `}`")),
            }
        }
        self.at += 1;
        Ok(Value::Map(map))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, CatalogError> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => break,
                Some(byte) if byte >= 0x20 => self.at += 1,
                _ => {
                    return Err(
                        self.error("a text holds a control character or does not end on its line")
                    );
                }
            }
        }
        let mut out = self.text.get(start..self.at).unwrap_or_default().to_owned();
        loop {
            let run = self.at;
            while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            out.push_str(self.text.get(run..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => {
                    return Err(
                        self.error("a text holds a control character or does not end on its line")
                    );
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, CatalogError> {
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hex4()?;
                if (0xd800..0xdc00).contains(&high) {
                    let pair = self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u"));
                    if !pair {
                        return Err(self.error("half of a surrogate pair"));
                    }
                    self.at += 2;
                    let low = self.hex4()?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(self.error("half of a surrogate pair"));
                    }
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    char::from_u32(code).ok_or_else(|| self.error("not a character"))?
                } else {
                    char::from_u32(high).ok_or_else(|| self.error("half of a surrogate pair"))?
                }
            }
            _ => return Err(self.error("an unknown escape in a text")),
        })
    }

    fn hex4(&mut self) -> Result<u32, CatalogError> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.error("`\\u` needs four hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line_of_error(text: &str) -> Option<u32> {
        match parse_json(text) {
            Err(CatalogError::Malformed { line, .. }) => line,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let node =
            parse_json("{\n \"a\": {\n  \"b\": \"x\\u0041\\ud83d\\ude00\"\n }, \"n\": 1.10\n}")
                .unwrap();
        let b = node.at(&["a", "b"]).unwrap();
        assert_eq!((b.line, b.text()), (3, Some("xA😀")));
        assert_eq!(node.get("n").unwrap().scalar(), Some("1.10"));
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(line_of_error(""), None);
        assert_eq!(line_of_error("{\n\"a\": 1,\n}"), Some(3));
        assert_eq!(line_of_error("{\n\"a\": 1,\n\"a\": 2}"), Some(3));
        assert_eq!(line_of_error("[1\n,2"), Some(2));
        assert_eq!(line_of_error("[01]"), Some(1));
        assert_eq!(line_of_error("[1]\n\nx"), Some(3));
        assert_eq!(line_of_error(&"[".repeat(100_000)), Some(1));
        assert!(parse_json("{\"a\": [1, 2,], // end\n}").is_err());
        assert!(parse_json5_like("{\"a\": [1, 2,], // end\n/* x */}").is_ok());
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}",:0-9eE.+\-truefalsn \\u\n]{0,40}"#) {
            // A key given twice is the one thing that we refuse and the other reader takes.
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            match parse_json(&text) {
                Ok(_) => prop_assert!(theirs || text.contains('e') || text.contains('E'), "{}", text),
                Err(error) => prop_assert!(!theirs || error.to_string().contains("twice"), "{}: {}", text, error),
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = parse_json(&text);
            let _ = parse_json5_like(&text);
        }
    }
}
