use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::{Budget, MAX_DEPTH, Map, Member, Node, Value, given_twice, too_deep};
use crate::CatalogError;

/// Reads a YAML 1.2 text that holds exactly one document.
pub fn parse_yaml(text: &str) -> Result<Node<'_>, CatalogError> {
    let mut documents = parse_yaml_stream(text)?;
    match (documents.len(), documents.pop()) {
        (1, Some(document)) => Ok(document),
        (0, _) => Err(CatalogError::whole("the file is empty")),
        _ => Err(CatalogError::whole("the file holds more than one YAML document")),
    }
}

/// Reads every document of a YAML 1.2 text. Aliases are resolved and count against the budget each time, so that a
/// few lines cannot become a billion values.
pub fn parse_yaml_stream(text: &str) -> Result<Vec<Node<'_>>, CatalogError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        budget: Budget::default(),
        anchors: HashMap::new(),
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::DocumentStart(_), _) => {
                reader.anchors.clear();
                let (event, span) = reader.next()?;
                documents.push(reader.node(event, span, 0)?);
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    budget: Budget,
    anchors: HashMap<usize, Node<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), CatalogError> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                Err(CatalogError::at(line(error.marker().line()), error.info().to_owned()))
            }
            None => Err(CatalogError::whole("the file ends in the middle of a value")),
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        depth: usize,
    ) -> Result<Node<'a>, CatalogError> {
        let line = line(span.start.line());
        self.budget.spend(line)?;
        if depth > MAX_DEPTH {
            return Err(too_deep(line));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                (
                    Node { line, value: if plain { resolve(text) } else { Value::Text(text) } },
                    anchor,
                )
            }
            Event::SequenceStart(anchor, _) => {
                let mut list = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    list.push(self.node(event, span, depth + 1)?);
                }
                (Node { line, value: Value::List(list) }, anchor)
            }
            Event::MappingStart(anchor, _) => (Node { line, value: self.map(depth)? }, anchor),
            Event::Alias(anchor) => {
                let Some(target) = self.anchors.get(&anchor) else {
                    return Err(CatalogError::at(line, "an alias refers to itself or to nothing"));
                };
                count(target, line, &mut self.budget)?;
                (target.clone(), 0)
            }
            _ => return Err(CatalogError::at(line, "the document is cut off")),
        };
        if anchor > 0 {
            count(&node, line, &mut self.budget)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn map(&mut self, depth: usize) -> Result<Value<'a>, CatalogError> {
        let mut map = Map::default();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Map(map));
            }
            let line = line(span.start.line());
            let key = match self.node(event, span, depth + 1)?.value {
                Value::Text(text) | Value::Number(text) => text,
                Value::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
                Value::Null => Cow::Borrowed("null"),
                _ => return Err(CatalogError::at(line, "a mapping or a list as a key")),
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            let name = key.clone();
            if !map.push(Member { key, line, node }) {
                return Err(given_twice(line, &name));
            }
        }
    }
}

fn count(node: &Node<'_>, line: u32, budget: &mut Budget) -> Result<(), CatalogError> {
    budget.spend(line)?;
    match &node.value {
        Value::List(list) => list.iter().try_for_each(|node| count(node, line, budget)),
        Value::Map(map) => map.iter().try_for_each(|member| count(&member.node, line, budget)),
        _ => Ok(()),
    }
}

/// The core schema (YAML 1.2.2 §10.3.2), a number kept as written.
fn resolve(text: Cow<'_, str>) -> Value<'_> {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        number
            if number.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
                && number.parse::<f64>().is_ok() =>
        {
            Value::Number(text)
        }
        _ => Value::Text(text),
    }
}

fn line(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_and_scalars() {
        let node = parse_yaml("lockfileVersion: '9.0'\npackages:\n  a@1.10:\n    version: 1.10\n    dev: true\n    x: ~\n").unwrap();
        let package = node.at(&["packages", "a@1.10"]).unwrap();
        assert_eq!(package.get("version").unwrap().scalar(), Some("1.10"));
        assert_eq!(package.get("version").unwrap().line, 4);
        assert_eq!(package.get("dev").unwrap().bool(), Some(true));
        assert!(package.get("x").is_none());
        assert_eq!(node.get("lockfileVersion").unwrap().text(), Some("9.0"));
    }

    #[test]
    fn faults_are_errors() {
        for bad in [
            "",
            "a: 1\na: 2\n",
            "a: [1, 2",
            "a: *nothing",
            "a: &x [*x]",
            "\"unterminated",
            "--- a\n--- b\n",
        ] {
            assert!(parse_yaml(bad).is_err(), "{bad}");
        }
        assert!(parse_yaml(&"[".repeat(10_000)).is_err());
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for at in 1..9 {
            let refs = vec![format!("*a{}", at - 1); 10].join(", ");
            text.push_str(&format!("a{at}: &a{at} [{refs}]\n"));
        }
        assert!(parse_yaml(&text).unwrap_err().to_string().contains("values"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{}"':,&*!|>%@a-c0-9#\n \\-]{0,80}"#) {
            let _ = parse_yaml(&text);
        }
    }
}
