//! [`Partial`]: a download in the making, and the journal of what of it is on the disk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cache_core::{ByteRange, Error, ErrorKind, Result};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};

use crate::PartialKey;
use crate::doing::{Absent as _, Doing as _};
use crate::durable::{self, Keep};
use crate::layout::Layout;
use crate::locks;
use crate::store::Store;
use crate::torture::point;

/// What the journal says: a hint for the next process, never proof.
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
    /// The boot of the machine that wrote it, to tell a reboot from another machine.
    #[serde(default)]
    pub(crate) boot: String,
}

impl Journal {
    /// What is recorded beside a partial; nothing when there is no journal or it makes no sense.
    pub(crate) fn read(partial: &Path) -> Self {
        let bytes = fs::read(Layout::journal(partial)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Writes it beside a partial. Not synced: what it says of the disk is true before and after.
    pub(crate) fn write(&self, store: &Store, partial: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::storage("write the journal", error.into()))?;
        store.write(&Layout::journal(partial), &bytes, Keep::Derived)
    }

    /// The ranges to believe in, as far as they lie within a file of this length, in order and apart.
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

/// A file that is being fetched. It has one owner; its name says nothing of its content's worth.
///
/// Dropped without being published it stays for the next process, unless nothing was ever recorded.
#[derive(Debug)]
pub struct Partial {
    file: Arc<File>,
    shared: Arc<Shared>,
    recorded: Vec<ByteRange>,
    etag: Option<String>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    key: PartialKey,
    path: PathBuf,
    /// Held while the data is synced, which may take long: the state is not.
    syncing: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    size: Option<u64>,
    etag: Option<String>,
    /// The ranges that were synced, as the journal has them.
    synced: Vec<(u64, u64)>,
    /// Whether there is something worth keeping.
    recorded: bool,
    /// Published, or given up: nothing is written any more.
    closed: bool,
    /// A sync failed: what was written may not be on the disk, whatever a later sync says.
    failed: bool,
    /// How often all was forgotten: what is recorded for the time before it no longer counts.
    restarts: u64,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn syncing(&self) -> MutexGuard<'_, ()> {
        self.syncing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless nothing of what was written before a restart, or of this partial at all, is to be recorded.
    fn open_state(&self, restarts: u64) -> Result<Option<MutexGuard<'_, State>>> {
        let state = self.state();
        if state.failed {
            return Err(unsynced(&self.path));
        }
        Ok((!state.closed && state.restarts == restarts).then_some(state))
    }

    /// `handle` gives the file, and only while the partial is open: when it is closed nobody else may hold the file.
    fn record(
        &self,
        handle: impl FnOnce() -> Option<Arc<File>>,
        ranges: &[ByteRange],
        etag: Option<Option<String>>,
        restarts: u64,
    ) -> Result<()> {
        let _one_at_a_time = self.syncing();
        let file = match self.open_state(restarts)? {
            Some(_open) => handle(),
            None => None,
        };
        let Some(file) = file else { return Ok(()) };
        if !locks::names(&self.path, &file).doing("look at the partial file")? {
            return Err(taken(&self.path));
        }
        if let Err(error) = durable::sync_data(&file) {
            // Its pages may count as clean now without being on the disk: nothing of it can be believed any more, and
            // another sync would succeed.
            let mut state = self.state();
            state.failed = true;
            self.give_up(&mut state);
            return Err(error).doing(format_args!("sync {}", self.path.display()));
        }
        // Closed or begun anew while it was synced: then there is nothing to say of it.
        let Some(mut state) = self.open_state(restarts)? else { return Ok(()) };
        point("journal.data");
        state.synced = pairs(ranges);
        if let Some(etag) = etag {
            state.etag = etag;
        }
        self.write_journal(&mut state, Vec::new())
    }

    /// Closes it and takes its names away. The journal first: data of which nothing is recorded misleads nobody.
    fn give_up(&self, state: &mut State) {
        state.closed = true;
        let _ = durable::remove(&Layout::journal(&self.path));
        let _ = durable::remove(&self.path);
    }

    fn write_journal(&self, state: &mut State, unsynced: Vec<(u64, u64)>) -> Result<()> {
        let journal = Journal {
            size: state.size,
            etag: state.etag.clone(),
            ranges: state.synced.clone(),
            unsynced,
            boot: boot_id(),
        };
        journal.write(&self.store, &self.path)?;
        state.recorded = true;
        point("journal.written");
        Ok(())
    }
}

fn pairs(ranges: &[ByteRange]) -> Vec<(u64, u64)> {
    ranges.iter().map(|range| (range.start, range.end)).collect()
}

pub(crate) fn taken(path: &Path) -> Error {
    Error::new(ErrorKind::Storage, format!("{} was taken over by another process", path.display()))
        .with_hint("run it again: it goes on with what the other process has")
}

fn unsynced(path: &Path) -> Error {
    Error::new(ErrorKind::Storage, format!("{} could not be synced: what was written to it is lost", path.display()))
        .with_hint("look after the disk, then run it again: the file is fetched from its beginning")
}

impl Partial {
    pub(crate) fn new(store: &Store, key: &PartialKey, path: PathBuf, file: File, from: Option<Journal>) -> Self {
        let journal = from.unwrap_or_default();
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let recorded = journal.within(length);
        let synced = Journal { unsynced: Vec::new(), ..journal.clone() }.within(length);
        let etag = journal.etag.clone();
        let recorded_any = !recorded.is_empty();
        let state = State {
            size: journal.size,
            etag: journal.etag,
            synced: pairs(&synced),
            recorded: recorded_any,
            closed: false,
            failed: false,
            restarts: 0,
        };
        let shared = Shared {
            store: store.clone(),
            key: key.clone(),
            path,
            syncing: Mutex::default(),
            state: Mutex::new(state),
        };
        Self { file: Arc::new(file), shared: Arc::new(shared), recorded, etag }
    }

