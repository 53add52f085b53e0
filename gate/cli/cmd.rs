//! One file a verb: wiring, no logic of its own.

pub(crate) mod audit;
pub(crate) mod conformance;
pub(crate) mod db;
pub(crate) mod db_registry;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod gate;
pub(crate) mod hook;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod policy;
pub(crate) mod push_scan;
pub(crate) mod run;
pub(crate) mod sbom;
pub(crate) mod sbom_diff;
pub(crate) mod texts;
pub(crate) mod waive;
