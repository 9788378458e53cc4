//! [`Carried`]: a blob between a store and a bundle.

use cache_core::RepoPath;

use crate::index::BundledBlob;

/// A blob, and the file of a version by which people know it.
pub(crate) struct Carried<'a> {
    pub(crate) blob: BundledBlob,
    pub(crate) path: &'a RepoPath,
}