    /// The data file, open for reading and writing at positions. Clones must be dropped before it is published.
    #[must_use]
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Another handle of the data file, only for reading. It holds no lock, does not keep the partial from being published,
    /// and goes on leading to the same bytes when the file gets another name, or none.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the file cannot be opened again, or another process has taken over.
    pub fn reader(&self) -> Result<File> {
        let path = &self.shared.path;
        let what = || format!("open {} for reading", path.display());
        let opened = fs::OpenOptions::new().read(true).custom_flags(locks::nofollow()).open(path);
        let file = opened.doing(what())?.into_file();
        if locks::same(&file, &self.file).doing(what())? { Ok(file) } else { Err(taken(path)) }
    }

    /// Ranges that an earlier process recorded as written, in order and apart. A hint: hash what you use of it.
    #[must_use]
    pub fn recorded(&self) -> &[ByteRange] {
        &self.recorded
    }

    /// The entity tag that the recorded bytes came with.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// Notes the entity tag for the next record.
    pub fn set_etag(&mut self, etag: Option<String>) {
        self.shared.state().etag.clone_from(&etag);
        self.etag = etag;
    }

    /// What it is known by.
    #[must_use]
    pub fn key(&self) -> &PartialKey {
        &self.shared.key
    }

    /// Where the data file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Syncs the data and then records which ranges of the file are written, replacing what was recorded before. After
    /// a failed sync the partial has no name any more, and can be neither recorded nor published.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] or [`ErrorKind::NoSpace`] when it cannot be written, a sync has failed, or another process
    /// has taken over.
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

