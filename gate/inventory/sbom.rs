//! Reads a software bill of materials into packages: CycloneDX 1.2 to 1.7 (JSON, XML), SPDX 2.2 and 2.3 (JSON, tag-value)
//! and SPDX 3.0 (JSON-LD).
//!
//! What counts is the package URL: with one, a component is a package whatever its type, at the purl's version or, where
//! the purl has none, at the component's own. Without one, libraries, frameworks, firmware and anything that carries a
//! version are gaps; files, data, devices, keys, models, the operating system as a whole and versionless groups
//! (applications, containers, platforms: a lockfile, an image) are no packages. What the SBOM is about (CycloneDX
//! `metadata.component`, what an SPDX document describes and gives parts or dependencies) is the project itself. A document
//! with neither is a gap; one that only speaks of vulnerabilities (VEX) is no inventory and is passed over.

mod assembly;
mod cyclonedx;
mod cyclonedx_json;
mod cyclonedx_xml;
mod graph;
mod json;
mod license_form;
#[cfg(test)]
mod other_writers;
mod properties;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod schemas;
mod spdx;
mod spdx3_json;
mod spdx_json;
mod spdx_tag_value;
mod write;
mod write_cyclonedx;
mod write_cyclonedx_xml;
mod write_spdx;
mod write_spdx3;
mod write_spdx_tag_value;

pub use write::{SbomFormat, SbomInput, UnknownSbomFormat, WriteError, write_sbom};

pub(crate) use graph::Graph;
use json::Reader;
use secgate_model::Inventory;

use crate::{Catalog, CatalogError};

/// How an SBOM is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CycloneDX JSON.
    CycloneDxJson,
    /// CycloneDX XML.
    CycloneDxXml,
    /// SPDX 2 JSON.
    SpdxJson,
    /// SPDX 2 tag-value.
    SpdxTagValue,
    /// SPDX 3 JSON-LD.
    Spdx3Json,
}

/// Tells by the content which SBOM format a text claims to be, if any. A text that claims one may still break its rules.
pub fn recognise(text: &str) -> Option<Format> {
    match text.trim_start().as_bytes().first()? {
        b'{' => recognise_json(text),
        b'<' => {
            let open = text.find("<bom").or_else(|| text.find(":bom"))?;
            let tag = text.get(open..)?.split('>').next()?;
            tag.contains("http://cyclonedx.org/schema/bom/").then_some(Format::CycloneDxXml)
        }
        _ => text
            .lines()
            .map(str::trim_start)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .is_some_and(|line| line.starts_with("SPDXVersion:"))
            .then_some(Format::SpdxTagValue),
    }
}

fn recognise_json(text: &str) -> Option<Format> {
    let mut found = None;
    let mut reader = Reader::new(text);
    // The keys before a fault count too: a broken SBOM is an SBOM.
    let end = reader.object("the document", |reader, key| {
        found = match key {
            "bomFormat" => Some(Format::CycloneDxJson),
            "spdxVersion" => Some(Format::SpdxJson),
            "@context" | "$schema" => match reader.text_or_skip()? {
                Some(text) if text.contains("spdx.org/rdf/") => Some(Format::Spdx3Json),
                Some(text) if text.contains("cyclonedx.org/schema/bom") => {
                    Some(Format::CycloneDxJson)
                }
                _ => return Ok(()),
            },
            _ => return reader.skip(),
        };
        // The rest of the file need not be read twice.
        Err(reader.fault("recognised"))
    });
    if found.is_none() && end.is_err() {
        found = [
            ("\"bomFormat\"", Format::CycloneDxJson),
            ("\"spdxVersion\"", Format::SpdxJson),
            ("spdx.org/rdf/", Format::Spdx3Json),
        ]
        .into_iter()
        .find(|(mark, _)| text.contains(mark))
        .map(|(_, format)| format);
    }
    found
}

