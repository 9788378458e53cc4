//! Single flight: of all processes that want one file, one fetches it and the others see its progress.
//!
//! A status file is never seen empty or cut: it is replaced as a whole, except for progress, which is written over it
//! in place. A reader may catch that half-written and see some of the digits of two numbers, or nonsense; the
//! generation and how an attempt ended are never half-written. Nonsense counts as no status.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use cache_core::{Error, Result, Sha256};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::PartialKey;
use crate::clock::nonce;
use crate::doing::{Absent as _, Doing as _};
use crate::durable::{self, Keep};
use crate::locks;
use crate::store::Store;
use crate::torture::point;

/// A status is padded to a multiple of this many bytes, so that progress keeps its length.
const STATUS_SIZE: usize = 512;

/// Who fetches a file.
#[derive(Debug)]
pub enum Flight {
    /// The caller does. It looks first whether the blob has arrived meanwhile.
    Leader(LeaderGuard),
    /// Another process or task does. Its status has an empty generation when it cannot be read at the moment, or the
    /// first leader has not written any yet: that names no attempt, and whoever follows one goes on to follow it.
    Busy(FlightStatus),
}

/// How far a leader is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FlightStatus {
    /// Names one leader's attempt; changes with the leader.
    pub generation: String,
    /// Bytes that are on the leader's disk.
    pub done: u64,
    /// Bytes in all, if known.
    pub total: Option<u64>,
    /// How this attempt ended, once it has: the blob, or why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Result<Sha256, Error>>,
    /// The attempt before this one and how it ended: those who waited for it learn it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<(String, Result<Sha256, Error>)>,
}

