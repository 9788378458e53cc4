//! The journal beside a partial: which of its bytes are on the disk.

use std::path::Path;

use cache_core::{ByteRange, Error, Result};
use serde::{Deserialize, Serialize};

use crate::fs::boot::boot_id;
use crate::fs::durable::Durability;
use crate::fs::layout::Layout;
use crate::store::Store;

/// Largest journal that is read, in bytes: some three hundred thousand ranges.
const MAX_JOURNAL: u64 = 16 << 20;

/// The content of a journal: a hint for the next process, never proof.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Journal {
    #[serde(default)]
    pub(crate) size: Option<u64>,
    #[serde(default)]
    pub(crate) etag: Option<String>,
    #[serde(default)]
    pub(crate) ranges: Vec<(u64, u64)>,
    /// Ranges that were written and not yet synced: they outlive the process, but not the machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unsynced: Vec<(u64, u64)>,
    /// The boot during which it was written; see [`boot_id`].
    #[serde(default)]
    pub(crate) boot: String,
}

impl Journal {
    /// Reads the journal beside a partial; empty when there is none or it is invalid.
    pub(crate) fn read(partial: &Path) -> Self {
        let bytes = cache_fs::read(Layout::journal(partial), MAX_JOURNAL).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Writes it beside a partial. Not synced: what it says of the disk is true before and after.
    pub(crate) fn write(&self, store: &Store, partial: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::storage("write the journal", error.into()))?;
        store.write(&Layout::journal(partial), &bytes, Durability::Derived)
    }

    /// Whether it records no byte.
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.unsynced.is_empty()
    }

    /// The recorded ranges that count, cut to a file of this length, sorted and merged.
    pub(crate) fn within(&self, length: u64) -> Vec<ByteRange> {
        let same_boot = !self.boot.is_empty() && self.boot == boot_id();
        let unsynced = if same_boot { self.unsynced.as_slice() } else { &[] };
        let mut ranges: Vec<ByteRange> = self
            .ranges
            .iter()
            .chain(unsynced)
            .map(|&(start, end)| ByteRange { start, end: end.min(length) })
            .filter(|range| !range.is_empty())
            .collect();
        ranges.sort_by_key(|range| range.start);
        let mut apart: Vec<ByteRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match apart.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        apart
    }
}
