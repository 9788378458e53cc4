//! Single flight for small files: one locked byte each in a shared file, instead of a lock file each.
//!
//! Such a flight has no status: waiters poll for the blob, and fetch it themselves after a timeout.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use cache_core::{FileEntry, Result};
use fs_err as fs;

use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::{Mutant, mutant};
use crate::fs::io_context::OrAbsent as _;
use crate::fs::medium::Medium;
use crate::fs::partial_key::PartialKey;
use crate::guards::flight::{Flight, LeaderGuard};
use crate::locking::range_lock;
use crate::store::Store;

/// The right to fetch a small file, released on drop.
#[derive(Debug)]
pub struct SmallGuard {
    store: Store,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// No lock: file locks do not work here, or the wait timed out.
    Nothing,
    Byte(Arc<File>, u32),
    /// Where bytes cannot be locked.
    File(Box<LeaderGuard>),
}

impl Store {
    /// Tries to lead the download of a small file. Never waits; `None` if another task or process leads.
    ///
    /// Where locks do not work, or this one cannot be made, all callers lead: only single flight is lost.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the store is read-only.
    pub fn try_small_flight(&self, key: &PartialKey) -> Result<Option<SmallGuard>> {
        self.writable()?;
        if !self.locks_work() || mutant(Mutant::NoSingleFlight) {
            return Ok(Some(self.unlocked_small_flight()));
        }
        if !range_lock::SUPPORTED {
            return Ok(match self.try_flight(key)? {
                Flight::Leader(guard) => Some(SmallGuard { store: self.clone(), held: Held::File(Box::new(guard)) }),
                Flight::Busy(_) => None,
            });
        }
        let at = byte_of(key);
        let locked = self.0.small_flights.try_lock(self.layout(), at);
        match locked {
            Ok(Some(file)) => Ok(Some(SmallGuard { store: self.clone(), held: Held::Byte(file, at) })),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::debug!(%error, "the flight of a small file is not locked");
                Ok(Some(self.unlocked_small_flight()))
            }
        }
    }

    /// As [`try_small_flight`](Self::try_small_flight) for a file that is not in the store, without blocking I/O.
    ///
    /// `None` when either cannot be decided from memory.
    #[must_use]
    pub fn try_small_flight_nonblocking(&self, key: &PartialKey, file: &FileEntry) -> Option<SmallGuard> {
        let place = self.place_of(file)?;
        let place = place.strip_prefix(self.root()).ok()?;
        let at = byte_of(key);
        let file = self.0.small_flights.try_lock_absent(at, place)?;
        Some(SmallGuard { store: self.clone(), held: Held::Byte(file, at) })
    }

    /// Returns blocking work that speeds up [`try_small_flight_nonblocking`](Self::try_small_flight_nonblocking).
    ///
    /// After it the kernel knows most of those files that are absent.
    pub fn prepare_small_flights(&self, files: &[&FileEntry]) -> impl FnOnce() + Send + use<> {
        let (store, places) = (self.clone(), files.iter().filter_map(|file| self.place_of(file)).collect::<Vec<_>>());
        move || {
            if let Err(error) = store.look_ahead(&places) {
                tracing::debug!(%error, "small files are looked for one by one");
            }
        }
    }

    /// Lets the kernel look for names, so that its cache knows those that are absent.
    fn look_ahead(&self, places: &[PathBuf]) -> io::Result<()> {
        if self.read_only().is_some() || !self.locks_work() || !range_lock::SUPPORTED {
            return Ok(());
        }
        if self.0.small_flights.medium(self.layout())? != Medium::Disk {
            return Ok(());
        }
        let git = self.layout().git_names();
        let mut shards = HashSet::new();
        for place in places {
            if fs::symlink_metadata(place).or_absent()?.is_some() || !place.starts_with(&git) {
                continue;
            }
            // What is absent with its folder would be unknown again once that is made, and publishing makes it.
            if let Some(shard) = place.parent().filter(|shard| shards.insert(*shard)) {
                durable::create_folders(shard, Durability::Derived)?;
                fs::symlink_metadata(place).or_absent()?;
            }
        }
        Ok(())
    }

    /// The name that is there as soon as a file is in the store.
    fn place_of(&self, file: &FileEntry) -> Option<PathBuf> {
        match (file.blob_name(), file.digests.git_sha1) {
            (Some(name), _) => Some(self.layout().blob(&name)),
            (None, id) => id.map(|id| self.layout().git_name(&id)),
        }
    }

    /// Returns a right to fetch without a lock, for a waiter that timed out.
    #[must_use]
    pub fn unlocked_small_flight(&self) -> SmallGuard {
        SmallGuard { store: self.clone(), held: Held::Nothing }
    }
}

/// FNV-1a, cut to 30 bits: an offset on every platform. Two files of one byte wait for each other.
fn byte_of(key: &PartialKey) -> u32 {
    let hash =
        key.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash >> 2
}

