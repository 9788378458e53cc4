//! [`Partial`]: a download in the making, and the journal of what of it is on the disk.

use std::any::Any;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use cache_core::{ByteRange, Error, ErrorKind, Result};

use crate::blobs::journal::Journal;
use crate::blobs::partial_state::{LastNote, PartialState, Recorded, pairs, unsynced};
use crate::fs::access::BlobAccess;
use crate::fs::failpoints::{Mutant, mutant};
use crate::fs::io_context::IoContext as _;
use crate::fs::partial_key::PartialKey;
use crate::store::Store;

/// A file that is being downloaded. It has one owner, and its content is unverified.
///
/// Dropped without being published it stays for the next process, unless nothing was ever recorded.
#[derive(Debug)]
pub struct Partial {
    file: Arc<File>,
    shared: Arc<PartialState>,
    recorded: Vec<ByteRange>,
    etag: Option<String>,
    given_out: bool,
    access: BlobAccess,
    /// Permission bits of the file that the content comes from.
    source: u32,
    /// Published or discarded: dropping it does nothing.
    ended: bool,
}

/// A partial that is no longer written.
#[derive(Debug)]
pub(crate) struct Closed {
    /// The only handle; with it goes the lock.
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) key: PartialKey,
    /// Whether it has a journal.
    pub(crate) recorded: bool,
    /// Readers of the blob.
    pub(crate) access: BlobAccess,
    /// Permission bits that the blob has at most.
    pub(crate) source: u32,
    /// Keeps what the partial held.
    pub(crate) held: Arc<PartialState>,
}

impl Partial {
    pub(crate) fn new(store: &Store, key: &PartialKey, path: PathBuf, file: File, from: Option<Journal>) -> Self {
        // Without a journal nothing is recorded, whatever its length.
        let length = from.as_ref().map_or(0, |_| file.metadata().map_or(0, |metadata| metadata.len()));
        let journal = from.unwrap_or_default();
        let recorded = journal.within(length);
        let synced = Journal { unsynced: Vec::new(), ..journal.clone() }.within(length);
        let etag = journal.etag.clone();
        let recorded_any = !recorded.is_empty();
        let given_out = recorded_any && store.may_be_given_out(key);
        let state = Recorded {
            size: journal.size,
            etag: journal.etag,
            synced: pairs(&synced),
            recorded: recorded_any,
            closed: false,
            failed: false,
            restarts: 0,
        };
        let shared = PartialState {
            store: store.clone(),
            key: key.clone(),
            path,
            syncing: Mutex::default(),
            state: Mutex::new(state),
            last: Mutex::default(),
            held: OnceLock::new(),
        };
        let (access, source) = (BlobAccess::Shared, 0o444);
        Self { file: Arc::new(file), shared: Arc::new(shared), recorded, etag, given_out, access, source, ended: false }
    }

    /// Sets the readers of the content: now, while it arrives, and later, as a blob. [`BlobAccess::Shared`] unless set.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the file system refuses.
    pub fn set_access(&mut self, access: BlobAccess) -> Result<()> {
        self.access = access;
        if access == BlobAccess::Restricted { self.narrow() } else { Ok(()) }
    }

    /// Limits the readers to those of the file that the content comes from.
    pub(crate) fn set_source(&mut self, mode: u32) -> Result<()> {
        self.source = mode & 0o444;
        self.narrow()
    }

    /// The same for a file that is itself the source: its own rights stay until it is published.
    pub(crate) fn keep_source(&mut self, mode: u32) {
        self.source = mode & 0o444;
    }

