//! Opens a target as a bounded, read-only [`Tree`]: what a cataloger or a scanner sees is the same for a folder, a git
//! revision and a container image. Nothing is written but remembered layers, no symbolic link of a folder is followed (the
//! tree lists them), and every limit that cuts something off is told.
//!
//! An image is opened in one pass over each of its layers: [`open_image`] checks every digest, keeps what a [`Pick`] wants
//! while the tar files stream by, and merges the layers as a container engine unpacks them.

mod archive_store;
mod archive_stream;
#[cfg(test)]
mod archive_tests;
mod blobs;
mod budget;
mod directory;
mod dispute;
#[cfg(test)]
mod dispute_tests;
mod docker_archive;
mod git;
mod git_tree;
mod image;
mod image_base;
mod image_bodies;
mod image_document;
mod image_error;
#[cfg(test)]
mod image_link_tests;
mod image_load;
mod image_plan;
#[cfg(test)]
mod image_tests;
mod inflate;
mod layer;
mod layer_cache;
mod layer_list;
mod layout;
mod limits;
mod local;
mod merge;
#[cfg(test)]
mod merge_tests;
mod pick;
mod platform;
mod reference;
mod store;
mod survey;
mod tar;
mod tar_header;
mod tar_pax;
mod tar_sparse;
#[cfg(test)]
mod tar_tests;
#[cfg(test)]
mod testing;
mod tree;

pub use archive_stream::open_stream;
pub use blobs::{BlobError, Blobs, MAX_MANIFEST, Served, Wanted};
pub use directory::open_directory;
pub use git::{head_revision, repository_top};
pub use git_tree::{GitError, open_revision};
pub use image::{Image, ImageLayer, ImageOptions, open_image};
pub use image_base::Base;
pub use image_error::ImageError;
pub use layer::LayerError;
pub use limits::Limits;
pub use local::{open_local, open_local_image};
pub use merge::MergeError;
pub use pick::{PICK_START, Pick, PickAll, Wish};
pub use platform::{PlatformChoice, parse_platform};
pub use reference::{Reference, ReferenceError, RegistryReference};
pub use survey::ModeFile;
pub use tar::{MAX_PATH, Member, MemberKind, Members, TarError, TarReader};
pub use tree::{Entry, Link, ReadError, Skipped, Tree};
