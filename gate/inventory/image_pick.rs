use secgate_source::{Pick, Wish};

use crate::{
    IMAGE_WANTS_VERSION, catalog::executable_image::is_program, excerpt::is_excerpt, image_excerpt,
    image_wants, is_excerpted,
};

/// Keeps of an image what the catalogers and the rules about images read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImagePick;

/// The first bytes of a program, as far as they decide anything.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0";

impl Pick for ImagePick {
    fn id(&self) -> String {
        format!("inventory/{IMAGE_WANTS_VERSION}")
    }

    fn wants(&self, path: &str, size: u64, mode: u32) -> Wish {
        if image_wants(path, size, mode, &[]) {
            Wish::Yes
        } else if image_wants(path, size, mode, PROGRAM) {
            Wish::ByStart
        } else {
            Wish::No
        }
    }

    fn wants_start(&self, path: &str, start: &[u8]) -> bool {
        // An excerpt is only made of what was wanted.
        image_wants(path, 0, 0, start) || is_excerpt(start)
    }

    fn may_start(&self, start: &[u8]) -> bool {
        is_program(start) || is_excerpt(start)
    }

    fn excerpts(&self, path: &str, start: &[u8]) -> bool {
        // A file of the image that looks like an excerpt is made one that says so.
        is_excerpted(path, start) || is_excerpt(start)
    }

    fn excerpt(&self, path: &str, body: Vec<u8>) -> Vec<u8> {
        image_excerpt(path, body)
    }
}
