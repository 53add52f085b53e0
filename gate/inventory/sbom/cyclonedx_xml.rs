use std::borrow::Cow;

use roxmltree::Node;

use super::{
    assembly::{Assembly, Part},
    cyclonedx::{check_version, scope},
    properties::Told,
};
use crate::{
    Catalog, CatalogError,
    catalog::xml::{Xml, children, text},
    document::{MAX_DEPTH, too_deep},
};

const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/";

/// Reads CycloneDX XML, 1.2 to 1.7 (`bom-1.x.xsd`). A document type is refused.
pub(crate) fn catalog_cyclonedx_xml(body: &str, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let xml = Xml::parse(body, "bom")?;
    let root = xml.root();
    let line = xml.line(root);
    let space = root.tag_name().namespace().unwrap_or_default();
    let Some(version) = space.strip_prefix(NAMESPACE) else {
        return Err(CatalogError::at(line, "the root is no `bom` of CycloneDX"));
    };
    check_version(version, line)?;
    let mut assembly = Assembly::new(catalog);
    let read = bom(&xml, &mut assembly);
    assembly.finish(read)
}

fn bom<'a>(xml: &'a Xml<'_>, assembly: &mut Assembly<'a, '_>) -> Result<(), CatalogError> {
    let root = xml.root();
    for metadata in children(root, "metadata") {
        for component_node in children(metadata, "component") {
            let id = component(component_node, xml, assembly, 0)?;
            assembly.root(id);
            if let Some(name) = children(component_node, "name").next() {
                assembly.subject(words(name));
            }
        }
        let mut told = Told::default();
        properties(metadata, &mut told);
        assembly.document(told, xml.line(metadata));
    }
    for list in children(root, "components") {
        components(list, xml, assembly, 0)?;
    }
    if children(root, "vulnerabilities").next().is_some() {
        assembly.vex();
    }
    for list in children(root, "services") {
        for service in list.descendants().filter(|node| node.tag_name().name() == "service") {
            if let Some(name) = service.attribute("bom-ref") {
                assembly.define(Cow::Borrowed(name));
            }
        }
    }
    for list in children(root, "compositions") {
        for composition in children(list, "composition") {
            if children(composition, "aggregate").any(|node| words(node).starts_with("incomplete"))
            {
                assembly.incomplete(xml.line(composition));
            }
        }
    }
    for list in children(root, "dependencies") {
        for dependency in children(list, "dependency") {
            let line = xml.line(dependency);
            let from = reference(dependency, line)?;
            let from = assembly.id(Cow::Borrowed(from));
            assembly.tells(from);
            for on in children(dependency, "dependency") {
                let line = xml.line(on);
                let to = reference(on, line)?;
                let to = assembly.id(Cow::Borrowed(to));
                assembly.relation(from, to, line, None)?;
            }
        }
    }
    Ok(())
}

fn reference<'a>(node: Node<'a, '_>, line: u32) -> Result<&'a str, CatalogError> {
    node.attribute("ref")
        .filter(|text| !text.is_empty())
        .ok_or_else(|| CatalogError::at(line, "a dependency without `ref`"))
}

fn components<'a>(
    list: Node<'a, '_>,
    xml: &'a Xml<'_>,
    assembly: &mut Assembly<'a, '_>,
    depth: usize,
) -> Result<Vec<u32>, CatalogError> {
    children(list, "component").map(|node| component(node, xml, assembly, depth)).collect()
}

