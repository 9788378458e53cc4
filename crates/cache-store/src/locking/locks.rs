//! Advisory locks (`flock`), for liveness and single flight. No integrity depends on them.
//!
//! Order, outermost first: flight, gc, manifests, the counter of the blobs. A lock is never upgraded from shared to
//! exclusive.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use cache_core::Result;
use fs_err as fs;

use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::{Mutant, mutant};
use crate::fs::io_context::OrAbsent as _;
use crate::fs::mode::{FILE_MODE, share};
use crate::locking::holder::{self, Holder};

/// Name of the lock between the collector and new leases.
pub(crate) const GC: &str = "gc";
/// Name of the lock around changes of manifests.
pub(crate) const MANIFESTS: &str = "manifests";
/// Name of the lock around changes of the registry. Taken alone.
pub(crate) const REGISTRY: &str = "registry";
/// Held while the record of a list is changed.
pub(crate) const LISTS: &str = "lists";
/// Held while a visibility record is changed. Taken alone.
pub(crate) const VISIBILITY: &str = "visibility";
const SELF_TEST: &str = "self-test";
/// Longest wait for one of the store's own locks: each is held for a few file operations, unless its process is stopped.
const MAX_WAIT: Duration = if cfg!(test) { Duration::from_millis(500) } else { Duration::from_secs(20) };
/// Longest wait for a lock that is optional: a lease is seen by the collector's second look as well.
pub(crate) const SHORT_WAIT: Duration = Duration::from_secs(2);
/// Time between two look-ups of a lock's holder.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Locks {
    /// For tests: every lock is granted and none is held, as on some cluster file systems.
    pub(crate) broken: bool,
    /// Longest wait for a lock.
    pub(crate) max_wait: Duration,
    work: OnceLock<bool>,
    /// Locks that a process has held for too long, and what is known of it: not waited for again until they are free.
    stalled: Mutex<BTreeMap<PathBuf, String>>,
}

impl Locks {
    pub(crate) fn new(broken: bool) -> Self {
        Self { broken, max_wait: MAX_WAIT, work: OnceLock::new(), stalled: Mutex::default() }
    }

