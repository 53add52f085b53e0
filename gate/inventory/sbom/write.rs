use std::{borrow::Cow, fmt, io, str::FromStr};

use jiff::Timestamp;
use secgate_formats::cyclonedx::SpecVersion;
use secgate_model::{Inventory, Target};

use crate::SbomPart;

use super::{
    graph::Graph, write_cyclonedx::cyclonedx, write_cyclonedx_xml::cyclonedx_xml, write_spdx::spdx,
    write_spdx_tag_value::spdx_tag_value, write_spdx3::spdx3,
};

/// What an SBOM can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SbomFormat {
    /// CycloneDX JSON.
    CycloneDxJson(SpecVersion),
    /// CycloneDX XML.
    CycloneDxXml(SpecVersion),
    /// SPDX 2.3 JSON.
    SpdxJson,
    /// SPDX 2.3 tag-value.
    SpdxTagValue,
    /// SPDX 3.0.1 JSON-LD.
    Spdx3Json,
}

/// Why a text is not an SBOM format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an SBOM format: expected cyclonedx-json or cyclonedx-xml (with @1.4, @1.5, @1.6 or @1.7; \
     @1.6 when not said), spdx-json, spdx-tag-value or spdx-3-json"
)]
pub struct UnknownSbomFormat(String);

impl SbomFormat {
    /// Every format in every version.
    pub const ALL: [Self; 11] = [
        Self::CycloneDxJson(SpecVersion::V1_4),
        Self::CycloneDxJson(SpecVersion::V1_5),
        Self::CycloneDxJson(SpecVersion::V1_6),
        Self::CycloneDxJson(SpecVersion::V1_7),
        Self::CycloneDxXml(SpecVersion::V1_4),
        Self::CycloneDxXml(SpecVersion::V1_5),
        Self::CycloneDxXml(SpecVersion::V1_6),
        Self::CycloneDxXml(SpecVersion::V1_7),
        Self::SpdxJson,
        Self::SpdxTagValue,
        Self::Spdx3Json,
    ];

    /// The ending that a file of this format has, without its first dot.
    pub fn ending(self) -> &'static str {
        match self {
            Self::CycloneDxJson(_) => "cdx.json",
            Self::CycloneDxXml(_) => "cdx.xml",
            Self::SpdxJson => "spdx.json",
            Self::SpdxTagValue => "spdx",
            Self::Spdx3Json => "spdx3.json",
        }
    }
}

impl Default for SbomFormat {
    /// CycloneDX 1.6 in JSON: what most readers of today know.
    fn default() -> Self {
        Self::CycloneDxJson(SpecVersion::V1_6)
    }
}

impl fmt::Display for SbomFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CycloneDxJson(version) => write!(f, "cyclonedx-json@{}", version.name()),
            Self::CycloneDxXml(version) => write!(f, "cyclonedx-xml@{}", version.name()),
            Self::SpdxJson => f.write_str("spdx-json"),
            Self::SpdxTagValue => f.write_str("spdx-tag-value"),
            Self::Spdx3Json => f.write_str("spdx-3-json"),
        }
    }
}

impl FromStr for SbomFormat {
    type Err = UnknownSbomFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cyclonedx-json" => Ok(Self::default()),
            "cyclonedx-xml" => Ok(Self::CycloneDxXml(SpecVersion::V1_6)),
            _ => Self::ALL
                .into_iter()
                .find(|format| format.to_string() == text)
                .ok_or_else(|| UnknownSbomFormat(text.chars().take(40).collect())),
        }
    }
}

/// The distribution that a target's operating system is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OperatingSystem<'a> {
    /// `ID` of `os-release`: `debian`.
    pub(crate) id: &'a str,
    /// `VERSION_ID`: `12`.
    pub(crate) version: Option<&'a str>,
}

/// Everything that an SBOM is made of.
#[derive(Debug, Clone, Copy)]
pub struct SbomInput<'a> {
    /// The version of secgate.
    pub tool_version: &'a str,
    /// What the SBOM is about.
    pub target: &'a Target,
    /// What it is made of.
    pub inventory: &'a Inventory,
    /// The time that the document carries, written in whole seconds. The same time gives the same bytes.
    pub created: Timestamp,
    /// What the SBOMs that this one was merged from were about; none otherwise. Each is a component with its own dependencies.
    pub parts: &'a [SbomPart],
}

