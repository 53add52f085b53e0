use std::{borrow::Cow, collections::BTreeMap};

use secgate_formats::spdx3::{
    Annotation, CONTEXT, CREATION, Collection, CreationInfo, DictionaryEntry, Element,
    Graph as Document, Hash, LicenseExpression, LicensingText, Named, Package, Relationship,
};
use secgate_model::TargetKind;

use super::{
    graph::{Graph, foreign_parents, hashes, names, places, target_purl, target_version},
    license_form::{declared, identifier, is_whole},
    properties::{self, Left, Property},
    write::{SbomInput, seconds},
    write_spdx::source_info,
};

/// The document under an identity that all names of elements begin with.
pub(crate) fn spdx3<'a>(input: &SbomInput<'a>, graph: &Graph, identity: &str) -> Document<'a> {
    let inventory = input.inventory;
    let space = format!("https://spdx.org/spdxdocs/secgate-{identity}");
    let mut writer = Writer { space, elements: Vec::new(), relations: 0 };
    let completeness = (!inventory.unknowns.is_empty()).then_some("incomplete");
    writer.front(input);
    let root = writer.iri("root");
    writer.elements.push(Element::Package(root_package(input, root.clone())));
    if let Some(system) = input.operating_system() {
        let spdx_id = writer.iri("operating-system");
        writer.elements.push(Element::Package(group(
            spdx_id.clone(),
            system.id.into(),
            system.version.map(Cow::Borrowed),
            "operatingSystem",
        )));
        writer.relation(&root, "contains", vec![spdx_id], None);
    }
    let refs: Vec<String> = inventory
        .packages
        .iter()
        .map(|package| writer.iri(&name_of(&package.purl.to_string())))
        .collect();
    let named = |list: &[usize]| -> Vec<String> {
        list.iter().filter_map(|at| refs.get(*at)).cloned().collect()
    };
    for (at, part) in input.parts.iter().enumerate() {
        let spdx_id = writer.iri(&format!("part-{at}"));
        writer.elements.push(Element::Package(group(
            spdx_id.clone(),
            part.name.as_str().into(),
            None,
            "application",
        )));
        writer.relation(&spdx_id, "dependsOn", named(&places(part, inventory)), None);
        writer.relation(&root, "contains", vec![spdx_id], None);
    }
    writer.relation(&root, "dependsOn", named(&graph.roots), completeness);
    let mut licenses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut explained: BTreeMap<String, String> = BTreeMap::new();
    for (at, (package, iri)) in inventory.packages.iter().zip(&refs).enumerate() {
        let (known, other) = hashes(package);
        let (space, short) = names(&package.purl);
        writer.elements.push(Element::Package(Package {
            spdx_id: iri.clone(),
            creation_info: CREATION,
            name: space.map_or(short.clone(), |space| format!("{space}/{short}")).into(),
            version: package.purl.version().map(Cow::Borrowed),
            url: Some(package.purl.to_string()),
            purpose: "library",
            source_info: source_info(package),
            verified_using: known
                .into_iter()
                .map(|(algorithm, hash_value)| Hash::Hash { algorithm, hash_value })
                .collect(),
        }));
        let (license, texts) = declared(package);
        if let Some(expression) = license {
            let to = writer.iri(&format!("License-{}", identifier(&expression, 40)));
            writer.relation(iri, "hasDeclaredLicense", vec![to], None);
            let own = texts.iter().map(|(name, _)| name.clone()).collect();
            licenses.entry(expression).or_insert(own);
            explained.extend(texts);
        }
        let left = Left {
            scope: true,
            licenses: if is_whole(package) {
                Vec::new()
            } else {
                package.licenses.iter().map(String::as_str).collect()
            },
            hashes: other,
            parents: foreign_parents(package, inventory),
        };
        writer.note(iri, &properties::of_package(package, &left));
        let needs = graph.needs.get(at).map(Vec::as_slice).unwrap_or_default();
        writer.relation(iri, "dependsOn", named(needs), None);
    }
    writer.licenses(licenses, explained);
    Document { context: CONTEXT, graph: writer.elements }
}

/// Elements being written, and the space that their names lie in.
struct Writer<'a> {
    space: String,
    elements: Vec<Element<'a>>,
    relations: usize,
}

impl<'a> Writer<'a> {
    fn iri(&self, name: &str) -> String {
        format!("{}#{name}", self.space)
    }

