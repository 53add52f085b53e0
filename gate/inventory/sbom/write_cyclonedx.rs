use std::borrow::Cow;

use secgate_formats::cyclonedx::{
    Bom, Component, Composition, Dependency, Evidence, Hash, License, LicenseChoice, Metadata,
    Occurrence, Property, SpecVersion, Tool, Tools,
};
use secgate_model::{Package, Scope, TargetKind};

use super::{
    graph::{Graph, foreign_parents, hashes, names, places, target_purl, target_version},
    license_form::{Form, form},
    properties::{self, Left},
    write::{SbomInput, seconds},
};

/// The root's own name in the document. Packages are named by their purls, so none can be called so.
const ROOT: &str = "secgate:root";
const SYSTEM: &str = "secgate:operating-system";

/// The document, all but its serial number.
pub(crate) fn cyclonedx<'a>(input: &SbomInput<'a>, graph: &Graph, version: SpecVersion) -> Bom<'a> {
    let inventory = input.inventory;
    let refs: Vec<String> =
        inventory.packages.iter().map(|package| package.purl.to_string()).collect();
    let mut components: Vec<Component<'_>> = Vec::with_capacity(refs.len() + 1);
    let mut dependencies = Vec::with_capacity(refs.len() + 1);
    let named = |list: &[usize]| -> Vec<Cow<'a, str>> {
        list.iter().filter_map(|at| refs.get(*at)).map(|name| name.clone().into()).collect()
    };
    let mut roots = named(&graph.roots);
    if let Some(system) = input.operating_system() {
        components.push(Component {
            sort: "operating-system",
            bom_ref: Some(SYSTEM.into()),
            name: system.id.into(),
            version: system.version.map(Cow::Borrowed),
            ..Component::default()
        });
        roots.insert(0, SYSTEM.into());
    }
    // No version and no purl: a reader takes it for a group, and sees through it.
    for (at, part) in input.parts.iter().enumerate() {
        let name: Cow<'_, str> = format!("secgate:part:{at}").into();
        components.push(Component {
            sort: "application",
            bom_ref: Some(name.clone()),
            name: part.name.as_str().into(),
            ..Component::default()
        });
        dependencies
            .push(Dependency { from: name.clone(), depends_on: named(&places(part, inventory)) });
        roots.push(name);
    }
    dependencies.push(Dependency { from: ROOT.into(), depends_on: roots });
    for (at, (package, name)) in inventory.packages.iter().zip(&refs).enumerate() {
        let parents = foreign_parents(package, inventory);
        components.push(component(package, name, parents, version));
        let needs = graph.needs.get(at).map(Vec::as_slice).unwrap_or_default();
        dependencies.push(Dependency { from: name.clone().into(), depends_on: named(needs) });
    }
    // Never "complete": what no file tells, nobody can count.
    let aggregate = if inventory.unknowns.is_empty() { "unknown" } else { "incomplete" };
    Bom {
        schema: version.json_schema(),
        bom_format: "CycloneDX",
        spec_version: version,
        serial_number: String::new(),
        version: 1,
        metadata: Metadata {
            timestamp: seconds(input.created),
            tools: tools(input.tool_version, version),
            component: root(input),
            properties: take(properties::of_document(inventory)),
        },
        components,
        dependencies,
        compositions: vec![Composition { aggregate, assemblies: vec![ROOT] }],
    }
}

fn tools(tool_version: &str, version: SpecVersion) -> Tools<'_> {
    if version == SpecVersion::V1_4 {
        return Tools::List([Tool { vendor: "secgate", name: "secgate", version: tool_version }]);
    }
    Tools::Components {
        components: [Component {
            sort: "application",
            group: Some("secgate".into()),
            name: "secgate".into(),
            version: Some(tool_version.into()),
            ..Component::default()
        }],
    }
}

fn root<'a>(input: &SbomInput<'a>) -> Component<'a> {
    let target = input.target;
    let purl = target_purl(target);
    let mut all = Vec::new();
    if let Some(revision) = &target.revision {
        all.push(("secgate:revision".into(), revision.as_str().into()));
    }
    let digest = target.digest.as_ref();
    Component {
        sort: if target.kind == TargetKind::Image { "container" } else { "application" },
        bom_ref: Some(ROOT.into()),
        name: target.name.as_str().into(),
        version: target_version(target).map(Cow::Borrowed),
        hashes: digest
            .map(|digest| Hash { alg: "SHA-256", content: digest.hex() })
            .into_iter()
            .collect(),
        purl: purl.map(|purl| purl.to_string().into()),
        properties: take(all),
        ..Component::default()
    }
}

fn component<'a>(
    package: &'a Package,
    name: &str,
    parents: Vec<&'a secgate_model::Purl>,
    version: SpecVersion,
) -> Component<'a> {
    let (known, other) = hashes(package);
    let left = Left { hashes: other, parents, ..Left::default() };
    let (group, short) = names(&package.purl);
    let places = package.locations.iter().filter(|place| !place.path.is_empty());
    let occurrences: Vec<Occurrence<'_>> = places
        .map(|place| Occurrence {
            location: &place.path,
            line: place.line.filter(|_| version >= SpecVersion::V1_6),
        })
        .collect();
    let has_evidence = version >= SpecVersion::V1_5 && !occurrences.is_empty();
    Component {
        sort: "library",
        bom_ref: Some(name.to_owned().into()),
        group: group.map(Cow::Borrowed),
        name: short.into(),
        version: package.purl.version().map(Cow::Borrowed),
        scope: match package.scope {
            Scope::Runtime => Some("required"),
            Scope::Optional => Some("optional"),
            Scope::Dev => Some("excluded"),
            Scope::Unknown => None,
        },
        hashes: known
            .into_iter()
            .map(|(algorithm, content)| Hash {
                alg: match algorithm {
                    "sha1" => "SHA-1",
                    "sha384" => "SHA-384",
                    "sha512" => "SHA-512",
                    _ => "SHA-256",
                },
                content,
            })
            .collect(),
        licenses: licenses(package, version),
        purl: Some(name.to_owned().into()),
        properties: take(properties::of_package(package, &left)),
        evidence: has_evidence.then_some(Evidence { occurrences }),
    }
}

/// Up to 1.6 the list holds single licences or else one expression (bom-1.6, `licenseChoice`); from 1.7 on both. What is an
/// expression among others is written as a name before.
fn licenses(package: &Package, version: SpecVersion) -> Vec<LicenseChoice<'_>> {
    let alone = package.licenses.len() == 1 || version >= SpecVersion::V1_7;
    let texts = package.licenses.iter().filter(|text| !text.is_empty());
    texts
        .map(|text| match form(text) {
            Form::Id => LicenseChoice::License(License::Id(text)),
            Form::Expression if alone => LicenseChoice::Expression(text),
            _ => LicenseChoice::License(License::Name(text)),
        })
        .collect()
}

fn take(properties: Vec<properties::Property<'_>>) -> Vec<Property<'_>> {
    properties.into_iter().map(|(name, value)| Property { name, value }).collect()
}
