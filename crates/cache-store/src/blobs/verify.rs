//! Checking blobs: against the record of an earlier check, or by reading every byte.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cache_core::{BLOCK_SIZE, BlockHash, ByteRange, Digest, Digests, Error, FileEntry, Hasher, Result, Sha256};
use fs_err as fs;

use crate::blobs::quarantine_record::QuarantineRecord;
use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::point;
use crate::fs::hashing::hash_file;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::locking::locks;
use crate::store::Store;

/// How to check a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyMode {
    /// Read and hash all bytes.
    Full,
    /// Trust the record of an earlier check while size and times are the same. Does not detect bit rot.
    Quick,
}

/// Result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The bytes have the digest that the blob is named after.
    Intact,
    /// There is no such blob.
    Missing,
    /// The bytes are wrong.
    Corrupted(CorruptBlob),
}

/// A corrupted blob, as it was found, and where its bytes are now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorruptBlob {
    /// The SHA-256 that it should have.
    pub name: Sha256,
    /// Path of the bytes: in quarantine, or the blob's own where the store is read-only.
    pub path: PathBuf,
    /// The SHA-256 that it has.
    pub actual: Sha256,
    /// Its length in bytes, as it is.
    pub size: u64,
    /// The ranges that are as they should be; none when no block hashes were recorded.
    pub intact: Vec<ByteRange>,
    /// The id in quarantine. `None`: it could not be moved there.
    pub quarantine: Option<String>,
}

impl Store {
    /// Whether the bytes of a small file match its digest. Records nothing.
    pub(crate) fn matches_digest(&self, name: &Sha256, path: &Path, size: u64) -> Result<bool> {
        let read = cache_fs::read(path, size).or_absent().context("read a small file")?;
        Ok(read.is_some_and(|bytes| {
            let mut hasher = Hasher::new();
            hasher.update(&bytes);
            hasher.finish().sha256 == *name
        }))
    }

    /// Verifies one blob. A corrupted one goes to quarantine and disappears from the views.
    ///
    /// The next download takes its intact ranges from there.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be read, or is corrupted and cannot be moved.
    pub fn verify(&self, name: &Sha256, mode: VerifyMode) -> Result<Verified> {
        let Some(blob) = self.blob(name)? else { return Ok(Verified::Missing) };
        let what = || format!("read {}", blob.path.display());
        let Some(file) = fs::File::open(&blob.path).or_absent().context(what())? else { return Ok(Verified::Missing) };
        let file = file.into_file();
        let metadata = file.metadata().context(what())?;
        if mode == VerifyMode::Quick && self.is_recorded(name, &metadata) {
            return Ok(Verified::Intact);
        }
        let hashes = hash_file(&file, Hasher::new()).context(what())?;
        if hashes.sha256 == *name {
            self.record_intact(name, &metadata);
            return Ok(Verified::Intact);
        }
        let blocks = self.recorded_blocks(name);
        let intact = if blocks.is_empty() { Vec::new() } else { intact_ranges(&file, &blocks).context(what())? };
        let (actual, size) = (hashes.sha256, hashes.length);
        let mut corrupt = CorruptBlob { name: *name, path: blob.path, actual, size, intact, quarantine: None };
        point("verify.found");
        if self.read_only().is_some() {
            return Ok(Verified::Corrupted(corrupt));
        }
        match self.take_out_of_use(&mut corrupt, &file)? {
            true => Ok(Verified::Corrupted(corrupt)),
            // Another process was faster, and may have fetched it anew.
            false => self.verify(name, mode),
        }
    }

    /// Moves a corrupted blob, open as `file`, to quarantine and out of all views. Whether it still had its name.
    fn take_out_of_use(&self, corrupt: &mut CorruptBlob, file: &File) -> Result<bool> {
        let blob = corrupt.path.clone();
        let what = || format!("take the corrupted blob {} out of use", corrupt.name);
        if !locks::still_names(&blob, file).context(what())? {
            return Ok(false);
        }
        let actual = Digests { sha256: Some(corrupt.actual), ..Digests::default() };
        let record = QuarantineRecord::new("corrupted on the disk")
            .with_digests(Some(Digest::Sha256(corrupt.name)), actual)
            .with_intact(&corrupt.intact);
        let moved = self.quarantine_file(&blob, record);
        if moved.is_err() && !locks::still_names(&blob, file).context(what())? {
            return Ok(false);
        }
        let id = moved?;
        self.discard_counter();
        corrupt.path = self.layout().quarantined(&id);
        if !locks::still_names(&corrupt.path, file).context(what())? {
            // Between the look and the move it was replaced by a sound one, which gets its name back.
            match durable::rename_new(&corrupt.path, &blob, Durability::Durable) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::storage(what(), error));
                }
                _ => self.remove_entry(&id)?,
            }
            corrupt.path = blob;
            return Ok(false);
        }
        point("verify.moved");
        self.forget(&corrupt.name, false);
        self.remove_from_views(&corrupt.name, file)?;
        corrupt.quarantine = Some(id);
        Ok(true)
    }

    /// Why a file has no usable blob: it was found corrupted, or has another size than listed.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn corruption(&self, file: &FileEntry) -> Result<Option<String>> {
        let Some(name) = self.blob_name_of(file) else { return Ok(None) };
        if let Some(blob) = self.blob(&name)? {
            let expected = file.size.filter(|size| *size != blob.size);
            return Ok(expected.map(|size| {
                format!("wrong size: {}, expected {}", cache_core::Size(blob.size), cache_core::Size(size))
            }));
        }
        let entry = self.corrupted_blob(&name)?;
        Ok(entry.map(|(id, _)| match self.layout().quarantined(&id).exists() {
            true => format!("corrupted, and moved to quarantine as {id}"),
            false => "corrupted, and removed".to_owned(),
        }))
    }
}

/// The blocks that still have their recorded hash, joined to ranges.
fn intact_ranges(file: &File, blocks: &[BlockHash]) -> io::Result<Vec<ByteRange>> {
    let hashes = hash_file(file, Hasher::new().with_blocks())?;
    let mut intact: Vec<ByteRange> = Vec::new();
    let pairs = blocks.iter().zip(&hashes.blocks).zip((0..).step_by(4 << 20));
    for ((expected, actual), start) in pairs {
        let end = (start + BLOCK_SIZE).min(hashes.length);
        if expected != actual {
            continue;
        }
        match intact.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => intact.push(ByteRange { start, end }),
        }
    }
    Ok(intact)
}
