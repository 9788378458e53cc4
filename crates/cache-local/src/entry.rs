//! The real file behind an entry of a listing.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use cache_core::{FileEntry, Result};

use crate::error;

/// The real file behind an entry.
pub(crate) fn open(root: &Path, file: &FileEntry) -> Result<PathBuf> {
    let path = file.path.below(root);
    let found = match fs_err::symlink_metadata(&path) {
        Ok(_) => follow(&path, root)?,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Err(error::no_file(&file.path, root));
        }
        Err(error) => return Err(error::read(error)),
    };
    let metadata = fs_err::metadata(&found).map_err(error::read)?;
    if !metadata.is_file() {
        return Err(error::no_file(&file.path, root));
    }
    if file.etag.as_ref().is_some_and(|etag| *etag != identity(&metadata)) {
        return Err(error::changed(&path));
    }
    Ok(found)
}

/// Resolves a link, which must stay below the root.
pub(crate) fn follow(link: &Path, root: &Path) -> Result<PathBuf> {
    let real = fs_err::canonicalize(link).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => error::dangling(link),
        _ => error::read(error),
    })?;
    if real.starts_with(root) { Ok(real) } else { Err(error::leads_out(link, &real, root)) }
}

/// Identity of a file's content: size and modification time in nanoseconds.
pub(crate) fn identity(metadata: &Metadata) -> String {
    let time = metadata.modified().ok();
    let nanoseconds = time.map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |nanoseconds| -nanoseconds),
    });
    format!("{:x}-{nanoseconds:x}", metadata.len())
}
