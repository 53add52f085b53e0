/// Bounds on what is read from a target. Whatever they cut off is told, never silently less.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries in a tree.
    pub entries: usize,
    /// Folders below the root.
    pub depth: usize,
    /// Bytes of one file's body.
    pub file_bytes: u64,
}

impl Default for Limits {
    /// Two million entries, 100 levels, 32 MiB a file: several times above the largest lockfiles seen.
    fn default() -> Self {
        Self { entries: 2_000_000, depth: 100, file_bytes: 32 << 20 }
    }
}
