use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use secgate_model::Scope;

use super::{
    assembly::{Assembly, Part},
    json::{Reader, Sort},
    properties::Told,
    spdx::{Relations, purpose, said},
};
use crate::{Catalog, CatalogError};

/// Reads SPDX 3.0 JSON-LD in the form that its context prescribes: `@context` and a flat `@graph`, or one element at the top
/// (SPDX 3.0.1, "Serialization").
pub(crate) fn catalog_spdx3_json(text: &str, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let mut reader = Reader::new(text);
    let mut document = Spdx3 {
        assembly: Assembly::new(catalog),
        relations: Relations::default(),
        licenses: HashMap::new(),
        licensed: Vec::new(),
        documents: HashSet::new(),
        notes: Vec::new(),
    };
    let mut context = false;
    let read = reader.object("the document", |reader, key| {
        match key {
            "@context" => {
                let line = reader.line();
                check_context(&reader.text("@context")?, line)?;
                context = true;
            }
            "@graph" => reader.list("@graph", |reader| document.element(reader))?,
            _ => reader.skip()?,
        }
        Ok(())
    });
    let read = read.and_then(|()| reader.end());
    let missing = || CatalogError::whole("`@context` is missing");
    document.finish(read.and_then(|()| context.then_some(()).ok_or_else(missing)))
}

fn check_context(text: &str, line: u32) -> Result<(), CatalogError> {
    let known = text
        .strip_prefix("https://spdx.org/rdf/3.0")
        .is_some_and(|rest| rest.ends_with("/spdx-context.jsonld"));
    if known {
        return Ok(());
    }
    Err(CatalogError::at(line, "`@context` is not that of SPDX 3.0"))
}

