//! The terms in which `mix.lock` (Elixir) and `rebar.lock` (Erlang) are written.

use crate::{CatalogError, document::MAX_DEPTH};

/// Terms of one file that are read.
const MAX_TERMS: usize = 1_500_000;

/// Whose syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Elixir,
    Erlang,
}

/// A term and the line that it starts on, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) line: u32,
    pub(crate) value: Value,
}

/// What a term is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Atom(String),
    Text(String),
    Number(String),
    Tuple(Vec<Term>),
    /// A list; the pairs of an Elixir keyword list are tuples of two.
    List(Vec<Term>),
    /// An Elixir map, its pairs as tuples of two.
    Map(Vec<Term>),
}

impl Term {
    /// The text of a string or binary.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The name of an atom.
    pub(crate) fn atom(&self) -> Option<&str> {
        match &self.value {
            Value::Atom(name) => Some(name),
            _ => None,
        }
    }

    /// The name of an atom or the text of a string.
    pub(crate) fn word(&self) -> Option<&str> {
        self.atom().or_else(|| self.text())
    }

    pub(crate) fn tuple(&self) -> Option<&[Term]> {
        match &self.value {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Term]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }
}

/// Reads the terms of a file: one for Elixir, any number, each ended by a full stop, for Erlang.
pub(crate) fn parse_terms(text: &str, language: Language) -> Result<Vec<Term>, CatalogError> {
    let mut parser = Parser { text, at: 0, line: 1, language, count: 0 };
    let mut terms = Vec::new();
    loop {
        parser.space();
        if parser.peek().is_none() {
            break;
        }
        terms.push(parser.term(0)?);
        parser.space();
        match (language, parser.peek()) {
            (Language::Erlang, Some(b'.')) => parser.at += 1,
            (Language::Erlang, _) => return Err(parser.fault("expected `.` after a term")),
            (Language::Elixir, None) => break,
            (Language::Elixir, Some(_)) => return Err(parser.fault("text after the end")),
        }
    }
    if terms.is_empty() {
        return Err(CatalogError::whole("the file is empty"));
    }
    Ok(terms)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    language: Language,
    count: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn starts(&self, with: &str) -> bool {
        self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(with.as_bytes()))
    }

    fn fault(&self, message: &str) -> CatalogError {
        match self.peek() {
            None => CatalogError::at(self.line, "the file ends in the middle of a term"),
            Some(_) => CatalogError::at(self.line, message),
        }
    }

    fn space(&mut self) {
        let comment = match self.language {
            Language::Elixir => b'#',
            Language::Erlang => b'%',
        };
        while let Some(byte) = self.peek() {
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
            } else if byte == comment {
                while self.peek().is_some_and(|byte| byte != b'\n') {
                    self.at += 1;
                }
                continue;
            } else if !byte.is_ascii_whitespace() {
                return;
            }
            self.at += 1;
        }
    }

    fn term(&mut self, depth: usize) -> Result<Term, CatalogError> {
        let line = self.line;
        self.count += 1;
        if self.count > MAX_TERMS {
            return Err(CatalogError::at(line, format!("more than {MAX_TERMS} terms")));
        }
        if depth > MAX_DEPTH {
            return Err(crate::document::too_deep(line));
        }
        let value = match (self.peek(), self.language) {
            (Some(b'%'), Language::Elixir) if self.starts("%{") => {
                self.at += 2;
                Value::Map(self.items(b'}', depth)?)
            }
            (Some(b'{'), _) => {
                self.at += 1;
                Value::Tuple(self.items(b'}', depth)?)
            }
            (Some(b'['), _) => {
                self.at += 1;
                Value::List(self.items(b']', depth)?)
            }
            (Some(b'"'), _) => Value::Text(self.quoted(b'"')?),
            (Some(b'<'), Language::Erlang) if self.starts("<<") => self.binary()?,
            (Some(b'\''), Language::Erlang) => Value::Atom(self.quoted(b'\'')?),
            (Some(b':'), Language::Elixir) => {
                self.at += 1;
                if self.peek() == Some(b'"') {
                    Value::Atom(self.quoted(b'"')?)
                } else {
                    Value::Atom(self.name()?)
                }
            }
            (Some(b'0'..=b'9' | b'-'), _) => {
                let start = self.at;
                self.at += 1;
                while self.peek().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_'))
                    && !(self.peek() == Some(b'.') && self.ends_term())
                {
                    self.at += 1;
                }
                Value::Number(self.text.get(start..self.at).unwrap_or_default().to_owned())
            }
            (Some(b'a'..=b'z' | b'_' | b'A'..=b'Z'), _) => Value::Atom(self.name()?),
            _ => return Err(self.fault("expected a term")),
        };
        Ok(Term { line, value })
    }

    /// Whether the dot here is the one that ends an Erlang term, not part of a number.
    fn ends_term(&self) -> bool {
        !self.text.as_bytes().get(self.at + 1).is_some_and(u8::is_ascii_digit)
    }

    /// `<<"text">>`, `<<"text"/utf8>>` or `<<>>`.
    fn binary(&mut self) -> Result<Value, CatalogError> {
        self.at += 2;
        self.space();
        let text = if self.peek() == Some(b'"') { self.quoted(b'"')? } else { String::new() };
        if self.starts("/utf8") {
            self.at += "/utf8".len();
        }
        self.space();
        if !self.starts(">>") {
            return Err(self.fault("expected `>>` after a binary"));
        }
        self.at += 2;
        Ok(Value::Text(text))
    }

    fn name(&mut self) -> Result<String, CatalogError> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@' | b'?' | b'!'))
        {
            self.at += 1;
        }
        match self.text.get(start..self.at) {
            Some(name) if !name.is_empty() => Ok(name.to_owned()),
            _ => Err(self.fault("expected a name")),
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<String, CatalogError> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.peek() {
                Some(byte) if byte == quote => break,
                Some(b'\\') => {
                    let next = self.text.as_bytes().get(self.at + 1).copied();
                    match next {
                        Some(b'n') => bytes.push(b'\n'),
                        Some(b't') => bytes.push(b'\t'),
                        Some(b'r') => bytes.push(b'\r'),
                        Some(byte @ (b'"' | b'\'' | b'\\' | b'#' | b'/')) => bytes.push(byte),
                        _ => return Err(self.fault("an escape that is not known")),
                    }
                    self.at += 2;
                }
                Some(b'\n') | None => {
                    return Err(CatalogError::at(self.line, "a text does not end on its line"));
                }
                Some(byte) => {
                    bytes.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        String::from_utf8(bytes).map_err(|_| self.fault("a text is not UTF-8"))
    }

    /// Items up to `close`; `key: value` and `key => value` become tuples of two.
    fn items(&mut self, close: u8, depth: usize) -> Result<Vec<Term>, CatalogError> {
        let mut items = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(close) {
                break;
            }
            let line = self.line;
            let mut item = self.term(depth + 1)?;
            let keyword = self.language == Language::Elixir
                && self.peek() == Some(b':')
                && matches!(item.value, Value::Atom(_) | Value::Text(_));
            if !keyword {
                self.space();
            }
            if keyword || self.starts("=>") {
                self.at += if keyword { 1 } else { 2 };
                self.space();
                let value = self.term(depth + 1)?;
                item = Term { line, value: Value::Tuple(vec![item, value]) };
                self.space();
            }
            items.push(item);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => break,
                _ => return Err(self.fault("expected `,` or the end of the group")),
            }
        }
        self.at += 1;
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get<'t>(term: &'t Term, key: &str) -> &'t Term {
        let (Value::List(pairs) | Value::Map(pairs)) = &term.value else { panic!("{term:?}") };
        let mut pairs = pairs.iter().map(|pair| pair.tuple().unwrap());
        &pairs.find(|pair| pair[0].word() == Some(key)).unwrap()[1]
    }

    #[test]
    fn both_syntaxes() {
        let elixir = parse_terms(
            "%{\n  \"a\": {:hex, :\"b c\", \"1\", [x: true]}, # c\n}",
            Language::Elixir,
        );
        let elixir = elixir.unwrap();
        let a = get(&elixir[0], "a").tuple().unwrap();
        assert_eq!((a[0].atom(), a[1].atom(), a[2].text()), (Some("hex"), Some("b c"), Some("1")));
        assert_eq!(get(&a[3], "x").atom(), Some("true"));
        let erlang =
            parse_terms("{\"1.2.0\",\n[{<<\"a\">>,'b',0}]}.\n[].", Language::Erlang).unwrap();
        let entry = &erlang[0].tuple().unwrap()[1].list().unwrap()[0];
        assert_eq!((entry.line, entry.tuple().unwrap()[0].text()), (2, Some("a")));
        assert_eq!(erlang.len(), 2);
    }

    #[test]
    fn faults_are_errors() {
        for bad in ["", "%{", "{1 2}", "{:a", "\"a", "%{} x", "{,}"] {
            assert!(parse_terms(bad, Language::Elixir).is_err(), "{bad}");
        }
        for bad in ["", "{a}", "<<\"a\">.", "[a", "{a}.x"] {
            assert!(parse_terms(bad, Language::Erlang).is_err(), "{bad}");
        }
        assert!(parse_terms(&"[".repeat(100_000), Language::Erlang).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[%{}\[\]:"<>,.a-c0-9 #\\n=é-]{0,60}"#) {
            let _ = parse_terms(&text, Language::Elixir);
            let _ = parse_terms(&text, Language::Erlang);
        }
    }
}
