//! Rules over what was built. So far: an image's configuration, its history, its telling files, and the detectors of
//! credentials that they share.

pub mod image;
pub mod secret;