    /// The elements about the document itself.
    fn front(&mut self, input: &SbomInput<'a>) {
        let agent = self.iri("secgate");
        self.elements.push(Element::CreationInfo(CreationInfo {
            id: CREATION,
            spec_version: "3.0.1",
            created: seconds(input.created),
            created_by: [agent.clone()],
        }));
        self.elements.push(Element::SoftwareAgent(Named {
            spdx_id: agent,
            creation_info: CREATION,
            name: format!("secgate-{}", input.tool_version).into(),
        }));
        let gaps = input.inventory.unknowns.len();
        let comment = (gaps > 0).then(|| {
            format!("Incomplete: {gaps} gaps; the document's annotation lists what was seen and not understood.")
        });
        let (document, sbom) = (self.space.clone(), self.iri("sbom"));
        self.elements.push(Element::SpdxDocument(Collection {
            spdx_id: document.clone(),
            creation_info: CREATION,
            name: input.target.name.as_str().into(),
            comment,
            profile_conformance: &["core", "software", "simpleLicensing"],
            root_element: [sbom.clone()],
            element: Vec::new(),
            sbom_type: &[],
        }));
        self.elements.push(Element::Sbom(Collection {
            spdx_id: sbom,
            creation_info: CREATION,
            name: input.target.name.as_str().into(),
            comment: None,
            profile_conformance: &[],
            root_element: [self.iri("root")],
            element: Vec::new(),
            sbom_type: &["analyzed"],
        }));
        self.note(&document, &properties::of_document(input.inventory));
    }

    fn relation(
        &mut self,
        from: &str,
        relationship_type: &'static str,
        to: Vec<String>,
        completeness: Option<&'static str>,
    ) {
        if to.is_empty() {
            return;
        }
        self.relations += 1;
        self.elements.push(Element::Relationship(Relationship {
            spdx_id: self.iri(&format!("Relationship-{}", self.relations)),
            creation_info: CREATION,
            from: from.to_owned(),
            relationship_type,
            to,
            completeness,
        }));
    }

    fn note(&mut self, subject: &str, all: &[Property<'_>]) {
        let name = subject.rsplit_once('#').map_or("document", |(_, name)| name);
        self.elements.push(Element::Annotation(Annotation {
            spdx_id: self.iri(&format!("Annotation-{name}")),
            creation_info: CREATION,
            annotation_type: "other",
            subject: subject.to_owned(),
            statement: properties::lines(all),
        }));
    }

    /// Each expression once, with the texts that its own names stand for.
    fn licenses(
        &mut self,
        licenses: BTreeMap<String, Vec<String>>,
        explained: BTreeMap<String, String>,
    ) {
        for (name, text) in explained {
            let spdx_id = self.iri(&name);
            let text = LicensingText { spdx_id, creation_info: CREATION, text };
            self.elements.push(Element::LicensingText(text));
        }
        for (expression, names) in licenses {
            let entry = |key: String| {
                let value = self.iri(&key);
                DictionaryEntry::DictionaryEntry { key, value }
            };
            let element = LicenseExpression {
                spdx_id: self.iri(&format!("License-{}", identifier(&expression, 40))),
                creation_info: CREATION,
                custom: names.into_iter().map(entry).collect(),
                expression,
                list_version: "3.27.0",
            };
            self.elements.push(Element::LicenseExpression(element));
        }
    }
}

/// A package that has parts and no purl.
fn group<'a>(
    spdx_id: String,
    name: Cow<'a, str>,
    version: Option<Cow<'a, str>>,
    purpose: &'static str,
) -> Package<'a> {
    Package {
        spdx_id,
        creation_info: CREATION,
        name,
        version,
        url: None,
        purpose,
        source_info: None,
        verified_using: Vec::new(),
    }
}

fn name_of(purl: &str) -> String {
    format!("Package-{}", identifier(purl.strip_prefix("pkg:").unwrap_or(purl), 60))
}

fn root_package<'a>(input: &SbomInput<'a>, spdx_id: String) -> Package<'a> {
    let target = input.target;
    let digest = target.digest.as_ref();
    let is_image = target.kind == TargetKind::Image;
    Package {
        spdx_id,
        creation_info: CREATION,
        name: target.name.as_str().into(),
        version: target_version(target).map(Cow::Borrowed),
        url: target_purl(target).map(|purl| purl.to_string()),
        purpose: if is_image { "container" } else { "application" },
        source_info: target.revision.as_ref().map(|revision| format!("git revision {revision}")),
        verified_using: digest
            .map(|digest| Hash::Hash { algorithm: "sha256", hash_value: digest.hex() })
            .into_iter()
            .collect(),
    }
}
