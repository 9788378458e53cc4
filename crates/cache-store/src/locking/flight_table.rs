//! The small-file flights of a process: locked bytes of one shared file.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fs_err as fs;

use crate::fs::failpoints::{Mutant, mutant};
use crate::fs::layout::Layout;
use crate::fs::medium::{Medium, medium};
use crate::locking::{locks, range_lock};

/// The small-file flights that this process leads. Its mutex is held for no lock of the file system.
#[derive(Debug, Default)]
pub(crate) struct SmallFlights(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Opened at the first flight, where locks work, and kept open.
    file: Option<OpenFile>,
    /// The locked bytes: a lock of the file excludes no other thread of this process.
    taken: HashSet<u32>,
}

#[derive(Debug, Clone)]
struct OpenFile {
    file: Arc<File>,
    /// The store's folder, so that no folder above it is walked through.
    root: Arc<File>,
    medium: Medium,
}

impl Table {
    fn open(&mut self, layout: &Layout) -> io::Result<OpenFile> {
        if let Some(open) = &self.file {
            return Ok(open.clone());
        }
        let file = Arc::new(locks::open(&layout.small_flights())?);
        let root = Arc::new(fs::File::open(layout.root())?.into_file());
        let open = OpenFile { file, root, medium: medium(layout.root()) };
        self.file = Some(open.clone());
        Ok(open)
    }
}

impl SmallFlights {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kind of file system of the shared file.
    pub(crate) fn medium(&self, layout: &Layout) -> io::Result<Medium> {
        self.table().open(layout).map(|open| open.medium)
    }

    /// Locks a byte; `None` when another task or process has it.
    pub(crate) fn try_lock(&self, layout: &Layout, at: u32) -> io::Result<Option<Arc<File>>> {
        let open = {
            let mut table = self.table();
            if !table.taken.insert(at) {
                return Ok(None);
            }
            table.open(layout)
        };
        let locked = open.and_then(|open| Ok(range_lock::try_lock(&open.file, at)?.then_some(open.file)));
        if !matches!(locked, Ok(Some(_))) {
            self.table().taken.remove(&at);
        }
        locked
    }

    /// Locks a byte if `place` does not exist in the store, as far as both are known without blocking I/O.
    pub(crate) fn try_lock_absent(&self, at: u32, place: &Path) -> Option<Arc<File>> {
        let OpenFile { file, root, medium } = {
            // The mutex is held for long only by the first opening.
            let mut table = self.0.try_lock().ok()?;
            let open = table.file.as_ref().filter(|open| open.medium != Medium::Other)?.clone();
            if mutant(Mutant::NoSingleFlight) || !table.taken.insert(at) {
                return None;
            }
            open
        };
        let locked = range_lock::try_lock(&file, at).unwrap_or(false);
        if locked && is_absent_at_once(&root, place, medium) {
            return Some(file);
        }
        if locked {
            self.unlock(&file, at);
        } else {
            self.table().taken.remove(&at);
        }
        None
    }

    /// Unlocks a byte.
    pub(crate) fn unlock(&self, file: &File, at: u32) {
        // Before the mutex, which runtime threads take as well: the byte stays taken until it is unlocked.
        let unlocked = range_lock::unlock(file, at);
        let mut table = self.table();
        if let Err(error) = unlocked {
            tracing::debug!(%error, "a small file's flight stays locked");
            // Closing the last handle unlocks.
            table.file = None;
        }
        table.taken.remove(&at);
    }
}

/// Whether `path` does not exist below `root`, from memory or the kernel's cache of names alone.
#[cfg(target_os = "linux")]
fn is_absent_at_once(root: &File, path: &Path, medium: Medium) -> bool {
    use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
    let how = if medium == Medium::Memory { ResolveFlags::empty() } else { ResolveFlags::CACHED };
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    matches!(openat2(root, path, flags, Mode::empty(), how), Err(rustix::io::Errno::NOENT))
}

#[cfg(not(target_os = "linux"))]
fn is_absent_at_once(_: &File, _: &Path, _: Medium) -> bool {
    false
}