impl<'a> SbomInput<'a> {
    /// The distribution, where the inventory tells one.
    pub(crate) fn operating_system(&self) -> Option<OperatingSystem<'a>> {
        let label = self.inventory.distribution.as_deref()?;
        Some(match label.rsplit_once('-') {
            Some((id, version)) => OperatingSystem { id, version: Some(version) },
            None => OperatingSystem { id: label, version: None },
        })
    }
}

/// Why an SBOM cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// JSON cannot be written.
    #[error("the SBOM cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The time is outside the years 0 to 9999.
    #[error("the SBOM's time {0} cannot be written")]
    Time(Timestamp),
}

/// The SBOM of an inventory, UTF-8. The same input gives the same bytes, whatever the order of the inventory.
///
/// Reading it back ([`take_sbom`](crate::take_sbom)) gives the inventory again: packages with scope, direct, parents, licences,
/// hashes, source and owner, places with line and layer, the files that were read, and the gaps: an SBOM of a partial inventory
/// is itself partial. What is lost: in XML and tag-value, control characters (shown as pictures) and white space around a licence;
/// a package's 65th licence and on; of merged SBOMs, which package came from which.
pub fn write_sbom(input: &SbomInput<'_>, format: SbomFormat) -> Result<Vec<u8>, WriteError> {
    let sorted = input.inventory.packages.is_sorted_by(|one, two| one.purl < two.purl)
        && input.inventory.unknowns.is_sorted()
        && input.inventory.files.is_sorted();
    let inventory = if sorted {
        Cow::Borrowed(input.inventory)
    } else {
        Cow::Owned(input.inventory.clone().normalised())
    };
    let year = input.created.to_zoned(jiff::tz::TimeZone::UTC).year();
    if !(0..=9999).contains(&year) {
        return Err(WriteError::Time(input.created));
    }
    let input = SbomInput { inventory: &inventory, ..*input };
    let graph = Graph::new(&inventory);
    let mut out = Vec::new();
    match format {
        SbomFormat::CycloneDxJson(version) => {
            let mut bom = cyclonedx(&input, &graph, version);
            bom.serial_number = format!("urn:uuid:{}", identity(format, &bom)?);
            serde_json::to_writer_pretty(&mut out, &bom)?;
        }
        SbomFormat::CycloneDxXml(version) => {
            let mut bom = cyclonedx(&input, &graph, version);
            bom.serial_number = format!("urn:uuid:{}", identity(format, &bom)?);
            out = cyclonedx_xml(&bom).into_bytes();
        }
        SbomFormat::SpdxJson => {
            let mut document = spdx(&input, &graph);
            document.name_space(&identity(format, &document)?);
            serde_json::to_writer_pretty(&mut out, &document)?;
        }
        SbomFormat::SpdxTagValue => {
            let mut document = spdx(&input, &graph);
            document.name_space(&identity(format, &document)?);
            out = spdx_tag_value(&document).into_bytes();
        }
        SbomFormat::Spdx3Json => {
            // Every element's name holds the identity, so it is made of the elements' content under a blank one.
            let blank = spdx3(&input, &graph, "");
            let identity = identity(format, &blank)?;
            drop(blank);
            serde_json::to_writer_pretty(&mut out, &spdx3(&input, &graph, &identity))?;
        }
    }
    if out.last() != Some(&b'\n') {
        out.push(b'\n');
    }
    Ok(out)
}

/// A UUID over the document's content: version 8 (RFC 9562, clause 5.8), the first bytes of a BLAKE3 hash.
fn identity(format: SbomFormat, content: &impl serde::Serialize) -> Result<String, WriteError> {
    struct Hashing(blake3::Hasher);
    impl io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = Hashing(blake3::Hasher::new());
    hashing.0.update(format.to_string().as_bytes());
    serde_json::to_writer(io::BufWriter::with_capacity(1 << 16, &mut hashing), content)?;
    let hash = hashing.0.finalize();
    let mut bits =
        u128::from_be_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"));
    bits = bits & !(0xf << 76) | (0x8 << 76);
    bits = bits & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}

/// A time in whole seconds, as all formats take it.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_formats_are_inverse() {
        for format in SbomFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!("cyclonedx-json".parse(), Ok(SbomFormat::CycloneDxJson(SpecVersion::V1_6)));
        assert!("cyclonedx-json@1.3".parse::<SbomFormat>().is_err());
        assert!("".parse::<SbomFormat>().is_err());
    }
}
