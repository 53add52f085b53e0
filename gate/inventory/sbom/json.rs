use std::{borrow::Cow, collections::HashSet};

use crate::{CatalogError, document::MAX_DEPTH};

/// Reads JSON (RFC 8259) as a stream that keeps nothing: an SBOM of 200,000 components has more values than a tree of
/// them should hold. Every value knows its line. A key given twice is refused in every object whose keys are looked at;
/// what is skipped is checked for its form.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    depth: usize,
}

/// What the next value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Object,
    List,
    Text,
    Number,
    Bool,
    Null,
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::List => "a list",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Bool => "a truth value",
            Self::Null => "null",
        }
    }
}

type Done = Result<(), CatalogError>;

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, depth: 0 }
    }

    /// The line of the next value, from 1.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Done {
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("text after the end of the document")),
        }
    }

    /// What the next value is, by its first character.
    pub(crate) fn sort(&mut self) -> Result<Sort, CatalogError> {
        self.space();
        Ok(match self.peek() {
            Some(b'{') => Sort::Object,
            Some(b'[') => Sort::List,
            Some(b'"') => Sort::Text,
            Some(b'-' | b'0'..=b'9') => Sort::Number,
            Some(b't' | b'f') => Sort::Bool,
            Some(b'n') => Sort::Null,
            _ => return Err(self.fault("expected a value")),
        })
    }

    /// Reads an object; `member` must read or skip exactly the value of the key that it is given. Null is an empty object.
    pub(crate) fn object(
        &mut self,
        what: &str,
        mut member: impl FnMut(&mut Self, &str) -> Done,
    ) -> Done {
        if !self.begin(Sort::Object, what)? {
            return Ok(());
        }
        let mut seen = Seen::default();
        self.members(|reader, key| {
            if !seen.insert(&key) {
                return Err(crate::document::given_twice(reader.line, &key));
            }
            member(reader, &key)
        })
    }

    /// Reads a list; `item` must read or skip exactly one value. Null is an empty list.
    pub(crate) fn list(&mut self, what: &str, mut item: impl FnMut(&mut Self) -> Done) -> Done {
        if !self.begin(Sort::List, what)? {
            return Ok(());
        }
        self.items(&mut item)
    }

    /// Reads a text.
    pub(crate) fn text(&mut self, what: &str) -> Result<Cow<'t, str>, CatalogError> {
        match self.sort()? {
            Sort::Text => self.string(),
            sort => Err(self.wrong(what, sort, Sort::Text)),
        }
    }

    /// Reads a text that may be null.
    pub(crate) fn maybe_text(&mut self, what: &str) -> Result<Option<Cow<'t, str>>, CatalogError> {
        if self.sort()? == Sort::Null {
            self.skip()?;
            return Ok(None);
        }
        self.text(what).map(Some)
    }

    /// Reads a text where another sort of value means nothing to the caller.
    pub(crate) fn text_or_skip(&mut self) -> Result<Option<Cow<'t, str>>, CatalogError> {
        if self.sort()? == Sort::Text {
            return self.string().map(Some);
        }
        self.skip()?;
        Ok(None)
    }

    /// Reads a number as written where another sort of value means nothing to the caller.
    pub(crate) fn number_or_skip(&mut self) -> Result<Option<&'t str>, CatalogError> {
        if self.sort()? != Sort::Number {
            self.skip()?;
            return Ok(None);
        }
        let start = self.at;
        self.number()?;
        Ok(self.text.get(start..self.at))
    }

    /// Passes over one value.
    pub(crate) fn skip(&mut self) -> Done {
        match self.sort()? {
            Sort::Object => {
                self.open()?;
                self.members(|reader, _| reader.skip())
            }
            Sort::List => {
                self.open()?;
                self.items(&mut Self::skip)
            }
            Sort::Text => self.string().map(drop),
            Sort::Number => self.number(),
            Sort::Bool => {
                let word = if self.peek() == Some(b't') { "true" } else { "false" };
                self.word(word)
            }
            Sort::Null => self.word("null"),
        }
    }

    /// An error at the line that was reached; a file that ends here says so.
    pub(crate) fn fault(&self, message: &str) -> CatalogError {
        match self.peek() {
            None => CatalogError::at(self.line, "the file ends in the middle of a value"),
            Some(_) => CatalogError::at(self.line, message),
        }
    }

    fn wrong(&self, what: &str, sort: Sort, wanted: Sort) -> CatalogError {
        let (is, wanted) = (sort.name(), wanted.name());
        CatalogError::at(self.line, format!("`{what}` is {is}, expected {wanted}"))
    }

    fn begin(&mut self, wanted: Sort, what: &str) -> Result<bool, CatalogError> {
        match self.sort()? {
            sort if sort == wanted => self.open().map(|()| true),
            Sort::Null => self.word("null").map(|()| false),
            sort => Err(self.wrong(what, sort, wanted)),
        }
    }

    fn open(&mut self) -> Done {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(crate::document::too_deep(self.line));
        }
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    fn members(&mut self, mut member: impl FnMut(&mut Self, Cow<'t, str>) -> Done) -> Done {
        let mut first = true;
        loop {
            self.space();
            match self.peek() {
                Some(b'}') if first => break,
                Some(b'"') => {}
                _ => return Err(self.fault("expected a key in double quotes")),
            }
            first = false;
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.fault("expected `:` after a key"));
            }
            self.at += 1;
            self.space();
            member(self, key)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.fault("expected `,` or `}`")),
            }
        }
        self.close();
        Ok(())
    }

    fn items(&mut self, item: &mut dyn FnMut(&mut Self) -> Done) -> Done {
        let mut first = true;
        loop {
            self.space();
            if self.peek() == Some(b']') && first {
                break;
            }
            first = false;
            item(self)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.fault("expected `,` or `]`")),
            }
        }
        self.close();
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
            }
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> Done {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.fault("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Done {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.peek() {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if text.parse::<f64>().is_ok() {
            Ok(())
        } else {
            Err(CatalogError::at(self.line, "a number is malformed"))
        }
    }

    /// A text without escapes is borrowed; the others are decoded by the standard parser.
    fn string(&mut self) -> Result<Cow<'t, str>, CatalogError> {
        let open = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0x20..) => self.at += 1,
                _ => {
                    return Err(
                        self.fault("a text holds a control character or does not end on its line")
                    );
                }
            }
        }
        self.at += 1;
        if escaped {
            let quoted = self.text.get(open..self.at).unwrap_or_default();
            return serde_json::from_str::<String>(quoted)
                .map(Cow::Owned)
                .map_err(|_| CatalogError::at(self.line, "a text has an escape that is none"));
        }
        Ok(Cow::Borrowed(self.text.get(open + 1..self.at - 1).unwrap_or_default()))
    }
}

