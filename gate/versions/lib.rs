//! Version orders and ranges, one file an ecosystem. Nothing here reads a file, a clock or the network.
//!
//! A [`Scheme`] is a rule for reading and ordering versions; [`Scheme::of_ecosystem`] finds the rule of an OSV ecosystem.
//! [`in_range`] evaluates the events of an OSV range. What cannot be ordered is never called safe:
//! it is an error when parsed and [`Membership::Unordered`] in a range.

mod alpm;
mod apk;
mod conan;
mod cran;
mod dpkg;
mod error;
mod generic;
mod go;
mod hackage;
mod julia;
mod maven;
mod name;
mod nuget;
mod opam;
mod packagist;
mod pep440;
mod pub_dart;
mod range;
mod rpm;
mod rubygems;
mod scan;
mod scheme;
mod semver;
mod version;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tables;

pub use error::VersionError;
pub use name::normalise_name;
pub use range::{Event, Fixes, Membership, fixes, in_range};
pub use scheme::Scheme;
pub use version::{MAX_LENGTH, Version, compare};
