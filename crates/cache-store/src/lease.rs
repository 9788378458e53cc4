//! Leases: what a running process has handed out is not collected under its feet.
//!
//! A process has one lease file, which it keeps locked; a collector that gets the lock knows that the owner is dead.
//! The file is a row of slots of 64 bytes, each the name of a blob or blank. A slot never straddles a page, so that a
//! reader sees a name whole. Any number of leases on one blob share a slot.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use cache_core::{Result, Sha256};
use fs_err as fs;

use crate::doing::{Absent as _, Doing as _};
use crate::durable;
use crate::store::Store;
use crate::torture::{Mutant, mutant};
use crate::{locks, locks::GC};

const SLOT: usize = 64;

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
}

/// What this process has leased.
#[derive(Debug, Default)]
pub(crate) struct Book {
    file: Option<(File, PathBuf)>,
    slots: HashMap<Sha256, Slot>,
    free: Vec<u64>,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    at: u64,
    count: usize,
}

impl Store {
    /// Keeps blobs, present or to come, from being evicted until the guard is dropped.
    ///
    /// Take the lease first and look for the blob then: what is found stays. In a read-only store nothing can be kept,
    /// and the guard is empty.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the lease file cannot be written.
    pub fn lease(&self, blobs: &[Sha256]) -> Result<Lease> {
        let mut lease = Lease { store: self.clone(), names: Vec::new() };
        if self.read_only().is_some() {
            return Ok(lease);
        }
        let mut book = self.0.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = blobs.iter().any(|name| !book.slots.contains_key(name));
        // Shared with other leases; a collector between its look at the leases and its deed keeps all of us waiting.
        let _gc = if fresh { Some(self.lock(GC, false)?) } else { None };
        if fresh {
            self.open_book(&mut book)?;
        }
        for name in blobs {
            book.take(name).doing("write a lease")?;
            lease.names.push(*name);
        }
        drop(book);
        Ok(lease)
    }

    /// Makes sure that the lease file is there and ours; after someone swept the folder it is written again.
    fn open_book(&self, book: &mut Book) -> Result<()> {
        if let Some((file, path)) = &book.file
            && locks::names(path, file).doing("look at the lease file")?
        {
            return Ok(());
        }
        loop {
            let path = self.layout().lease();
            let what = || format!("make the lease file {}", path.display());
            let file = locks::open(&path).doing(what())?;
            if !self.0.locks.try_exclusive(&file).doing(what())? || !locks::names(&path, &file).doing(what())? {
                continue;
            }
            for (name, slot) in &book.slots {
                file.write_all_at(name.to_string().as_bytes(), slot.at * SLOT as u64).doing(what())?;
            }
            book.file = Some((file, path));
            return Ok(());
        }
    }

    /// All blobs that a living process has leased. Lease files of the dead are removed when `sweep` is set.
    pub(crate) fn leased(&self, sweep: bool) -> Result<HashSet<Sha256>> {
        let mut names = HashSet::new();
        if mutant(Mutant::IgnoreLeases) {
            return Ok(names);
        }
        let folder = self.layout().leases();
        let Some(entries) = fs::read_dir(&folder).or_absent().doing("list the leases")? else { return Ok(names) };
        // A lock that excludes nobody cannot tell the dead from the living: then all live.
        let can_tell = self.read_only().is_none() && self.locks_work();
        for entry in entries {
            let path = entry.doing("list the leases")?.path();
            if can_tell && self.is_dead(&path)? {
                if sweep {
                    durable::remove(&path).doing("remove a dead lease")?;
                }
                continue;
            }
            if let Ok(bytes) = fs::read(&path) {
                names.extend(
                    bytes.chunks_exact(SLOT).filter_map(|slot| std::str::from_utf8(slot).ok()?.parse::<Sha256>().ok()),
                );
            }
        }
        Ok(names)
    }

    fn is_dead(&self, path: &Path) -> Result<bool> {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        let open = |write| fs::OpenOptions::new().read(true).write(write).custom_flags(locks::nofollow()).open(path);
        // Another user's can only be read. What cannot be opened cannot be judged, so it counts as alive.
        let Ok(file) = open(true).or_else(|_| open(false)) else { return Ok(false) };
        self.0.locks.try_exclusive(file.file()).doing(format_args!("probe {}", path.display()))
    }
}

impl Book {
    fn take(&mut self, name: &Sha256) -> std::io::Result<()> {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.count += 1;
            return Ok(());
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        if let Some((file, _)) = &self.file
            && let Err(error) = file.write_all_at(name.to_string().as_bytes(), at * SLOT as u64)
        {
            self.free.push(at);
            return Err(error);
        }
        self.slots.insert(*name, Slot { at, count: 1 });
        Ok(())
    }

    fn give_back(&mut self, name: &Sha256) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        slot.count -= 1;
        if slot.count > 0 {
            return;
        }
        let at = slot.at;
        self.slots.remove(name);
        self.free.push(at);
        if let Some((file, _)) = &self.file {
            // A slot that could not be blanked only keeps a blob for longer.
            let _ = file.write_all_at(&[b' '; SLOT], at * SLOT as u64);
        }
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        if let Some((file, path)) = self.file.take()
            && locks::names(&path, &file).unwrap_or(false)
        {
            let _ = durable::remove(&path);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut book = self.store.0.leases.lock().unwrap_or_else(PoisonError::into_inner);
        for name in &self.names {
            book.give_back(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    fn name(n: u8) -> Sha256 {
        Sha256::from_bytes([n; 32])
    }

    #[test]
    fn a_lease_is_seen_by_others_until_its_last_guard_is_dropped() {
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
    fn a_dead_process_leases_nothing_and_its_file_goes() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        fs::write(store.layout().lease(), name(7).to_string()).unwrap();
        assert!(store.leased(false).unwrap().is_empty());
        store.leased(true).unwrap();
        assert_eq!(fs::read_dir(store.layout().leases()).unwrap().count(), 0);
    }

    #[test]
    fn where_locks_lie_everyone_counts_as_alive() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default().with_lying_locks(true)).unwrap();
        fs::write(store.layout().lease(), name(7).to_string()).unwrap();
        assert_eq!(store.leased(true).unwrap(), HashSet::from([name(7)]));
    }

    #[test]
    fn a_swept_lease_file_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let _a = store.lease(&[name(1)]).unwrap();
        for entry in fs::read_dir(store.layout().leases()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let _b = store.lease(&[name(2)]).unwrap();
        assert_eq!(store.leased(false).unwrap(), HashSet::from([name(1), name(2)]));
    }
}
