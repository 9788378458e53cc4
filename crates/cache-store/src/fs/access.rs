//! Access rights of a store's folders and blobs.
//!
//! Folders follow the umask and are never writable by all. In a folder that is shared by a group (setgid, writable by
//! the group) new folders are shared in the same way. Blobs are readable by all users that the folders let in, unless
//! they are restricted or came from a file that was not readable by all.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use cache_core::{Error, ErrorKind, FileEntry, Result};
use fs_err as fs;
use rustix::fs::{Access, AtFlags, CWD};

use crate::fs::io_context::IoContext as _;
use crate::fs::layout::Layout;

/// Access of other users to a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreMode {
    /// As the umask says when the store is made. Restricted blobs are their owner's alone.
    #[default]
    Umask,
    /// All of the store for the group of its folder, which gets mode 2770; nothing for others.
    Group,
    /// None. The folder gets mode 0700.
    Private,
}

impl StoreMode {
    /// Gives the store's folder its rights. Another user's folder is left as it is.
    pub(crate) fn apply(self, root: &Path) -> io::Result<()> {
        let wanted = match self {
            Self::Umask => return Ok(()),
            Self::Group => 0o2770,
            Self::Private => 0o700,
        };
        let found = fs::metadata(root)?;
        if found.mode() & 0o7777 == wanted || found.uid() != rustix::process::geteuid().as_raw() {
            return Ok(());
        }
        fs::set_permissions(root, std::fs::Permissions::from_mode(wanted))
    }
}

/// Readers of a blob on this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlobAccess {
    /// All users that the store's folders let in.
    #[default]
    Shared,
    /// Its owner; with [`StoreMode::Group`] the group, too.
    Restricted,
}

/// Permission bits of blobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlobModes {
    shared: u32,
    restricted: u32,
}

impl BlobModes {
    pub(crate) fn of(mode: StoreMode) -> Self {
        let (shared, restricted) = match mode {
            StoreMode::Umask => (0o444, 0o400),
            StoreMode::Group => (0o440, 0o440),
            StoreMode::Private => (0o400, 0o400),
        };
        Self { shared, restricted }
    }

    /// The mode of a blob. Its owner can always read it.
    pub(crate) fn blob(self, access: BlobAccess, source: u32) -> u32 {
        let most = match access {
            BlobAccess::Shared => self.shared,
            BlobAccess::Restricted => self.restricted,
        };
        (most & source) | 0o400
    }
}

/// Users besides the owner that may change what a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Writers {
    /// None.
    Owner,
    /// Those of the group with this number.
    Group(u32),
    /// All users of the machine.
    Everyone,
}

/// Users other than the owner that may write the store's folders, or replace the store itself.
pub(crate) fn writers(layout: &Layout) -> Result<Writers> {
    let what = "look at the store's folders";
    let root = fs::canonicalize(layout.root()).context(what)?;
    let mut found = Writers::Owner;
    let top = fs::metadata(&root).context(what)?;
    for folder in layout.folders().iter().chain([&root]) {
        match fs::metadata(folder) {
            // Without the right to enter the store none to write in it.
            Ok(metadata) => found = found.max(writers_of(&metadata).min(entering(&top))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::storage(what, error)),
        }
    }
    for above in root.ancestors().skip(1) {
        // It may be closed to this user. With the sticky bit, as of /tmp, names are their owners' alone.
        let open = fs::metadata(above).is_ok_and(|there| there.mode() & 0o1002 == 0o002);
        found = if open { Writers::Everyone } else { found };
    }
    Ok(found)
}

fn writers_of(folder: &Metadata) -> Writers {
    match folder.mode() {
        mode if mode & 0o002 != 0 => Writers::Everyone,
        // A group of the owner's own, as many systems give each user one.
        mode if mode & 0o020 != 0 && folder.gid() != folder.uid() => Writers::Group(folder.gid()),
        _ => Writers::Owner,
    }
}

/// Users that may enter a folder.
fn entering(folder: &Metadata) -> Writers {
    match folder.mode() {
        mode if mode & 0o001 != 0 => Writers::Everyone,
        mode if mode & 0o010 != 0 => Writers::Group(folder.gid()),
        _ => Writers::Owner,
    }
}

/// Refuses a blob that this user may not read: it is another user's alone.
pub(crate) fn check_readable(file: &FileEntry, path: &Path, metadata: &Metadata) -> Result<()> {
    let open = metadata.mode() & 0o004 != 0 || metadata.uid() == rustix::process::geteuid().as_raw();
    if open || rustix::fs::accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).is_ok() {
        return Ok(());
    }
    let text = format!("{}: permission denied: it is in the store for user {} alone", file.path, metadata.uid());
    Err(Error::new(ErrorKind::Storage, text)
        .with_hint("in a store that a group shares, set store.mode = \"group\"; or use another one: MODEL_CACHE_DIR"))
}
