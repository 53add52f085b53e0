//! Reads mappings field by field. A field that nobody knows is a fault with the nearest known name.

use crate::{
    diagnostic::{Place, Sink, short},
    yaml::{Key, Node, Value},
};

/// The entries of a mapping whose every key is known.
pub(crate) struct Fields<'n> {
    pub(crate) at: Place,
    what: &'static str,
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// Takes `node` as a mapping with the fields `known`; `what` names it in messages, with its article.
    pub(crate) fn read(
        node: &'n Node,
        what: &'static str,
        known: &[&str],
        sink: &mut Sink<'_>,
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            sink.error(node.at, format!("{what} must be a mapping, not {}", node.what()));
            return None;
        };
        for (key, _) in entries {
            if key.text == "<<" {
                sink.error_hint(key.at, "merge keys are not read here", "write the fields out");
            } else if !known.contains(&key.text.as_str()) {
                sink.unknown(key.at, "field", &key.text, known.iter().copied());
            }
        }
        Some(Self { at: node.at, what, entries })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(crate) fn entry(&self, name: &str) -> Option<(&'n Key, &'n Node)> {
        self.entries.iter().find(|(key, _)| key.text == name).map(|(key, node)| (key, node))
    }

    /// A field that must be there.
    pub(crate) fn need(&self, name: &str, sink: &mut Sink<'_>) -> Option<&'n Node> {
        let found = self.get(name);
        if found.is_none() {
            sink.error(self.at, format!("{} needs the field `{name}`", self.what));
        }
        found
    }

    /// A text, where the field is there.
    pub(crate) fn text(&self, name: &str, sink: &mut Sink<'_>) -> Option<&'n str> {
        text(self.get(name)?, name, sink)
    }

    /// A text that must be there and not be blank.
    pub(crate) fn need_text(&self, name: &str, sink: &mut Sink<'_>) -> Option<&'n str> {
        text(self.need(name, sink)?, name, sink)
    }
}

/// A scalar's text, which must not be blank.
pub(crate) fn text<'n>(node: &'n Node, name: &str, sink: &mut Sink<'_>) -> Option<&'n str> {
    match node.text() {
        Some(text) if !text.trim().is_empty() => Some(text),
        Some(_) => {
            sink.error(node.at, format!("`{name}` is blank"));
            None
        }
        None => {
            sink.error(node.at, format!("`{name}` must be a text, not {}", node.what()));
            None
        }
    }
}

/// `true` or `false`.
pub(crate) fn boolean(node: &Node, name: &str, sink: &mut Sink<'_>) -> Option<bool> {
    match &node.value {
        Value::Scalar { text, plain: true } if text == "true" => Some(true),
        Value::Scalar { text, plain: true } if text == "false" => Some(false),
        _ => {
            let seen = node
                .text()
                .map_or_else(|| node.what().to_owned(), |text| format!("`{}`", short(text)));
            sink.error(node.at, format!("`{name}` must be true or false, not {seen}"));
            None
        }
    }
}

/// No list or mapping of names in a policy needs more.
const MOST_ENTRIES: usize = 1_000;

/// A list's items, or the one thing itself: `kind: code` means `kind: [code]`. An empty list is a fault, because it
/// reads as "any" to one person and as "none" to another.
pub(crate) fn items<'n>(node: &'n Node, name: &str, sink: &mut Sink<'_>) -> &'n [Node] {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            sink.error(node.at, format!("`{name}` is an empty list"));
            &[]
        }
        Value::List(items) if items.len() > MOST_ENTRIES => {
            sink.error(node.at, format!("`{name}` has more than {MOST_ENTRIES} entries"));
            &[]
        }
        Value::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

/// The texts of a list, or the one text.
pub(crate) fn texts<'n>(node: &'n Node, name: &str, sink: &mut Sink<'_>) -> Vec<(&'n str, Place)> {
    items(node, name, sink)
        .iter()
        .filter_map(|item| Some((text(item, name, sink)?, item.at)))
        .collect()
}

/// The entries of a mapping with free keys, each of which must be a plain name.
pub(crate) fn named<'n>(
    node: &'n Node,
    what: &str,
    sink: &mut Sink<'_>,
) -> Vec<(&'n Key, &'n Node)> {
    let Value::Map(entries) = &node.value else {
        sink.error(node.at, format!("{what} must be a mapping from names, not {}", node.what()));
        return Vec::new();
    };
    if entries.len() > MOST_ENTRIES {
        sink.error(node.at, format!("{what} has more than {MOST_ENTRIES} entries"));
        return Vec::new();
    }
    entries
        .iter()
        .filter_map(|(key, value)| {
            let good = is_name(&key.text);
            if !good {
                let message = format!("`{}` is not a name", short(&key.text));
                sink.error_hint(
                    key.at,
                    message,
                    "use letters, digits, `-`, `_` and `.`, at most 64 of them",
                );
            }
            good.then_some((key, value))
        })
        .collect()
}

pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
