//! Single flight: of all processes that want one file, one fetches it and the others see its progress.
//!
//! A status file is never seen empty or cut: it is replaced as a whole, except for progress, which is written over it
//! in place. A reader may catch that half-written and see some of the digits of two numbers, or nonsense; the
//! generation and how an attempt ended are never half-written. Nonsense counts as no status.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;

use cache_core::{Error, Result, Sha256};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};

use crate::fs::clock::nonce;
use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::{Mutant, mutant, point};
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::partial_key::PartialKey;
use crate::locking::locks;
use crate::store::Store;

/// Multiple to which a status is padded, in bytes, so that progress keeps its length.
const STATUS_SIZE: usize = 512;

/// Largest status that is read, in bytes; an error with its whole chain is in it.
const MAX_STATUS: u64 = 1 << 20;

/// Outcome of an attempt to lead a download.
#[derive(Debug)]
pub enum Flight {
    /// The caller leads. The blob may have arrived meanwhile.
    Leader(LeaderGuard),
    /// Another process or task leads.
    ///
    /// The status has an empty generation when it cannot be read at the moment, or is not written yet.
    Busy(FlightStatus),
}

/// Progress of a leader.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FlightStatus {
    /// Names one leader's attempt; changes with the leader.
    pub generation: String,
    /// Bytes that are on the leader's disk.
    pub done: u64,
    /// Bytes in all, if known.
    pub total: Option<u64>,
    /// Grows while the leader makes no progress for a good reason: its turn, a rate limit, a retry, the disk.
    #[serde(default)]
    pub beat: u64,
    /// How this attempt ended, once it has: the blob, or why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Result<Sha256, Error>>,
    /// Generation and outcome of the previous attempt, for its waiters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<(String, Result<Sha256, Error>)>,
    /// Device and inode of the leader's lock file.
    #[serde(skip)]
    lock: Option<(u64, u64)>,
}

impl FlightStatus {
    /// Whether neither the leader nor its progress has changed since `earlier`.
    #[must_use]
    pub fn is_stalled_since(&self, earlier: &Self) -> bool {
        (self.lock, &self.generation, self.done, self.beat)
            == (earlier.lock, &earlier.generation, earlier.done, earlier.beat)
    }
}

/// The right to download a file, released on drop.
#[derive(Debug)]
pub struct LeaderGuard {
    store: Store,
    lock: Option<File>,
    lock_path: PathBuf,
    /// The status file and its length, once it is there.
    status: Option<(File, usize)>,
    status_path: PathBuf,
    now: FlightStatus,
    keep_status: bool,
}

impl Store {
    /// Tries to become the leader of a file's download. Never waits.
    ///
    /// Where locks do not work all callers lead: only single flight is lost.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the lock cannot be made.
    pub fn try_flight(&self, key: &PartialKey) -> Result<Flight> {
        self.writable()?;
        let mut guard = self.leader_guard(key);
        if !self.locks_work() || mutant(Mutant::NoSingleFlight) {
            return Ok(Flight::Leader(guard));
        }
        loop {
            let what = || format!("lock {}", guard.lock_path.display());
            let file = locks::open(&guard.lock_path).context(what())?;
            if !self.0.locks.try_exclusive(&file).context(what())? {
                return Ok(Flight::Busy(self.busy_status(key, &file)?));
            }
            // The previous leader removes its lock file at its end: then this is a lock on nothing.
            if locks::still_names(&guard.lock_path, &file).context(what())? {
                guard.lock = Some(file);
                break;
            }
        }
        point("flight.locked");
        if let Some(left) = self.flight_status(key)? {
            // The previous outcome stays readable, and a dead leader's progress is not taken for this one's.
            guard.now.before = left.ended.map(|ended| (left.generation, ended));
            guard.begin_status()?;
        }
        Ok(Flight::Leader(guard))
    }

