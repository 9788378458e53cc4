//! Advisory locks (`flock`), for liveness and politeness. Nothing's integrity depends on them.
//!
//! Order, outermost first: flight, gc, manifests. A lock is never upgraded from shared to exclusive.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::OnceLock;

use fs_err as fs;

use crate::doing::Absent as _;
use crate::durable::{self, Keep};
use crate::torture::{Mutant, mutant};

/// Name of the lock between the collector and those who lease.
pub(crate) const GC: &str = "gc";
/// Name of the lock around changes of manifests.
pub(crate) const MANIFESTS: &str = "manifests";
/// Name of the lock around changes of the registry. Taken alone.
pub(crate) const REGISTRY: &str = "registry";
/// Held while the record of a list is changed.
pub(crate) const LISTS: &str = "lists";
const SELF_TEST: &str = "self-test";

#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// For tests: every lock is granted and none is held, as on some cluster file systems.
    pub(crate) lie: bool,
    work: OnceLock<bool>,
}

impl Locks {
    pub(crate) fn new(lie: bool) -> Self {
        Self { lie, work: OnceLock::new() }
    }

    /// Whether locks exclude anyone here, found out once by locking one file twice.
    pub(crate) fn work(&self, path_of: impl FnOnce(&'static str) -> std::path::PathBuf) -> bool {
        if mutant(Mutant::BelieveLocks) {
            return true;
        }
        *self.work.get_or_init(|| self.self_test(&path_of(SELF_TEST)).unwrap_or(false))
    }

    fn self_test(&self, path: &Path) -> io::Result<bool> {
        let first = open(path)?;
        if !self.try_exclusive(&first)? {
            // Another process is testing, and keeps us out: that is the answer.
            return Ok(true);
        }
        let second = open(path)?;
        Ok(!self.try_exclusive(&second)?)
    }

    /// Takes an exclusive lock if nobody has one. Where the file system has no locks it is always granted.
    pub(crate) fn try_exclusive(&self, file: &File) -> io::Result<bool> {
        if self.lie {
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

    /// Waits for one of the store's own locks. Held until the returned file is dropped.
    pub(crate) fn wait(&self, path: &Path, exclusive: bool) -> io::Result<File> {
        let file = open(path)?;
        if self.lie {
            return Ok(file);
        }
        loop {
            return match if exclusive { file.lock() } else { file.lock_shared() } {
                Ok(()) => Ok(file),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
                Err(error) => Err(error),
            };
        }
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
            .custom_flags(nofollow())
            .open(path)
            .map(fs::File::into_file)
    };
    match try_open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                durable::create_folders(folder, Keep::Durable)?;
            }
            try_open()
        }
        other => other,
    }
}

/// `O_NOFOLLOW` and `O_NONBLOCK` (a fifo in the store must not hang us) as `custom_flags` wants them.
pub(crate) fn nofollow() -> i32 {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    flags.bits().cast_signed()
}

/// Whether a path still names the file that is open: after taking a lock it may have been removed or replaced.
pub(crate) fn names(path: &Path, file: &File) -> io::Result<bool> {
    if mutant(Mutant::NoRecheckAfterLock) {
        return Ok(true);
    }
    let Some(there) = fs::symlink_metadata(path).or_absent()? else { return Ok(false) };
    let ours = file.metadata()?;
    Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
}

/// Whether two handles lead to one file.
pub(crate) fn same(a: &File, b: &File) -> io::Result<bool> {
    let (a, b) = (a.metadata()?, b.metadata()?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_test_tells_working_locks_from_lying_ones() {
        let dir = tempfile::tempdir().unwrap();
        for (lie, work) in [(false, true), (true, false)] {
            assert_eq!(Locks::new(lie).work(|name| dir.path().join(name)), work);
        }
    }

    #[test]
    fn a_replaced_lock_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l");
        let file = open(&path).unwrap();
        assert!(names(&path, &file).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!names(&path, &file).unwrap());
        let _other = open(&path).unwrap();
        assert!(!names(&path, &file).unwrap());
    }
}
