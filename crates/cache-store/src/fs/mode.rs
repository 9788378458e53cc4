//! Permission bits of what the store makes.

use std::fs::{File, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// Permission bits of a new folder before the umask: nothing is writable by all.
pub(crate) const FOLDER_MODE: u32 = 0o775;
/// Permission bits of a new file before the umask.
pub(crate) const FILE_MODE: u32 = 0o664;
/// A folder in which all that is new belongs to its group, which may write.
const GROUP_SHARED: u32 = 0o2020;
/// What a group needs to write a file, or to lock it.
const GROUP_WRITES: u32 = 0o060;

/// The mode that a new folder takes from the one it is in: that of a folder which a group shares.
pub(crate) fn inherited(parent: &Metadata) -> Option<u32> {
    let mode = parent.mode();
    (mode & GROUP_SHARED == GROUP_SHARED).then_some(mode & 0o7775)
}

/// Makes a file of this user group-writable in a group-shared folder, whatever the umask.
///
/// Where the file system refuses, the file keeps its rights.
pub(crate) fn share(file: &File, path: &Path) {
    let Ok(found) = file.metadata() else { return };
    if found.mode() & GROUP_WRITES == GROUP_WRITES || found.uid() != rustix::process::geteuid().as_raw() {
        return;
    }
    let Some(Ok(folder)) = path.parent().map(fs_err::metadata) else { return };
    if inherited(&folder).is_some() {
        let mode = (found.mode() & 0o777) | GROUP_WRITES;
        if let Err(error) = file.set_permissions(Permissions::from_mode(mode)) {
            tracing::debug!(path = %path.display(), %error, "not shared with the group");
        }
    }
}