/// The keys of one object.
#[derive(Debug, Default)]
struct Seen {
    few: Vec<String>,
    many: HashSet<String>,
}

impl Seen {
    fn insert(&mut self, key: &str) -> bool {
        if self.few.len() < 24 {
            if self.few.iter().any(|seen| seen == key) {
                return false;
            }
            self.few.push(key.to_owned());
            return true;
        }
        !self.few.iter().any(|seen| seen == key) && self.many.insert(key.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn skip(text: &str) -> Result<(), CatalogError> {
        let mut reader = Reader::new(text);
        reader.skip()?;
        reader.end()
    }

    #[test]
    fn values_and_their_lines() {
        let mut reader = Reader::new("{\n \"a\": [\n \"x\\u0041\", null],\r\n \"b\": -1.5e3}");
        let mut seen = Vec::new();
        reader
            .object("root", |reader, key| {
                seen.push((key.to_owned(), reader.line()));
                if key == "a" {
                    return reader.list("a", |reader| {
                        let line = reader.line();
                        seen.push((reader.text_or_skip()?.unwrap_or_default().into_owned(), line));
                        Ok(())
                    });
                }
                reader.skip()
            })
            .unwrap();
        let seen: Vec<_> = seen.iter().map(|(text, line)| (text.as_str(), *line)).collect();
        assert_eq!(seen, [("a", 2), ("xA", 3), ("", 3), ("b", 4)]);
        assert!(reader.end().is_ok());
    }

    #[test]
    fn faults_are_errors() {
        for bad in
            ["", "{", "[1,]", "{\"a\":1,}", "[01x]", "\"a", "\"\\", "nul", "[1] 2", "\"\\x\""]
        {
            assert!(skip(bad).is_err(), "{bad}");
        }
        assert!(skip(&"[".repeat(100_000)).is_err());
        let twice = Reader::new("{\"a\":1,\"a\":2}").object("root", |reader, _| reader.skip());
        assert!(twice.unwrap_err().to_string().contains("given twice"));
    }

    proptest! {
        #[test]
        fn what_the_standard_parser_reads_is_read(text in r#"[\[\]{}":,0-9a-e.\\ntrufals\- ]{0,40}"#) {
            let own = skip(&text);
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert!(own.is_ok());
            }
        }
    }
}
