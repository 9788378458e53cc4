//! Leases: blobs in use by a running process are not evicted.
//!
//! A process has one lease file, which it keeps locked; a collector that gets the lock knows that the owner is dead.
//!
//! Where locks do not work, age decides: each use renews the file's time, and a file not renewed for [`OUTDATED`]
//! belongs to a dead process.

use std::collections::HashSet;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use cache_core::{ErrorKind, Result, Sha256};

use crate::fs::durable;
use crate::fs::failpoints::{Mutant, mutant};
use crate::fs::io_context::IoContext as _;
use crate::fs::listing::entries;
use crate::locking::lease_table::{LeaseTable, names_in};
use crate::locking::locks::{self, SHORT_WAIT};
use crate::store::Store;

/// Largest lease file that is read, in bytes: four million names.
const MAX_LEASE: u64 = 256 << 20;
/// Age of a dead process's lease file where locks do not work; well above a suspended machine's weekend.
const OUTDATED: Duration = Duration::from_secs(7 * 86_400);

/// Keeps blobs from being evicted until it is dropped.
#[derive(Debug)]
#[must_use = "the blobs are kept only as long as the lease lives"]
pub struct Lease {
    store: Store,
    names: Vec<Sha256>,
}

impl Lease {
    /// The blobs that are kept.
    #[must_use]
    pub fn names(&self) -> &[Sha256] {
        &self.names
    }

    /// Runs a change of a blob's names outside of the store, such as a hard link to it. Blocks.
    ///
    /// The blob does not count as touched by other programs afterwards.
    pub fn keeping_record<T>(&self, name: &Sha256, change: impl FnOnce() -> T) -> T {
        self.store.keeping_record(name, change)
    }
}

impl Store {
    /// Keeps blobs, present or to come, from being evicted until the guard is dropped.
    ///
    /// Take the lease first and look for the blob then: what is found stays. In a read-only store and on a full disk
    /// nothing can be kept, and the guard is empty: what is there can be used all the same.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the lease file cannot be written.
    pub fn lease(&self, blobs: &[Sha256]) -> Result<Lease> {
        match self.try_lease(blobs) {
            Err(error) if error.kind() == ErrorKind::NoSpace => {
                tracing::debug!(%error, "no room for a lease");
                Ok(Lease { store: self.clone(), names: Vec::new() })
            }
            lease => lease,
        }
    }

    fn try_lease(&self, blobs: &[Sha256]) -> Result<Lease> {
        let mut lease = Lease { store: self.clone(), names: Vec::new() };
        if self.read_only().is_some() {
            return Ok(lease);
        }
        {
            let mut table = self.0.leases.lock().unwrap_or_else(PoisonError::into_inner);
            if table.has_all(blobs) && table.is_on_disk()? {
                self.note_lease(&mut table, blobs)?;
                lease.names.extend_from_slice(blobs);
                return Ok(lease);
            }
        }
        // Shared with other leases; a collector between its check of the leases and the removal blocks them all. One
        // that holds it for long looks again before anything is gone for good.
        let gc = self.share_gc(SHORT_WAIT)?;
        let lease = self.lease_under_gc(blobs);
        drop(gc);
        lease
    }

    /// As [`lease`](Self::lease), in a writable store, under the shared `gc` lock, unless that timed out.
    pub(crate) fn lease_under_gc(&self, blobs: &[Sha256]) -> Result<Lease> {
        let mut table = self.0.leases.lock().unwrap_or_else(PoisonError::into_inner);
        table.open(self.layout(), &self.0.locks)?;
        self.note_lease(&mut table, blobs)?;
        drop(table);
        Ok(Lease { store: self.clone(), names: blobs.to_vec() })
    }

    fn note_lease(&self, table: &mut LeaseTable, blobs: &[Sha256]) -> Result<()> {
        table.take(blobs).context("write a lease")?;
        if self.lock_test() == Some(false) {
            table.renew(self.0.clock.now());
        }
        Ok(())
    }

    /// All blobs that a living process has leased. Lease files of the dead are removed when `sweep` is set.
    pub(crate) fn leased(&self, sweep: bool) -> Result<HashSet<Sha256>> {
        let mut names = HashSet::new();
        if mutant(Mutant::IgnoreLeases) {
            return Ok(names);
        }
        let paths = entries(&self.layout().leases(), "list the leases")?;
        if paths.is_empty() {
            return Ok(names);
        }
        // Unknown is as good as living.
        let locks_work = if self.read_only().is_none() { self.lock_test() } else { None };
        for path in paths {
            let dead = match locks_work {
                Some(true) => self.is_dead(&path)?,
                Some(false) => self.age(&path) > OUTDATED,
                None => false,
            };
            if dead {
                if sweep {
                    durable::remove(&path).context("remove a dead lease")?;
                }
                continue;
            }
            if let Ok(bytes) = cache_fs::read(&path, MAX_LEASE) {
                names.extend(names_in(&bytes));
            }
        }
        Ok(names)
    }

