/// Bounds on what is read from a target. Whatever they cut off is told, never silently less.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries in a tree.
    pub entries: usize,
    /// Folders below the root.
    pub depth: usize,
    /// Bytes of one file's body.
    pub file_bytes: u64,
    /// Bytes of a file in an image of which an excerpt is kept; it is in memory as a whole for a moment.
    pub excerpt_bytes: u64,
    /// Layers of an image.
    pub layers: usize,
    /// Members of all layers of an image.
    pub image_entries: u64,
    /// Bytes of one layer as it is stored.
    pub layer_bytes: u64,
    /// Bytes of all layers of an image when they are inflated.
    pub inflated_bytes: u64,
    /// Bytes of all that is kept of an image: picked bodies and the lists of what the layers hold.
    pub kept_bytes: u64,
    /// How many times larger than stored a layer may become, looked at above 4 GiB inflated: deflate reaches 1,032 and
    /// Zstandard far more, but on zeros alone.
    pub expansion: u64,
}

impl Default for Limits {
    /// Two million entries, 100 levels, 32 MiB a file: several times above the largest lockfiles seen. An image: 1,000 layers
    /// (engines stop at 127), 4 million members, 8 GiB a layer, 64 GiB inflated, 512 MiB kept.
    fn default() -> Self {
        Self {
            entries: 2_000_000,
            depth: 100,
            file_bytes: 32 << 20,
            excerpt_bytes: 256 << 20,
            layers: 1000,
            image_entries: 4_000_000,
            layer_bytes: 8 << 30,
            inflated_bytes: 64 << 30,
            kept_bytes: 512 << 20,
            expansion: 200,
        }
    }
}
