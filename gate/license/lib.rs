//! The licences of packages: from the texts that files state to SPDX expressions, and from those to findings that a policy may
//! judge. What is allowed is the policy's to say.

mod expression;
mod scanner;
mod spelling;

pub use expression::{NOT_TOLD, normalise};
pub use scanner::Licenses;