struct Spdx3<'t, 'c> {
    assembly: Assembly<'t, 'c>,
    relations: Relations<'t>,
    /// Licence expressions by their `spdxId`.
    licenses: HashMap<Cow<'t, str>, Cow<'t, str>>,
    /// Element and licence, until all are known.
    licensed: Vec<(u32, Cow<'t, str>)>,
    /// The names of the document and of the collections in it.
    documents: HashSet<u32>,
    /// Element, annotation and its line, until all elements are known.
    notes: Vec<(u32, Cow<'t, str>, u32)>,
}

/// The members that any of the classes that matter has.
#[derive(Default)]
struct Element<'t> {
    class: Option<Cow<'t, str>>,
    part: Part<'t>,
    expression: Option<Cow<'t, str>>,
    roots: Vec<(Cow<'t, str>, u32)>,
    from: Option<Cow<'t, str>>,
    kind: Option<Cow<'t, str>>,
    to: Vec<(Cow<'t, str>, u32)>,
    scope: Option<Cow<'t, str>>,
    subject: Option<Cow<'t, str>>,
    statement: Option<Cow<'t, str>>,
    told: Told,
}

impl<'t> Spdx3<'t, '_> {
    fn element(&mut self, reader: &mut Reader<'t>) -> Result<(), CatalogError> {
        reader.sort()?;
        let line = reader.line();
        let mut element = Element::default();
        element.part.line = line;
        reader.object("@graph", |reader, key| member(reader, key, &mut element))?;
        let Some(class) = element.class.take() else {
            return Err(CatalogError::at(line, "an element without `type`"));
        };
        match class.as_ref() {
            "software_Package" | "ai_AIPackage" | "dataset_DatasetPackage" => {
                if element.part.sort.is_empty() {
                    match class.as_ref() {
                        "ai_AIPackage" => element.part.sort.push_str("model"),
                        "dataset_DatasetPackage" => element.part.sort.push_str("data"),
                        _ => {}
                    }
                }
                let id = self.assembly.part(element.part)?;
                self.assembly.tell(id, &element.told);
            }
            "Relationship" | "LifecycleScopedRelationship" => {
                self.relationship(element, line)?;
            }
            "SpdxDocument" | "software_Sbom" | "Bom" | "Bundle" => {
                if class == "SpdxDocument" {
                    self.assembly.subject(&element.part.name);
                }
                if let Some(name) = element.part.id {
                    let id = self.assembly.define(name);
                    self.documents.insert(id);
                }
                for (root, line) in element.roots {
                    self.relations.describes(root, line);
                }
            }
            "Annotation" => {
                if let (Some(subject), Some(text)) = (element.subject, element.statement) {
                    let id = self.assembly.id(subject);
                    self.notes.push((id, text, line));
                }
                if let Some(name) = element.part.id {
                    self.assembly.define(name);
                }
            }
            "simplelicensing_LicenseExpression" => {
                if let (Some(id), Some(text)) = (element.part.id, element.expression) {
                    self.assembly.define(id.clone());
                    self.licenses.insert(id, text);
                }
            }
            _ => {
                if let Some(name) = element.part.id {
                    self.assembly.define(name);
                }
            }
        }
        Ok(())
    }

    fn relationship(&mut self, element: Element<'t>, line: u32) -> Result<(), CatalogError> {
        let (Some(from), Some(kind)) = (element.from, element.kind) else {
            return Err(CatalogError::at(
                line,
                "a relationship needs `from` and `relationshipType`",
            ));
        };
        let scope = match element.scope.as_deref() {
            Some("development" | "build" | "test" | "design") => Some(Scope::Dev),
            Some("runtime") => Some(Scope::Runtime),
            _ => None,
        };
        for (to, line) in element.to {
            if matches!(kind.as_ref(), "hasDeclaredLicense" | "hasConcludedLicense") {
                let from = self.assembly.id(from.clone());
                self.licensed.push((from, to));
            } else {
                self.relations.add(&mut self.assembly, from.clone(), &kind, to, line, scope)?;
            }
        }
        Ok(())
    }

    fn finish(mut self, read: Result<(), CatalogError>) -> Result<(), CatalogError> {
        for (id, licence) in &self.licensed {
            // A licence of SPDX's own list is named by its IRI and needs no element.
            let text = self.licenses.get(licence).map(Cow::as_ref).or_else(|| {
                licence
                    .strip_prefix("https://spdx.org/licenses/")
                    .or_else(|| licence.strip_prefix("http://spdx.org/licenses/"))
            });
            if let Some(text) = text.and_then(|text| said(Cow::Borrowed(text))) {
                self.assembly.license(*id, &text);
            }
        }
        for (id, text, line) in &self.notes {
            let mut told = Told::default();
            told.annotation(text);
            if self.documents.contains(id) {
                self.assembly.document(told, *line);
            } else {
                self.assembly.tell(*id, &told);
            }
        }
        if read.is_ok() {
            self.relations.mark_roots(&mut self.assembly);
        }
        self.assembly.finish(read)
    }
}

fn member<'t>(
    reader: &mut Reader<'t>,
    key: &str,
    element: &mut Element<'t>,
) -> Result<(), CatalogError> {
    let part = &mut element.part;
    match key {
        "type" | "@type" => element.class = Some(reader.text("type")?),
        "spdxId" | "@id" => part.id = Some(reader.text("spdxId")?),
        "name" => {
            part.line = reader.line();
            part.name = reader.text("name")?;
        }
        "software_packageVersion" => {
            part.version = reader.maybe_text("software_packageVersion")?.and_then(said);
        }
        "software_packageUrl" => {
            let line = reader.line();
            if let Some(text) = reader.maybe_text("software_packageUrl")?.and_then(said)
                && !part.purls.iter().any(|(known, _)| *known == text)
            {
                part.purls.push((text, line));
            }
        }
        "software_primaryPurpose" => part.sort = purpose(&reader.text("software_primaryPurpose")?),
        "externalIdentifier" => {
            reader.list("externalIdentifier", |reader| identifier(reader, part))?;
        }
        "simplelicensing_licenseExpression" => {
            element.expression = Some(reader.text("simplelicensing_licenseExpression")?);
        }
        "verifiedUsing" => reader.list("verifiedUsing", |reader| {
            let (mut algorithm, mut digits) = (None, None);
            reader.object("verifiedUsing", |reader, key| {
                match key {
                    "algorithm" => algorithm = reader.text_or_skip()?,
                    "hashValue" => digits = reader.text_or_skip()?,
                    _ => reader.skip()?,
                }
                Ok(())
            })?;
            if let (Some(algorithm), Some(digits)) = (algorithm, digits) {
                element.told.hash(&algorithm, &digits);
            }
            Ok(())
        })?,
        "subject" => element.subject = reader.text_or_skip()?,
        "statement" => element.statement = reader.text_or_skip()?,
        "rootElement" => names(reader, "rootElement", &mut element.roots)?,
        "from" => element.from = Some(reader.text("from")?),
        "to" => names(reader, "to", &mut element.to)?,
        "relationshipType" => element.kind = Some(reader.text("relationshipType")?),
        "scope" => element.scope = reader.text_or_skip()?,
        _ => reader.skip()?,
    }
    Ok(())
}

/// One name or a list of names.
fn names<'t>(
    reader: &mut Reader<'t>,
    what: &str,
    into: &mut Vec<(Cow<'t, str>, u32)>,
) -> Result<(), CatalogError> {
    if reader.sort()? == Sort::Text {
        let line = reader.line();
        into.push((reader.text(what)?, line));
        return Ok(());
    }
    reader.list(what, |reader| {
        reader.sort()?;
        let line = reader.line();
        into.push((reader.text(what)?, line));
        Ok(())
    })
}

fn identifier<'t>(reader: &mut Reader<'t>, part: &mut Part<'t>) -> Result<(), CatalogError> {
    let mut is_purl = false;
    let mut text = None;
    reader.object("externalIdentifier", |reader, key| {
        match key {
            "externalIdentifierType" => {
                is_purl = reader.text_or_skip()?.as_deref() == Some("packageUrl");
            }
            "identifier" => {
                let line = reader.line();
                text = Some((reader.text("identifier")?, line));
            }
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    if let Some(text) = text.filter(|_| is_purl)
        && !part.purls.iter().any(|(known, _)| *known == text.0)
    {
        part.purls.push(text);
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

    const DOCUMENT: &str = include_str!("../testdata/sbom/app.spdx3.json");

    #[test]
    fn packages_with_lines_licences_and_relations() {
        let catalog = catalog_text(&Sbom, "app.spdx3.json", DOCUMENT);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/minimist@1.2.0:38 direct=true scope=dev parents=[]",
                "pkg:npm/mkdirp@0.5.1:45 direct=true parents=[]",
            ]
        );
        assert_eq!(catalog.packages[0].licenses, ["MIT"]);
        assert_eq!(
            gaps(&catalog),
            ["57 unpinned: `home-made` has no package URL: no advisory can be matched to it"]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&Sbom, "x.spdx3.json", text);
        let context = "\"@context\": \"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"";
        assert_eq!(
            fails("{\n\"@context\": \"https://spdx.org/rdf/4.0/spdx-context.jsonld\"}"),
            "2: `@context` is not that of SPDX 3.0"
        );
        assert_eq!(
            fails(&format!("{{{context}, \"@graph\": [\n{{}}]}}")),
            "2: an element without `type`"
        );
        assert_eq!(
            fails(&format!("{{{context}, \"@graph\": [\n{{\"type\": \"Relationship\"}}]}}")),
            "2: a relationship needs `from` and `relationshipType`"
        );
        assert!(fails(&DOCUMENT[..DOCUMENT.len() - 5]).ends_with("in the middle of a value"));
    }
}
