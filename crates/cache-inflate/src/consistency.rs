//! [`Witness`]: a second reading must give the plain bytes of the first.
//!
//! A reader that lost a stream in the middle opens the file again and skips what it has. Where only the compressed
//! bytes have a digest, the bytes it keeps from the first reading would then be judged by nobody. So each reading is
//! hashed as far as an earlier one got and compared with it. What another process has read is unknown here; the
//! entity tag of the plain bytes is this source's own, and makes the reader begin anew.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{Error, Hasher, Packed, RepoPath, Result, Sha256, Version};

use crate::trouble;

/// Most files remembered. Forgetting is only safe for files that nobody reads any more.
const MAX_FILES: usize = 100_000;

type File = (Version, RepoPath);

/// How far each file was read, and the sha256 of those plain bytes.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    files: Mutex<HashMap<File, (u64, Sha256)>>,
}

impl Witness {
    fn files(&self) -> MutexGuard<'_, HashMap<File, (u64, Sha256)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a reading.
    pub(crate) fn begin(self: &Arc<Self>, version: &Version, path: &RepoPath) -> Reading {
        let file = (version.clone(), path.clone());
        let before = self.files().get(&file).copied();
        Reading { witness: Arc::clone(self), file, hasher: Hasher::new(), before }
    }
}

/// One reading of a file. Dropped, it leaves its testimony.
#[derive(Debug)]
pub(crate) struct Reading {
    witness: Arc<Witness>,
    file: File,
    hasher: Hasher,
    /// Up to where an earlier reading got and this one has not.
    before: Option<(u64, Sha256)>,
}

impl Reading {
    /// Takes the next plain bytes.
    ///
    /// # Errors
    /// [`cache_core::ErrorKind::Integrity`] when an earlier reading gave others.
    pub(crate) fn update(&mut self, bytes: &[u8], packed: &Packed) -> Result<()> {
        let mut rest = bytes;
        if let Some((length, sha256)) = self.before {
            let left = usize::try_from(length - self.hasher.length()).unwrap_or(usize::MAX);
            let (known, new) = bytes.split_at(left.min(bytes.len()));
            self.hasher.update(known);
            rest = new;
            if self.hasher.length() == length {
                if self.hasher.clone().finish().sha256 != sha256 {
                    return Err(trouble::inconsistent(packed));
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
    /// As [`Reading::update`], when an earlier reading gave more.
    pub(crate) fn end(&self, packed: &Packed) -> Result<(), Error> {
        if self.before.is_some() { Err(trouble::inconsistent(packed)) } else { Ok(()) }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // An earlier reading that got farther stays the measure.
        if self.before.is_some() {
            return;
        }
        let hashes = mem::take(&mut self.hasher).finish();
        let mut files = self.witness.files();
        if files.len() < MAX_FILES {
            files.insert(self.file.clone(), (hashes.length, hashes.sha256));
        }
    }
}
