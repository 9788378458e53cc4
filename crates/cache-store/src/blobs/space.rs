//! Room on the disk: how much there is, whether it is enough, and taking it in advance.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use cache_core::{Error, ErrorKind, Result, Size};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use serde::Serialize;

use crate::fs::io_context::IoContext as _;
use crate::store::Store;

/// Below this, taking the room in advance costs more than it saves.
const WORTH_ALLOCATING: u64 = 1 << 20;

/// Room on the file system of the store, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiskSpace {
    /// Free bytes for this user.
    pub free: u64,
    /// Bytes of the file system in all.
    pub total: u64,
    /// Bytes of the blobs, as [counted](Store::totals).
    pub used: u64,
}

/// Returns how many files this process may have open at once; `None` for no limit.
#[must_use]
pub fn open_file_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

impl Store {
    /// How much room there is, and how much the blobs take.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the file system does not say.
    pub fn disk_space(&self) -> Result<DiskSpace> {
        let (free, total) = free_and_total(self.root())?;
        Ok(DiskSpace { free, total, used: self.totals()?.bytes })
    }

    /// Returns the free bytes of the store's file system, for this user.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the file system does not say.
    pub fn free_space(&self) -> Result<u64> {
        free_and_total(self.root()).map(|(free, _)| free)
    }

    /// Checks that a file of this size fits, and allocates it.
    pub(crate) fn allocate(&self, file: &File, path: &Path, size: u64) -> Result<()> {
        if let Some(quota) = self.quota().filter(|&quota| size > quota) {
            return Err(Error::new(
                ErrorKind::NoSpace,
                format!(
                    "quota exceeded: {} needed, the quota of {} is {}",
                    Size(size),
                    self.root().display(),
                    Size(quota)
                ),
            )
            .with_hint("raise the quota, or leave out large files")
            .with_reason(cache_core::Reason::QuotaExceeded));
        }
        let metadata = file.metadata().context(format_args!("look at {}", path.display()))?;
        // st_blocks counts 512 bytes each, whatever the file system's own block size (stat(2)).
        let missing = size.saturating_sub(metadata.blocks().saturating_mul(512));
        if missing > 0 {
            let (free, _) = free_and_total(self.root())?;
            if missing > free {
                return Err(no_space(missing, free, self.root()));
            }
        }
        match preallocate(file, size) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                let free = free_and_total(self.root()).map_or(0, |(free, _)| free);
                Err(no_space(missing, free, self.root()))
            }
            other => other.context(format_args!("take {size} bytes for {}", path.display())),
        }
    }
}

fn no_space(needed: u64, free: u64, folder: &Path) -> Error {
    Error::new(
        ErrorKind::NoSpace,
        format!("disk full: {} needed, {} free on {}", Size(needed), Size(free), folder.display()),
    )
    .with_hint("free disk space, or choose another disk with MODEL_CACHE_DIR")
    .with_reason(cache_core::Reason::DiskFull)
}

fn free_and_total(folder: &Path) -> Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(folder).context(format_args!("ask for the free space of {}", folder.display()))?;
    Ok((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}

/// Gives a file its final length; where the file system can, its blocks too.
fn preallocate(file: &File, size: u64) -> io::Result<()> {
    if size >= WORTH_ALLOCATING {
        loop {
            match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    file.set_len(size)
}
