//! JSON from strangers that is signed or decides about signatures: one document, one meaning.
//!
//! RFC 8259 leaves duplicate names, byte order marks and large numbers to the reader. Two readers that choose differently
//! see two documents under one signature, so everything that is left open is refused here.

use std::{cell::RefCell, collections::HashSet, fmt};

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};

/// Deepest nesting of arrays and objects that is read.
pub const DEPTH: usize = 64;

/// Why bytes are not one plain JSON document of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// More bytes than the limit.
    #[error("{bytes} bytes, {limit} at most")]
    TooLarge {
        /// The document's bytes.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// The bytes begin with a byte order mark.
    #[error("a byte order mark")]
    ByteOrderMark,
    /// Deeper than [`DEPTH`].
    #[error("nested deeper than {DEPTH}")]
    Depth,
    /// An object has a name twice (at the top also in another case).
    #[error("the name `{0}` twice in one object")]
    DuplicateKey(String),
    /// Something follows the document.
    #[error("bytes after the end of the document")]
    TrailingBytes,
    /// Not a number of JSON, or none that can be held.
    #[error("a number that JSON does not have")]
    Number,
    /// Not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// JSON, but not of the expected form.
    #[error("not of the expected form: {0}")]
    Form(String),
}

/// Reads a document of at most `limit` bytes.
pub fn read<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, JsonFault> {
    check(bytes, limit)?;
    serde_json::from_slice(bytes).map_err(|error| JsonFault::Form(shown(&error)))
}

/// Checks that the bytes are one JSON document whose meaning no reader can doubt.
pub fn check(bytes: &[u8], limit: usize) -> Result<(), JsonFault> {
    if bytes.len() > limit {
        return Err(JsonFault::TooLarge { bytes: bytes.len(), limit });
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonFault::ByteOrderMark);
    }
    let fault = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    if let Err(error) = (Plain { depth: 0, fault: &fault }).deserialize(&mut reader) {
        if let Some(fault) = fault.take() {
            return Err(fault);
        }
        return Err(syntax(bytes, &error));
    }
    reader.end().map_err(|_| JsonFault::TrailingBytes)
}

/// The message without what the document holds: it is shown to people, and the document is a stranger's.
fn shown(error: &serde_json::Error) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(160).collect()
}

fn syntax(bytes: &[u8], error: &serde_json::Error) -> JsonFault {
    let line = bytes.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
    let from = error.column().saturating_sub(2);
    let near = line.and_then(|line| line.get(from..)).unwrap_or_default();
    let near = near.get(..near.len().min(12)).unwrap_or_default();
    let names: [&[u8]; 2] = [b"NaN", b"Inf"];
    if names.iter().any(|name| near.windows(3).take(3).any(|window| window == *name))
        || error.to_string().starts_with("number out of range")
    {
        return JsonFault::Number;
    }
    if error.to_string().starts_with("recursion limit") {
        return JsonFault::Depth;
    }
    JsonFault::Syntax(shown(error))
}

/// Walks a value and keeps nothing but the names of the open objects.
struct Plain<'a> {
    depth: usize,
    fault: &'a RefCell<Option<JsonFault>>,
}

impl Plain<'_> {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= DEPTH {
            self.fault.replace(Some(JsonFault::Depth));
            return Err(E::custom("depth"));
        }
        Ok(Self { depth: self.depth + 1, fault: self.fault })
    }
}

impl<'de> DeserializeSeed<'de> for Plain<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while sequence
            .next_element_seed(Plain { depth: inner.depth, fault: inner.fault })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            // Some readers take a name in any case for the name of a field: at the top, where the fields that decide
            // are, no two names may differ by case alone.
            let same = if self.depth == 0 { name.to_lowercase() } else { name.clone() };
            if !names.insert(same) {
                let name = name.chars().filter(|c| !c.is_control()).take(60).collect();
                self.fault.replace(Some(JsonFault::DuplicateKey(name)));
                return Err(A::Error::custom("duplicate"));
            }
            map.next_value_seed(Plain { depth: inner.depth, fault: inner.fault })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_one_meaning() {
        check(br#" {"a": [1, -2.5e3, "x", null, true, {"b": {}}], "c": {"A": 1, "a": 2}} "#, 999)
            .unwrap();
        let refused: [(&[u8], JsonFault); 12] = [
            (b"\xef\xbb\xbf{}", JsonFault::ByteOrderMark),
            (br#"{"a":1,"a":1}"#, JsonFault::DuplicateKey("a".into())),
            (br#"{"a":1,"\u0061":1}"#, JsonFault::DuplicateKey("a".into())),
            (br#"{"a":1,"A":1}"#, JsonFault::DuplicateKey("A".into())),
            (br#"{"x":[{"b":1,"b":2}]}"#, JsonFault::DuplicateKey("b".into())),
            (b"{} {}", JsonFault::TrailingBytes),
            (b"{}\0", JsonFault::TrailingBytes),
            (br#"{"a": NaN}"#, JsonFault::Number),
            (br#"{"a":-Infinity}"#, JsonFault::Number),
            (br#"{"a":1e999}"#, JsonFault::Number),
            (&b"[".repeat(65), JsonFault::Depth),
            (&b"[".repeat(100_000), JsonFault::TooLarge { bytes: 100_000, limit: 999 }),
        ];
        for (bytes, fault) in refused {
            assert_eq!(check(bytes, 999), Err(fault), "{}", String::from_utf8_lossy(bytes));
        }
        for broken in ["", "{", "nul", "{a:1}", "{'a':1}", "[1,]", "\"\\ud800\"", "01", "// x"] {
            let fault = check(broken.as_bytes(), 999).unwrap_err();
            assert!(matches!(fault, JsonFault::Syntax(_)), "{broken}: {fault}");
        }
    }

    #[test]
    fn a_form_that_does_not_fit_is_said_as_such() {
        assert_eq!(read::<Vec<u8>>(b"[1,2]", 9), Ok(vec![1, 2]));
        assert!(matches!(read::<Vec<u8>>(b"{}", 9), Err(JsonFault::Form(_))));
    }
}