impl SmallGuard {
    /// Releases the right at once.
    pub fn release(&mut self) {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing => {}
            Held::Byte(file, at) => self.store.0.small_flights.unlock(&file, at),
            Held::File(mut guard) => guard.release(),
        }
    }
}

impl Drop for SmallGuard {
    fn drop(&mut self) {
        if let Held::Byte(file, at) = std::mem::replace(&mut self.held, Held::Nothing) {
            let store = self.store.clone();
            self.store.in_background(move || store.0.small_flights.unlock(&file, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::medium::medium;
    use crate::store::options::StoreOptions;

    fn open(dir: &tempfile::TempDir) -> Store {
        Store::open(dir.path(), StoreOptions::default()).unwrap()
    }

    #[test]
    fn small_flights_need_one_file_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (open(&dir), open(&dir));
        let keys: Vec<PartialKey> = (0..50).map(|nth| PartialKey::for_tests(&nth.to_string())).collect();
        let mut held: Vec<_> = keys.iter().map(|key| ours.try_small_flight(key).unwrap()).collect();
        assert!(held.iter().all(Option::is_some));
        let is_free = |store: &Store, key| store.try_small_flight(key).unwrap().is_some();
        assert!(!keys.iter().any(|key| is_free(&ours, key) || is_free(&theirs, key)));
        held[7].take().unwrap().release();
        held[8] = None;
        for nth in [7, 8] {
            assert!(is_free(&theirs, &keys[nth]) && is_free(&ours, &keys[nth]), "{nth}");
        }
        assert!(!is_free(&theirs, &keys[9]));
        drop((held, ours));
        assert!(keys.iter().all(|key| is_free(&theirs, key)), "they go with their process");
        assert_eq!(fs::read_dir(theirs.layout().locks()).unwrap().count(), 2, "the self-test and this");
    }

    #[test]
    fn a_small_flight_at_once_needs_an_absent_file() {
        let f = crate::tests::fixture();
        let entries = [b"here", b"gone"].map(|bytes| crate::tests::entry("f", bytes));
        let [here, gone] = &entries;
        let keys = entries.each_ref().map(|file| PartialKey::sha256(&file.digests.sha256.unwrap()));
        crate::tests::publish(&f.store, b"here");
        assert!(f.store.try_small_flight_nonblocking(&keys[1], gone).is_none(), "the file is not open yet");
        drop(f.store.try_small_flight(&keys[1]).unwrap());
        assert!(f.store.find(gone).unwrap().is_none(), "now the kernel knows the name");
        assert!(f.store.try_small_flight_nonblocking(&keys[0], here).is_none());
        if let Some(guard) = f.store.try_small_flight_nonblocking(&keys[1], gone) {
            assert!(f.store.try_small_flight_nonblocking(&keys[1], gone).is_none());
            assert!(open(&f.dir).try_small_flight(&keys[1]).unwrap().is_none());
            drop(guard);
        }
        assert!(keys.iter().all(|key| f.store.try_small_flight(key).unwrap().is_some()), "nothing stays locked");
    }

    #[test]
    fn prepared_small_flights_know_absent_files() {
        let f = crate::tests::fixture();
        let by_git = |nth: u8| {
            let mut file = crate::tests::entry("f", &[nth]);
            (file.digests.sha256, file.digests.git_sha1) = (None, crate::tests::hashes(&[nth]).git_sha1);
            file
        };
        let files: Vec<FileEntry> = (0..9).map(by_git).collect();
        crate::tests::publish(&f.store, &[0]);
        let key = |nth: usize| PartialKey::for_tests(&nth.to_string());
        // The kernel may forget a name at any time.
        let at_once = |nth: usize| {
            (0..100).find_map(|_| {
                f.store.prepare_small_flights(&files.iter().collect::<Vec<_>>())();
                f.store.try_small_flight_nonblocking(&key(nth), &files[nth])
            })
        };
        assert!(at_once(0).is_none(), "it is there");
        let is_local = medium(f.store.root()) != Medium::Other && range_lock::SUPPORTED;
        assert!((1..9).all(|nth| at_once(nth).is_some() == is_local));
        assert!(files[1..].iter().all(|file| f.store.find(file).unwrap().is_none()), "nothing was made");
    }

    #[test]
    fn a_small_flight_has_one_leader_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let key = PartialKey::for_tests("a");
        let (leading, shared) = (AtomicUsize::new(0), open(&dir));
        std::thread::scope(|scope| {
            for nth in 0..8 {
                let store = if nth % 2 == 0 { shared.clone() } else { open(&dir) };
                let (leading, key) = (&leading, &key);
                scope.spawn(move || {
                    for _ in 0..200 {
                        if let Some(_guard) = store.try_small_flight(key).unwrap() {
                            assert_eq!(leading.fetch_add(1, Ordering::SeqCst), 0);
                            leading.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn small_flights_without_locks_all_lead() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default().with_broken_locks(true)).unwrap();
        let key = PartialKey::for_tests("a");
        let flights = [store.try_small_flight(&key).unwrap(), store.try_small_flight(&key).unwrap()];
        assert!(flights.iter().all(Option::is_some));
    }
}
