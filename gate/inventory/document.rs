//! One tree of values with line numbers for JSON, YAML and TOML, so that a cataloger says *where* a package stands and
//! what is wrong *where*, whatever the format is written in.
//!
//! All three readers bound depth (128) and the number of values (400,000: some 20,000 packages), and refuse a key given twice: two readers
//! of such a file may disagree about what it says.

mod json;
mod toml;
mod yaml;

use std::{borrow::Cow, collections::HashMap};

pub use json::{parse_json, parse_json5_like};
pub use toml::parse_toml;
pub use yaml::{parse_yaml, parse_yaml_stream};

use crate::CatalogError;

/// Depth of nesting that is read.
pub(crate) const MAX_DEPTH: usize = 128;
/// Values in one document that are read.
pub(crate) const MAX_VALUES: usize = 400_000;

/// A value and the line that it starts on, from 1.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// Line from 1.
    pub line: u32,
    /// The value.
    pub value: Value<'a>,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `null`, `~` or an empty YAML value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number (or TOML date), as written: `1.10` stays `1.10`.
    Number(Cow<'a, str>),
    /// A text.
    Text(Cow<'a, str>),
    /// A sequence.
    List(Vec<Node<'a>>),
    /// A mapping.
    Map(Map<'a>),
}

/// A mapping in the order of the file, its keys unique.
#[derive(Debug, Clone, Default)]
pub struct Map<'a> {
    members: Vec<Member<'a>>,
    index: HashMap<Cow<'a, str>, usize>,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// The key.
    pub key: Cow<'a, str>,
    /// The key's line, from 1.
    pub line: u32,
    /// Its value.
    pub node: Node<'a>,
}

/// Below this many members a search from the front is quicker than hashing.
const SMALL: usize = 12;

impl<'a> Map<'a> {
    /// Adds a member; `false` when the key is there already.
    pub(crate) fn push(&mut self, member: Member<'a>) -> bool {
        if self.get(&member.key).is_some() {
            return false;
        }
        self.members.push(member);
        if self.members.len() > SMALL {
            for (at, member) in self.members.iter().enumerate().skip(self.index.len()) {
                self.index.insert(member.key.clone(), at);
            }
        }
        true
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        if self.members.len() <= SMALL {
            self.members.iter().find(|member| member.key == key).map(|member| &member.node)
        } else {
            self.index.get(key).and_then(|at| self.members.get(*at)).map(|member| &member.node)
        }
    }

    /// The members, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Member<'a>> {
        self.members.iter()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<'m, 'a> IntoIterator for &'m Map<'a> {
    type Item = &'m Member<'a>;
    type IntoIter = std::slice::Iter<'m, Member<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> Node<'a> {
    /// The member of a mapping; `None` when this is no mapping, there is no such key, or its value is null.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.map()?.get(key).filter(|node| !matches!(node.value, Value::Null))
    }

    /// The member at the end of a chain of keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Node<'a>> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The mapping, if it is one.
    pub fn map(&self) -> Option<&Map<'a>> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The sequence, if it is one.
    pub fn list(&self) -> Option<&[Node<'a>]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar as written: a version that YAML reads as a number is a version all the same.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// What sort of value this is, for messages.
    pub fn sort(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The mapping, or an error that names `what` this node should have been.
    pub fn expect_map(&self, what: &str) -> Result<&Map<'a>, CatalogError> {
        self.map().ok_or_else(|| self.wrong(what, "a mapping"))
    }

    /// The sequence, or an error that names `what` this node should have been.
    pub fn expect_list(&self, what: &str) -> Result<&[Node<'a>], CatalogError> {
        self.list().ok_or_else(|| self.wrong(what, "a list"))
    }

    /// The text, or an error that names `what` this node should have been.
    pub fn expect_text(&self, what: &str) -> Result<&str, CatalogError> {
        self.text().ok_or_else(|| self.wrong(what, "a text"))
    }

    /// A member that must be there and be a text.
    pub fn member_text(&self, key: &str) -> Result<&str, CatalogError> {
        self.get(key)
            .ok_or_else(|| CatalogError::at(self.line, format!("`{key}` is missing")))?
            .expect_text(key)
    }

    /// A member that may be missing (or null) but, if there, must be a text.
    pub fn optional_text(&self, key: &str) -> Result<Option<&str>, CatalogError> {
        self.get(key).map(|node| node.expect_text(key)).transpose()
    }

    /// A member that may be missing (or null) but, if there, must be a sequence; empty when missing.
    pub fn optional_list(&self, key: &str) -> Result<&[Node<'a>], CatalogError> {
        self.get(key).map_or(Ok(&[]), |node| node.expect_list(key))
    }

    /// The members of a mapping that may be missing (or null) but, if there, must be one; empty when missing.
    pub fn optional_map(
        &self,
        key: &str,
    ) -> Result<std::slice::Iter<'_, Member<'a>>, CatalogError> {
        self.get(key).map_or(Ok([].iter()), |node| node.expect_map(key).map(Map::iter))
    }

    fn wrong(&self, what: &str, wanted: &str) -> CatalogError {
        CatalogError::at(self.line, format!("`{what}` is {}, expected {wanted}", self.sort()))
    }
}

/// Counts values against [`MAX_VALUES`].
#[derive(Debug, Default)]
pub(crate) struct Budget(usize);

impl Budget {
    pub(crate) fn spend(&mut self, line: u32) -> Result<(), CatalogError> {
        self.0 += 1;
        if self.0 > MAX_VALUES {
            return Err(CatalogError::at(line, format!("more than {MAX_VALUES} values")));
        }
        Ok(())
    }
}

pub(crate) fn too_deep(line: u32) -> CatalogError {
    CatalogError::at(line, format!("nested deeper than {MAX_DEPTH} levels"))
}

pub(crate) fn given_twice(line: u32, key: &str) -> CatalogError {
    let key: String = key.chars().take(80).collect();
    CatalogError::at(line, format!("the key `{key}` is given twice"))
}
