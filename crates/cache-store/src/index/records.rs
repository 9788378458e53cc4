//! Records of checks: that a blob was intact, and the hashes of its blocks.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use cache_core::{BLOCK_SIZE, BlockHash, Sha256};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};

use crate::fs::durable::{self, Durability};
use crate::fs::mode::FILE_MODE;
use crate::locking::locks;
use crate::store::Store;

/// The most bytes of a small file: 128 KiB.
///
/// It is fetched in one piece, with nothing recorded to go on from, and hashed when it is used: either takes about as
/// long as reading a record of its own, or handing it to another thread.
pub const SMALL_FILE: u64 = 128 << 10;
/// Least age of a file whose times prove that it is unchanged: git's "racy" rule.
const RACY: Duration = Duration::from_secs(2);
/// Largest record that is read, in bytes.
const MAX_RECORD: u64 = 64 << 10;
/// Largest file of block hashes that is read, in bytes: those of 16 TiB.
const MAX_BLOCKS: u64 = 64 << 20;
/// Begins a file of block hashes; the number is the block size in MiB.
const BLOCKS_MAGIC: &[u8; 16] = b"xxh3-128 block4\n";
const _: () = assert!(BLOCK_SIZE == 4 << 20, "the magic names the block size");

/// Identifies the state of a file that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(super) algorithm: String,
    pub(super) dev: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) mtime_ns: i128,
    pub(super) ctime_ns: i128,
    /// Number of names of the file; 0 if unrecorded.
    #[serde(default)]
    pub(super) links: u64,
    /// Set if the check came too shortly after the last change: then only a difference is meaningful.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) racy: bool,
}

impl Default for Record {
    fn default() -> Self {
        let algorithm = "sha256".to_owned();
        Self { algorithm, dev: 0, inode: 0, size: 0, mtime_ns: 0, ctime_ns: 0, links: 0, racy: false }
    }
}

/// How a file differs from its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// In nothing, or it has no record.
    None,
    /// In change time and number of names alone: some outside of the store were removed.
    Unlinked,
    /// In inode, device or change time alone: linked, copied or given other rights.
    Metadata,
    /// In length or modification time: written to.
    Content,
}

impl Record {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            dev: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            mtime_ns: nanos(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanos(metadata.ctime(), metadata.ctime_nsec()),
            links: metadata.nlink(),
            ..Self::default()
        }
    }

    fn difference(&self, metadata: &Metadata) -> Difference {
        let now = Self { racy: self.racy, ..Self::of(metadata) };
        if (self.size, self.mtime_ns) != (now.size, now.mtime_ns) {
            return Difference::Content;
        }
        let is_same_file = *self == Self { ctime_ns: self.ctime_ns, links: self.links, ..now.clone() };
        if is_same_file && self.ctime_ns == now.ctime_ns {
            Difference::None
        } else if is_same_file && now.links < self.links {
            Difference::Unlinked
        } else {
            Difference::Metadata
        }
    }
}

/// Whether nothing but the change time and the number of names differs.
pub(super) fn is_relinked(before: &Metadata, after: &Metadata) -> bool {
    let after = Record::of(after);
    Record { ctime_ns: after.ctime_ns, links: after.links, ..Record::of(before) } == after
}

/// Whether a file was changed too shortly before its check for its times to count.
fn is_racy(modified: SystemTime, checked: SystemTime) -> bool {
    checked.duration_since(modified).map_or(true, |age| age < RACY)
}

impl Store {
    /// Records that a blob was found intact. `metadata` is from before the check.
    pub(crate) fn record_intact(&self, name: &Sha256, metadata: &Metadata) {
        let Ok(modified) = metadata.modified() else { return };
        self.put_record(name, &Record { racy: is_racy(modified, self.0.clock.now()), ..Record::of(metadata) });
    }

    /// The same for a blob that has just got its name. Where that proves nothing, a record of an earlier file goes, unless
    /// the file is small enough to be hashed when it is used; a new one is made when the blob gets its name in a view.
    pub(crate) fn record_published(&self, name: &Sha256, metadata: &Metadata) {
        if metadata.modified().is_ok_and(|modified| !is_racy(modified, self.0.clock.now())) {
            self.record_intact(name, metadata);
        } else if metadata.len() > SMALL_FILE {
            self.forget(name, false);
        }
    }

    /// Keeps the record true after a change of the metadata by the store itself. `before` and `after` are from around it.
    /// Small files get theirs in the [records of a version](super::small_records).
    pub(crate) fn record_relinked(&self, name: &Sha256, before: &Metadata, after: &Metadata) {
        let record = self.record(name);
        if record.is_none() && after.len() <= SMALL_FILE {
            return;
        }
        let is_known = |record: &Record| matches!(record.difference(before), Difference::None | Difference::Unlinked);
        if record.as_ref().is_none_or(is_known) && is_relinked(before, after) {
            self.put_record(name, &Record { racy: record.is_none_or(|record| record.racy), ..Record::of(after) });
        }
    }

