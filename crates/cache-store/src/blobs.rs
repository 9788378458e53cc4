//! Looking up blobs.

use std::path::PathBuf;

use cache_core::{FileEntry, GitSha1, Result, Sha256};
use fs_err as fs;

use crate::doing::{Absent as _, Doing as _};
use crate::durable;
use crate::store::Store;

/// The bytes of one file, named by their SHA-256. Present means: its digest was checked when it got its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The SHA-256 of the bytes.
    pub name: Sha256,
    /// Where the bytes lie. Keep a [`Lease`](crate::Lease) while you use it.
    pub path: PathBuf,
    /// Length in bytes.
    pub size: u64,
}

impl Store {
    /// Looks for a blob. Costs one `stat`.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn blob(&self, name: &Sha256) -> Result<Option<Blob>> {
        let path = self.layout().blob(name);
        let metadata = fs::symlink_metadata(&path).or_absent().doing("look for a blob")?;
        Ok(metadata.filter(std::fs::Metadata::is_file).map(|there| Blob { name: *name, path, size: there.len() }))
    }

    /// Looks for the blob of a file: by its blob, its SHA-256, or a git id that was met before.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn find(&self, file: &FileEntry) -> Result<Option<Blob>> {
        match self.blob_name_of(file) {
            Some(name) => Ok(self.blob(&name)?.filter(|blob| file.size.is_none_or(|size| size == blob.size))),
            None => Ok(None),
        }
    }

    /// All blobs, in no order.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn blobs(&self) -> Result<Vec<Blob>> {
        let mut blobs = Vec::new();
        let what = "list the blobs";
        let Some(shards) = fs::read_dir(self.layout().blobs()).or_absent().doing(what)? else { return Ok(blobs) };
        for shard in shards {
            let Some(entries) = fs::read_dir(shard.doing(what)?.path()).or_absent().doing(what)? else { continue };
            for entry in entries {
                let entry = entry.doing(what)?;
                let Some(name) = entry.file_name().to_str().and_then(|name| name.parse::<Sha256>().ok()) else {
                    continue;
                };
                // It may be evicted while we look.
                if let Some(blob) = self.blob(&name)? {
                    blobs.push(blob);
                }
            }
        }
        Ok(blobs)
    }

    /// The SHA-256 of the content with this git id, if it was in the store before.
    pub(crate) fn named_by_git(&self, id: &GitSha1) -> Option<Sha256> {
        fs::read_link(self.layout().git_name(id)).ok()?.to_str()?.parse().ok()
    }

    /// Remembers a content's git id. Derived: a failure costs a download at most.
    pub(crate) fn remember_git(&self, id: &GitSha1, name: &Sha256) {
        if self.named_by_git(id) == Some(*name) {
            return;
        }
        let target = PathBuf::from(name.to_string());
        if let Err(error) = durable::symlink(self.layout(), &target, &self.layout().git_name(id)) {
            tracing::debug!(%error, "a git id could not be remembered");
        }
    }
}
