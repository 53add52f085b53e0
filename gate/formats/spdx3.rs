//! SPDX 3.0.1 as secgate writes it: the core, software and simple licensing profiles, in the JSON-LD form that the
//! specification's context prescribes (SPDX 3.0.1, "Serialization").

use std::borrow::Cow;

use serde::Serialize;

/// The context's address.
pub const CONTEXT: &str = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld";
/// The name of the one blank node: who made all elements, and when.
pub const CREATION: &str = "_:creation";

/// The document: a flat list of elements.
#[derive(Debug, Clone, Serialize)]
pub struct Graph<'a> {
    /// [`CONTEXT`].
    #[serde(rename = "@context")]
    pub context: &'static str,
    /// The elements.
    #[serde(rename = "@graph")]
    pub graph: Vec<Element<'a>>,
}

/// Any element.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type")]
pub enum Element<'a> {
    /// Who made all elements, and when.
    CreationInfo(CreationInfo),
    /// secgate.
    SoftwareAgent(Named<'a>),
    /// The document.
    SpdxDocument(Collection<'a>),
    /// The bill of materials.
    #[serde(rename = "software_Sbom")]
    Sbom(Collection<'a>),
    /// A package.
    #[serde(rename = "software_Package")]
    Package(Package<'a>),
    /// A relation.
    Relationship(Relationship),
    /// A remark.
    Annotation(Annotation),
    /// A licence expression.
    #[serde(rename = "simplelicensing_LicenseExpression")]
    LicenseExpression(LicenseExpression),
    /// A licence that no list has.
    #[serde(rename = "simplelicensing_SimpleLicensingText")]
    LicensingText(LicensingText),
}

/// `Core/CreationInfo`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationInfo {
    /// [`CREATION`].
    #[serde(rename = "@id")]
    pub id: &'static str,
    /// `3.0.1`.
    pub spec_version: &'static str,
    /// RFC 3339, whole seconds, UTC.
    pub created: String,
    /// Agents.
    pub created_by: [String; 1],
}

/// An element with a name alone.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Named<'a> {
    /// Its IRI.
    pub spdx_id: String,
    /// [`CREATION`].
    pub creation_info: &'static str,
    /// Its name.
    pub name: Cow<'a, str>,
}

/// `Core/ElementCollection`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collection<'a> {
    /// Its IRI.
    pub spdx_id: String,
    /// [`CREATION`].
    pub creation_info: &'static str,
    /// Its name.
    pub name: Cow<'a, str>,
    /// For a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The profiles that it follows.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub profile_conformance: &'static [&'static str],
    /// What it is about.
    pub root_element: [String; 1],
    /// What it holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub element: Vec<String>,
    /// How the bill of materials was made.
    #[serde(rename = "software_sbomType", skip_serializing_if = "<[_]>::is_empty")]
    pub sbom_type: &'static [&'static str],
}

/// `Software/Package`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Package<'a> {
    /// Its IRI.
    pub spdx_id: String,
    /// [`CREATION`].
    pub creation_info: &'static str,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its version.
    #[serde(rename = "software_packageVersion", skip_serializing_if = "Option::is_none")]
    pub version: Option<Cow<'a, str>>,
    /// Its package URL.
    #[serde(rename = "software_packageUrl", skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `library` and its like.
    #[serde(rename = "software_primaryPurpose")]
    pub purpose: &'static str,
    /// Where it was found, for a person.
    #[serde(rename = "software_sourceInfo", skip_serializing_if = "Option::is_none")]
    pub source_info: Option<String>,
    /// Checksums.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified_using: Vec<Hash<'a>>,
}

/// `Core/Hash`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Hash<'a> {
    /// The only method that is written.
    #[serde(rename = "Hash", rename_all = "camelCase")]
    Hash {
        /// `sha256` and its like.
        algorithm: &'a str,
        /// Lower-case hexadecimal digits.
        hash_value: &'a str,
    },
}

/// `Core/Relationship`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Relationship {
    /// Its IRI.
    pub spdx_id: String,
    /// [`CREATION`].
    pub creation_info: &'static str,
    /// The first element.
    pub from: String,
    /// `dependsOn`, `contains`, `hasDeclaredLicense`.
    pub relationship_type: &'static str,
    /// The others.
    pub to: Vec<String>,
    /// `incomplete` where something is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<&'static str>,
}

/// `Core/Annotation`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// Its IRI.
    pub spdx_id: String,
    /// [`CREATION`].
    pub creation_info: &'static str,
    /// `other`.
    pub annotation_type: &'static str,
    /// What it is about.
    pub subject: String,
    /// The text.
    pub statement: String,
}

/// `SimpleLicensing/LicenseExpression`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenseExpression {
    /// Its IRI.
    pub spdx_id: String,
    /// [`CREATION`].
    pub creation_info: &'static str,
    /// The expression.
    #[serde(rename = "simplelicensing_licenseExpression")]
    pub expression: String,
    /// The version of SPDX's licence list, three numbers.
    #[serde(rename = "simplelicensing_licenseListVersion")]
    pub list_version: &'static str,
    /// What its `LicenseRef`s stand for.
    #[serde(rename = "simplelicensing_customIdToUri", skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<DictionaryEntry>,
}

/// `Core/DictionaryEntry`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type")]
pub enum DictionaryEntry {
    /// The only class of this name.
    DictionaryEntry {
        /// The name.
        key: String,
        /// What it stands for.
        value: String,
    },
}

/// `SimpleLicensing/SimpleLicensingText`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LicensingText {
    /// Its IRI.
    pub spdx_id: String,
    /// [`CREATION`].
    pub creation_info: &'static str,
    /// What the package says of the licence.
    #[serde(rename = "simplelicensing_licenseText")]
    pub text: String,
}