    /// Updates the record of a blob that went to the trash and back, which changes only its ctime.
    pub(crate) fn record_restored(&self, name: &Sha256, metadata: &Metadata) {
        let Some(record) = self.record(name) else { return };
        if record.difference(metadata) != Difference::Content && record.inode == metadata.ino() {
            self.put_record(name, &Record { racy: record.racy, ..Record::of(metadata) });
        }
    }

    /// Runs a change of a blob's names outside of the store, such as a hard link, and updates its record.
    pub(crate) fn keeping_record<T>(&self, name: &Sha256, change: impl FnOnce() -> T) -> T {
        self.keeping_records(&HashSet::from([*name]), change)
    }

    /// Runs a change of the store's own names, which changes ctimes, and updates the records of blobs.
    pub(crate) fn keeping_records<T>(&self, names: &HashSet<Sha256>, change: impl FnOnce() -> T) -> T {
        let metadata = |name: &Sha256| fs::symlink_metadata(self.layout().blob(name)).ok();
        let before: Vec<_> = names.iter().filter_map(|name| Some((name, metadata(name)?))).collect();
        let result = change();
        for (name, before) in before {
            if let Some(after) = metadata(name).filter(|after| after.nlink() != before.nlink()) {
                self.record_relinked(name, &before, &after);
            }
        }
        result
    }

    fn put_record(&self, name: &Sha256, record: &Record) {
        let Ok(bytes) = serde_json::to_vec(record) else { return };
        if self.read_only().is_some() {
            return;
        }
        let path = self.layout().record(name);
        // In place, as many small files have one each: a torn record counts as none.
        let in_place = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(FILE_MODE).custom_flags(locks::nofollow());
            options.open(&path)?.write_all(&bytes)
        };
        let written = in_place().or_else(|_| durable::write(self.layout(), &path, &bytes, Durability::Derived));
        if let Err(error) = written {
            tracing::debug!(%error, "a check could not be recorded");
        }
    }

    fn record(&self, name: &Sha256) -> Option<Record> {
        serde_json::from_slice(&cache_fs::read(self.layout().record(name), MAX_RECORD).ok()?).ok()
    }

    /// Whether a file is still in the state in which it was found intact.
    pub(crate) fn is_recorded(&self, name: &Sha256, metadata: &Metadata) -> bool {
        self.record(name).is_some_and(|record| !record.racy && record.difference(metadata) == Difference::None)
    }

    /// How a file differs from its record. Costs one small read.
    pub(crate) fn difference(&self, name: &Sha256, metadata: &Metadata) -> Difference {
        self.record(name).map_or(Difference::None, |record| record.difference(metadata))
    }

    /// Records the hashes of a blob's blocks. They belong to the content and never go stale.
    pub(crate) fn record_blocks(&self, name: &Sha256, blocks: &[BlockHash]) {
        if blocks.is_empty() {
            return;
        }
        let mut bytes = BLOCKS_MAGIC.to_vec();
        bytes.extend(blocks.iter().flat_map(|block| block.as_bytes()));
        if let Err(error) = durable::write(self.layout(), &self.layout().blocks(name), &bytes, Durability::Derived) {
            tracing::debug!(%error, "block hashes could not be recorded");
        }
    }

    /// The recorded hashes of a blob's blocks, none if nothing usable is recorded.
    pub(crate) fn recorded_blocks(&self, name: &Sha256) -> Vec<BlockHash> {
        let bytes = cache_fs::read(self.layout().blocks(name), MAX_BLOCKS).unwrap_or_default();
        let Some(hashes) = bytes.strip_prefix(BLOCKS_MAGIC) else { return Vec::new() };
        let one = |hash: &[u8]| Some(BlockHash::from_bytes(hash.try_into().ok()?));
        hashes.chunks_exact(BlockHash::LEN).filter_map(one).collect()
    }

    /// Removes the record of a blob, and its block hashes if `blocks` is set.
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
    fn change_within_two_seconds_of_a_check_is_racy() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (age_ms, racy) in [(0, true), (1999, true), (2000, false), (60_000, false)] {
            assert_eq!(is_racy(at, at + Duration::from_millis(age_ms)), racy, "{age_ms}");
        }
        assert!(is_racy(at + Duration::from_secs(5), at), "a time in the future proves nothing");
    }

    #[test]
    fn record_is_not_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store"), crate::store::options::StoreOptions::default()).unwrap();
        let (name, other) = (Sha256::from_bytes([1; 32]), dir.path().join("other"));
        fs::write(&other, "theirs").unwrap();
        let path = store.layout().record(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        store.put_record(&name, &Record::default());
        assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
        assert_eq!(store.record(&name), Some(Record::default()));
    }
}
