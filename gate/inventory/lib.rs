//! What a target is made of: a [`Tree`](secgate_source::Tree) or an SBOM in, an [`Inventory`](secgate_model::Inventory)
//! out. Each file format has one [`Cataloger`] in a file of its own below `catalog/`, registered by one line in
//! `catalogers.rs`.

mod catalog;
mod cataloger;
mod catalogers;
pub mod document;
mod excerpt;
mod image_pick;
mod image_wants;
mod layers;
mod links;
#[cfg(test)]
mod mutation;
mod ownership;
pub mod sbom;
mod sbom_diff;
mod sbom_merge;
mod take;

pub use cataloger::{Catalog, CatalogError, Cataloger};
pub use catalogers::{CATALOGERS, SYSTEM_CATALOGERS};
pub use excerpt::{image_excerpt, is_excerpted};
pub use image_pick::ImagePick;
pub use image_wants::{IMAGE_START_BYTES, IMAGE_WANTS_VERSION, image_wants};
pub use sbom::{ReadSbom, SbomFormat, SbomInput, read_sbom, take_sbom, write_sbom};
pub use sbom_diff::sbom_diff;
pub use sbom_merge::{SbomPart, merge_sboms};
pub use take::{VERSION, take_image_inventory, take_inventory};
