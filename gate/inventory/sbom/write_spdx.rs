use std::{borrow::Cow, collections::BTreeMap};

use secgate_formats::spdx::{
    Annotation, Checksum, CreationInfo, Document, ExternalRef, ExtractedLicense, Package,
    Relationship,
};
use secgate_model::TargetKind;

use super::{
    graph::{Graph, foreign_parents, hashes, names, places, target_purl, target_version},
    license_form::{LIST_VERSION, declared, identifier, is_whole},
    properties::{self, Left, Property},
    write::{SbomInput, seconds},
};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-root";
const SYSTEM: &str = "SPDXRef-operating-system";
const UNSAID: &str = "NOASSERTION";

/// The document, all but its name space.
pub(crate) fn spdx<'a>(input: &SbomInput<'a>, graph: &Graph) -> Document<'a> {
    let inventory = input.inventory;
    let created = seconds(input.created);
    let creator = format!("Tool: secgate-{}", word(input.tool_version));
    let note = |all: &[Property<'_>]| Annotation {
        annotation_date: created.clone(),
        annotation_type: "OTHER",
        annotator: creator.clone(),
        comment: properties::lines(all),
    };
    let refs: Vec<String> =
        inventory.packages.iter().map(|package| reference(&package.purl.to_string())).collect();
    let mut packages = Vec::with_capacity(refs.len() + 2);
    packages.push(root(input));
    let mut relations = vec![relation(DOCUMENT, "DESCRIBES", ROOT)];
    if let Some(system) = input.operating_system() {
        packages.push(Package {
            id: SYSTEM.to_owned(),
            name: system.id.into(),
            version_info: system.version.map(Cow::Borrowed),
            primary_package_purpose: "OPERATING_SYSTEM",
            ..unsaid()
        });
        relations.push(relation(ROOT, "CONTAINS", SYSTEM));
    }
    for (at, part) in input.parts.iter().enumerate() {
        let id = format!("SPDXRef-part-{at}");
        packages.push(Package {
            id: id.clone(),
            name: part.name.as_str().into(),
            primary_package_purpose: "APPLICATION",
            ..unsaid()
        });
        relations.push(relation(ROOT, "CONTAINS", &id));
        for need in places(part, inventory).into_iter().filter_map(|at| refs.get(at)) {
            relations.push(relation(&id, "DEPENDS_ON", need));
        }
    }
    for name in graph.roots.iter().filter_map(|at| refs.get(*at)) {
        relations.push(relation(ROOT, "DEPENDS_ON", name));
    }
    let mut explained: BTreeMap<String, String> = BTreeMap::new();
    for (at, (package, name)) in inventory.packages.iter().zip(&refs).enumerate() {
        let (license, texts) = declared(package);
        explained.extend(texts);
        let (known, other) = hashes(package);
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
        let (space, short) = names(&package.purl);
        packages.push(Package {
            id: name.clone(),
            name: space.map_or(short.clone(), |space| format!("{space}/{short}")).into(),
            version_info: package.purl.version().map(Cow::Borrowed),
            primary_package_purpose: "LIBRARY",
            checksums: known.into_iter().map(|(name, digits)| checksum(name, digits)).collect(),
            source_info: source_info(package),
            license_declared: license.unwrap_or_else(|| UNSAID.to_owned()),
            external_refs: vec![purl(package.purl.to_string())],
            annotations: vec![note(&properties::of_package(package, &left))],
            ..unsaid()
        });
        for child in graph.needs.get(at).into_iter().flatten().filter_map(|at| refs.get(*at)) {
            relations.push(relation(name, "DEPENDS_ON", child));
        }
    }
    let gaps = inventory.unknowns.len();
    Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: input.target.name.as_str().into(),
        document_namespace: String::new(),
        creation_info: CreationInfo {
            created: created.clone(),
            creators: [creator.clone()],
            license_list_version: LIST_VERSION,
        },
        comment: (gaps > 0).then(|| {
            format!("Incomplete: {gaps} gaps; the document's annotation lists what was seen and not understood.")
        }),
        annotations: vec![note(&properties::of_document(inventory))],
        packages,
        has_extracted_licensing_infos: explained
            .into_iter()
            .map(|(license_id, extracted_text)| ExtractedLicense {
                license_id,
                extracted_text,
                name: UNSAID,
            })
            .collect(),
        relationships: relations,
    }
}

/// A package of which nothing is said.
fn unsaid<'a>() -> Package<'a> {
    Package {
        download_location: UNSAID,
        license_concluded: UNSAID,
        license_declared: UNSAID.to_owned(),
        copyright_text: UNSAID,
        ..Package::default()
    }
}

fn root<'a>(input: &SbomInput<'a>) -> Package<'a> {
    let target = input.target;
    let digest = target.digest.as_ref();
    let revision = target.revision.as_ref().map(|revision| format!("git revision {revision}"));
    let is_image = target.kind == TargetKind::Image;
    Package {
        id: ROOT.to_owned(),
        name: target.name.as_str().into(),
        version_info: target_version(target).map(Cow::Borrowed),
        primary_package_purpose: if is_image { "CONTAINER" } else { "APPLICATION" },
        checksums: digest.map(|digest| checksum("sha256", digest.hex())).into_iter().collect(),
        source_info: revision,
        external_refs: target_purl(target).map(|text| purl(text.to_string())).into_iter().collect(),
        ..unsaid()
    }
}

/// The name of a package in the document: letters, digits, `.` and `-` alone (clause 7.2), and no other purl's.
pub(crate) fn reference(purl: &str) -> String {
    let plain = purl.strip_prefix("pkg:").unwrap_or(purl);
    format!("SPDXRef-Package-{}", identifier(plain, 60))
}

/// The first places, for a person; all of them are in the annotation.
pub(crate) fn source_info(package: &secgate_model::Package) -> Option<String> {
    let places = package.locations.iter().filter(|place| !place.path.is_empty());
    let shown: Vec<String> = places
        .take(3)
        .map(|place| {
            place.line.map_or_else(|| place.path.clone(), |line| format!("{}:{line}", place.path))
        })
        .collect();
    let more = if package.locations.len() > 3 { ", …" } else { "" };
    (!shown.is_empty()).then(|| format!("found in {}{more}", shown.join(", ")))
}

fn checksum<'a>(algorithm: &str, checksum_value: &'a str) -> Checksum<'a> {
    let algorithm = match algorithm {
        "sha1" => "SHA1",
        "sha384" => "SHA384",
        "sha512" => "SHA512",
        _ => "SHA256",
    };
    Checksum { algorithm, checksum_value }
}

fn purl(reference_locator: String) -> ExternalRef {
    ExternalRef { reference_category: "PACKAGE-MANAGER", reference_type: "purl", reference_locator }
}

fn relation(from: &str, kind: &'static str, to: &str) -> Relationship {
    Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type: kind,
        related_spdx_element: to.to_owned(),
    }
}

/// A version as a part of a creator's name.
fn word(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() || c.is_control() { '-' } else { c }).collect()
}
