use std::borrow::Cow;

use super::{
    assembly::{Assembly, Part},
    json::Reader,
    properties::Told,
    spdx::{Relations, check_version, license, purpose, said},
};
use crate::{Catalog, CatalogError};

/// Reads SPDX 2.2 and 2.3 JSON (`spdx-schema.json`).
pub(crate) fn catalog_spdx_json(text: &str, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let mut reader = Reader::new(text);
    let mut assembly = Assembly::new(catalog);
    let mut relations = Relations::default();
    assembly.define(Cow::Borrowed("SPDXRef-DOCUMENT"));
    let mut version = false;
    let read = reader.object("the document", |reader, key| {
        match key {
            "spdxVersion" => {
                let line = reader.line();
                check_version(&reader.text("spdxVersion")?, line)?;
                version = true;
            }
            "SPDXID" => {
                assembly.define(reader.text("SPDXID")?);
            }
            "name" => {
                if let Some(name) = reader.text_or_skip()? {
                    assembly.subject(&name);
                }
            }
            "documentDescribes" => reader.list("documentDescribes", |reader| {
                reader.sort()?;
                let line = reader.line();
                relations.describes(reader.text("documentDescribes")?, line);
                Ok(())
            })?,
            "packages" => reader.list("packages", |reader| package(reader, &mut assembly))?,
            "annotations" => {
                let line = reader.line();
                let mut told = Told::default();
                reader.list("annotations", |reader| annotation(reader, &mut told))?;
                assembly.document(told, line);
            }
            "files" | "snippets" => reader.list(key, |reader| {
                reader.object(key, |reader, key| {
                    if key == "SPDXID" {
                        assembly.define(reader.text("SPDXID")?);
                        return Ok(());
                    }
                    reader.skip()
                })
            })?,
            "relationships" => reader.list("relationships", |reader| {
                relationship(reader, &mut assembly, &mut relations)
            })?,
            _ => reader.skip()?,
        }
        Ok(())
    });
    let read = read.and_then(|()| reader.end());
    if read.is_ok() {
        relations.mark_roots(&mut assembly);
    }
    let missing = || CatalogError::whole("`spdxVersion` is missing");
    assembly.finish(read.and_then(|()| version.then_some(()).ok_or_else(missing)))
}