    /// Forgets everything that was written: the file is empty again and keeps its room.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the file system refuses, or a sync has failed.
    pub fn restart(&mut self) -> Result<()> {
        let what = || format!("empty {}", self.shared.path.display());
        let size = {
            let mut state = self.shared.state();
            if state.failed {
                return Err(unsynced(&self.shared.path));
            }
            durable::remove(&Layout::journal(&self.shared.path)).doing(what())?;
            state.restarts += 1;
            state.etag = None;
            state.synced.clear();
            state.recorded = false;
            state.size
        };
        self.recorded.clear();
        self.etag = None;
        self.file.set_len(0).doing(what())?;
        match size {
            Some(size) => self.shared.store.allocate(&self.file, &self.shared.path, size),
            None => Ok(()),
        }
    }

    /// Forgets what was written outside of `ranges`, which are in order and apart: it can be written again.
    ///
    /// # Errors
    /// As [`Partial::restart`].
    pub fn keep(&mut self, ranges: Vec<ByteRange>) -> Result<()> {
        let mut state = self.shared.state();
        if state.failed {
            return Err(unsynced(&self.shared.path));
        }
        state.restarts += 1;
        state.synced.clear();
        self.shared.write_journal(&mut state, pairs(&ranges))?;
        drop(state);
        self.recorded = ranges;
        Ok(())
    }

    /// Gives the file its length, in bytes: room is checked and taken, what is beyond is cut off.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] with what is needed and what is there.
    pub fn set_size(&mut self, size: u64) -> Result<()> {
        self.shared.store.allocate(&self.file, &self.shared.path, size)?;
        {
            let mut state = self.shared.state();
            state.size = Some(size);
            state.synced.retain_mut(|range| {
                range.1 = range.1.min(size);
                range.0 < range.1
            });
        }
        self.recorded.retain_mut(|range| {
            range.end = range.end.min(size);
            !range.is_empty()
        });
        Ok(())
    }

    /// Notes ranges that are there already, for a partial that is made from other bytes.
    pub(crate) fn set_recorded(&mut self, ranges: Vec<ByteRange>) {
        self.recorded = ranges;
    }

    /// Throws it away, whatever was recorded.
    pub(crate) fn discard(self) {
        self.shared.give_up(&mut self.shared.state());
    }

    /// Ends the writing: no recorder writes from now on. Gives the only handle back.
    pub(crate) fn close(self) -> Result<(File, PathBuf)> {
        self.shared.state().closed = true;
        // A recorder has the file only under one of these locks, so that now none has it any more.
        drop(self.shared.syncing());
        if self.shared.state().failed {
            return Err(unsynced(&self.shared.path));
        }
        let path = self.shared.path.clone();
        let file = Arc::clone(&self.file);
        drop(self);
        let file = Arc::try_unwrap(file).map_err(|_| {
            Error::new(ErrorKind::Storage, format!("{} is still being written by this process", path.display()))
        })?;
        Ok((file, path))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if state.closed {
            return;
        }
        state.closed = true;
        if !state.recorded && locks::names(&self.shared.path, &self.file).unwrap_or(false) {
            let _ = durable::remove(&self.shared.path);
        }
    }
}

/// Records progress of a [`Partial`] from another thread. After the partial is published, dropped or restarted it does
/// nothing.
#[derive(Debug, Clone)]
pub struct Recorder {
    file: Weak<File>,
    shared: Arc<Shared>,
    restarts: u64,
}

impl Recorder {
    /// Syncs the data and then records which ranges are written, and the entity tag they came with.
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
        let Some(mut state) = self.shared.open_state(self.restarts)? else { return Ok(()) };
        let Some(file) = self.file.upgrade() else { return Ok(()) };
        if !locks::names(&self.shared.path, &file).doing("look at the partial file")? {
            return Err(taken(&self.shared.path));
        }
        state.etag = etag.map(str::to_owned);
        self.shared.write_journal(&mut state, pairs(ranges))
    }
}

/// Names this boot of this machine; empty where the system does not say.
pub(crate) fn boot_id() -> String {
    use std::sync::LazyLock;
    static BOOT: LazyLock<String> = LazyLock::new(|| {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").or_absent();
        text.ok().flatten().unwrap_or_default().trim().to_owned()
    });
    BOOT.clone()
}

#[cfg(test)]
mod tests;
