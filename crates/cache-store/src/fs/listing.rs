//! The contents of folders.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use cache_core::Result;
use fs_err as fs;

use crate::fs::io_context::{IoContext as _, OrAbsent as _};

/// The folders in a folder, none if it is missing.
pub(crate) fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let what = || format!("list {}", folder.display());
    let Some(entries) = fs::read_dir(folder).or_absent().context(what())? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.context(what())?;
        if entry.file_type().context(what())?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The paths in a folder, none if it is missing. `action` begins the message of an error.
pub(crate) fn entries(folder: &Path, action: impl Display + Copy) -> Result<Vec<PathBuf>> {
    let Some(entries) = fs::read_dir(folder).or_absent().context(action)? else { return Ok(Vec::new()) };
    entries.map(|entry| Ok(entry.context(action)?.path())).collect()
}

/// The name of a path's file, if it is UTF-8.
pub(crate) fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
