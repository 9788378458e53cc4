//! Room on the disk: how much there is, whether it is enough, and taking it in advance.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use cache_core::{Error, ErrorKind, Result};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use serde::Serialize;

use crate::doing::Doing as _;
use crate::store::Store;

/// Below this, taking the room in advance costs more than it saves.
const WORTH_ALLOCATING: u64 = 1 << 20;

/// Room on the file system of the store, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiskSpace {
    /// What this user may still write.
    pub free: u64,
    /// What the file system holds in all.
    pub total: u64,
    /// What the blobs take up.
    pub used: u64,
}

impl Store {
    /// How much room there is, and how much the blobs take.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the file system does not say.
    pub fn disk_space(&self) -> Result<DiskSpace> {
        let (free, total) = free_and_total(self.root())?;
        let used = self.blobs()?.iter().map(|blob| blob.size).fold(0, u64::saturating_add);
        Ok(DiskSpace { free, total, used })
    }

    /// Makes sure that a file of this size fits before its first byte is fetched, and takes the room.
    pub(crate) fn allocate(&self, file: &File, path: &Path, size: u64) -> Result<()> {
        if let Some(quota) = self.quota().filter(|&quota| size > quota) {
            return Err(Error::new(
                ErrorKind::NoSpace,
                format!("{size} bytes are needed, the quota of the store {} is {quota}", self.root().display()),
            )
            .with_hint("raise the quota, or leave large files out with --exclude"));
        }
        let metadata = file.metadata().doing(format_args!("look at {}", path.display()))?;
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
            other => other.doing(format_args!("take {size} bytes for {}", path.display())),
        }
    }
}

fn no_space(needed: u64, free: u64, folder: &Path) -> Error {
    Error::new(ErrorKind::NoSpace, format!("{needed} bytes are needed, {free} are free on {}", folder.display()))
        .with_hint(
            "free some space, let `model-cache gc --max-size …` do it, or choose another disk with MODEL_CACHE_DIR",
        )
}

fn free_and_total(folder: &Path) -> Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(folder).doing(format_args!("ask for the free space of {}", folder.display()))?;
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

/// Whether a file system is one of this machine alone, so that a lock that works here works for everyone.
pub(crate) fn is_local(folder: &Path) -> bool {
    // Magic numbers of statfs(2): ext, XFS, btrfs, tmpfs, overlay, F2FS, ZFS, bcachefs.
    const LOCAL: [u64; 8] =
        [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0xF2F5_2010, 0x2FC1_2FC1, 0xCA45_1A4E];
    rustix::fs::statfs(folder).is_ok_and(|stat| {
        let magic = u64::try_from(stat.f_type).unwrap_or_default();
        LOCAL.contains(&(magic & 0xFFFF_FFFF))
    })
}
