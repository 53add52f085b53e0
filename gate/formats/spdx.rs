//! SPDX 2.3 as secgate writes it (ISO/IEC 5962 and its successor; `schemas/spdx-schema.json`), the part of it that an inventory
//! fills. Written as JSON through serde, and as tag-value by the inventory crate.

use std::borrow::Cow;

use serde::Serialize;

/// The document.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// `SPDX-2.3`.
    pub spdx_version: &'static str,
    /// `CC0-1.0`: the specification asks for it.
    pub data_license: &'static str,
    /// `SPDXRef-DOCUMENT`.
    #[serde(rename = "SPDXID")]
    pub id: &'static str,
    /// What it is about.
    pub name: Cow<'a, str>,
    /// An address that is this document's alone.
    pub document_namespace: String,
    /// Who made it, and when.
    pub creation_info: CreationInfo,
    /// For a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What has no place of its own.
    pub annotations: Vec<Annotation>,
    /// The packages.
    pub packages: Vec<Package<'a>>,
    /// Licences that are not in SPDX's list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub has_extracted_licensing_infos: Vec<ExtractedLicense>,
    /// Who needs whom.
    pub relationships: Vec<Relationship>,
}

impl Document<'_> {
    /// Gives the document its name space, made of a UUID over its content. Makers without a web site of their own use
    /// this address (SPDX 2.3, clause 6.5).
    pub fn name_space(&mut self, uuid: &str) {
        self.document_namespace = format!("https://spdx.org/spdxdocs/secgate-{uuid}");
    }
}

/// Who made the document, and when (clause 6.8 and 6.9).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationInfo {
    /// RFC 3339, whole seconds, UTC.
    pub created: String,
    /// `Tool: name-version`.
    pub creators: [String; 1],
    /// The version of SPDX's licence list.
    pub license_list_version: &'static str,
}

/// A remark (clause 12).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// When.
    pub annotation_date: String,
    /// `OTHER`.
    pub annotation_type: &'static str,
    /// `Tool: name-version`.
    pub annotator: String,
    /// The text.
    pub comment: String,
}

/// A package (clause 7).
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Package<'a> {
    /// Its name in the document.
    #[serde(rename = "SPDXID")]
    pub id: String,
    /// Its name in the world.
    pub name: Cow<'a, str>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_info: Option<Cow<'a, str>>,
    /// `LIBRARY` and its like.
    pub primary_package_purpose: &'static str,
    /// `NOASSERTION`.
    pub download_location: &'static str,
    /// Its files are not described.
    pub files_analyzed: bool,
    /// Checksums.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<Checksum<'a>>,
    /// Where it was found, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_info: Option<String>,
    /// `NOASSERTION`: nothing was concluded.
    pub license_concluded: &'static str,
    /// What its maker says.
    pub license_declared: String,
    /// `NOASSERTION`.
    pub copyright_text: &'static str,
    /// Its package URL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_refs: Vec<ExternalRef>,
    /// What has no place of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// A checksum (clause 7.10).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checksum<'a> {
    /// `SHA256` and its like.
    pub algorithm: &'static str,
    /// Lower-case hexadecimal digits.
    pub checksum_value: &'a str,
}

/// A reference to the world outside (clause 7.21).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalRef {
    /// `PACKAGE-MANAGER`.
    pub reference_category: &'static str,
    /// `purl`.
    pub reference_type: &'static str,
    /// The package URL.
    pub reference_locator: String,
}

/// A licence that is not in SPDX's list (clause 10).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtractedLicense {
    /// `LicenseRef-…`.
    pub license_id: String,
    /// What the package says of it.
    pub extracted_text: String,
    /// `NOASSERTION`.
    pub name: &'static str,
}

/// A relation (clause 11).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Relationship {
    /// The first element.
    pub spdx_element_id: String,
    /// `DESCRIBES`, `DEPENDS_ON`, `CONTAINS`.
    pub relationship_type: &'static str,
    /// The second element.
    pub related_spdx_element: String,
}