/// The right to fetch a file. Dropping it gives the right away.
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
    /// Asks for the right to fetch a file. Never waits.
    ///
    /// Where locks do not work everyone leads, and single flight is lost but nothing else.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the lock cannot be made.
    pub fn try_flight(&self, key: &PartialKey) -> Result<Flight> {
        self.writable()?;
        let lock_path = self.layout().flight_lock(key);
        let status_path = self.layout().flight_status(key);
        let mut guard = LeaderGuard {
            store: self.clone(),
            lock: None,
            status: None,
            now: FlightStatus { generation: nonce(), ..FlightStatus::default() },
            keep_status: false,
            lock_path,
            status_path,
        };
        if !self.locks_work() {
            return Ok(Flight::Leader(guard));
        }
        loop {
            let what = || format!("lock {}", guard.lock_path.display());
            let file = locks::open(&guard.lock_path).doing(what())?;
            if !self.0.locks.try_exclusive(&file).doing(what())? {
                return Ok(Flight::Busy(self.flight_status(key)?.unwrap_or_default()));
            }
            // The leader before us removes its lock file on leaving: then this is a lock on nothing.
            if locks::names(&guard.lock_path, &file).doing(what())? {
                guard.lock = Some(file);
                break;
            }
        }
        point("flight.locked");
        let left = self.flight_status(key)?;
        guard.now.before = left.and_then(|left| Some((left.generation, left.ended?)));
        guard.replace().doing("write the status file")?;
        Ok(Flight::Leader(guard))
    }

    /// How far the leader of a file is, or why the last one failed. `None` when nobody leads, the leader is done, or its
    /// status makes no sense at the moment.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the status cannot be read.
    pub fn flight_status(&self, key: &PartialKey) -> Result<Option<FlightStatus>> {
        let read = fs::read(self.layout().flight_status(key)).or_absent().doing("read the status file")?;
        Ok(read.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

impl LeaderGuard {
    /// Names this attempt.
    #[must_use]
    pub fn generation(&self) -> &str {
        &self.now.generation
    }

    /// The attempt before this one and how it ended, if it left word: who waited for it has its answer.
    #[must_use]
    pub fn ended_before(&self) -> Option<(&str, &Result<Sha256, Error>)> {
        self.now.before.as_ref().map(|(generation, ended)| (generation.as_str(), ended))
    }

    /// Tells those who wait how far it is. Cheap; failures are of no importance.
    pub fn progress(&mut self, done: u64, total: Option<u64>) {
        self.now.done = done;
        self.now.total = total;
        let Some((status, length)) = &self.status else { return };
        match self.text() {
            Some(text) if text.len() == *length => drop(status.write_all_at(&text, 0)),
            _ => drop(self.replace()),
        }
    }

    /// Leaves the reason of the failure for those who wait, and gives the right away.
    pub fn fail(mut self, error: &Error) {
        self.now.ended = Some(Err(error.clone()));
        self.leave_status();
    }

    /// Leaves the blob's name for those who wait and could not find it otherwise, and gives the right away.
    pub fn arrived(mut self, blob: &Sha256) {
        self.now.ended = Some(Ok(*blob));
        self.leave_status();
    }

    /// Gives the right away without having tried: the word of the one before stays for others who waited for it.
    pub fn stand_down(mut self) {
        if let Some((generation, ended)) = self.now.before.take() {
            self.now = FlightStatus { generation, ended: Some(ended), ..FlightStatus::default() };
            self.leave_status();
        }
    }

    fn leave_status(&mut self) {
        self.keep_status = true;
        if self.lock.is_some() {
            let _ = self.replace();
        }
    }

    fn text(&self) -> Option<Vec<u8>> {
        let mut text = serde_json::to_vec(&self.now).ok()?;
        text.resize(text.len().next_multiple_of(STATUS_SIZE), b' ');
        Some(text)
    }

    /// Writes the status as a new file, and keeps it open for progress.
    fn replace(&mut self) -> io::Result<()> {
        self.status = None;
        let Some(text) = self.text() else { return Ok(()) };
        durable::write(self.store.layout(), &self.status_path, &text, Keep::Derived)?;
        let file = fs::OpenOptions::new().write(true).open(&self.status_path)?;
        self.status = Some((file.into_file(), text.len()));
        Ok(())
    }
}

impl Drop for LeaderGuard {
    fn drop(&mut self) {
        if self.lock.is_none() {
            return;
        }
        if !self.keep_status {
            let _ = durable::remove(&self.status_path);
        }
        point("flight.leaving");
        // Removed while still locked: whoever opens the name from now on gets a new file.
        let _ = durable::remove(&self.lock_path);
    }
}

#[cfg(test)]
mod tests {
    use cache_core::ErrorKind;

    use super::*;
    use crate::StoreOptions;

    fn leader(store: &Store, key: &PartialKey) -> LeaderGuard {
        match store.try_flight(key).unwrap() {
            Flight::Leader(guard) => guard,
            Flight::Busy(status) => panic!("busy: {status:?}"),
        }
    }

    fn busy(store: &Store, key: &PartialKey) -> FlightStatus {
        match store.try_flight(key).unwrap() {
            Flight::Leader(_) => panic!("nobody leads"),
            Flight::Busy(status) => status,
        }
    }

    #[test]
    fn one_leads_and_the_others_see_how_far_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let key = PartialKey::for_tests("a");
        let mut guard = leader(&store, &key);
        guard.progress(5, Some(10));
        let status = busy(&store, &key);
        assert_eq!((status.done, status.total, status.generation.as_str()), (5, Some(10), guard.generation()));
        drop(guard);
        assert!(store.flight_status(&key).unwrap().is_none());
        drop(leader(&store, &key));
        assert_eq!(fs::read_dir(store.layout().locks()).unwrap().count(), 1, "only the self-test stays");
    }

    #[test]
    fn a_failure_reaches_everyone_who_waited() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let key = PartialKey::for_tests("a");
        let guard = leader(&store, &key);
        let waited_for = busy(&store, &key).generation;
        guard.fail(&Error::new(ErrorKind::Network, "x".repeat(2000)));
        assert_eq!(store.flight_status(&key).unwrap().unwrap().ended.unwrap().unwrap_err().kind(), ErrorKind::Network);
        for _ in 0..2 {
            let guard = leader(&store, &key);
            assert_eq!(guard.ended_before().unwrap().0, waited_for);
            assert_eq!(busy(&store, &key).before.unwrap().0, waited_for);
            guard.stand_down();
        }
        drop(leader(&store, &key));
        assert!(store.flight_status(&key).unwrap().is_none());
    }

    #[test]
    fn nonsense_is_no_status() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let key = PartialKey::for_tests("a");
        let mut guard = leader(&store, &key);
        let path = store.layout().flight_status(&key);
        let whole = fs::read(&path).unwrap();
        for nonsense in [&b""[..], b"{}", &whole[..40], b"null"] {
            fs::write(&path, nonsense).unwrap();
            assert!(store.flight_status(&key).unwrap().is_none());
            assert!(busy(&store, &key).generation.is_empty());
        }
        guard.progress(u64::MAX, Some(u64::MAX));
        assert_eq!(busy(&store, &key).done, u64::MAX);
    }

    #[test]
    fn while_the_leader_changes_a_status_is_there_at_every_moment() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let key = PartialKey::for_tests("a");
        // Longer and shorter ones take turns.
        let errors = [2000, 10, 900].map(|length| Error::new(ErrorKind::Network, "x".repeat(length)));
        let first = leader(&store, &key);
        let mut followed = first.generation().to_owned();
        first.fail(&errors[0]);
        for error in errors.iter().cycle().take(10) {
            for at in ["flight.locked", "write.temp", "rename.done"] {
                let (reader, wanted, followed) = (store.clone(), key.clone(), followed.clone());
                crate::torture::hook::at(at, move || {
                    let seen = busy(&reader, &wanted);
                    let before = seen.before.map(|(generation, _)| generation);
                    assert!(seen.generation == followed || before == Some(followed), "{at}");
                });
                leader(&store, &key).stand_down();
            }
            let mut guard = leader(&store, &key);
            guard.progress(1 << 40, Some(1 << 50));
            assert_eq!((busy(&store, &key).done, busy(&store, &key).before.unwrap().0), (1 << 40, followed));
            followed = guard.generation().to_owned();
            guard.fail(error);
        }
    }

    #[test]
    fn where_locks_lie_everyone_leads() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default().with_lying_locks(true)).unwrap();
        let key = PartialKey::for_tests("a");
        let (_a, _b) = (leader(&store, &key), leader(&store, &key));
    }

    #[test]
    fn many_threads_have_one_leader_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let key = PartialKey::for_tests("a");
        let leading = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
                    for _ in 0..200 {
                        if let Flight::Leader(_guard) = store.try_flight(&key).unwrap() {
                            assert_eq!(leading.fetch_add(1, Ordering::SeqCst), 0);
                            leading.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
    }
}
