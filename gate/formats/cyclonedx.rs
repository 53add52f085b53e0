//! CycloneDX as secgate writes it: versions 1.4 to 1.7 of the object model (ECMA-424; `bom-1.x.schema.json`), the part of it
//! that an inventory fills. The same values are written as JSON through serde and as XML by the inventory crate.
//!
//! The `cyclonedx-bom` crate was tried for this: 0.8 knows 1.3 to 1.5 alone, builds slowly and holds every text as its own
//! allocation. These types borrow.

use std::borrow::Cow;

use serde::Serialize;

/// The versions that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum SpecVersion {
    /// 1.4, January 2022.
    #[serde(rename = "1.4")]
    V1_4,
    /// 1.5, June 2023.
    #[serde(rename = "1.5")]
    V1_5,
    /// 1.6, April 2024 (ECMA-424, first edition).
    #[serde(rename = "1.6")]
    V1_6,
    /// 1.7, October 2025 (ECMA-424, second edition).
    #[serde(rename = "1.7")]
    V1_7,
}

impl SpecVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 4] = [Self::V1_4, Self::V1_5, Self::V1_6, Self::V1_7];

    /// The number, as in `specVersion`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1_4 => "1.4",
            Self::V1_5 => "1.5",
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }

    /// The address of the JSON schema, for `$schema`.
    pub fn json_schema(self) -> &'static str {
        match self {
            Self::V1_4 => "http://cyclonedx.org/schema/bom-1.4.schema.json",
            Self::V1_5 => "http://cyclonedx.org/schema/bom-1.5.schema.json",
            Self::V1_6 => "http://cyclonedx.org/schema/bom-1.6.schema.json",
            Self::V1_7 => "http://cyclonedx.org/schema/bom-1.7.schema.json",
        }
    }

    /// The XML name space.
    pub fn xml_namespace(self) -> &'static str {
        match self {
            Self::V1_4 => "http://cyclonedx.org/schema/bom/1.4",
            Self::V1_5 => "http://cyclonedx.org/schema/bom/1.5",
            Self::V1_6 => "http://cyclonedx.org/schema/bom/1.6",
            Self::V1_7 => "http://cyclonedx.org/schema/bom/1.7",
        }
    }
}

/// The document.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom<'a> {
    /// The schema's address.
    #[serde(rename = "$schema")]
    pub schema: &'static str,
    /// `CycloneDX`.
    pub bom_format: &'static str,
    /// The version of the specification.
    pub spec_version: SpecVersion,
    /// `urn:uuid:…`.
    pub serial_number: String,
    /// The document's own version, from 1.
    pub version: u32,
    /// What the document is about and who made it.
    pub metadata: Metadata<'a>,
    /// The parts.
    pub components: Vec<Component<'a>>,
    /// Who needs whom.
    pub dependencies: Vec<Dependency<'a>>,
    /// How complete the above is.
    pub compositions: Vec<Composition>,
}

/// `metadata`.
#[derive(Debug, Clone, Serialize)]
pub struct Metadata<'a> {
    /// RFC 3339.
    pub timestamp: String,
    /// What made the document.
    pub tools: Tools<'a>,
    /// What the document is about.
    pub component: Component<'a>,
    /// Whatever has no place of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property<'a>>,
}

/// `metadata.tools`: a list up to 1.4, an object with components from 1.5 on.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Tools<'a> {
    /// Up to 1.4.
    List([Tool<'a>; 1]),
    /// From 1.5 on.
    Components {
        /// The programs.
        components: [Component<'a>; 1],
    },
}

/// A tool of the old form.
#[derive(Debug, Clone, Serialize)]
pub struct Tool<'a> {
    /// Who publishes it.
    pub vendor: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// A component.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Component<'a> {
    /// `library`, `application`, `container`, `operating-system`.
    #[serde(rename = "type")]
    pub sort: &'static str,
    /// The document's own name for it.
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub bom_ref: Option<Cow<'a, str>>,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Cow<'a, str>>,
    /// Name.
    pub name: Cow<'a, str>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Cow<'a, str>>,
    /// `required`, `optional` or `excluded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// Checksums.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash<'a>>,
    /// Licences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenseChoice<'a>>,
    /// Package URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<Cow<'a, str>>,
    /// Whatever has no place of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property<'a>>,
    /// How it was found (from 1.5 on, as far as it is used here).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence<'a>>,
}

/// A checksum.
#[derive(Debug, Clone, Serialize)]
pub struct Hash<'a> {
    /// `SHA-256` and its like.
    pub alg: &'static str,
    /// Hexadecimal digits.
    pub content: &'a str,
}

/// One entry of `licenses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenseChoice<'a> {
    /// A single licence.
    License(License<'a>),
    /// An SPDX expression.
    Expression(&'a str),
}

/// A single licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum License<'a> {
    /// An id of SPDX's list.
    Id(&'a str),
    /// Any other text.
    Name(&'a str),
}

/// A property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Property<'a> {
    /// The name, `secgate:…`.
    pub name: Cow<'a, str>,
    /// The value.
    pub value: Cow<'a, str>,
}

/// `evidence`, from 1.5 on.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence<'a> {
    /// Where it was found.
    pub occurrences: Vec<Occurrence<'a>>,
}

/// One place.
#[derive(Debug, Clone, Serialize)]
pub struct Occurrence<'a> {
    /// The path.
    pub location: &'a str,
    /// The line, from 1.6 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// An entry of the dependency graph.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency<'a> {
    /// Who needs.
    #[serde(rename = "ref")]
    pub from: Cow<'a, str>,
    /// Whom.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Cow<'a, str>>,
}

/// How complete a part of the document is.
#[derive(Debug, Clone, Serialize)]
pub struct Composition {
    /// `complete`, `incomplete`, `unknown` and others.
    pub aggregate: &'static str,
    /// What it speaks about.
    pub assemblies: Vec<&'static str>,
}
