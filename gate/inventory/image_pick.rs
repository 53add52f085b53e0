use secgate_source::{Pick, Wish};

use crate::{IMAGE_WANTS_VERSION, image_wants};

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
        image_wants(path, 0, 0, start)
    }
}
