//! XML documents with line numbers, bounded before the parser sees them.

use roxmltree::{Document, Node, ParsingOptions};

use crate::CatalogError;

/// Nodes of one document that are read.
const MAX_NODES: u32 = 1_500_000;
/// Attributes of one element; the parser compares each with all before it.
const MAX_ATTRIBUTES: usize = 256;
/// Namespace declarations in one document; the parser copies them from element to element.
const MAX_NAMESPACES: usize = 64;

/// A parsed document that knows its lines.
pub(crate) struct Xml<'t> {
    document: Document<'t>,
    line_ends: Vec<usize>,
}

impl<'t> Xml<'t> {
    /// Parses a text whose root element must have the local name `root`. A document type declaration is refused: none of
    /// the formats needs one, and entities are how XML is made to explode.
    pub(crate) fn parse(text: &'t str, root: &str) -> Result<Self, CatalogError> {
        bound(text)?;
        let options = ParsingOptions {
            allow_dtd: false,
            nodes_limit: MAX_NODES,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(text, options).map_err(|error| {
            CatalogError::Malformed {
                line: Some(error.pos().row.max(1)),
                message: format!("not well-formed XML: {}", brief(&error.to_string())),
            }
        })?;
        let line_ends =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        let xml = Self { document, line_ends };
        let found = xml.root().tag_name().name();
        if found != root {
            return Err(CatalogError::at(
                xml.line(xml.root()),
                format!("the root element is `{}`, expected `{root}`", brief(found)),
            ));
        }
        Ok(xml)
    }

    /// The root element.
    pub(crate) fn root(&self) -> Node<'_, 't> {
        self.document.root_element()
    }

    /// The line, from 1, on which a node starts.
    pub(crate) fn line(&self, node: Node<'_, '_>) -> u32 {
        let start = node.range().start;
        let line = self.line_ends.partition_point(|end| *end < start) + 1;
        u32::try_from(line).unwrap_or(u32::MAX)
    }
}

/// The child elements with this local name, whatever their namespace.
pub(crate) fn children<'a, 't>(
    node: Node<'a, 't>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 't>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// The first child element with this local name.
pub(crate) fn child<'a, 't>(node: Node<'a, 't>, name: &str) -> Option<Node<'a, 't>> {
    children(node, name).next()
}

/// The trimmed text of the first child element with this local name; `None` when it is missing or empty.
pub(crate) fn child_text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name).and_then(text)
}

/// The trimmed text of an element; `None` when empty.
pub(crate) fn text<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    // Comments split a text; the part that is not blank is the value.
    node.children()
        .filter(Node::is_text)
        .filter_map(|part| part.text())
        .map(str::trim)
        .find(|part| !part.is_empty())
}

fn brief(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Refuses documents that would cost the parser more than linear time. A start tag holds no second `<`, so the quotes
/// after an equals sign since the last `<` are at least its attributes.
fn bound(text: &str) -> Result<(), CatalogError> {
    if text.matches("xmlns").nth(MAX_NAMESPACES).is_some() {
        return Err(CatalogError::whole(format!(
            "more than {MAX_NAMESPACES} namespace declarations"
        )));
    }
    let (mut attributes, mut after_equals, mut line) = (0, false, 1_u32);
    for byte in text.bytes() {
        match byte {
            b'<' => attributes = 0,
            b'"' | b'\'' if after_equals => {
                attributes += 1;
                if attributes > MAX_ATTRIBUTES {
                    return Err(CatalogError::at(
                        line,
                        format!("an element with more than {MAX_ATTRIBUTES} attributes"),
                    ));
                }
            }
            b'\n' => line = line.saturating_add(1),
            _ => {}
        }
        after_equals = byte == b'=' || (after_equals && byte.is_ascii_whitespace());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        match Xml::parse(text, "a") {
            Err(CatalogError::Malformed { line, message }) => format!("{line:?} {message}"),
            Err(error) => error.to_string(),
            Ok(_) => panic!("read"),
        }
    }

    #[test]
    fn lines_and_texts() {
        let text =
            "<?xml version=\"1.0\"?>\n<a xmlns=\"urn:x\">\n  <b>\n one <!-- two --></b>\n</a>";
        let xml = Xml::parse(text, "a").unwrap();
        let b = child(xml.root(), "b").unwrap();
        assert_eq!((xml.line(b), super::text(b)), (3, Some("one")));
        assert_eq!(child_text(xml.root(), "c"), None);
    }

    #[test]
    fn hostile_documents_are_refused() {
        assert!(fault("<b/>").starts_with("Some(1) the root element is `b`"));
        assert!(fault("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>").contains("not well-formed"));
        assert!(fault("<a>\n<b>").starts_with("Some(1) not well-formed XML"));
        let many = (0..300).fold(String::new(), |text, at| text + &format!("a{at} = '>'\n"));
        assert!(fault(&format!("<a {many}/>")).contains("(257) an element with more than 256"));
        let spaces = (0..70).fold(String::new(), |text, at| text + &format!("<a xmlns:n{at}='u'>"));
        assert!(fault(&spaces).contains("namespace declarations"));
        let deep = format!("{}{}", "<a>".repeat(400_000), "</a>".repeat(400_000));
        assert!(Xml::parse(&deep, "a").is_ok());
    }
}