fn component<'a>(
    node: Node<'a, '_>,
    xml: &'a Xml<'_>,
    assembly: &mut Assembly<'a, '_>,
    depth: usize,
) -> Result<u32, CatalogError> {
    let line = xml.line(node);
    if depth > MAX_DEPTH {
        return Err(too_deep(line));
    }
    let mut part = Part {
        line,
        id: node.attribute("bom-ref").map(Cow::Borrowed),
        sort: node.attribute("type").unwrap_or_default().to_owned(),
        ..Part::default()
    };
    let mut inner = Vec::new();
    let mut group = "";
    let mut told = Told::default();
    properties(node, &mut told);
    for child in node.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "group" => group = words(child),
            "name" => {
                part.line = xml.line(child);
                part.name = Cow::Borrowed(words(child));
            }
            "version" => part.version = Some(Cow::Borrowed(words(child))),
            "versionRange" => part.range = Some(Cow::Borrowed(words(child))),
            "scope" => part.scope = scope(words(child), xml.line(child))?,
            "purl" if !words(child).is_empty() => {
                part.purls.push((Cow::Borrowed(words(child)), xml.line(child)));
            }
            "licenses" => licenses(child, &mut part.licenses),
            "hashes" => {
                for hash in children(child, "hash") {
                    told.hash(hash.attribute("alg").unwrap_or_default(), words(hash));
                }
            }
            "evidence" => {
                let lists = children(child, "occurrences");
                for place in lists.flat_map(|list| children(list, "occurrence")) {
                    let told_by = |name| children(place, name).next().map(words);
                    let line = told_by("line").and_then(|line| line.parse().ok());
                    told.occurrence(told_by("location").unwrap_or_default(), line);
                }
            }
            "components" => inner = components(child, xml, assembly, depth + 1)?,
            _ => {}
        }
    }
    if !group.is_empty() && part.purls.is_empty() {
        part.name = Cow::Owned(format!("{group}/{}", part.name));
    }
    let id = assembly.part(part)?;
    assembly.tell(id, &told);
    for child in inner {
        assembly.nested(id, child, line)?;
    }
    Ok(id)
}

fn properties(node: Node<'_, '_>, told: &mut Told) {
    for property in children(node, "properties").flat_map(|list| children(list, "property")) {
        // Not trimmed: a path may begin or end with a space.
        let value = property.text().unwrap_or_default();
        told.property(property.attribute("name").unwrap_or_default(), value);
    }
}

fn licenses(list: Node<'_, '_>, into: &mut Vec<String>) {
    for node in list.children().filter(Node::is_element).take(64) {
        let stated = match node.tag_name().name() {
            "expression" => words(node),
            "license" => node
                .children()
                .find(|child| matches!(child.tag_name().name(), "id" | "name"))
                .map_or("", words),
            _ => "",
        };
        if !stated.is_empty() {
            into.push(stated.to_owned());
        }
    }
}

fn words<'a>(node: Node<'a, '_>) -> &'a str {
    text(node).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::{
        catalog::{
            sbom::Sbom,
            testing::{catalog_text, failure, lines},
        },
        sbom::testing::gaps,
    };

    const BOM: &str = include_str!("../testdata/sbom/bom.xml");

    #[test]
    fn components_with_lines_scopes_licences_and_parents() {
        let catalog = catalog_text(&Sbom, "bom.xml", BOM);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:maven/org.springframework/spring-web@5.3.0?type=jar:21 direct=true scope=runtime parents=[]",
                "pkg:maven/org.springframework/spring-core@5.3.0?type=jar:28 direct=false parents=[pkg:maven/org.springframework/spring-web@5.3.0?type=jar]",
            ]
        );
        assert_eq!(catalog.packages[0].licenses, ["Apache-2.0"]);
        assert_eq!(
            gaps(&catalog),
            [
                "33 unpinned: `org.acme/home-made` has no package URL: no advisory can be matched to it"
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&Sbom, "x.cdx.xml", text);
        assert_eq!(
            fails("<?xml version=\"1.0\"?>\n<bom xmlns=\"http://cyclonedx.org/schema/bom/1.1\"/>"),
            "2: CycloneDX 1.1 is not known: 1.2 to 1.7 are"
        );
        assert_eq!(fails("<bom/>"), "not a CycloneDX or SPDX document, or cut off");
        let cut = fails(&BOM[..BOM.len() / 2]);
        assert!(cut.starts_with(|c: char| c.is_ascii_digit()), "{cut}");
        let open = "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\">";
        assert_eq!(
            fails(&format!("{open}\n<dependencies><dependency/></dependencies></bom>")),
            "2: a dependency without `ref`"
        );
        let bomb = format!("<!DOCTYPE bom [<!ENTITY a \"b\">]>\n{open}</bom>");
        assert!(fails(&bomb).contains("DTD"), "{}", fails(&bomb));
        let deep = "<components><component>".repeat(200);
        let shut = "</component></components>".repeat(200);
        assert_eq!(fails(&format!("{open}{deep}{shut}</bom>")), "1: nested deeper than 128 levels");
    }
}
