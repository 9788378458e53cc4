//! Digests that lie beside the files: `SHA256SUMS`, and `name.sha256`.

use std::collections::HashMap;
use std::path::Path;

use cache_core::{Error, ErrorKind, FileEntry, RepoPath, Result, Sha256, checksum_entries, is_checksum_list};

use crate::{entry, error};

/// Larger lists are not read: 100,000 lines are about 10 MB.
const LIST_LIMIT: u64 = 32 << 20;

/// Gives the files the digests that lists in the folder name for them.
///
/// A list speaks for the files below its own folder. Lines that are no digests, and names that are not there, say
/// nothing; two different digests for one file are an error.
pub(crate) fn apply(root: &Path, files: &mut [FileEntry]) -> Result<()> {
    let mut known: HashMap<String, (Sha256, RepoPath)> = HashMap::new();
    for list in files.iter().filter(|file| is_checksum_list(file.path.file_name()) && file.size <= Some(LIST_LIMIT)) {
        let text = cache_fs::read(entry::open(root, list)?, LIST_LIMIT).map_err(error::read)?;
        let text = String::from_utf8_lossy(&text);
        for (path, sha256) in checksum_entries(&list.path, &text) {
            match known.get(&path) {
                Some((other, by)) if *other != sha256 => return Err(conflict(&path, by, &list.path)),
                Some(_) => {}
                None => {
                    known.insert(path, (sha256, list.path.clone()));
                }
            }
        }
    }
    for file in files {
        file.digests.sha256 = known.get(file.path.as_str()).map(|(sha256, _)| *sha256);
    }
    Ok(())
}

fn conflict(path: &str, one: &RepoPath, other: &RepoPath) -> Error {
    Error::new(ErrorKind::Integrity, format!("{one} and {other} name different digests for {path}"))
        .with_hint("remove the list that is out of date")
}
