//! Publishing: the one place where bytes get the name of a blob.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Error, ErrorKind, Hashes, Result, Retry, Sha256};
use fs_err as fs;

use crate::blobs::partial::{Closed, Partial};
use crate::blobs::partial_state::taken;
use crate::blobs::quarantine_record::QuarantineRecord;
use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::{Mutant, mutant, point};
use crate::fs::io_context::IoContext as _;
use crate::fs::layout::Layout;
use crate::guards::lease::Lease;
use crate::index::blob::Blob;
use crate::index::records::SMALL_FILE;
use crate::locking::locks::{self, SHORT_WAIT};
use crate::store::Store;

impl Store {
    /// Gives a downloaded file its name among the blobs, durably.
    ///
    /// `hashes` were computed over the whole file as it is on the disk. When the blob is already there, this copy is
    /// discarded. The returned blob is leased since before it got its name, until all clones of it are dropped.
    ///
    /// On an error nothing is published, and the partial is gone unless another process has it.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when length or digest are not as promised, else a storage error.
    pub fn publish(&self, partial: Partial, hashes: &Hashes, expected: Option<Sha256>) -> Result<Blob> {
        self.writable()?;
        let published = self.publish_file(partial, hashes, expected);
        // With the partial gone, another try fetches a large file again.
        let (blob, new) = match published {
            Err(error) if hashes.length > SMALL_FILE => return Err(error.with_retry(Retry::Never)),
            published => published?,
        };
        self.record_hashes(&blob, hashes, new.as_ref());
        Ok(blob)
    }

    /// The blob, and its metadata if it is this file and not an earlier one.
    fn publish_file(
        &self,
        partial: Partial,
        hashes: &Hashes,
        expected: Option<Sha256>,
    ) -> Result<(Blob, Option<Metadata>)> {
        point("publish.begin");
        // The right to fetch goes last: the next leader finds the blob.
        let Closed { file, path, key, recorded, access, source, held: _held } = partial.close()?;
        let unfinished = RemoveOnDrop { path: Some(&path) };
        let what = || format!("publish {}", path.display());
        // Synced through the handle that wrote, so that any error since its opening is reported here.
        durable::sync_file(&file).context(what())?;
        point("publish.synced");
        let ours = file.metadata().context(what())?;
        if locks::metadata_if_same(&path, locks::id_of(&ours)).context(what())?.is_none() {
            unfinished.disarm();
            return Err(taken(&path));
        }
        if !mutant(Mutant::PublishBeforeCheck) {
            check(ours.len(), hashes, expected)?;
        }
        point("publish.checked");
        set_mode(&file, self.0.blob_modes.blob(access, source)).context(what())?;
        point("publish.mode");
        let name = match expected {
            Some(expected) if mutant(Mutant::NoDigestCheck) || mutant(Mutant::PublishBeforeCheck) => expected,
            _ => hashes.sha256,
        };
        let gc = self.share_gc(SHORT_WAIT);
        let gc = gc.inspect_err(|error| tracing::debug!(%error, "the store is not locked")).ok().flatten();
        let lease = self.lease_ahead(&name);
        // The handle stays open until the file has its name: with it goes the lock, and another process could claim what
        // is about to be published. It is the only one, and nothing is written through it any more.
        let blob = self.name_blob(&path, &name, hashes.length, gc)?;
        let new = locks::metadata_if_same(&blob.path, locks::id_of(&ours)).context(what())?;
        drop(file);
        if mutant(Mutant::PublishBeforeCheck) {
            point("publish.unchecked");
            if expected.is_some_and(|expected| expected != hashes.sha256) {
                let _ = durable::remove(&blob.path);
            }
            let file = fs::File::open(&blob.path).context(what())?;
            check(file.metadata().context(what())?.len(), hashes, expected)?;
        }
        if recorded {
            let _ = durable::remove(&Layout::journal(&path));
        }
        unfinished.disarm();
        // No partial of a small file outlives its process for long.
        if hashes.length > SMALL_FILE {
            self.release_kept(&key);
            self.discard_abandoned(&key);
        }
        point("publish.done");
        Ok((blob.with_lease(lease), new))
    }

