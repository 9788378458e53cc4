//! Checking blobs: against the record of an earlier check, or by reading every byte.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use cache_core::{BLOCK_SIZE, BlockHash, ByteRange, Digest, Digests, Error, ErrorKind, Hasher, Hashes, Result, Sha256};
use fs_err as fs;

use crate::doing::{Absent as _, Doing as _};
use crate::quarantine::QuarantineRecord;
use crate::record::Identity;
use crate::store::Store;

/// Bytes read at a time: large enough to make calls rare, small enough to stay in the processor's cache.
const READ_BUFFER: usize = 256 << 10;

/// How to check a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyMode {
    /// Read and hash all bytes.
    Full,
    /// Believe the record of an earlier check as long as the file's size and times are the same. Sees no bit rot.
    Quick,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The bytes have the digest that the blob is named after.
    Intact,
    /// There is no such blob.
    Missing,
    /// The bytes are wrong.
    Damaged(Damage),
}

/// A damaged blob, as it was found. It says nothing of a file that has taken its name since: whoever mends or discards
/// by it looks first whether the file there is still the one that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The SHA-256 that it should have.
    pub name: Sha256,
    /// Where it lies.
    pub path: PathBuf,
    /// The SHA-256 that it has.
    pub actual: Sha256,
    /// Its length in bytes, as it is.
    pub size: u64,
    /// Its length in bytes as it should be, where a manifest or the block hashes tell.
    pub expected_size: Option<u64>,
    /// The ranges that are as they should be; none when no block hashes were recorded.
    pub intact: Vec<ByteRange>,
    /// The file that was read.
    pub(crate) found: Identity,
}

impl Damage {
    pub(crate) fn record(&self, reason: &str) -> QuarantineRecord {
        let actual = Digests { sha256: Some(self.actual), ..Digests::default() };
        QuarantineRecord::new(reason).with_digests(Some(Digest::Sha256(self.name)), actual)
    }
}

impl Store {
    /// Checks one blob.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be read.
    pub fn verify(&self, name: &Sha256, mode: VerifyMode) -> Result<Verified> {
        let Some(blob) = self.blob(name)? else { return Ok(Verified::Missing) };
        let what = || format!("read {}", blob.path.display());
        let Some(file) = fs::File::open(&blob.path).or_absent().doing(what())? else { return Ok(Verified::Missing) };
        let file = file.into_file();
        let metadata = file.metadata().doing(what())?;
        if mode == VerifyMode::Quick && self.is_recorded(name, &metadata) {
            return Ok(Verified::Intact);
        }
        let hashes = hash_file(&file, Hasher::new()).doing(what())?;
        if hashes.sha256 == *name {
            self.record_intact(name, &metadata);
            return Ok(Verified::Intact);
        }
        self.forget(name, false);
        let blocks = self.recorded_blocks(name);
        let intact = if blocks.is_empty() { Vec::new() } else { intact_ranges(&file, &blocks).doing(what())? };
        Ok(Verified::Damaged(Damage {
            name: *name,
            path: blob.path,
            actual: hashes.sha256,
            size: hashes.length,
            expected_size: self.size_by_manifest(name)?,
            intact,
            found: Identity::of(&metadata),
        }))
    }

    /// What is now under the name of a blob that was found damaged.
    pub(crate) fn look_again(&self, damaged: &Damage) -> Result<Verified> {
        let there = Identity::at(&self.layout().blob(&damaged.name)).doing("look at a damaged blob")?;
        if there == Some(damaged.found) {
            return Ok(Verified::Damaged(damaged.clone()));
        }
        self.verify(&damaged.name, VerifyMode::Full)
    }

    /// What the manifests say of a blob's length.
    fn size_by_manifest(&self, name: &Sha256) -> Result<Option<u64>> {
        let manifests = self.manifests()?;
        let mut files = manifests.iter().flat_map(|manifest| &manifest.files);
        Ok(files.find(|file| file.size.is_some() && self.blob_name_of(file) == Some(*name)).and_then(|file| file.size))
    }

    /// Puts a damaged blob away, so that the next fetch brings it anew, and takes it out of all views. Returns the id in
    /// quarantine. A file that has taken its place meanwhile is read first, and stays when it is intact.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be moved, or is no longer damaged.
    pub fn discard_damaged(&self, damaged: &Damage, reason: &str) -> Result<String> {
        self.writable()?;
        let damaged = match self.look_again(damaged)? {
            Verified::Damaged(damaged) => damaged,
            Verified::Intact => return Err(no_longer(damaged, "has been mended meanwhile")),
            Verified::Missing => return Err(no_longer(damaged, "is gone")),
        };
        self.forget(&damaged.name, false);
        for manifest in self.manifests()? {
            for file in manifest.files.iter().filter(|file| self.blob_name_of(file) == Some(damaged.name)) {
                self.remove_from_view(&manifest.version, &file.path)?;
            }
        }
        self.quarantine_file(&damaged.path, damaged.record(reason))
    }
}

fn no_longer(damaged: &Damage, what: &str) -> Error {
    let text = format!("the damaged blob {} {what}: there is nothing to discard", damaged.name);
    Error::new(ErrorKind::Storage, text)
}

/// Hashes a file from its beginning.
pub(crate) fn hash_file(file: &File, hasher: Hasher) -> io::Result<Hashes> {
    hash_file_watched(file, hasher, &mut |_| ())
}

/// The same, with somebody who hears how many bytes were read since the last time.
pub(crate) fn hash_file_watched(file: &File, mut hasher: Hasher, watch: &mut dyn FnMut(u64)) -> io::Result<Hashes> {
    read_all(file, |bytes| {
        hasher.update(bytes);
        watch(bytes.len() as u64);
    })?;
    Ok(hasher.finish())
}

fn read_all(file: &File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    // Only advice: without it the kernel reads ahead a little less.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
    let mut buffer = vec![0; READ_BUFFER];
    let mut reader = file;
    io::Seek::seek(&mut reader, io::SeekFrom::Start(0))?;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => take(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
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
