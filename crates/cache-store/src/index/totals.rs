//! Totals: number and bytes of all blobs, counted as they come and go.
//!
//! A blob is counted before it gets its name, and no longer after its file is gone: a crash in between only makes the
//! counter too high. An inventory corrects it. A doubtful counter is removed, and without one the blobs are listed.
//!
//! Both steps of a change are made under the shared `gc` lock. An inventory that takes the exclusive one for a moment
//! before and after it lists the blobs has therefore seen every blob that was counted before it began.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cache_core::Result;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};

use crate::fs::boot::boot_id;
use crate::fs::clock::nonce;
use crate::fs::durable;
use crate::fs::failpoints::point;
use crate::fs::io_context::OrAbsent as _;
use crate::fs::medium::is_local;
use crate::fs::mode::{FILE_MODE, share};
use crate::locking::locks::{self, GC, OpenLock};
use crate::store::Store;
use crate::store::amount::Amount;

/// Size of the file in bytes: it is written in place, whole, by one call.
const FILE_SIZE: usize = 512;
/// Attempts to get a lock, all but the first ones a millisecond apart: a stopped process may have it.
const ATTEMPTS: u32 = 100;
/// Attempts without a pause.
const YIELDS: u32 = 16;
/// Age at which the counter is no longer trusted: a program that does not count may have written to the store.
const MAX_AGE: Duration = Duration::from_secs(86_400);
/// Longest time between two applications of a time to live.
const MAX_EXPIRY_PERIOD: Duration = Duration::from_secs(3600);

/// The content of the file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Counter {
    /// Identity of the file: one that was removed and made again has another.
    made: String,
    /// Number and bytes of all blobs, those in the trash included.
    blobs: Amount,
    /// Number and bytes of all blobs that were counted since the file was made.
    added: Amount,
    /// Time of the last inventory in seconds since 1970; 0 before the first.
    counted: u64,
    /// Boot of the machine that counts; empty where several machines may. What was not synced did not outlive it.
    boot: String,
    /// Time of the last application of the time to live in seconds since 1970.
    #[serde(default)]
    expired: u64,
}

/// The counter, locked against other threads and processes.
struct Locked<'a> {
    open: MutexGuard<'a, Option<OpenLock>>,
    counter: Counter,
}

impl Locked<'_> {
    fn write(&self) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(&self.counter)?;
        let Some(open) = self.open.as_ref().filter(|_| bytes.len() <= FILE_SIZE) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        bytes.resize(FILE_SIZE, b' ');
        open.file.write_all_at(&bytes, 0)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // With the file goes the lock.
        if self.open.as_ref().is_some_and(|open| open.file.unlock().is_err()) {
            *self.open = None;
        }
    }
}

/// A blob that was counted and has no name yet.
#[must_use]
pub(crate) struct Counted<'a> {
    store: &'a Store,
    size: u64,
    _gc: Option<Arc<File>>,
}

impl Counted<'_> {
    /// Takes it back: the blob did not get its name.
    pub(crate) fn undo(self) {
        self.store.count_removed(self.size);
    }
}

/// An inventory under way.
pub(crate) struct Recount {
    made: String,
    added: Amount,
}

impl Store {
    /// Returns number and bytes of all blobs, as counted. Lists them only when the counter is missing or doubtful.
    ///
    /// A crash may leave the counter too high; [`recount`](Self::recount) and every inventory correct it.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the blobs cannot be listed.
    pub fn totals(&self) -> Result<Amount> {
        match self.counter().filter(|counter| self.is_trusted(counter)) {
            Some(counter) => Ok(counter.blobs),
            None => self.recount(),
        }
    }

    /// Lists all blobs, returns their number and bytes, and corrects the counter.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the blobs cannot be listed.
    pub fn recount(&self) -> Result<Amount> {
        let recount = self.begin_recount();
        let mut blobs = Amount::default();
        self.each_blob(&mut |blob, _| blobs.add(blob.size))?;
        self.end_recount(recount, blobs);
        Ok(blobs)
    }

