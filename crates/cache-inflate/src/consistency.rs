//! [`RepeatCheck`]: a second reading must give the plain bytes of the first.
//!
//! A reader that lost a stream in the middle opens the file again and skips what it has. Where only the compressed
//! bytes have a digest, the bytes it keeps from the first reading would stay unverified. So each reading is
//! hashed as far as an earlier one got and compared with it. What another process has read is unknown here; the
//! entity tag of the plain bytes is this source's own, and makes the reader begin anew.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{CompressedFile, Error, Hasher, RepoPath, Result, Sha256, Version};

use crate::error;

/// Most files remembered. Only files without readers are dropped.
const MAX_FILES: usize = 100_000;

type File = (Version, RepoPath);

/// Length read of each file, and the sha256 of those decompressed bytes.
#[derive(Debug, Default)]
pub(crate) struct RepeatCheck {
    files: Mutex<HashMap<File, (u64, Sha256)>>,
}

impl RepeatCheck {
    fn files(&self) -> MutexGuard<'_, HashMap<File, (u64, Sha256)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a reading.
    pub(crate) fn begin(self: &Arc<Self>, version: &Version, path: &RepoPath) -> ReadPass {
        let file = (version.clone(), path.clone());
        let before = self.files().get(&file).copied();
        ReadPass { check: Arc::clone(self), file, hasher: Hasher::new(), before }
    }
}

/// One reading of a file. Dropped, it leaves its testimony.
#[derive(Debug)]
pub(crate) struct ReadPass {
    check: Arc<RepeatCheck>,
    file: File,
    hasher: Hasher,
    /// Up to where an earlier reading got and this one has not.
    before: Option<(u64, Sha256)>,
}

impl ReadPass {
    /// Takes the next plain bytes.
    ///
    /// # Errors
    /// [`cache_core::ErrorKind::Integrity`] when an earlier reading gave others.
    pub(crate) fn update(&mut self, bytes: &[u8], compressed: &CompressedFile) -> Result<()> {
        let mut rest = bytes;
        if let Some((length, sha256)) = self.before {
            let left = usize::try_from(length - self.hasher.length()).unwrap_or(usize::MAX);
            let (known, new) = bytes.split_at(left.min(bytes.len()));
            self.hasher.update(known);
            rest = new;
            if self.hasher.length() == length {
                if self.hasher.clone().finish().sha256 != sha256 {
                    return Err(error::inconsistent(compressed));
                }
                self.before = None;
            }
        }
        self.hasher.update(rest);
        Ok(())
    }

    /// The file has ended.
    ///
    /// # Errors
    /// As [`ReadPass::update`], when an earlier reading gave more.
    pub(crate) fn end(&self, compressed: &CompressedFile) -> Result<(), Error> {
        if self.before.is_some() { Err(error::inconsistent(compressed)) } else { Ok(()) }
    }
}

impl Drop for ReadPass {
    fn drop(&mut self) {
        // An earlier reading that got farther stays the measure.
        if self.before.is_some() {
            return;
        }
        let hashes = mem::take(&mut self.hasher).finish();
        let mut files = self.check.files();
        if files.len() < MAX_FILES {
            files.insert(self.file.clone(), (hashes.length, hashes.sha256));
        }
    }
}
