//! What is remembered of a check: that a blob was intact, and the hashes of its blocks.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cache_core::{BLOCK_SIZE, BlockHash, Sha256};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::doing::Absent as _;
use crate::durable::{self, Keep};
use crate::store::Store;

/// A file changed this shortly before its check may change again without its times showing it: git's "racy" rule.
const RACY: Duration = Duration::from_secs(2);
/// Begins a file of block hashes; the number is the block size in MiB.
const BLOCKS_MAGIC: &[u8; 16] = b"xxh3-128 block4\n";
const _: () = assert!(BLOCK_SIZE == 4 << 20, "the magic names the block size");

/// Identifies the state of a file that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    algorithm: String,
    dev: u64,
    inode: u64,
    size: u64,
    mtime_ns: i128,
    ctime_ns: i128,
}

impl Record {
    fn of(metadata: &Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            algorithm: "sha256".to_owned(),
            dev: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            mtime_ns: nanos(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Tells a file from another that was put in its place, or from itself with other bytes. A new link changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    dev: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            dev: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Of what has this name, if anything has.
    pub(crate) fn at(path: &Path) -> io::Result<Option<Self>> {
        Ok(fs::symlink_metadata(path).or_absent()?.map(|metadata| Self::of(&metadata)))
    }
}

/// Whether a file was changed too shortly before its check for its times to prove anything.
fn is_racy(modified: SystemTime, checked: SystemTime) -> bool {
    checked.duration_since(modified).map_or(true, |age| age < RACY)
}

impl Store {
    /// Remembers that a blob was found intact, unless the racy rule forbids it. `metadata` is from before the check.
    pub(crate) fn record_intact(&self, name: &Sha256, metadata: &Metadata) {
        let Ok(modified) = metadata.modified() else { return };
        if self.read_only().is_some() || is_racy(modified, self.0.clock.now()) {
            return;
        }
        let Ok(bytes) = serde_json::to_vec(&Record::of(metadata)) else { return };
        if let Err(error) = durable::write(self.layout(), &self.layout().record(name), &bytes, Keep::Derived) {
            tracing::debug!(%error, "a check could not be recorded");
        }
    }

    /// Whether a file is still in the state in which it was found intact.
    pub(crate) fn is_recorded(&self, name: &Sha256, metadata: &Metadata) -> bool {
        let Ok(bytes) = fs::read(self.layout().record(name)) else { return false };
        serde_json::from_slice::<Record>(&bytes).is_ok_and(|record| record == Record::of(metadata))
    }

    /// Remembers the hashes of a blob's blocks. They belong to the content, so they never go stale.
    pub(crate) fn record_blocks(&self, name: &Sha256, blocks: &[BlockHash]) {
        if blocks.is_empty() {
            return;
        }
        let mut bytes = BLOCKS_MAGIC.to_vec();
        bytes.extend(blocks.iter().flat_map(|block| block.as_bytes()));
        if let Err(error) = durable::write(self.layout(), &self.layout().blocks(name), &bytes, Keep::Derived) {
            tracing::debug!(%error, "block hashes could not be recorded");
        }
    }

    /// The recorded hashes of a blob's blocks, none if nothing usable is recorded.
    pub(crate) fn recorded_blocks(&self, name: &Sha256) -> Vec<BlockHash> {
        let bytes = fs::read(self.layout().blocks(name)).unwrap_or_default();
        let Some(hashes) = bytes.strip_prefix(BLOCKS_MAGIC) else { return Vec::new() };
        let one = |hash: &[u8]| Some(BlockHash::from_bytes(hash.try_into().ok()?));
        hashes.chunks_exact(BlockHash::LEN).filter_map(one).collect()
    }

    /// Drops what is remembered of a blob's state; the block hashes stay while `blocks` is false.
    pub(crate) fn forget(&self, name: &Sha256, blocks: bool) {
        let _ = durable::remove(&self.layout().record(name));
        if blocks {
            let _ = durable::remove(&self.layout().blocks(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_within_two_seconds_of_the_check_is_racy() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (age_ms, racy) in [(0, true), (1999, true), (2000, false), (60_000, false)] {
            assert_eq!(is_racy(at, at + Duration::from_millis(age_ms)), racy, "{age_ms}");
        }
        assert!(is_racy(at + Duration::from_secs(5), at), "a time in the future proves nothing");
    }
}
