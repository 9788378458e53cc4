//! What is evicted, and in which order.

use std::time::Duration;

use cache_core::Sha256;
use serde::Serialize;

/// The order of eviction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EvictOrder {
    /// The least recently used version.
    #[default]
    LeastRecentlyUsed,
    /// The version with the most bytes; of equal ones the least recently used.
    Largest,
}

/// Limits that an eviction enforces.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EvictPolicy {
    /// Most bytes of blobs, quarantine and partial downloads together.
    ///
    /// Quarantined files are removed first, then partial downloads that no process owns, then versions in this
    /// [`order`](Self::order).
    pub max_size: Option<u64>,
    /// What is evicted first to get below the size.
    pub order: EvictOrder,
    /// Age since last use at which versions are evicted.
    pub older_than: Option<Duration>,
    /// Evict single files, the largest of the least recently used version first.
    pub single_files: bool,
    /// Blobs that are never evicted, as if they were leased.
    pub keep: Vec<Sha256>,
}

impl EvictPolicy {
    /// Evicts until the blobs take up no more than this many bytes.
    #[must_use]
    pub fn with_max_size(mut self, bytes: Option<u64>) -> Self {
        self.max_size = bytes;
        self
    }

    /// Evicts in this order to get below the size.
    #[must_use]
    pub fn with_order(mut self, order: EvictOrder) -> Self {
        self.order = order;
        self
    }

    /// Evicts what was not used for longer than this.
    #[must_use]
    pub fn with_older_than(mut self, age: Option<Duration>) -> Self {
        self.older_than = age;
        self
    }

    /// Evicts single files instead of whole versions to get below the size.
    #[must_use]
    pub fn with_single_files(mut self, single: bool) -> Self {
        self.single_files = single;
        self
    }

    /// Keeps some blobs.
    #[must_use]
    pub fn with_keep(mut self, keep: &[Sha256]) -> Self {
        self.keep = keep.to_vec();
        self
    }
}
