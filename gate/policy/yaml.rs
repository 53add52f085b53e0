//! A YAML document as a tree in which every key and value knows its line and column.
//!
//! Reading into a tree and not straight into types has two reasons: all faults of a file are reported, not the first,
//! and the keys have places too. What YAML has beyond trees of texts is refused: anchors and aliases (a billion
//! laughs), tags, merge keys, several documents in one file, repeated keys.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use crate::diagnostic::{Place, Sink, short};

/// The largest file that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
const MAX_NODES: usize = 100_000;
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// `plain` is a scalar without quotes, the only kind that can be a number, a boolean or null.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the file; keys are unique.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) at: Place,
    pub(crate) text: String,
}

impl Node {
    /// The text of a scalar; null has none.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain }
                if !(*plain && matches!(text.as_str(), "" | "~" | "null")) =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar { .. }) && self.text().is_none()
    }

    /// What it is, for a message.
    pub(crate) fn what(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads the one document of `bytes`. Every fault goes into `sink`; `None` when the document cannot be had.
pub(crate) fn parse(bytes: &[u8], sink: &mut Sink<'_>) -> Option<Node> {
    let start = Place { line: 1, column: 1 };
    if bytes.len() > MAX_BYTES {
        sink.error(
            start,
            format!("the file has {} bytes; at most {MAX_BYTES} are read", bytes.len()),
        );
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        let good = std::str::from_utf8(bytes)
            .map_err(|error| error.valid_up_to())
            .err()
            .unwrap_or_default();
        let line = bytes.iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        sink.error(Place { line: clamp(line), column: 1 }, "the file is not UTF-8");
        return None;
    };
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut tree = Tree { open: Vec::new(), done: None, nodes: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => tree.take(event, &span, sink)?,
            Err(error) => {
                let marker = error.marker();
                let at = Place { line: clamp(marker.line()), column: clamp(marker.col() + 1) };
                sink.error(at, format!("this is not YAML: {}", short_info(&error.info())));
                return None;
            }
        }
    }
    if tree.done.is_none() {
        sink.error(start, "the file is empty");
    }
    tree.done
}

fn short_info(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(160).collect()
}

fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A collection that is not closed yet.
enum Open {
    List(Place, Vec<Node>),
    /// Entries so far, the key that waits for its value, and the line of each key.
    Map(Place, Vec<(Key, Node)>, Option<Key>, HashMap<String, u32>),
}

struct Tree {
    open: Vec<Open>,
    done: Option<Node>,
    nodes: usize,
}

impl Tree {
    /// `None` stops the reading; the reason is in `sink`.
    fn take(&mut self, event: Event<'_>, span: &Span, sink: &mut Sink<'_>) -> Option<()> {
        let at = Place { line: clamp(span.start.line()), column: clamp(span.start.col() + 1) };
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            sink.error(at, format!("the file has more than {MAX_NODES} values"));
            return None;
        }
        match event {
            Event::DocumentStart(..) if self.done.is_some() => {
                sink.error(at, "a second document begins here; only one is read from a file");
                return None;
            }
            Event::Alias(_) | Event::Anchor(..) | Event::UnresolvedAlias(_) => {
                sink.error_hint(at, "anchors and aliases are not read here", "write the value out");
                return None;
            }
            Event::Scalar(_, _, anchor, ref tag)
            | Event::SequenceStart(_, anchor, ref tag)
            | Event::MappingStart(_, anchor, ref tag)
                if anchor != 0 || tag.is_some() =>
            {
                let what = if anchor == 0 { "tags" } else { "anchors and aliases" };
                sink.error_hint(at, format!("{what} are not read here"), "write the value out");
                return None;
            }
            Event::Scalar(text, style, ..) => {
                let plain = matches!(style, ScalarStyle::Plain);
                self.put(
                    Node { at, value: Value::Scalar { text: text.into_owned(), plain } },
                    sink,
                )?;
            }
            Event::SequenceStart(..) => self.enter(Open::List(at, Vec::new()), at, sink)?,
            Event::MappingStart(..) => {
                self.enter(Open::Map(at, Vec::new(), None, HashMap::new()), at, sink)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop()? {
                    Open::List(at, items) => Node { at, value: Value::List(items) },
                    Open::Map(at, entries, ..) => Node { at, value: Value::Map(entries) },
                };
                self.put(node, sink)?;
            }
            // The ends of stream and documents; comments, which the options turn off.
            _ => {}
        }
        Some(())
    }

    fn enter(&mut self, open: Open, at: Place, sink: &mut Sink<'_>) -> Option<()> {
        if matches!(self.open.last(), Some(Open::Map(_, _, None, _))) {
            sink.error(at, "a key must be a text");
            return None;
        }
        if self.open.len() >= MAX_DEPTH {
            sink.error(at, format!("nested deeper than {MAX_DEPTH} levels"));
            return None;
        }
        self.open.push(open);
        Some(())
    }

    fn put(&mut self, node: Node, sink: &mut Sink<'_>) -> Option<()> {
        match self.open.last_mut() {
            None => self.done = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key, seen)) => {
                if let Some(key) = key.take() {
                    if let Some(line) = seen.insert(key.text.clone(), key.at.line) {
                        sink.error(
                            key.at,
                            format!("`{}` is given twice; first on line {line}", short(&key.text)),
                        );
                    } else {
                        entries.push((key, node));
                    }
                } else {
                    let Value::Scalar { text, .. } = node.value else { return None };
                    *key = Some(Key { at: node.at, text });
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Diagnostic;

    fn read(text: &str) -> Result<Node, Vec<Diagnostic>> {
        let mut found = Vec::new();
        let node = parse(text.as_bytes(), &mut Sink { file: "t", found: &mut found });
        if found.is_empty() { Ok(node.unwrap()) } else { Err(found) }
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let node = read("a: 1\nb:\n  - x\n  - {c: \"2\"}\n").unwrap();
        let Value::Map(entries) = node.value else { panic!() };
        assert_eq!(entries[1].0, Key { at: Place { line: 2, column: 1 }, text: "b".into() });
        let Value::List(items) = &entries[1].1.value else { panic!() };
        assert_eq!(items[0].at, Place { line: 3, column: 5 });
        let Value::Map(inner) = &items[1].value else { panic!() };
        assert_eq!(inner[0].1.value, Value::Scalar { text: "2".into(), plain: false });
        assert_eq!(inner[0].1.at, Place { line: 4, column: 9 });
    }

    #[test]
    fn what_is_more_than_a_tree_is_refused_at_its_line() {
        for (text, line) in [
            ("", 1),
            ("# nothing\n", 1),
            ("a: 1\na: 2\n", 2),
            ("a: &x 1\nb: *x\n", 1),
            ("a: !!binary aGk=\n", 1),
            ("a: 1\n---\nb: 2\n", 2),
            ("a: [1\nb: 2\n", 2),
            ("? [a]\n: 1\n", 1),
            (&format!("{}{}", "[".repeat(40), "]".repeat(40)), 1),
            ("\u{0}", 1),
        ] {
            let found = read(text).unwrap_err();
            assert_eq!(found[0].line, line, "{text:?}: {found:?}");
        }
        assert!(
            parse(&[b'a', b':', 0xff], &mut Sink { file: "t", found: &mut Vec::new() }).is_none()
        );
        assert!(
            parse(&vec![b' '; MAX_BYTES + 1], &mut Sink { file: "t", found: &mut Vec::new() })
                .is_none()
        );
    }
}
