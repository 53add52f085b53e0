//! Keys, signatures and attestations, and their verification.
//!
//! Everything here is strict on purpose: a signature that is not verified is never told as one, and what a check did not
//! look at is said.

// The services of the tests are also those of an example, which sees this crate from outside.
#[cfg(test)]
extern crate self as secgate_attest;

#[cfg(test)]
mod attack_holder_tests;
#[cfg(test)]
mod attack_tests;
mod bundle;
mod certificate;
pub mod check;
pub mod conformance;
mod der;
pub mod evidence;
pub mod identity;
pub mod key;
mod key_file;
mod key_private;
mod key_rule;
#[cfg(test)]
mod key_tests;
pub mod legacy;
#[cfg(test)]
mod mutation;
pub mod password;
mod payload;
mod pem;
pub mod reason;
pub mod scheme;
mod secretbox;
pub mod signer;
pub mod sigstore;
#[cfg(test)]
mod testing;
pub mod threshold;
pub mod verify;
#[cfg(test)]
mod verify_tests;
pub mod write;

pub use key_private::PrivateKey;
pub use key_rule::{KeyFamily, KeyRule};
