use std::borrow::Cow;

use super::{
    assembly::{Assembly, Part},
    cyclonedx::{check_version, scope},
    json::{Reader, Sort},
    properties::Told,
};
use crate::{Catalog, CatalogError};

/// Reads CycloneDX JSON, 1.2 to 1.7 (ECMA-424; `bom-1.x.schema.json`).
pub(crate) fn catalog_cyclonedx_json(
    text: &str,
    catalog: &mut Catalog,
) -> Result<(), CatalogError> {
    let mut reader = Reader::new(text);
    let mut assembly = Assembly::new(catalog);
    let mut format = None;
    let mut version = None;
    let read = reader.object("the document", |reader, key| {
        match key {
            "bomFormat" => {
                let line = reader.line();
                let name = reader.text("bomFormat")?;
                if name != "CycloneDX" {
                    return Err(CatalogError::at(line, "`bomFormat` is not CycloneDX"));
                }
                format = Some(());
            }
            "specVersion" => {
                let line = reader.line();
                let text = reader.text("specVersion")?;
                check_version(&text, line)?;
                version = Some(());
            }
            "metadata" => reader.object("metadata", |reader, key| match key {
                "component" => root(reader, &mut assembly),
                "properties" => {
                    let line = reader.line();
                    let mut told = Told::default();
                    properties(reader, &mut told)?;
                    assembly.document(told, line);
                    Ok(())
                }
                _ => reader.skip(),
            })?,
            "compositions" => {
                reader.list("compositions", |reader| composition(reader, &mut assembly))?;
            }
            "components" => {
                components(reader, &mut assembly)?;
            }
            "vulnerabilities" => {
                assembly.vex();
                reader.skip()?;
            }
            "services" => services(reader, &mut assembly)?,
            "dependencies" => {
                reader.list("dependencies", |reader| dependency(reader, &mut assembly))?;
            }
            _ => reader.skip()?,
        }
        Ok(())
    });
    let read = read.and_then(|()| reader.end());
    let read = read.and_then(|()| {
        if format.is_none() {
            return Err(CatalogError::whole("`bomFormat` is missing: not CycloneDX, or cut off"));
        }
        if version.is_none() {
            return Err(CatalogError::whole("`specVersion` is missing"));
        }
        Ok(())
    });
    assembly.finish(read)
}

/// `metadata.component` is what the SBOM is about, not a part of it; the components inside it are parts.
fn root<'t>(reader: &mut Reader<'t>, assembly: &mut Assembly<'t, '_>) -> Result<(), CatalogError> {
    if reader.sort()? == Sort::Null {
        return reader.skip();
    }
    let (id, name) = component_and_name(reader, assembly)?;
    assembly.subject(&name);
    assembly.root(id);
    Ok(())
}

fn components<'t>(
    reader: &mut Reader<'t>,
    assembly: &mut Assembly<'t, '_>,
) -> Result<Vec<u32>, CatalogError> {
    let mut ids = Vec::new();
    reader.list("components", |reader| {
        ids.push(component(reader, assembly)?);
        Ok(())
    })?;
    Ok(ids)
}

fn component<'t>(
    reader: &mut Reader<'t>,
    assembly: &mut Assembly<'t, '_>,
) -> Result<u32, CatalogError> {
    component_and_name(reader, assembly).map(|(id, _)| id)
}