    fn is_dead(&self, path: &Path) -> Result<bool> {
        // What cannot be opened cannot be judged, so it counts as alive.
        let Ok(file) = locks::open_any(path) else { return Ok(false) };
        self.0.locks.try_exclusive(&file).context(format_args!("probe {}", path.display()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.names);
        if names.is_empty() {
            return;
        }
        let store = self.store.clone();
        // A lease that lasts a little longer does no harm.
        self.store.in_background(move || {
            store.0.leases.lock().unwrap_or_else(PoisonError::into_inner).give_back(&names);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use fs_err as fs;

    use super::*;
    use crate::store::options::StoreOptions;

    fn name(n: u8) -> Sha256 {
        Sha256::from_bytes([n; 32])
    }

    #[test]
    fn lease_is_visible_until_its_last_guard_drops() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(dir.path(), StoreOptions::default()).unwrap();
        let (ours, theirs) = (open(), open());
        let a = ours.lease(&[name(1), name(2)]).unwrap();
        let b = ours.lease(&[name(2)]).unwrap();
        assert_eq!(theirs.leased(true).unwrap(), HashSet::from([name(1), name(2)]));
        drop(a);
        assert_eq!(theirs.leased(true).unwrap(), HashSet::from([name(2)]));
        drop(b);
        assert!(theirs.leased(true).unwrap().is_empty());
        let _c = ours.lease(&[name(3)]).unwrap();
        assert_eq!(theirs.leased(true).unwrap(), HashSet::from([name(3)]));
    }

    #[test]
    fn leases_of_many_blobs_come_and_go_together() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(dir.path(), StoreOptions::default()).unwrap();
        let (ours, theirs) = (open(), open());
        let names: Vec<Sha256> =
            (0..600_u32).map(|nth| Sha256::from_bytes([nth.to_le_bytes(); 8].concat().try_into().unwrap())).collect();
        let (odd, even): (Vec<_>, Vec<_>) = names.iter().enumerate().partition(|(nth, _)| nth % 2 == 1);
        let of = |some: Vec<(usize, &Sha256)>| some.into_iter().map(|(_, name)| *name).collect::<Vec<_>>();
        let (odd, even) = (of(odd), of(even));
        let all = ours.lease(&names).unwrap();
        let some = ours.lease(&odd).unwrap();
        assert_eq!(theirs.leased(true).unwrap(), names.iter().copied().collect());
        drop(all);
        assert_eq!(theirs.leased(true).unwrap(), odd.iter().copied().collect());
        let _others = ours.lease(&even).unwrap();
        assert_eq!(theirs.leased(true).unwrap(), names.iter().copied().collect());
        drop(some);
        assert_eq!(theirs.leased(true).unwrap(), even.iter().copied().collect());
    }

    #[test]
    fn lease_file_of_a_dead_process_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        fs::write(store.layout().lease(), name(7).to_string()).unwrap();
        assert!(store.leased(false).unwrap().is_empty());
        store.leased(true).unwrap();
        assert_eq!(fs::read_dir(store.layout().leases()).unwrap().count(), 0);
    }

    #[test]
    fn leases_without_locks_count_as_alive() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default().with_broken_locks(true)).unwrap();
        fs::write(store.layout().lease(), name(7).to_string()).unwrap();
        assert_eq!(store.leased(true).unwrap(), HashSet::from([name(7)]));
    }

    #[test]
    fn without_locks_unrenewed_leases_age_out() {
        let dir = tempfile::tempdir().unwrap();
        let days = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let shared = std::sync::Arc::clone(&days);
        let start = SystemTime::now();
        let clock = crate::fs::clock::Clock::new(move || {
            start + Duration::from_secs(86_400 * shared.load(std::sync::atomic::Ordering::SeqCst))
        });
        let options = || StoreOptions::default().with_broken_locks(true).with_clock(clock.clone());
        let open = || Store::open(dir.path(), options()).unwrap();
        let (living, other) = (open(), open());
        let _held = living.lease(&[name(1)]).unwrap();
        fs::write(other.layout().lease(), name(7).to_string()).unwrap();
        days.store(6, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(other.leased(true).unwrap(), HashSet::from([name(1), name(7)]));
        let _again = living.lease(&[name(1)]).unwrap();
        days.store(8, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(other.leased(true).unwrap(), HashSet::from([name(1)]), "its owner renewed it two days ago");
        assert_eq!(fs::read_dir(other.layout().leases()).unwrap().count(), 1);
    }

    #[test]
    fn a_swept_lease_file_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let _a = store.lease(&[name(1)]).unwrap();
        let sweep = || {
            for entry in fs::read_dir(store.layout().leases()).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        };
        sweep();
        let _b = store.lease(&[name(2)]).unwrap();
        assert_eq!(store.leased(false).unwrap(), HashSet::from([name(1), name(2)]));
        sweep();
        let _again = store.lease(&[name(1)]).unwrap();
        assert_eq!(store.leased(false).unwrap(), HashSet::from([name(1), name(2)]), "also by a lease of the same blob");
    }
}