    /// Takes over from a stalled leader, whose last status is `stopped`. Of several callers one succeeds.
    ///
    /// The lock file is replaced, so that the previous leader holds a lock on nothing. It keeps its partial; when it
    /// continues, it finds the blob or publishes first, and one of the two partials is discarded.
    ///
    /// # Errors
    /// As [`Store::try_flight`].
    pub fn overtake_flight(&self, key: &PartialKey, stopped: &FlightStatus) -> Result<Flight> {
        self.writable()?;
        let mut guard = self.leader_guard(key);
        let what = || format!("overtake {}", guard.lock_path.display());
        let theirs = locks::open(&guard.lock_path).context(what())?;
        let now = self.busy_status(key, &theirs)?;
        if !now.is_stalled_since(stopped) {
            return Ok(Flight::Busy(now));
        }
        let beside = self.layout().temp();
        let ours = locks::open(&beside).context(what())?;
        if !self.0.locks.try_exclusive(&ours).context(what())? {
            return Ok(Flight::Busy(now));
        }
        point("flight.overtaking");
        match durable::exchange(&beside, &guard.lock_path) {
            Ok(()) if !locks::still_names(&beside, &theirs).context(what())? => {
                // Another waiter was faster, and gets its name back.
                let _ = durable::exchange(&beside, &guard.lock_path);
                let _ = durable::remove(&beside);
                return Ok(Flight::Busy(now));
            }
            Ok(()) => drop(durable::remove(&beside)),
            // The leader has left just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _ = durable::remove(&beside);
                return self.try_flight(key);
            }
            // Without an exchange two waiters may both lead, which costs bytes and nothing else.
            Err(_) => durable::rename_over(&beside, &guard.lock_path, Durability::Derived).context(what())?,
        }
        guard.lock = Some(ours);
        // The handle through which the previous leader reports progress is stale from now on.
        guard.begin_status()?;
        Ok(Flight::Leader(guard))
    }

    /// Removes the last outcome of a file's flight, once its waiters find the blob otherwise. Blocks.
    ///
    /// Where another process leads already, its status is left alone.
    ///
    /// # Errors
    /// As [`Store::try_flight`].
    pub fn forget_ended(&self, key: &PartialKey) -> Result<()> {
        if fs::symlink_metadata(self.layout().flight_status(key))
            .or_absent()
            .context("look for a status file")?
            .is_some()
            && let Flight::Leader(mut guard) = self.try_flight(key)?
        {
            guard.release();
        }
        Ok(())
    }

    fn leader_guard(&self, key: &PartialKey) -> LeaderGuard {
        LeaderGuard {
            store: self.clone(),
            lock: None,
            status: None,
            now: FlightStatus { generation: nonce(), ..FlightStatus::default() },
            keep_status: false,
            lock_path: self.layout().flight_lock(key),
            status_path: self.layout().flight_status(key),
        }
    }

    fn busy_status(&self, key: &PartialKey, lock: &File) -> Result<FlightStatus> {
        let metadata = lock.metadata().context("look at a lock file")?;
        let status = self.flight_status(key)?.unwrap_or_default();
        Ok(FlightStatus { lock: Some((metadata.dev(), metadata.ino())), ..status })
    }

    /// Progress of a file's leader, or why the last one failed.
    ///
    /// `None` without a leader, when it is done, or when its status is invalid at the moment.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the status cannot be read.
    pub fn flight_status(&self, key: &PartialKey) -> Result<Option<FlightStatus>> {
        let read =
            cache_fs::read(self.layout().flight_status(key), MAX_STATUS).or_absent().context("read the status file")?;
        Ok(read.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

impl LeaderGuard {
    /// Names this attempt.
    #[must_use]
    pub fn generation(&self) -> &str {
        &self.now.generation
    }

    /// Generation and outcome of the previous attempt, if it recorded one.
    #[must_use]
    pub fn previous_outcome(&self) -> Option<(&str, &Result<Sha256, Error>)> {
        self.now.before.as_ref().map(|(generation, ended)| (generation.as_str(), ended))
    }

    /// Publishes the progress for waiting processes. Cheap after the first time; failures are of no importance.
    pub fn progress(&mut self, done: u64, total: Option<u64>) {
        self.now.done = done;
        self.now.total = total;
        self.write_status();
    }

    /// Shows waiting processes that this one is alive without progress. Returns whether it still leads.
    pub fn beat(&mut self) -> bool {
        self.now.beat += 1;
        self.write_status();
        self.leads()
    }

    fn write_status(&mut self) {
        match (&self.status, self.text()) {
            (Some((status, length)), Some(text)) if text.len() == *length => drop(status.write_all_at(&text, 0)),
            _ if self.lock.is_some() && self.leads() => drop(self.replace()),
            _ => {}
        }
    }

    /// Whether no other process has overtaken this leader. Where locks do not work, all lead.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.lock.as_ref().is_none_or(|lock| locks::still_names(&self.lock_path, lock).unwrap_or(true))
    }

    /// Records the failure for waiting processes and releases the lead.
    pub fn fail(mut self, error: &Error) {
        self.now.ended = Some(Err(error.clone()));
        self.leave_status();
    }

    /// Records the blob's name for waiting processes and releases the lead.
    pub fn arrived(mut self, blob: &Sha256) {
        self.now.ended = Some(Ok(*blob));
        self.leave_status();
    }

    /// Releases the lead without an attempt; the previous outcome stays readable for its waiters.
    pub fn withdraw(mut self) {
        if let Some((generation, ended)) = self.now.before.take() {
            self.now = FlightStatus { generation, ended: Some(ended), ..FlightStatus::default() };
            self.leave_status();
        }
    }

    fn leave_status(&mut self) {
        self.keep_status = true;
        if self.lock.is_some() && self.leads() {
            let _ = self.replace();
        }
        self.release();
    }

    /// Releases the lead at once.
    pub fn release(&mut self) {
        if let Some(left) = self.take_files() {
            // The next leader finds the partial unlocked.
            self.store.settle_background();
            left.remove();
        }
    }

    fn take_files(&mut self) -> Option<LeaderFiles> {
        let lock = self.lock.take()?;
        let (lock_path, status_path) = (std::mem::take(&mut self.lock_path), std::mem::take(&mut self.status_path));
        Some(LeaderFiles { lock, lock_path, status_path, keep_status: self.keep_status })
    }

    fn text(&self) -> Option<Vec<u8>> {
        let mut text = serde_json::to_vec(&self.now).ok()?;
        text.resize(text.len().next_multiple_of(STATUS_SIZE), b' ');
        Some(text)
    }

    /// Replaces the status of the leader before. On a full disk that one goes and no other comes.
    fn begin_status(&mut self) -> Result<()> {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        let written = match self.replace() {
            Err(error) if matches!(error.kind(), StorageFull | QuotaExceeded) => {
                durable::remove(&self.status_path).map(drop)
            }
            other => other,
        };
        written.context("write the status file")
    }

    /// Writes the status as a new file, and keeps it open for progress.
    fn replace(&mut self) -> io::Result<()> {
        self.status = None;
        let Some(text) = self.text() else { return Ok(()) };
        durable::write(self.store.layout(), &self.status_path, &text, Durability::Derived)?;
        let file = fs::OpenOptions::new().write(true).custom_flags(locks::nofollow()).open(&self.status_path)?;
        self.status = Some((file.into_file(), text.len()));
        Ok(())
    }
}

impl Drop for LeaderGuard {
    fn drop(&mut self) {
        if let Some(left) = self.take_files() {
            self.store.in_background(move || left.remove());
        }
    }
}

/// The files that a leader removes at its end.
struct LeaderFiles {
    lock: File,
    lock_path: PathBuf,
    status_path: PathBuf,
    keep_status: bool,
}

impl LeaderFiles {
    fn remove(self) {
        // What an overtaken leader finds at these names is another's.
        if !locks::still_names(&self.lock_path, &self.lock).unwrap_or(false) {
            return;
        }
        if !self.keep_status {
            let _ = durable::remove(&self.status_path);
        }
        point("flight.leaving");
        // Removed while still locked: an open of the name from now on makes a new file.
        let _ = durable::remove(&self.lock_path);
    }
}

#[cfg(test)]
mod tests;