fn component_and_name<'t>(
    reader: &mut Reader<'t>,
    assembly: &mut Assembly<'t, '_>,
) -> Result<(u32, Cow<'t, str>), CatalogError> {
    reader.sort()?;
    let line = reader.line();
    let mut part = Part { line, ..Part::default() };
    let mut inner = Vec::new();
    let mut occurrences: Vec<(Cow<'t, str>, Option<u32>)> = Vec::new();
    let mut group: Option<Cow<'t, str>> = None;
    let mut told = Told::default();
    if reader.sort()? != Sort::Object {
        return Err(reader.fault("a component is no object"));
    }
    reader.object("component", |reader, key| {
        match key {
            "bom-ref" => part.id = reader.maybe_text("bom-ref")?,
            "type" => part.sort = reader.text("type")?.into_owned(),
            "group" => group = reader.maybe_text("group")?,
            "name" => {
                part.line = reader.line();
                part.name = reader.text("name")?;
            }
            "version" => part.version = reader.maybe_text("version")?,
            "versionRange" => part.range = reader.maybe_text("versionRange")?,
            "scope" => {
                let line = reader.line();
                if let Some(text) = reader.maybe_text("scope")? {
                    part.scope = scope(&text, line)?;
                }
            }
            "purl" => {
                let line = reader.line();
                if let Some(purl) = reader.maybe_text("purl")?
                    && !purl.is_empty()
                {
                    part.purls.push((purl, line));
                }
            }
            "licenses" => {
                reader.list("licenses", |reader| license(reader, &mut part.licenses))?;
            }
            "hashes" => reader.list("hashes", |reader| {
                let (algorithm, digits) = pair(reader, "hashes", "alg", "content")?;
                told.hash(&algorithm, &digits);
                Ok(())
            })?,
            "properties" => properties(reader, &mut told)?,
            "evidence" => reader.object("evidence", |reader, key| match key {
                "occurrences" => {
                    reader.list("occurrences", |reader| occurrence(reader, &mut occurrences))
                }
                _ => reader.skip(),
            })?,
            "components" => inner = components(reader, assembly)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    if let Some(group) = group.filter(|group| !group.is_empty() && part.purls.is_empty()) {
        part.name = Cow::Owned(format!("{group}/{}", part.name));
    }
    for (path, line) in &occurrences {
        told.occurrence(path, *line);
    }
    let name = part.name.clone();
    let id = assembly.part(part)?;
    assembly.tell(id, &told);
    for child in inner {
        assembly.nested(id, child, line)?;
    }
    Ok((id, name))
}

/// `{license: {id | name}}` or `{expression}`.
fn license(reader: &mut Reader<'_>, licenses: &mut Vec<String>) -> Result<(), CatalogError> {
    let mut add = |text: Option<Cow<'_, str>>| {
        if let Some(text) = text.filter(|text| !text.is_empty() && licenses.len() < 64) {
            licenses.push(text.into_owned());
        }
    };
    reader.object("licenses", |reader, key| match key {
        "license" => reader.object("license", |reader, key| {
            match key {
                "id" | "name" => add(reader.text_or_skip()?),
                _ => reader.skip()?,
            }
            Ok(())
        }),
        "expression" => {
            add(reader.text_or_skip()?);
            Ok(())
        }
        _ => reader.skip(),
    })
}

fn properties(reader: &mut Reader<'_>, told: &mut Told) -> Result<(), CatalogError> {
    reader.list("properties", |reader| {
        let (name, value) = pair(reader, "properties", "name", "value")?;
        told.property(&name, &value);
        Ok(())
    })
}

/// Two texts of an object; one that is missing, or no text, is empty.
fn pair<'t>(
    reader: &mut Reader<'t>,
    what: &str,
    one: &str,
    two: &str,
) -> Result<(Cow<'t, str>, Cow<'t, str>), CatalogError> {
    let (mut first, mut second) = (None, None);
    reader.object(what, |reader, key| {
        if key == one {
            first = reader.text_or_skip()?;
        } else if key == two {
            second = reader.text_or_skip()?;
        } else {
            reader.skip()?;
        }
        Ok(())
    })?;
    Ok((first.unwrap_or_default(), second.unwrap_or_default()))
}

/// Where a component was found: `evidence.occurrences`, from 1.5 on.
fn occurrence<'t>(
    reader: &mut Reader<'t>,
    into: &mut Vec<(Cow<'t, str>, Option<u32>)>,
) -> Result<(), CatalogError> {
    let (mut path, mut line) = (None, None);
    reader.object("occurrences", |reader, key| {
        match key {
            "location" => path = reader.text_or_skip()?,
            "line" => line = reader.number_or_skip()?.and_then(|text| text.parse().ok()),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    into.extend(path.filter(|path| !path.is_empty()).map(|path| (path, line)));
    Ok(())
}

/// `aggregate` of a composition: `incomplete` and its kinds say that parts are missing (bom-1.6, `aggregateType`).
fn composition(
    reader: &mut Reader<'_>,
    assembly: &mut Assembly<'_, '_>,
) -> Result<(), CatalogError> {
    reader.object("compositions", |reader, key| {
        if key != "aggregate" {
            return reader.skip();
        }
        let line = reader.line();
        if reader.text_or_skip()?.is_some_and(|text| text.starts_with("incomplete")) {
            assembly.incomplete(line);
        }
        Ok(())
    })
}

/// A service is no component, but dependencies may name it.
fn services<'t>(
    reader: &mut Reader<'t>,
    assembly: &mut Assembly<'t, '_>,
) -> Result<(), CatalogError> {
    reader.list("services", |reader| {
        reader.object("service", |reader, key| match key {
            "bom-ref" => {
                if let Some(name) = reader.maybe_text("bom-ref")? {
                    assembly.define(name);
                }
                Ok(())
            }
            "services" => services(reader, assembly),
            _ => reader.skip(),
        })
    })
}

fn dependency<'t>(
    reader: &mut Reader<'t>,
    assembly: &mut Assembly<'t, '_>,
) -> Result<(), CatalogError> {
    reader.sort()?;
    let line = reader.line();
    let mut from = None;
    let mut on = Vec::new();
    reader.object("dependencies", |reader, key| {
        match key {
            "ref" => from = Some(reader.text("ref")?),
            "dependsOn" => reader.list("dependsOn", |reader| {
                reader.sort()?;
                let line = reader.line();
                let name = reader.text("dependsOn")?;
                on.push((assembly.id(name), line));
                Ok(())
            })?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let Some(from) = from else {
        return Err(CatalogError::at(line, "a dependency without `ref`"));
    };
    let from = assembly.id(from);
    assembly.tells(from);
    for (to, line) in on {
        assembly.relation(from, to, line, None)?;
    }
    Ok(())
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

    const BOM: &str = include_str!("../testdata/sbom/app.cdx.json");

    #[test]
    fn components_with_lines_scopes_licences_and_parents() {
        let catalog = catalog_text(&Sbom, "app.cdx.json", BOM);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/%40babel/core@7.0.0:36 direct=true scope=dev parents=[]",
                "pkg:npm/express@4.17.1:44 direct=true scope=runtime parents=[]",
                "pkg:npm/qs@6.7.0:55 direct=false parents=[pkg:npm/express@4.17.1]",
                "pkg:maven/org.acme/inner@1.0:68 direct=false parents=[pkg:maven/org.acme/outer@2.0?type=jar]",
                "pkg:maven/org.acme/outer@2.0?type=jar:62 direct=false scope=optional parents=[]",
            ]
        );
        assert_eq!(catalog.packages[1].licenses, ["MIT", "Apache-2.0 OR MIT", "Acme licence"]);
        assert_eq!(
            gaps(&catalog),
            [
                "74 unpinned: `acme/nginx` has no package URL: no advisory can be matched to it",
                "81 unreadable: `pkg:nonsense` is not a package URL: there is no `/` after the type",
                "87 unpinned: `pkg:npm/ranged` has no version (only the range vers:npm/>=1): no advisory can be judged",
            ]
        );
    }

    fn bom(rest: &str) -> String {
        format!("{{\n\"bomFormat\": \"CycloneDX\",\n\"specVersion\": \"1.5\",\n{rest}\n}}")
    }

    fn gaps_of(rest: &str) -> Vec<String> {
        gaps(&catalog_text(&Sbom, "bom.json", &bom(rest)))
    }

    #[test]
    fn relations_to_nothing_and_repeated_references_are_told() {
        let a = r#"{"bom-ref": "a", "type": "library", "name": "a", "purl": "pkg:npm/a@1"}"#;
        let b = r#"{"bom-ref": "a", "type": "library", "name": "b", "purl": "pkg:npm/b@1"}"#;
        assert_eq!(
            gaps_of(&format!(
                "\"components\": [{a}],\n\"dependencies\": [{{\"ref\": \"a\", \"dependsOn\": [\n\"gone\"]}}]"
            )),
            ["6 unreadable: a dependency names `gone`, which the document does not describe"]
        );
        assert_eq!(
            gaps_of(&format!("\"components\": [{a},\n{b}]")),
            ["5 unreadable: the identifier `a` is given twice"]
        );
        assert_eq!(gaps_of(&format!("\"components\": [{a},\n{a}]")), [""; 0]);
        let file = r#"{"bom-ref": "a", "type": "file", "name": "a"}"#;
        let nameless = r#"{"bom-ref": "a", "type": "library", "name": "b"}"#;
        assert_eq!(
            gaps_of(&format!("\"components\": [{file},\n{nameless}]")),
            ["5 unreadable: the identifier `a` is given twice"]
        );
    }

    #[test]
    fn what_the_document_is_about_is_no_component_even_when_repeated() {
        let root = r#"{"bom-ref": "r", "type": "application", "name": "r", "purl": "pkg:npm/r@1"}"#;
        let a = r#"{"type": "library", "name": "a", "purl": "pkg:npm/a@1"}"#;
        let text = bom(&format!(
            "\"components\": [{root}, {a}],\n\"metadata\": {{\"component\": {root}}}"
        ));
        let catalog = catalog_text(&Sbom, "bom.json", &text);
        assert_eq!(lines(&catalog), ["pkg:npm/a@1:4 parents=[]"]);
    }

    #[test]
    fn groups_are_seen_through_to_tell_what_is_direct() {
        let text = bom(
            r#""metadata": {"component": {"bom-ref": "root", "type": "application", "name": "root"}},
            "components": [
            {"bom-ref": "lock", "type": "application", "name": "package-lock.json"},
            {"bom-ref": "a", "type": "library", "name": "a", "purl": "pkg:npm/a@1"},
            {"bom-ref": "b", "type": "library", "name": "b", "purl": "pkg:npm/b@1"}],
            "dependencies": [{"ref": "root", "dependsOn": ["lock"]}, {"ref": "lock", "dependsOn": ["a"]},
            {"ref": "a", "dependsOn": ["b"]}, {"ref": "b", "dependsOn": ["a"]}]"#,
        );
        let catalog = catalog_text(&Sbom, "bom.json", &text);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/a@1:7 direct=true parents=[pkg:npm/b@1]",
                "pkg:npm/b@1:8 direct=false parents=[pkg:npm/a@1]",
            ]
        );
        assert_eq!(gaps(&catalog), [""; 0]);
    }

    #[test]
    fn a_document_about_nothing_is_a_gap() {
        let empty = ["0 unreadable: it lists no component and does not say what it is about"];
        assert_eq!(gaps_of("\"version\": 1"), empty);
        assert_eq!(gaps_of("\"components\": []"), empty);
        let about = r#""metadata": {"component": {"type": "application", "name": "a"}}"#;
        assert_eq!(gaps_of(about), [""; 0]);
        assert_eq!(gaps_of(&format!("{about}, \"components\": []")), [""; 0]);
        let vex = catalog_text(&Sbom, "x.cdx.json", &bom("\"vulnerabilities\": []"));
        assert!(gaps(&vex).is_empty() && vex.is_passed_over());
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&Sbom, "x.cdx.json", text);
        assert_eq!(fails(""), "not a CycloneDX or SPDX document, or cut off");
        assert_eq!(
            fails("{\n\"bomFormat\": \"CycloneDX\",\n\"specVersion\": \"1.1\"}"),
            "3: CycloneDX 1.1 is not known: 1.2 to 1.7 are"
        );
        assert_eq!(fails("{\"bomFormat\": \"CycloneDX\"}"), "`specVersion` is missing");
        assert_eq!(fails(&bom("\"components\": [\n7]")), "5: a component is no object");
        assert_eq!(
            fails(&bom("\"components\": [],\n\"components\": []")),
            "5: the key `components` is given twice"
        );
        assert_eq!(fails(&bom("\"dependencies\": [\n{}]")), "5: a dependency without `ref`");
        let cut = &BOM[..BOM.len() / 2];
        assert!(fails(cut).ends_with("the file ends in the middle of a value"), "{}", fails(cut));
    }
}