    /// Whether file locks work here, tested by locking one file twice. Only an answer of the file system is
    /// kept: `None` where the test itself failed (no handle left, a full disk), and the next call tests again.
    pub(crate) fn are_working(&self, path_of: impl FnOnce(&'static str) -> std::path::PathBuf) -> Option<bool> {
        if mutant(Mutant::BelieveLocks) {
            return Some(true);
        }
        if self.work.get().is_none() {
            match self.self_test(&path_of(SELF_TEST)) {
                Ok(work) => drop(self.work.set(work)),
                Err(error) => tracing::debug!(%error, "self-test of file locks failed; the next use repeats it"),
            }
        }
        self.work.get().copied()
    }

    fn self_test(&self, path: &Path) -> io::Result<bool> {
        let first = open(path)?;
        if !self.try_exclusive(&first)? {
            // Another process is testing, and excludes this one: that is the answer.
            return Ok(true);
        }
        let second = open(path)?;
        Ok(!self.try_exclusive(&second)?)
    }

    /// Takes an exclusive lock if it is free. Where the file system has no locks it is always granted.
    pub(crate) fn try_exclusive(&self, file: &File) -> io::Result<bool> {
        if self.broken {
            return Ok(true);
        }
        loop {
            return match file.try_lock() {
                Ok(()) => Ok(true),
                Err(TryLockError::WouldBlock) => Ok(false),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(true),
                Err(TryLockError::Error(error)) => Err(error),
            };
        }
    }

    /// Waits for one of the store's own locks, held until the returned file is dropped. `None` when a process does not
    /// release it within `longest`, or is stopped.
    pub(crate) fn wait(&self, path: &Path, exclusive: bool, longest: Duration) -> io::Result<Option<File>> {
        let file = open(path)?;
        if self.broken {
            return Ok(Some(file));
        }
        let stalled = self.stalled().contains_key(path);
        let longest = if stalled { Duration::ZERO } else { longest.min(self.max_wait) };
        let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(1));
        let mut next_look = LOOK_INTERVAL;
        loop {
            match if exclusive { file.try_lock() } else { file.try_lock_shared() } {
                Ok(()) => {
                    self.stalled().remove(path);
                    return Ok(Some(file));
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(Some(file)),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let late = waited >= longest;
            let holder = if !stalled && (late || waited >= next_look) { holder::find(&file) } else { None };
            if late || holder.is_some_and(|holder| holder.stopped) {
                self.give_up(path, waited, holder);
                return Ok(None);
            }
            if waited >= next_look {
                next_look = waited + LOOK_INTERVAL;
            }
            std::thread::sleep(pause);
            waited += pause;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Notes a lock that timed out, and its holder.
    fn give_up(&self, path: &Path, waited: Duration, holder: Option<Holder>) {
        let mut stalled = self.stalled();
        if stalled.contains_key(path) {
            return;
        }
        let holder_name = match holder {
            Some(Holder { pid, stopped: true }) => format!("process {pid} (stopped)"),
            Some(Holder { pid, stopped: false }) => format!("process {pid}"),
            None => "another process".to_owned(),
        };
        let text =
            format!("lock {}: not released by {holder_name} after {:.1} s", path.display(), waited.as_secs_f32());
        tracing::warn!("{text}");
        stalled.insert(path.to_owned(), text);
    }

    /// Waits for a lock again that a process once held for too long: by now another one may have it.
    pub(crate) fn forget_stalled(&self, path: &Path) {
        self.stalled().remove(path);
    }

    /// What is known of a lock that was not released in time.
    pub(crate) fn timeout(&self, path: &Path) -> Option<String> {
        self.stalled().get(path).cloned()
    }

    /// The locks that timed out, and their holders.
    pub(crate) fn timeouts(&self) -> Vec<String> {
        self.stalled().values().cloned().collect()
    }

    fn stalled(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, String>> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A shared lock that overlapping users in this process have in common.
#[derive(Debug, Default)]
pub(crate) struct CommonLock(Mutex<InUse>);

#[derive(Debug, Default)]
struct InUse {
    lock: Weak<File>,
    users: u32,
}

impl CommonLock {
    /// Most users of one lock: then it is taken anew, so that it ends, and a lock file that was removed is noticed.
    const MOST_USERS: u32 = 64;

    /// Joins the lock that another thread holds at the moment, or takes it. `None` when it cannot be had.
    pub(crate) fn share(&self, take: impl FnOnce() -> Result<Option<File>>) -> Result<Option<Arc<File>>> {
        {
            let mut held = self.held();
            if held.users < Self::MOST_USERS
                && let Some(lock) = held.lock.upgrade()
            {
                held.users += 1;
                return Ok(Some(lock));
            }
        }
        let lock = take()?.map(Arc::new);
        if let Some(lock) = &lock {
            *self.held() = InUse { lock: Arc::downgrade(lock), users: 1 };
        }
        Ok(lock)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, InUse> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a lock file, making it if needed. Never follows a symlink.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    let try_open = || {
        fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .custom_flags(nofollow())
            .open(path)
            .map(fs::File::into_file)
    };
    let file = match try_open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                durable::create_folders(folder, Durability::Durable)?;
            }
            try_open()?
        }
        other => other?,
    };
    share(&file, path);
    Ok(file)
}

/// Opens a file of the store for reading, and for writing if `write`. Never follows a symlink.
pub(crate) fn open_existing(path: &Path, write: bool) -> io::Result<File> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.read(true).write(write).custom_flags(nofollow()).open(path).map(fs::File::into_file)
}

/// Opens a file to lock it: for writing if possible, else for reading, as another user's may be.
pub(crate) fn open_any(path: &Path) -> io::Result<File> {
    open_existing(path, true).or_else(|_| open_existing(path, false))
}

/// `O_NOFOLLOW` and `O_NONBLOCK` as `custom_flags`: a fifo in the store must not block.
pub(crate) fn nofollow() -> i32 {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    flags.bits().cast_signed()
}

/// Whether a path still names the file that is open: after taking a lock it may have been removed or replaced.
pub(crate) fn still_names(path: &Path, file: &File) -> io::Result<bool> {
    if mutant(Mutant::NoRecheckAfterLock) {
        return Ok(true);
    }
    Ok(metadata_if_same(path, id_of(&file.metadata()?))?.is_some())
}

/// Device and inode of a file.
pub(crate) type FileId = (u64, u64);

pub(crate) fn id_of(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

/// A file that is kept open to be locked, and its identity.
#[derive(Debug)]
pub(crate) struct OpenLock {
    pub(crate) file: File,
    pub(crate) id: FileId,
}

/// The metadata of what a path names, if that is the file of this identity.
pub(crate) fn metadata_if_same(path: &Path, file: FileId) -> io::Result<Option<Metadata>> {
    let there = fs::symlink_metadata(path).or_absent()?;
    Ok(there.filter(|there| mutant(Mutant::NoRecheckAfterLock) || id_of(there) == file))
}

/// Whether two handles lead to one file.
pub(crate) fn is_same_file(a: &File, b: &File) -> io::Result<bool> {
    Ok(id_of(&a.metadata()?) == id_of(&b.metadata()?))
}

#[cfg(test)]
mod tests {
    use cache_core::Error;

    use super::*;

    #[test]
    fn a_lock_that_is_not_released_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gc");
        let locks = Locks::new(false);
        let held = locks.wait(&path, true, Duration::MAX).unwrap();
        assert!(held.is_some() && locks.wait(&path, false, Duration::MAX).unwrap().is_none());
        assert!(locks.timeouts()[0].contains("gc: not released by "), "{:?}", locks.timeouts());
        let patient = Locks { max_wait: Duration::MAX, ..Locks::new(false) };
        patient.stalled().insert(path.clone(), String::new());
        assert!(patient.wait(&path, true, Duration::MAX).unwrap().is_none(), "it is not waited for again");
        drop(held);
        assert!(patient.wait(&path, true, Duration::MAX).unwrap().is_some() && patient.stalled().is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_stopped_process_is_not_waited_for() {
        use rustix::process::{Pid, Signal, kill_process};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gc");
        let file = open(&path).unwrap();
        let mut other =
            std::process::Command::new("flock").arg("-F").arg(&path).args(["sleep", "600"]).spawn().unwrap();
        while Locks::new(false).try_exclusive(&file).unwrap() {
            file.unlock().unwrap();
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&other), Signal::STOP).unwrap();
        // Without a limit: only that it is stopped ends the wait, where that is known.
        let longest = if holder::find(&file).is_some() { Duration::MAX } else { Duration::ZERO };
        let locks = Locks { max_wait: longest, ..Locks::new(false) };
        assert!(locks.wait(&path, false, longest).unwrap().is_none());
        let text = locks.timeouts().remove(0);
        assert!(longest.is_zero() || text.contains(&format!("process {} (stopped)", other.id())), "{text}");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn a_common_lock_ends_with_its_last_user() {
        let dir = tempfile::tempdir().unwrap();
        let (path, locks, common) = (dir.path().join("gc"), Locks::new(false), CommonLock::default());
        let take = || locks.wait(&path, false, Duration::MAX).map_err(|error| Error::storage("lock", error));
        let join = || common.share(take).unwrap().unwrap();
        let is_free = || locks.try_exclusive(&open(&path).unwrap()).unwrap();
        let users = [join(), join()];
        assert!(Arc::ptr_eq(&users[0], &users[1]));
        let [first, second] = users;
        drop(first);
        assert!(!is_free());
        drop(second);
        assert!(is_free(), "no handle is kept");
        let last = (0..CommonLock::MOST_USERS).map(|_| join()).reduce(|_, next| next).unwrap();
        assert!(!Arc::ptr_eq(&last, &join()), "it is taken anew now and then");
        drop(last);
        assert!(is_free());
        assert!(common.share(|| Ok(None)).unwrap().is_none());
    }

    #[test]
    fn self_test_distinguishes_broken_locks() {
        let dir = tempfile::tempdir().unwrap();
        for (broken, work) in [(false, true), (true, false)] {
            assert_eq!(Locks::new(broken).are_working(|name| dir.path().join(name)), Some(work));
        }
    }

    #[test]
    fn a_failed_self_test_is_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let locks = Locks::new(false);
        assert_eq!(locks.are_working(|name| dir.path().join("file").join(name)), None, "it could not be tested");
        assert_eq!(locks.are_working(|name| dir.path().join(name)), Some(true));
        assert_eq!(locks.are_working(|_| unreachable!("an answer is kept")), Some(true));
    }

    #[test]
    fn a_replaced_lock_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l");
        let file = open(&path).unwrap();
        assert!(still_names(&path, &file).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!still_names(&path, &file).unwrap());
        let _other = open(&path).unwrap();
        assert!(!still_names(&path, &file).unwrap());
    }
}
