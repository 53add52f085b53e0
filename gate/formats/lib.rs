//! Wire formats: serde types, one file a format.

pub mod cyclonedx;
pub mod gitlab;
pub mod junit;
pub mod oci;
pub mod osv;
pub mod report;
pub mod sarif;
pub mod sbom_diff;
pub mod spdx;
pub mod spdx3;