fn package<'t>(
    reader: &mut Reader<'t>,
    assembly: &mut Assembly<'t, '_>,
) -> Result<(), CatalogError> {
    reader.sort()?;
    let line = reader.line();
    let mut part = Part { line, ..Part::default() };
    let (mut concluded, mut declared) = (None, None);
    let mut given = false;
    let mut told = Told::default();
    reader.object("package", |reader, key| {
        given = true;
        match key {
            "SPDXID" => part.id = Some(reader.text("SPDXID")?),
            "name" => {
                part.line = reader.line();
                part.name = reader.text("name")?;
            }
            "versionInfo" => part.version = reader.maybe_text("versionInfo")?.and_then(said),
            "primaryPackagePurpose" => {
                part.sort = reader
                    .maybe_text("primaryPackagePurpose")?
                    .map_or_else(String::new, |text| purpose(&text));
            }
            "licenseConcluded" => concluded = reader.maybe_text("licenseConcluded")?,
            "licenseDeclared" => declared = reader.maybe_text("licenseDeclared")?,
            "externalRefs" => {
                reader.list("externalRefs", |reader| external_ref(reader, &mut part))?;
            }
            "checksums" => reader.list("checksums", |reader| checksum(reader, &mut told))?,
            "annotations" => reader.list("annotations", |reader| annotation(reader, &mut told))?,
            "attributionTexts" => reader.list("attributionTexts", |reader| {
                if let Some(text) = reader.text_or_skip()? {
                    told.annotation(&text);
                }
                Ok(())
            })?,
            "sourceInfo" => {
                if let Some(text) = reader.text_or_skip()? {
                    told.source_info(&text);
                }
            }
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    if !given {
        return Err(CatalogError::at(line, "a package that is empty"));
    }
    for text in [declared, concluded].into_iter().flatten() {
        license(&mut part, text);
    }
    let id = assembly.part(part)?;
    assembly.tell(id, &told);
    Ok(())
}

fn annotation(reader: &mut Reader<'_>, told: &mut Told) -> Result<(), CatalogError> {
    reader.object("annotations", |reader, key| {
        if key != "comment" {
            return reader.skip();
        }
        if let Some(text) = reader.text_or_skip()? {
            told.annotation(&text);
        }
        Ok(())
    })
}

fn checksum(reader: &mut Reader<'_>, told: &mut Told) -> Result<(), CatalogError> {
    let (mut algorithm, mut digits) = (None, None);
    reader.object("checksums", |reader, key| {
        match key {
            "algorithm" => algorithm = reader.text_or_skip()?,
            "checksumValue" => digits = reader.text_or_skip()?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    if let (Some(algorithm), Some(digits)) = (algorithm, digits) {
        told.hash(&algorithm, &digits);
    }
    Ok(())
}

fn external_ref<'t>(reader: &mut Reader<'t>, part: &mut Part<'t>) -> Result<(), CatalogError> {
    let mut is_purl = false;
    let mut locator = None;
    reader.object("externalRefs", |reader, key| {
        match key {
            "referenceType" => {
                is_purl = reader.text_or_skip()?.is_some_and(|kind| is_purl_type(&kind));
            }
            "referenceLocator" => {
                let line = reader.line();
                locator = Some((reader.text("referenceLocator")?, line));
            }
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    part.purls.extend(locator.filter(|_| is_purl));
    Ok(())
}

/// The reference type is `purl`, or the IRI that stands for it.
pub(crate) fn is_purl_type(kind: &str) -> bool {
    kind == "purl" || kind.ends_with("/purl")
}

fn relationship<'t>(
    reader: &mut Reader<'t>,
    assembly: &mut Assembly<'t, '_>,
    relations: &mut Relations<'t>,
) -> Result<(), CatalogError> {
    reader.sort()?;
    let line = reader.line();
    let (mut from, mut kind, mut to) = (None, None, None);
    reader.object("relationships", |reader, key| {
        match key {
            "spdxElementId" => from = Some(reader.text("spdxElementId")?),
            "relationshipType" => kind = Some(reader.text("relationshipType")?),
            "relatedSpdxElement" => to = Some(reader.text("relatedSpdxElement")?),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let (Some(from), Some(kind), Some(to)) = (from, kind, to) else {
        return Err(CatalogError::at(
            line,
            "a relationship needs spdxElementId, relationshipType and relatedSpdxElement",
        ));
    };
    relations.add(assembly, from, &kind, to, line, None)
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

    const DOCUMENT: &str = include_str!("../testdata/sbom/app.spdx.json");

    #[test]
    fn packages_with_lines_licences_and_relations() {
        let catalog = catalog_text(&Sbom, "app.spdx.json", DOCUMENT);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/flask@2.0.1:42 direct=true parents=[]",
                "pkg:pypi/werkzeug@2.0.0:55 direct=false parents=[pkg:pypi/flask@2.0.1]",
                "pkg:pypi/pytest@7.0.0:66 direct=true scope=dev parents=[]",
            ]
        );
        assert_eq!(catalog.packages[0].licenses, ["BSD-3-Clause"]);
        assert_eq!(
            gaps(&catalog),
            [
                "71 unpinned: `home-made` has no package URL: no advisory can be matched to it",
                "88 unreadable: a dependency names `SPDXRef-gone`, which the document does not describe",
            ]
        );
    }

    #[test]
    fn a_described_package_without_parts_is_a_component() {
        let text = r#"{"spdxVersion": "SPDX-2.2", "SPDXID": "SPDXRef-DOCUMENT", "documentDescribes": ["SPDXRef-a"],
            "packages": [{"name": "a", "SPDXID": "SPDXRef-a", "versionInfo": "1", "externalRefs": [
            {"referenceCategory": "PACKAGE_MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}]}]}"#;
        let catalog = catalog_text(&Sbom, "a.spdx.json", text);
        assert_eq!(lines(&catalog), ["pkg:npm/a@1:3 parents=[]"]);
    }

    #[test]
    fn a_described_package_with_files_is_a_component() {
        let text = r#"{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT",
            "packages": [{"name": "a", "SPDXID": "SPDXRef-a", "versionInfo": "1", "filesAnalyzed": true, "externalRefs": [
            {"referenceCategory": "PACKAGE_MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}]}],
            "files": [{"fileName": "./a.js", "SPDXID": "SPDXRef-f"}],
            "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-a"},
            {"spdxElementId": "SPDXRef-a", "relationshipType": "CONTAINS", "relatedSpdxElement": "SPDXRef-f"}]}"#;
        let catalog = catalog_text(&Sbom, "a.spdx.json", text);
        assert_eq!(lines(&catalog), ["pkg:npm/a@1:3 parents=[]"]);
        assert_eq!(gaps(&catalog), [""; 0]);
        let other = text.replace(
            r#""relatedSpdxElement": "SPDXRef-f""#,
            r#""relatedSpdxElement": "DocumentRef-b:SPDXRef-f""#,
        );
        assert_eq!(
            gaps(&catalog_text(&Sbom, "a.spdx.json", &other)),
            ["7 unreadable: a part, `DocumentRef-b:SPDXRef-f`, is described in another document"]
        );
    }

    #[test]
    fn where_every_package_is_described_none_is_lost() {
        let package = |name: &str| {
            format!(
                r#"{{"name": "{name}", "SPDXID": "SPDXRef-{name}", "versionInfo": "1", "externalRefs": [
                {{"referenceType": "purl", "referenceLocator": "pkg:npm/{name}@1"}}]}}"#
            )
        };
        let (a, b) = (package("a"), package("b"));
        let text = format!(
            r#"{{"spdxVersion": "SPDX-2.3", "documentDescribes": ["SPDXRef-a", "SPDXRef-b"], "packages": [{a}, {b}],
            "relationships": [{{"spdxElementId": "SPDXRef-a", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-b"}}]}}"#
        );
        let catalog = catalog_text(&Sbom, "a.spdx.json", &text);
        assert_eq!(
            lines(&catalog),
            ["pkg:npm/a@1:2 parents=[]", "pkg:npm/b@1:3 parents=[pkg:npm/a@1]"]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&Sbom, "x.spdx.json", text);
        assert_eq!(
            fails("{\n\"spdxVersion\": \"SPDX-2.0\"}"),
            "2: `SPDX-2.0` is not known: SPDX-2.2 and SPDX-2.3 are"
        );
        assert_eq!(fails("{}"), "not a CycloneDX or SPDX document, or cut off");
        assert_eq!(
            fails("{\"spdxVersion\": \"SPDX-2.3\", \"packages\": [\n{}]}"),
            "2: a package that is empty"
        );
        assert!(
            fails("{\"spdxVersion\": \"SPDX-2.3\",\n\"relationships\": [{}]}")
                .starts_with("2: a relationship needs")
        );
        assert!(fails(&DOCUMENT[..DOCUMENT.len() - 20]).ends_with("in the middle of a value"));
    }
}
