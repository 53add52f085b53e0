//! Keys, signatures and attestations, and their verification.
//!
//! Everything here is strict on purpose: a signature that is not verified is never told as one, and what a check did not
//! look at is said.

mod der;
pub mod key;
mod key_file;
mod key_private;
#[cfg(test)]
mod key_tests;
pub mod password;
mod pem;
pub mod reason;
pub mod scheme;
mod secretbox;
pub mod signer;

pub use key_private::PrivateKey;
