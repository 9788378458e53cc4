//! Options of a push.

use cache_core::Revision;

/// Verification of uploaded bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// By the SHA-256 that the server keeps; where it keeps none, by reading the bytes back.
    #[default]
    Checksums,
    /// By reading the bytes back.
    ReadBack,
}

/// Options of a push.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PushOptions {
    /// Objects under the names of the files, for other tools that read the bucket, instead of blobs. The
    /// bucket then holds one version of the model below this prefix.
    pub as_files: bool,
    /// The name under which the version is found again; `main` when there is none.
    pub revision: Option<Revision>,
    /// Parts that are sent side by side. No more than this many are in memory.
    pub concurrency: usize,
    /// Size of a part in bytes, 5 MiB at least.
    pub part_size: u64,
    /// Verification of uploaded bytes.
    pub verify: Verify,
    /// Retries in a row, for each object.
    pub retries: u32,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            as_files: false,
            revision: None,
            concurrency: 4,
            part_size: 8 << 20,
            verify: Verify::default(),
            retries: 5,
        }
    }
}
