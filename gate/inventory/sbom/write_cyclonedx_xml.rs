use std::fmt::Write;

use secgate_formats::cyclonedx::{
    Bom, Component, License, LicenseChoice, Property, SpecVersion, Tools,
};

/// CycloneDX XML (`bom-1.x.xsd`). The elements stand in the order that the schema prescribes.
pub(crate) fn cyclonedx_xml(bom: &Bom<'_>) -> String {
    let mut xml = Xml::default();
    xml.out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let serial = bom.serial_number.as_str();
    let version = bom.version.to_string();
    let attributes = [
        ("xmlns", bom.spec_version.xml_namespace()),
        ("serialNumber", serial),
        ("version", version.as_str()),
    ];
    xml.open("bom", &attributes);
    xml.open("metadata", &[]);
    xml.text("timestamp", &[], &bom.metadata.timestamp);
    xml.open("tools", &[]);
    match &bom.metadata.tools {
        Tools::List(list) => {
            for tool in list {
                xml.open("tool", &[]);
                xml.text("vendor", &[], tool.vendor);
                xml.text("name", &[], tool.name);
                xml.text("version", &[], tool.version);
                xml.close("tool");
            }
        }
        Tools::Components { components } => {
            xml.open("components", &[]);
            for tool in components {
                component(&mut xml, tool, bom.spec_version);
            }
            xml.close("components");
        }
    }
    xml.close("tools");
    component(&mut xml, &bom.metadata.component, bom.spec_version);
    properties(&mut xml, &bom.metadata.properties);
    xml.close("metadata");
    xml.open("components", &[]);
    for part in &bom.components {
        component(&mut xml, part, bom.spec_version);
    }
    xml.close("components");
    xml.open("dependencies", &[]);
    for dependency in &bom.dependencies {
        xml.open("dependency", &[("ref", &dependency.from)]);
        for on in &dependency.depends_on {
            xml.empty("dependency", &[("ref", on)]);
        }
        xml.close("dependency");
    }
    xml.close("dependencies");
    xml.open("compositions", &[]);
    for composition in &bom.compositions {
        xml.open("composition", &[]);
        xml.text("aggregate", &[], composition.aggregate);
        xml.open("assemblies", &[]);
        for assembly in &composition.assemblies {
            xml.empty("assembly", &[("ref", assembly)]);
        }
        xml.close("assemblies");
        xml.close("composition");
    }
    xml.close("compositions");
    xml.close("bom");
    xml.out
}

fn component(xml: &mut Xml, part: &Component<'_>, version: SpecVersion) {
    let mut attributes = vec![("type", part.sort)];
    if let Some(name) = &part.bom_ref {
        attributes.push(("bom-ref", name.as_ref()));
    }
    xml.open("component", &attributes);
    if let Some(group) = &part.group {
        xml.text("group", &[], group);
    }
    xml.text("name", &[], &part.name);
    if let Some(version) = &part.version {
        xml.text("version", &[], version);
    }
    if let Some(scope) = part.scope {
        xml.text("scope", &[], scope);
    }
    if !part.hashes.is_empty() {
        xml.open("hashes", &[]);
        for hash in &part.hashes {
            xml.text("hash", &[("alg", hash.alg)], hash.content);
        }
        xml.close("hashes");
    }
    if !part.licenses.is_empty() {
        xml.open("licenses", &[]);
        for choice in &part.licenses {
            let (element, text) = match choice {
                LicenseChoice::Expression(text) => {
                    xml.text("expression", &[], text);
                    continue;
                }
                LicenseChoice::License(License::Id(text)) => ("id", text),
                LicenseChoice::License(License::Name(text)) => ("name", text),
            };
            xml.open("license", &[]);
            xml.text(element, &[], text);
            xml.close("license");
        }
        xml.close("licenses");
    }
    if let Some(purl) = &part.purl {
        xml.text("purl", &[], purl);
    }
    properties(xml, &part.properties);
    if let Some(evidence) = &part.evidence {
        xml.open("evidence", &[]);
        xml.open("occurrences", &[]);
        for place in &evidence.occurrences {
            xml.open("occurrence", &[]);
            xml.text("location", &[], place.location);
            if let Some(line) = place.line.filter(|_| version >= SpecVersion::V1_6) {
                xml.text("line", &[], &line.to_string());
            }
            xml.close("occurrence");
        }
        xml.close("occurrences");
        xml.close("evidence");
    }
    xml.close("component");
}

fn properties(xml: &mut Xml, all: &[Property<'_>]) {
    if all.is_empty() {
        return;
    }
    xml.open("properties", &[]);
    for property in all {
        xml.text("property", &[("name", &property.name)], &property.value);
    }
    xml.close("properties");
}

/// A document being written, two spaces a level.
#[derive(Default)]
struct Xml {
    out: String,
    depth: usize,
}

impl Xml {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.out.push_str(">\n");
        self.depth += 1;
    }

    fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        let _ = writeln!(self.out, "{:1$}</{name}>", "", self.depth * 2);
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.out.push_str("/>\n");
    }

    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.tag(name, attributes);
        self.out.push('>');
        escape(&mut self.out, text);
        let _ = writeln!(self.out, "</{name}>");
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let _ = write!(self.out, "{:1$}<{name}", "", self.depth * 2);
        for (key, value) in attributes {
            let _ = write!(self.out, " {key}=\"");
            escape(&mut self.out, value);
            self.out.push('"');
        }
    }
}

/// Writes a text into an element or an attribute. What XML cannot hold, even escaped, is shown as a picture of itself (XML 1.0,
/// production 2).
fn escape(out: &mut String, text: &str) {
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Readers that bound declarations of name spaces before they parse, as secgate's own, count this word anywhere.
            'x' if rest.as_str().starts_with("mlns") => out.push_str("&#120;"),
            _ => out.push(picture(c)),
        }
    }
}

/// A visible stand-in for a control character: U+2400 and on are pictures of the first 32, U+2421 that of DEL.
pub(crate) fn picture(c: char) -> char {
    match u32::from(c) {
        code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or('\u{fffd}'),
        0x7f => '\u{2421}',
        0x80..=0x9f | 0xfffe | 0xffff => '\u{fffd}',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_element() {
        let mut out = String::new();
        escape(&mut out, "a<b>&\"c\"]]>\u{0}\u{1b}[31m\n\u{7f}\u{ffff}é xmlns");
        assert_eq!(
            out,
            "a&lt;b&gt;&amp;&quot;c&quot;]]&gt;\u{2400}\u{241b}[31m\u{240a}\u{2421}\u{fffd}é &#120;mlns"
        );
    }
}
