//! The kind of file system that a store is on.

use std::path::Path;

/// Where the files of a file system are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// In the memory of this machine.
    Memory,
    /// On a disk of this machine.
    Disk,
    /// Anywhere.
    Other,
}

/// Where the files below a folder are.
pub(crate) fn medium(folder: &Path) -> Medium {
    const TMPFS: u64 = 0x0102_1994;
    // Magic numbers of statfs(2): ext, XFS, btrfs, overlay, F2FS, ZFS, bcachefs.
    const DISKS: [u64; 7] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x794C_7630, 0xF2F5_2010, 0x2FC1_2FC1, 0xCA45_1A4E];
    let Ok(stat) = rustix::fs::statfs(folder) else { return Medium::Other };
    match u64::try_from(stat.f_type).unwrap_or_default() & 0xFFFF_FFFF {
        TMPFS => Medium::Memory,
        disk if DISKS.contains(&disk) => Medium::Disk,
        _ => Medium::Other,
    }
}

/// Whether a file system is one of this machine alone, so that its locks exclude all processes.
pub(crate) fn is_local(folder: &Path) -> bool {
    medium(folder) != Medium::Other
}