    /// Counts a blob that is about to get its name. `gc` is the shared `gc` lock, if it could be had.
    pub(crate) fn count_added(&self, size: u64, gc: Option<Arc<File>>) -> Counted<'_> {
        let gc = gc.filter(|_| self.locks_work());
        if gc.is_some() {
            self.change_counter(|counter| {
                counter.blobs.add(size);
                counter.added.add(size);
            });
            point("totals.added");
        } else {
            self.discard_counter();
        }
        Counted { store: self, size, _gc: gc }
    }

    /// Counts a blob whose file is gone. The caller holds the `gc` lock, shared or not, since before it went.
    pub(crate) fn count_removed(&self, size: u64) {
        self.change_counter(|counter| counter.blobs.subtract(size));
    }

    /// Begins an inventory; `None` where its result must not be kept.
    pub(crate) fn begin_recount(&self) -> Option<Recount> {
        if self.read_only().is_some() || !self.locks_work() {
            return None;
        }
        let begin = || -> io::Result<Recount> {
            let Some(mut locked) = self.locked_counter(true)? else { return Err(io::ErrorKind::NotFound.into()) };
            if locked.counter.made.is_empty() {
                locked.counter.made = nonce();
                locked.write()?;
            }
            Ok(Recount { made: locked.counter.made.clone(), added: locked.counter.added })
        };
        match begin() {
            Ok(recount) => self.wait_for_changes().then_some(recount),
            Err(error) => {
                tracing::debug!(%error, "the counter of the blobs cannot be written");
                self.discard_counter();
                None
            }
        }
    }

    /// Ends an inventory: the counter is what was found, and what was added since it began.
    pub(crate) fn end_recount(&self, recount: Option<Recount>, found: Amount) {
        let Some(recount) = recount else { return };
        let mut all = found;
        let Ok(trashed) = self.trashed() else { return };
        for path in trashed {
            if let (Some(_), Ok(metadata)) = (Self::trashed_blob(&path), fs::symlink_metadata(&path)) {
                all.add(metadata.len());
            }
        }
        if !self.wait_for_changes() {
            return;
        }
        let (counted, boot) = (self.seconds(), self.boot());
        self.change_counter(|counter| {
            // Another file than the one that was begun with says nothing of what was added.
            if counter.made == recount.made {
                let Amount { files, bytes } = counter.added;
                let added = Amount {
                    files: files.saturating_sub(recount.added.files),
                    bytes: bytes.saturating_sub(recount.added.bytes),
                };
                counter.blobs = all.plus(added);
                counter.counted = counted;
                counter.boot = boot;
            }
        });
    }

    /// Makes the next question list the blobs.
    pub(crate) fn discard_counter(&self) {
        if self.read_only().is_none()
            && let Err(error) = durable::remove(&self.layout().totals())
        {
            tracing::debug!(%error, "a doubtful counter of the blobs stays");
        }
    }

    /// Whether the time to live is to be applied again: a 24th of it has passed, or an hour.
    pub(crate) fn is_expiry_due(&self) -> bool {
        let Some(ttl) = self.evict_policy().older_than else { return false };
        let period = (ttl / 24).min(MAX_EXPIRY_PERIOD);
        let last = self.counter().map_or(0, |counter| counter.expired);
        Duration::from_secs(self.seconds().abs_diff(last)) >= period
    }

    pub(crate) fn note_expiry(&self) {
        let now = self.seconds();
        self.change_counter(|counter| counter.expired = now);
    }

    fn counter(&self) -> Option<Counter> {
        if !self.locks_work() {
            return None;
        }
        self.locked_counter(false).ok().flatten().map(|locked| locked.counter.clone())
    }

    fn is_trusted(&self, counter: &Counter) -> bool {
        let age = Duration::from_secs(self.seconds().abs_diff(counter.counted));
        counter.counted > 0 && age < MAX_AGE && counter.boot == self.boot()
    }

    /// Where several machines may write there is no one boot to compare.
    fn boot(&self) -> String {
        if is_local(self.root()) { boot_id() } else { String::new() }
    }

    fn seconds(&self) -> u64 {
        self.0.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    /// Waits briefly until all changes that began before this call have ended.
    fn wait_for_changes(&self) -> bool {
        let gc = locks::open(&self.layout().store_lock(GC)).and_then(|file| Ok((self.try_for_a_while(&file)?, file)));
        matches!(gc, Ok((true, _)))
    }

    fn try_for_a_while(&self, file: &File) -> io::Result<bool> {
        for attempt in 0..ATTEMPTS {
            if self.0.locks.try_exclusive(file)? {
                return Ok(true);
            }
            // It is mostly held for a few microseconds.
            if attempt < YIELDS { std::thread::yield_now() } else { std::thread::sleep(Duration::from_millis(1)) }
        }
        Ok(false)
    }

    /// Changes the counter, if there is one. After a failure there is none.
    fn change_counter(&self, change: impl FnOnce(&mut Counter)) {
        let changed = self.locked_counter(false).and_then(|locked| match locked {
            Some(mut locked) => {
                change(&mut locked.counter);
                locked.write()
            }
            None => Ok(()),
        });
        if let Err(error) = changed {
            tracing::debug!(%error, "the counter of the blobs cannot be changed");
            self.discard_counter();
        }
    }

    /// Opens and locks the counter. Nonsense in the file is an error; an empty file is a counter that was just made.
    fn locked_counter(&self, create: bool) -> io::Result<Option<Locked<'_>>> {
        let path = self.layout().totals();
        let mut open = self.0.counter.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS {
            if open.is_none() {
                *open = self.open_counter(&path, create)?;
            }
            let Some(OpenLock { file, id }) = &*open else { return Ok(None) };
            let id = *id;
            if !self.try_for_a_while(file)? {
                // The one that has it locked may be stopped: the next counter is another file.
                *open = None;
                return Err(io::ErrorKind::TimedOut.into());
            }
            let mut locked = Locked { open, counter: Counter::default() };
            if locks::metadata_if_same(&path, id)?.is_some() {
                if let Some(counter) = locked.open.as_ref().map(|open| read(&open.file)).transpose()? {
                    locked.counter = counter;
                }
                return Ok(Some(locked));
            }
            *locked.open = None;
            drop(locked);
            open = self.0.counter.lock().unwrap_or_else(PoisonError::into_inner);
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn open_counter(&self, path: &Path, create: bool) -> io::Result<Option<OpenLock>> {
        let writable = self.read_only().is_none();
        let mut options = fs::OpenOptions::new();
        options.read(true).write(writable).create(create && writable).truncate(false).mode(FILE_MODE);
        let Some(file) = options.custom_flags(locks::nofollow()).open(path).or_absent()? else { return Ok(None) };
        let file = file.into_file();
        if writable {
            share(&file, path);
        }
        Ok(Some(OpenLock { id: locks::id_of(&file.metadata()?), file }))
    }
}

fn read(file: &File) -> io::Result<Counter> {
    let mut bytes = [0; FILE_SIZE];
    let length = read_whole(file, &mut bytes)?;
    Ok(if length == 0 { Counter::default() } else { serde_json::from_slice(&bytes[..length])? })
}

fn read_whole(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests;