/// Reads an SBOM of a known format into `catalog`. What was read before a fault is kept.
pub fn catalog_any(text: &str, format: Format, catalog: &mut Catalog) -> Result<(), CatalogError> {
    match format {
        Format::CycloneDxJson => cyclonedx_json::catalog_cyclonedx_json(text, catalog),
        Format::CycloneDxXml => cyclonedx_xml::catalog_cyclonedx_xml(text, catalog),
        Format::SpdxJson => spdx_json::catalog_spdx_json(text, catalog),
        Format::SpdxTagValue => spdx_tag_value::catalog_spdx_tag_value(text, catalog),
        Format::Spdx3Json => spdx3_json::catalog_spdx3_json(text, catalog),
    }
}

/// How much a file's name says about its being an SBOM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    /// The name is used for other things too (`bombay.json`).
    Maybe,
    /// The name is an SBOM's own.
    Certain,
}

/// What the last part of a path says.
pub(crate) fn claim(name: &str) -> Option<Claim> {
    let name = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[
        ".cdx.json",
        ".cyclonedx.json",
        ".cdx.xml",
        ".cyclonedx.xml",
        ".spdx.json",
        ".spdx3.json",
        ".spdx",
    ]) {
        Some(Claim::Certain)
    } else if (name.contains("bom") && ends(&[".json"]))
        || matches!(name.as_str(), "bom.xml" | "sbom.xml")
    {
        Some(Claim::Maybe)
    } else {
        None
    }
}

/// An SBOM that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSbom {
    /// What it says that it is about; its path where it does not say.
    pub subject: String,
    /// What is in it.
    pub inventory: Inventory,
}

/// Reads one file that the user named, whatever its name: `None` when it is no SBOM by content or name, an error when it is
/// one that cannot be read as a whole. `path` is what the inventory's locations say where the SBOM tells none.
pub fn take_sbom(path: &str, bytes: &[u8]) -> Option<Result<Inventory, CatalogError>> {
    read_sbom(path, bytes).map(|read| read.map(|sbom| sbom.inventory))
}

/// Like [`take_sbom`], and tells what the SBOM is about.
pub fn read_sbom(path: &str, bytes: &[u8]) -> Option<Result<ReadSbom, CatalogError>> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let certain = claim(name) == Some(Claim::Certain);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            let text = std::str::from_utf8(good).unwrap_or_default();
            return (certain || recognise(text).is_some()).then(|| {
                Err(CatalogError::at(u32::try_from(line).unwrap_or(u32::MAX), "not UTF-8 text"))
            });
        }
    };
    let Some(format) = recognise(text) else {
        return certain.then(|| Err(not_an_sbom()));
    };
    let mut catalog = Catalog::new(path, "sbom").of_target();
    if let Err(error) = catalog_any(text, format, &mut catalog) {
        return Some(Err(error));
    }
    let files = match catalog.take_told_files() {
        Some(files) => files,
        None if catalog.is_passed_over() => Vec::new(),
        None => vec![path.to_owned()],
    };
    let subject = catalog.take_subject().unwrap_or_else(|| path.to_owned());
    let distribution = catalog.take_told_distribution();
    let inventory = Inventory {
        packages: catalog.packages,
        unknowns: catalog.unknowns,
        files,
        distribution,
        layers: Vec::new(),
    };
    Some(Ok(ReadSbom { subject, inventory: inventory.normalised() }))
}

pub(crate) fn not_an_sbom() -> CatalogError {
    CatalogError::whole("not a CycloneDX or SPDX document, or cut off")
}

