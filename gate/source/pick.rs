/// First bytes of a file that [`Pick::wants_start`] is shown, fewer where the file is shorter.
pub const PICK_START: usize = 512;

/// Says which files of an image are kept. Everything else is passed over while it streams by, so what is not picked cannot
/// be read later.
///
/// The answers depend on the arguments alone. They are asked once a layer and again where a path turns out to be reached
/// through a link.
pub trait Pick: Send + Sync {
    /// Names this choice and its version. Whenever an answer changes this changes, since layers are cached under it.
    fn id(&self) -> String;

    /// Whether the regular file at `path` is wanted: relative, `/` between its parts, bytes that are not UTF-8 replaced.
    /// `size` in bytes, `mode` with the bits for set-user-ID, set-group-ID and sticky.
    fn wants(&self, path: &str, size: u64, mode: u32) -> Wish;

    /// Where [`Pick::wants`] said [`Wish::ByStart`]: whether a file that starts so is wanted.
    fn wants_start(&self, path: &str, start: &[u8]) -> bool {
        let _ = (path, start);
        false
    }

    /// Whether a file that starts so could be one that [`Pick::wants_start`] wants, whatever its name. Of those that are not wanted
    /// under their own name this is remembered, so that a link to one that could not be wanted needs no second reading.
    fn may_start(&self, start: &[u8]) -> bool {
        let _ = start;
        true
    }

    /// Whether of a wanted file not the body is kept but what [`Pick::excerpt`] makes of it. Asked with the first bytes where
    /// [`Pick::wants`] said [`Wish::ByStart`], and with none where it said [`Wish::Yes`]. The whole body is in memory for that
    /// moment, up to [`Limits::excerpt_bytes`](crate::Limits::excerpt_bytes).
    fn excerpts(&self, path: &str, start: &[u8]) -> bool {
        let _ = (path, start);
        false
    }

    /// What is kept in place of a body; [`Pick::wants_start`] may be asked about its first bytes later.
    fn excerpt(&self, path: &str, body: Vec<u8>) -> Vec<u8> {
        let _ = path;
        body
    }
}

/// Whether a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is not.
    No,
    /// Its first bytes decide.
    ByStart,
    /// It is.
    Yes,
}

/// Picks every file. For small images and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct PickAll;

impl Pick for PickAll {
    fn id(&self) -> String {
        "all/1".to_owned()
    }

    fn wants(&self, _: &str, _: u64, _: u32) -> Wish {
        Wish::Yes
    }
}
