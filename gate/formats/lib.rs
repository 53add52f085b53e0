//! Wire formats: serde types, one file a format.

pub mod base64_text;
pub mod cosign;
pub mod cyclonedx;
pub mod dsse;
pub mod gitlab;
pub mod in_toto;
pub mod junit;
pub mod oci;
pub mod osv;
pub mod report;
pub mod rpm;
pub mod sarif;
pub mod sbom_diff;
pub mod sigstore_bundle;
pub mod simple_signing;
pub mod spdx;
pub mod spdx3;
pub mod strict_json;
