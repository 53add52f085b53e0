//! GitLab's security report format, version 15.0.7: one file holds one type of scan, and each type has its own form of
//! location. What the schemas of dependency scanning, container scanning, SAST, secret detection and DAST ask for is
//! written; optional parts that say nothing here are left away.

use serde::Serialize;

/// The version of the schemas.
pub const VERSION: &str = "15.0.7";

/// A report file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: &'static str,
    /// The schema's address.
    pub schema: String,
    /// About the scan.
    pub scan: Scan,
    /// The findings.
    pub vulnerabilities: Vec<Vulnerability>,
    /// The files of dependencies; dependency scanning only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependency_files: Option<Vec<DependencyFile>>,
}

/// The types of scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanType {
    /// Vulnerable packages of a project.
    DependencyScanning,
    /// Vulnerable packages of an image.
    ContainerScanning,
    /// Source code and configuration.
    Sast,
    /// Credentials.
    SecretDetection,
    /// A running application.
    Dast,
}

impl ScanType {
    /// The schema's file name without its ending.
    pub fn slug(self) -> &'static str {
        match self {
            Self::DependencyScanning => "dependency-scanning",
            Self::ContainerScanning => "container-scanning",
            Self::Sast => "sast",
            Self::SecretDetection => "secret-detection",
            Self::Dast => "dast",
        }
    }
}

/// About the scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// What drove the scan.
    pub analyzer: Program,
    /// What scanned.
    pub scanner: Program,
    /// The type.
    #[serde(rename = "type")]
    pub kind: ScanType,
    /// UTC, `yyyy-mm-ddThh:mm:ss`.
    pub start_time: String,
    /// UTC, `yyyy-mm-ddThh:mm:ss`.
    pub end_time: String,
    /// How it ended.
    pub status: Status,
    /// Words for the reader.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// What was visited; DAST only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanned_resources: Option<Vec<Resource>>,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Who makes it.
    pub vendor: Vendor,
}

/// Who makes a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vendor {
    /// Their name.
    pub name: String,
}

/// How a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It looked at everything.
    Success,
    /// It did not.
    Failure,
}

/// A word for the reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// How serious.
    pub level: MessageLevel,
    /// The word, not empty.
    pub value: String,
}

/// How serious a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageLevel {
    /// Normal.
    Info,
    /// Partial.
    Warn,
    /// It ended the scan.
    Fatal,
}

/// An address that a scan visited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// HTTP method.
    pub method: String,
    /// The address.
    pub url: String,
    /// Always `url`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vulnerability {
    /// Unique in the report; a UUID.
    pub id: String,
    /// At most 255 characters.
    pub name: String,
    /// At most 1,048,576 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// At most 7,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// The first is the primary one.
    pub identifiers: Vec<Identifier>,
    /// CVSS v2 and v3 vectors, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cvss_vectors: Vec<CvssVector>,
    /// Further reading.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Where.
    pub location: Location,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Nobody said.
    Unknown,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// An id of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identifier {
    /// `cve`, `ghsa`, `cwe` and others.
    #[serde(rename = "type")]
    pub kind: String,
    /// For a person.
    pub name: String,
    /// For matching.
    pub value: String,
    /// A page about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A CVSS vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CvssVector {
    /// Who rated.
    pub vendor: String,
    /// The vector.
    pub vector: String,
}

/// Further reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// An `https` or `http` address.
    pub url: String,
}

/// Where a finding is. Which members are there depends on the type of scan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// First line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_line: Option<u32>,
    /// Last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// The package; dependency and container scanning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependency: Option<Dependency>,
    /// The distribution; container scanning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operating_system: Option<String>,
    /// The image; container scanning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The commit; secret detection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// Scheme, host and port; DAST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// HTTP method; DAST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The parameter; DAST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// The path and the query; DAST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A package at a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// The package.
    pub package: Package,
    /// The version.
    pub version: String,
    /// Whether the project itself names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct: Option<bool>,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Its name.
    pub name: String,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its hash.
    pub sha: String,
}

/// A file of dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DependencyFile {
    /// Its path.
    pub path: String,
    /// The purl type of its packages.
    pub package_manager: String,
    /// The packages.
    pub dependencies: Vec<Dependency>,
}
