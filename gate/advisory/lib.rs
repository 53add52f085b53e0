//! Advisories: a database compiled from OSV feeds into one mapped file, and the scanner that matches an inventory
//! against it.

mod aliases;
mod amazon;
mod amazon_source;
mod audit;
mod bytes;
mod checkout;
mod compile;
mod crates_index;
mod database;
mod distribution;
mod distribution_audit;
mod distribution_matching;
mod ecosystem;
mod end_of_life;
mod feed;
mod fetch;
mod inflater;
mod layout;
mod matching;
mod part;
mod record;
mod release;
mod rustsec_source;
mod scores;
mod scoring;
mod starter;
mod status;
mod swap;
mod system_package;
mod update;
mod vendor_word;

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod distribution_tests;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod update_tests;

pub use amazon::amazon_records;
pub use amazon_source::AmazonSource;
pub use audit::{Audit, AuditOptions};
pub use crates_index::CratesIndex;
pub use database::{Database, DatabaseError, Epss};
pub use feed::FeedError;
pub use fetch::{FetchError, Origin};
pub use matching::{Group, Matches, match_package};
pub use record::{Affected, Bound, Record};
pub use starter::starter;
pub use status::{Enrichment, Source, Status};
pub use swap::install;
pub use update::{Progress, Silent, UpdateError, UpdateOptions, Updated, build, update};
pub use vendor_word::VendorWord;
