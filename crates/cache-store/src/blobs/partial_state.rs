//! What a [`Partial`](crate::Partial) shares with its recorders: what of it is recorded, and whether it is open.

use std::any::Any;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cache_core::{ByteRange, Error, ErrorKind, Result};

use crate::blobs::journal::Journal;
use crate::fs::boot::boot_id;
use crate::fs::durable;
use crate::fs::failpoints::point;
use crate::fs::io_context::IoContext as _;
use crate::fs::layout::Layout;
use crate::fs::partial_key::PartialKey;
use crate::locking::locks;
use crate::store::Store;

/// What is recorded when a partial is dropped.
#[derive(Debug)]
pub(super) struct LastNote {
    pub(super) ranges: Vec<ByteRange>,
    pub(super) etag: Option<String>,
    pub(super) restarts: u64,
}

#[derive(Debug)]
pub(crate) struct PartialState {
    pub(super) store: Store,
    pub(super) key: PartialKey,
    pub(super) path: PathBuf,
    /// Held while the data is synced, which may take long: the state is not.
    pub(super) syncing: Mutex<()>,
    pub(super) state: Mutex<Recorded>,
    pub(super) last: Mutex<Option<LastNote>>,
    /// The right to fetch; the last field, so that it outlives all of the above.
    pub(super) held: OnceLock<Box<dyn Any + Send + Sync>>,
}

#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) size: Option<u64>,
    pub(super) etag: Option<String>,
    /// The ranges that were synced, as the journal has them.
    pub(super) synced: Vec<(u64, u64)>,
    /// Whether there is something worth keeping.
    pub(super) recorded: bool,
    /// Published, or given up: nothing is written any more.
    pub(super) closed: bool,
    /// A sync failed: what was written may not be on the disk, whatever a later sync says.
    pub(super) failed: bool,
    /// How often all was forgotten: what is recorded for the time before it no longer counts.
    pub(super) restarts: u64,
}

impl PartialState {
    pub(super) fn state(&self) -> MutexGuard<'_, Recorded> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn syncing(&self) -> MutexGuard<'_, ()> {
        self.syncing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state; `None` when the partial is closed, or was restarted since.
    fn open_state(&self, restarts: u64) -> Result<Option<MutexGuard<'_, Recorded>>> {
        let state = self.state();
        if state.failed {
            return Err(unsynced(&self.path));
        }
        Ok((!state.closed && state.restarts == restarts).then_some(state))
    }

    /// Syncs the file, then records ranges of it. `handle` is called only while the partial is open.
    pub(super) fn record(
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
        if !locks::still_names(&self.path, &file).context("look at the partial file")? {
            return Err(taken(&self.path));
        }
        if let Err(error) = durable::sync_data(&file) {
            // Its pages may count as clean now without being on the disk: nothing of it can be believed any more, and
            // another sync would succeed.
            let mut state = self.state();
            state.failed = true;
            self.give_up(&mut state);
            return Err(error).context(format_args!("sync {}", self.path.display()));
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

    /// Closes it and removes its files, the journal first: data without a journal is never resumed.
    fn give_up(&self, state: &mut Recorded) {
        state.closed = true;
        let _ = durable::remove(&Layout::journal(&self.path));
        let _ = durable::remove(&self.path);
    }

    /// Records which ranges are written without syncing them, while `file` has its name.
    pub(super) fn note(&self, file: &File, ranges: &[ByteRange], etag: Option<&str>, restarts: u64) -> Result<()> {
        let Some(mut state) = self.open_state(restarts)? else { return Ok(()) };
        if !locks::still_names(&self.path, file).context("look at the partial file")? {
            return Err(taken(&self.path));
        }
        state.etag = etag.map(str::to_owned);
        self.write_journal(&mut state, pairs(ranges))
    }

    /// Leaves the file to the next process, or removes it when nothing is recorded.
    pub(super) fn leave(&self, file: &File) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(LastNote { ranges, etag, restarts }) = last
            && let Err(error) = self.note(file, &ranges, etag.as_deref(), restarts)
        {
            tracing::warn!(%error, "the progress of a download could not be recorded");
        }
        let mut state = self.state();
        if state.closed {
            return;
        }
        state.closed = true;
        let stored = self.key.digest().is_some_and(|name| matches!(self.store.blob(&name), Ok(Some(_))));
        if (!state.recorded || stored) && locks::still_names(&self.path, file).unwrap_or(false) {
            self.give_up(&mut state);
        }
    }

    pub(super) fn set_size(&self, file: &File, size: u64) -> Result<()> {
        self.store.allocate(file, &self.path, size)?;
        let mut state = self.state();
        state.size = Some(size);
        state.synced.retain_mut(|range| {
            range.1 = range.1.min(size);
            range.0 < range.1
        });
        Ok(())
    }

    pub(super) fn restart(&self, file: &File) -> Result<()> {
        let what = || format!("empty {}", self.path.display());
        let size = {
            let mut state = self.state();
            if state.failed {
                return Err(unsynced(&self.path));
            }
            durable::remove(&Layout::journal(&self.path)).context(what())?;
            state.restarts += 1;
            state.etag = None;
            state.synced.clear();
            state.recorded = false;
            state.size
        };
        file.set_len(0).context(what())?;
        match size {
            Some(size) => self.store.allocate(file, &self.path, size),
            None => Ok(()),
        }
    }

    pub(super) fn keep(&self, ranges: &[ByteRange]) -> Result<()> {
        let mut state = self.state();
        if state.failed {
            return Err(unsynced(&self.path));
        }
        // An older journal names what may be written again.
        durable::remove(&Layout::journal(&self.path)).context("remove a journal")?;
        state.recorded = false;
        state.restarts += 1;
        state.synced.clear();
        self.write_journal(&mut state, pairs(ranges))
    }

    pub(super) fn reader(&self, file: &File) -> Result<File> {
        let what = || format!("open {} for reading", self.path.display());
        let reader = locks::open_existing(&self.path, false).context(what())?;
        if locks::is_same_file(&reader, file).context(what())? { Ok(reader) } else { Err(taken(&self.path)) }
    }

    /// Replaces the journal. On a full disk the older one stays: what it records is true.
    fn write_journal(&self, state: &mut Recorded, unsynced: Vec<(u64, u64)>) -> Result<()> {
        let journal = Journal {
            size: state.size,
            etag: state.etag.clone(),
            ranges: state.synced.clone(),
            unsynced,
            boot: boot_id(),
        };
        if journal.is_empty() {
            state.recorded = false;
            // Without bytes nothing is worth keeping, and the room goes back when the partial is dropped.
            durable::remove(&Layout::journal(&self.path)).context("remove a journal")?;
        } else {
            match journal.write(&self.store, &self.path) {
                Err(error) if error.kind() == ErrorKind::NoSpace => {
                    tracing::warn!(%error, "no room to record the progress of a download");
                }
                written => {
                    written?;
                    state.recorded = true;
                }
            }
        }
        point("journal.written");
        Ok(())
    }
}

pub(super) fn pairs(ranges: &[ByteRange]) -> Vec<(u64, u64)> {
    ranges.iter().map(|range| (range.start, range.end)).collect()
}

pub(crate) fn taken(path: &Path) -> Error {
    Error::new(ErrorKind::Storage, format!("{} was taken over by another process", path.display()))
        .with_hint("run the same command again to resume")
}

pub(super) fn unsynced(path: &Path) -> Error {
    Error::new(ErrorKind::Storage, format!("{} could not be synced: the downloaded data is lost", path.display()))
        .with_hint("check the disk, then run the same command again: the download starts over")
}
