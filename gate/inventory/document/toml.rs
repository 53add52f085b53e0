use std::{borrow::Cow, ops::Range};

use ::toml::de::{DeTable, DeValue};

use super::{Budget, MAX_DEPTH, Map, Member, Node, Value, given_twice, too_deep};
use crate::CatalogError;

/// Reads a TOML 1.1 text.
pub fn parse_toml(text: &str) -> Result<Node<'_>, CatalogError> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| CatalogError::Malformed {
        line: error.span().map(|span| lines.line(&span)),
        message: error.message().lines().next().unwrap_or("not TOML").to_owned(),
    })?;
    let mut budget = Budget::default();
    Ok(Node { line: 1, value: map(table.into_inner(), &lines, 0, &mut budget)? })
}

fn map<'a>(
    table: DeTable<'a>,
    lines: &Lines,
    depth: usize,
    budget: &mut Budget,
) -> Result<Value<'a>, CatalogError> {
    let mut members = Vec::with_capacity(table.len());
    for (key, item) in table {
        let line = lines.line(&key.span());
        let span = item.span();
        let node = node(item.into_inner(), lines.line(&span).max(line), lines, depth + 1, budget)?;
        members.push(Member { key: key.into_inner(), line, node });
    }
    members.sort_by_key(|member| member.line);
    let mut map = Map::default();
    for member in members {
        let (line, key) = (member.line, member.key.clone());
        if !map.push(member) {
            return Err(given_twice(line, &key));
        }
    }
    Ok(Value::Map(map))
}

fn node<'a>(
    value: DeValue<'a>,
    line: u32,
    lines: &Lines,
    depth: usize,
    budget: &mut Budget,
) -> Result<Node<'a>, CatalogError> {
    budget.spend(line)?;
    if depth > MAX_DEPTH {
        return Err(too_deep(line));
    }
    let value = match value {
        DeValue::String(text) => Value::Text(text),
        DeValue::Integer(number) => Value::Number(Cow::Owned(number.to_string())),
        DeValue::Float(number) => Value::Number(Cow::Owned(number.to_string())),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(time) => Value::Number(Cow::Owned(time.to_string())),
        DeValue::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items {
                let line = lines.line(&item.span());
                list.push(node(item.into_inner(), line, lines, depth + 1, budget)?);
            }
            Value::List(list)
        }
        DeValue::Table(table) => map(table, lines, depth, budget)?,
    };
    Ok(Node { line, value })
}

/// Byte offsets of line starts.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| at + 1)
                .collect(),
        )
    }

    fn line(&self, span: &Range<usize>) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= span.start) + 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_those_of_the_file() {
        let node = parse_toml("version = 3\n\n[[package]]\nname = \"a\"\nversion = \"1.0\"\n\n[[package]]\nname = \"b\"\n").unwrap();
        let packages = node.get("package").unwrap().list().unwrap();
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[0].line, 3);
        assert_eq!(packages[1].line, 7);
        assert_eq!(packages[1].get("name").unwrap().line, 8);
    }

    #[test]
    fn faults_name_their_line() {
        for (text, expected) in [("a = 1\na = 2\n", 2), ("a = 1\n\n[b\n", 3), ("a =", 1)] {
            match parse_toml(text) {
                Err(CatalogError::Malformed { line, .. }) => {
                    assert_eq!(line, Some(expected), "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(parse_toml(&format!("a = {}", "[".repeat(100_000))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{}"'=.a-c0-9#\n \\-]{0,80}"#) {
            let _ = parse_toml(&text);
        }
    }
}
