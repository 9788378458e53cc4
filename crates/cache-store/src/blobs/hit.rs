//! Looking up blobs.

use std::fs::Metadata;

use cache_core::{Error, ErrorKind, FileEntry, Result, Sha256};
use fs_err as fs;

use crate::blobs::verify::{Verified, VerifyMode};
use crate::fs::access::check_readable;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::index::blob::Blob;
use crate::index::records::{Difference, SMALL_FILE};
use crate::index::small_records::SmallRecords;
use crate::store::Store;

/// Largest blob that is hashed again as soon as it differs from its record, in bytes.
///
/// That takes some 10 ms; configurations and tokenizers, which are edited by hand, are far smaller.
const REHASHED_AT_ONCE: u64 = 16 << 20;

/// Result of a lookup: a file's blob, compared with the record of its last check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// There is none; one that was found corrupted is out of use.
    Missing,
    /// It is as it was when its digest was checked.
    Unchanged(Blob),
    /// It was linked by others, copied or given other rights since: its bytes are the same unless its times were forged.
    Touched(Blob),
    /// It was written to since. Its digest has to be checked before its bytes are used.
    Changed(Blob),
}

impl Store {
    /// Looks up the blob of a file and compares it with the record of its last check.
    ///
    /// Costs one `stat` and one small read. A small blob that differs is hashed at once, and goes to quarantine when it
    /// is corrupted.
    ///
    /// # Errors
    /// [`Integrity`](ErrorKind::Integrity) when it is corrupted and the store is read-only;
    /// [`Storage`](ErrorKind::Storage) when the file system fails.
    pub fn hit(&self, file: &FileEntry) -> Result<Hit> {
        match self.blob_name_of(file) {
            Some(name) => self.hit_named(file, name, &SmallRecords::default()),
            None => Ok(Hit::Missing),
        }
    }

    /// As [`hit`](Self::hit), with the blob's [name](Self::blob_name_of) and the records of the version's small files.
    ///
    /// A small file with such a record costs no read.
    ///
    /// # Errors
    /// As [`hit`](Self::hit).
    pub fn hit_named(&self, file: &FileEntry, name: Sha256, records: &SmallRecords) -> Result<Hit> {
        let path = self.layout().blob(&name);
        let found = fs::symlink_metadata(&path).or_absent().context("look for a blob")?;
        let fits = |there: &Metadata| there.is_file() && file.size.is_none_or(|size| size == there.len());
        let Some(metadata) = found.filter(fits) else { return Ok(Hit::Missing) };
        check_readable(file, &path, &metadata)?;
        let blob = Blob::new(name, path, metadata.len());
        let mut difference = Difference::None;
        let is_sound = match blob.size <= SMALL_FILE {
            true => records.has(&name, &metadata) || self.matches_digest(&name, &blob.path, blob.size)?,
            false => {
                difference = self.difference(&name, &metadata);
                matches!(difference, Difference::None | Difference::Unlinked)
            }
        };
        if is_sound {
            if difference == Difference::Unlinked {
                // What comes next is to show.
                self.record_relinked(&name, &metadata, &metadata);
            }
            return Ok(Hit::Unchanged(blob));
        }
        if blob.size <= REHASHED_AT_ONCE {
            return match self.verify(&name, VerifyMode::Full)? {
                Verified::Intact => Ok(Hit::Unchanged(blob)),
                Verified::Corrupted(damage) if damage.quarantine.is_none() => Err(Error::new(
                    ErrorKind::Integrity,
                    format!("{}: checksum mismatch: corrupted on the disk", file.path),
                )
                .with_hint("the store is read-only: its owner has to repair it")
                .with_reason(cache_core::Reason::ReadOnlyCorrupted)),
                _ => Ok(Hit::Missing),
            };
        }
        Ok(if difference == Difference::Content { Hit::Changed(blob) } else { Hit::Touched(blob) })
    }
}
