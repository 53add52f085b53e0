//! Credentials in texts. A [`Detector`] is data; what a name says about its value is in [`is_sensitive`]; nothing that is
//! found leaves this crate except through [`redacted`] and [`Marker`].

mod assignment;
mod base64;
mod checksum;
mod cloud;
mod detector;
mod entropy;
mod find;
mod flags;
mod mark;
mod name;
mod placeholder;
mod places;
mod tokens;

pub use assignment::{Assigned, assignments};
pub use base64::base64_decode;
pub use detector::{DETECTORS, Detector, Loaded};
pub use find::{
    MAX_SECRETS, MAX_TEXT, Secret, Sort, find_in_command, find_in_text, find_in_value, scrubbed,
};
pub use mark::{Marker, redacted};
pub use name::is_sensitive;
pub use placeholder::is_placeholder;
pub use places::{holds_credentials, secrets_in_file};