    /// A lease on a blob before it has its name; `None` if it cannot be written.
    fn lease_ahead(&self, name: &Sha256) -> Option<Lease> {
        if mutant(Mutant::LateLease) {
            return None;
        }
        self.lease_under_gc(&[*name]).inspect_err(|error| tracing::debug!(%error, "a new blob is not leased")).ok()
    }

    /// Renames a synced, verified file to the name of a blob. An existing blob of the right size stays.
    ///
    /// `gc` is the shared `gc` lock, unless it timed out.
    fn name_blob(&self, path: &Path, name: &Sha256, size: u64, gc: Option<Arc<File>>) -> Result<Blob> {
        let to = self.layout().blob(name);
        let what = || format!("publish the blob {name}");
        let mut gc = Some(gc);
        loop {
            // What is in the way is moved away without the lock.
            let gc = gc.take().unwrap_or_else(|| self.share_gc(Duration::MAX).ok().flatten());
            let counted = self.count_added(size, gc);
            match durable::rename_new(path, &to, Durability::Durable) {
                Ok(()) => {
                    point("publish.renamed");
                    return Ok(Blob::new(*name, to, size));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    counted.undo();
                    match self.blob(name)? {
                        Some(there) if there.size == size => {
                            // The process that named it may not have synced it yet, and this call is about to promise it.
                            sync_parent(&there.path).context(what())?;
                            durable::remove(path).context(what())?;
                            return Ok(there);
                        }
                        _ => self.move_aside(&to, name)?,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    counted.undo();
                    return Err(taken(path));
                }
                Err(error) => return Err(Error::storage(what(), error)),
            }
        }
    }

    /// Moves away what has a blob's name and cannot be it: a file of another length, a folder, a link.
    fn move_aside(&self, at: &Path, name: &Sha256) -> Result<()> {
        tracing::warn!(path = %at.display(), "the file at the name of a blob is not the blob; it is moved away");
        self.discard_counter();
        if at.is_file() && !at.is_symlink() {
            let reason = "wrong size";
            return match self.quarantine_file(at, QuarantineRecord::new(reason).with_blob(*name)) {
                Err(error) if at.exists() => Err(error),
                _ => Ok(()),
            };
        }
        match durable::rename_new(at, &self.layout().trashed_other(), Durability::Derived) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::storage("clear a blob's name", error)),
            _ => Ok(()),
        }
    }

    fn record_hashes(&self, blob: &Blob, hashes: &Hashes, new: Option<&Metadata>) {
        self.record_blocks(&blob.name, &hashes.blocks);
        if let Some(id) = &hashes.git_sha1 {
            self.remember_git(id, &blob.name);
        }
        if let Err(error) = self.resolve_corrupted(&blob.name) {
            tracing::debug!(%error, "a quarantine record could not be changed");
        }
        if let Some(metadata) = new {
            self.record_published(&blob.name, metadata);
        }
        point("publish.recorded");
    }
}

/// Compares length and digest with the expected ones. A partial that fails here is removed.
fn check(length: u64, hashes: &Hashes, expected: Option<Sha256>) -> Result<()> {
    if length != hashes.length {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("{} bytes were hashed, but the file has {length}", hashes.length),
        ));
    }
    match expected {
        Some(expected) if expected != hashes.sha256 && !mutant(Mutant::NoDigestCheck) => Err(Error::new(
            ErrorKind::Integrity,
            format!("checksum mismatch: expected sha256:{expected}, got sha256:{}", hashes.sha256),
        )),
        _ => Ok(()),
    }
}

fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), durable::sync_folder)
}

/// Removes a closed partial that did not become a blob: after a failed sync its bytes are worth nothing.
struct RemoveOnDrop<'a> {
    path: Option<&'a Path>,
}

impl RemoveOnDrop<'_> {
    fn disarm(mut self) {
        self.path = None;
    }
}

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.path {
            let _ = durable::remove(path);
            let _ = durable::remove(&Layout::journal(path));
        }
    }
}