/// Checks that a JSON text is well-formed, whatever it says.
pub(crate) fn check_json(text: &str) -> Result<(), CatalogError> {
    let mut reader = Reader::new(text);
    reader.skip()?;
    reader.end()
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::Catalog;

    /// `line kind: reason` a gap.
    pub(crate) fn gaps(catalog: &Catalog) -> Vec<String> {
        let all = catalog
            .unknowns
            .iter()
            .chain(catalog.unpinned.iter().map(|unpinned| &unpinned.unknown));
        all.map(|gap| {
            let kind = format!("{:?}", gap.kind).to_lowercase();
            format!("{} {kind}: {}", gap.location.line.unwrap_or_default(), gap.reason)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn formats_are_recognised_by_their_content() {
        let check = |text: &str, format| assert_eq!(recognise(text), format, "{text}");
        check("{\"a\": [1], \"bomFormat\": \"CycloneDX\"}", Some(Format::CycloneDxJson));
        check("{\"components\": [], \"bomFormat\": \"Cyc", Some(Format::CycloneDxJson));
        check("{\"SPDXID\": \"x\", \"spdxVersion\": \"SPDX-2.3\"}", Some(Format::SpdxJson));
        check("# c\n\nSPDXVersion: SPDX-2.2\n", Some(Format::SpdxTagValue));
        check("{\"name\": \"bombay\"}", None);
        check("[1]", None);
        check("<bom/>", None);
        check("", None);
    }

    #[test]
    fn a_file_of_any_name_is_taken_by_its_content() {
        let bom = include_bytes!("testdata/sbom/app.cdx.json");
        let inventory = take_sbom("some/where/inventory.txt", bom).unwrap().unwrap();
        assert_eq!(inventory.packages.len(), 5);
        assert_eq!(inventory.files, ["some/where/inventory.txt"]);
        assert!(take_sbom("package.json", b"{\"name\": \"a\"}").is_none());
        assert!(take_sbom("a.cdx.json", b"{}").unwrap().is_err());
        assert!(take_sbom("a.cdx.json", b"\xff").unwrap().is_err());
        assert!(take_sbom("a.json", &bom[..600]).unwrap().is_err());
    }

    #[test]
    fn a_document_without_a_package_is_a_gap_in_every_format() {
        let check = |text: &str| {
            let inventory = take_sbom("list", text.as_bytes()).unwrap().unwrap();
            assert_eq!(inventory.unknowns.len(), 1, "{text}");
        };
        check("SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\n");
        check("{\"spdxVersion\": \"SPDX-2.3\", \"SPDXID\": \"SPDXRef-DOCUMENT\"}");
        check("{\"@context\": \"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\", \"@graph\": []}");
        check("<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"><components/></bom>");
        check("{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.5\", \"components\": []}");
    }

    #[test]
    fn a_document_about_vulnerabilities_alone_was_not_looked_at() {
        let vex =
            "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.5\", \"vulnerabilities\": [{}]}";
        let inventory = take_sbom("vex.json", vex.as_bytes()).unwrap().unwrap();
        assert_eq!(inventory, Inventory::default());
    }

    #[test]
    fn many_components_in_any_order_take_linear_time() {
        let mut text =
            String::from("{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"dependencies\":[");
        let count = 20_000;
        for at in 0..count {
            let comma = if at == 0 { "" } else { "," };
            let next = (at + 1) % count;
            write!(text, "{comma}{{\"ref\":\"r{at}\",\"dependsOn\":[\"r{next}\",\"r0\"]}}")
                .unwrap();
        }
        text.push_str("],\"components\":[");
        for at in 0..count {
            let comma = if at == 0 { "" } else { "," };
            write!(
                text,
                "{comma}\n{{\"bom-ref\":\"r{at}\",\"type\":\"library\",\"name\":\"n{at}\",\"purl\":\"pkg:npm/n{at}@1.0.0\"}}"
            )
            .unwrap();
        }
        text.push_str("]}");
        let inventory = take_sbom("big.json", text.as_bytes()).unwrap().unwrap();
        assert_eq!(inventory.packages.len(), count);
        assert!(inventory.packages.iter().all(|package| !package.parents.is_empty()));
        assert_eq!(inventory.unknowns, []);
    }
}