    fn narrow(&self) -> Result<()> {
        let readers = self.shared.store.0.blob_modes.blob(self.access, self.source);
        // A partial of another user's, in a store that a group shares, keeps its rights.
        let mode = std::fs::Permissions::from_mode(readers | 0o200);
        match self.file.set_permissions(mode) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
            other => other.context(format_args!("set the mode of {}", self.shared.path.display())),
        }
    }

    /// The data file, open for reading and writing at positions. Clones must be dropped before it is published.
    #[must_use]
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Keeps `guard`, the right to fetch, until nothing of this process has the file open: the next leader can claim it.
    pub fn hold_guard(&self, guard: impl Any + Send + Sync) {
        if !mutant(Mutant::JournalKeepsLock) {
            let _ = self.shared.held.set(Box::new(guard));
        }
    }

    /// Work on the file and what the partial shares with its recorders, for another thread.
    fn task<T, W>(&self, work: W) -> impl FnOnce() -> Result<T> + Send + use<T, W>
    where
        W: FnOnce(&PartialState, &File) -> Result<T> + Send,
    {
        let (file, shared) = (Arc::clone(&self.file), Arc::clone(&self.shared));
        move || {
            let done = work(&shared, &file);
            // Before what the partial holds.
            drop(file);
            done
        }
    }

    /// Opens another handle of the data file, only for reading.
    ///
    /// It holds no lock, does not prevent publishing, and stays valid when the file is renamed or removed.
    ///
    /// The task blocks; it fails when the file cannot be opened again, or another process has taken over.
    pub fn reader_task(&self) -> impl FnOnce() -> Result<File> + Send + use<> {
        self.task(PartialState::reader)
    }

    /// Ranges that an earlier process recorded as written, sorted and disjoint; unverified.
    #[must_use]
    pub fn recorded(&self) -> &[ByteRange] {
        &self.recorded
    }

    /// Whether readers of the process that recorded them may have some of these bytes, unverified.
    #[must_use]
    pub fn may_be_given_out(&self) -> bool {
        self.given_out
    }

    /// The entity tag of the recorded bytes.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// Notes the entity tag for the next record.
    pub fn set_etag(&mut self, etag: Option<String>) {
        self.shared.state().etag.clone_from(&etag);
        self.etag = etag;
    }

    /// The key of its content.
    #[must_use]
    pub fn key(&self) -> &PartialKey {
        &self.shared.key
    }

    /// Path of the data file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Syncs the data, then records which ranges are written, replacing what was recorded before.
    ///
    /// Where the disk has no room for that, what was recorded before stays. After a failed sync the partial is removed,
    /// and can be neither recorded nor published.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be written, a sync has failed, or another process has taken over.
    pub fn record(&mut self, ranges: &[ByteRange]) -> Result<()> {
        let restarts = self.shared.state().restarts;
        self.shared.record(|| Some(Arc::clone(&self.file)), ranges, None, restarts)
    }

    /// A handle that records from another thread, until the next restart.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        let restarts = self.shared.state().restarts;
        Recorder { file: Arc::downgrade(&self.file), shared: Arc::clone(&self.shared), restarts }
    }

    /// Discards everything that was written: the file is empty again and keeps its allocation.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the file system refuses, or a sync has failed.
    pub fn restart(&mut self) -> Result<()> {
        self.restart_task()()
    }

    /// [`restart`](Self::restart) as a task that blocks. Until it has ended, nothing may be written.
    pub fn restart_task(&mut self) -> impl FnOnce() -> Result<()> + Send + use<> {
        self.recorded.clear();
        self.etag = None;
        self.task(PartialState::restart)
    }

    /// Discards what was written outside of `ranges`, which are sorted and disjoint, as a task that blocks.
    ///
    /// Fails as [`Partial::restart`].
    pub fn keep_task(&mut self, ranges: Vec<ByteRange>) -> impl FnOnce() -> Result<()> + Send + use<> {
        self.recorded.clone_from(&ranges);
        self.task(move |shared, _| shared.keep(&ranges))
    }

    /// Gives the file its length, in bytes: room is checked and taken, what is beyond is cut off.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] with what is needed and what is there.
    pub fn set_size(&mut self, size: u64) -> Result<()> {
        self.set_size_task(size)()
    }

    /// [`set_size`](Self::set_size) as a task that blocks.
    pub fn set_size_task(&mut self, size: u64) -> impl FnOnce() -> Result<()> + Send + use<> {
        self.recorded.retain_mut(|range| {
            range.end = range.end.min(size);
            !range.is_empty()
        });
        self.task(move |shared, file| shared.set_size(file, size))
    }

    /// Notes ranges that are there already, for a partial that is made from other bytes.
    pub(crate) fn set_recorded(&mut self, ranges: Vec<ByteRange>) {
        self.recorded = ranges;
    }

    /// Ends the writing, also by recorders, and returns the only handle.
    pub(crate) fn close(mut self) -> Result<Closed> {
        self.ended = true;
        self.shared.state().closed = true;
        // A recorder has the file only under one of these locks, so that now none has it any more.
        drop(self.shared.syncing());
        if self.shared.state().failed {
            return Err(unsynced(&self.shared.path));
        }
        let (file, shared) = (Arc::clone(&self.file), Arc::clone(&self.shared));
        let (access, source) = (self.access, self.source);
        drop(self);
        let path = shared.path.clone();
        let file = Arc::try_unwrap(file).map_err(|_| {
            Error::new(ErrorKind::Storage, format!("{} is still being written by this process", path.display()))
        })?;
        let recorded = shared.state().recorded;
        Ok(Closed { file, path, key: shared.key.clone(), recorded, access, source, held: shared })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let leave = self.task(|shared, file| {
            shared.leave(file);
            Ok(())
        });
        self.shared.store.in_background(move || drop(leave()));
    }
}

/// Records progress of a [`Partial`] from another thread. After the partial is published, dropped or restarted it does
/// nothing.
#[derive(Debug, Clone)]
pub struct Recorder {
    file: Weak<File>,
    shared: Arc<PartialState>,
    restarts: u64,
}

impl Recorder {
    /// Syncs the data, then records which ranges are written, and their entity tag.
    ///
    /// # Errors
    /// As [`Partial::record`].
    pub fn record(&self, ranges: &[ByteRange], etag: Option<&str>) -> Result<()> {
        self.shared.record(|| self.file.upgrade(), ranges, Some(etag.map(str::to_owned)), self.restarts)
    }

    /// Records which ranges are written without syncing them: cheap, and enough for a process that is killed. After a
    /// reboot only what [`Recorder::record`] recorded counts. Does not wait for a sync.
    ///
    /// # Errors
    /// As [`Partial::record`].
    pub fn note(&self, ranges: &[ByteRange], etag: Option<&str>) -> Result<()> {
        match self.file.upgrade() {
            Some(file) => self.shared.note(&file, ranges, etag, self.restarts),
            None => Ok(()),
        }
    }

    /// Leaves what [`note`](Self::note) is to record when the partial is dropped. Does no I/O.
    pub fn note_at_drop(&self, ranges: Vec<ByteRange>, etag: Option<String>) {
        let note = LastNote { ranges, etag, restarts: self.restarts };
        *self.shared.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
    }
}

#[cfg(test)]
mod tests;
