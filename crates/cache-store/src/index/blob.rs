//! [`Blob`], and which there are.

use std::fs::Metadata;
use std::path::PathBuf;
use std::sync::Arc;

use cache_core::{FileEntry, Result, Sha256};
use fs_err as fs;

use crate::fs::failpoints::{Mutant, mutant};
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::guards::lease::Lease;
use crate::store::Store;

/// The bytes of one file, named by their SHA-256. Present means: its digest was checked when it got its name.
///
/// A blob that was just published, or looked up by [`Store::lease_blob`], is leased until all clones are dropped.
#[derive(Debug, Clone)]
pub struct Blob {
    /// The SHA-256 of the bytes.
    pub name: Sha256,
    /// Path of the bytes, for use under a [`Lease`].
    pub path: PathBuf,
    /// Length in bytes.
    pub size: u64,
    _lease: Option<Arc<Lease>>,
}

impl Blob {
    pub(crate) fn new(name: Sha256, path: PathBuf, size: u64) -> Self {
        Self { name, path, size, _lease: None }
    }

    pub(crate) fn with_lease(self, lease: Option<Lease>) -> Self {
        Self { _lease: lease.map(Arc::new), ..self }
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.path, self.size) == (&other.name, &other.path, other.size)
    }
}

impl Eq for Blob {}

impl Store {
    /// Looks for a blob. Costs one `stat`.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn blob(&self, name: &Sha256) -> Result<Option<Blob>> {
        Ok(self.blob_with_metadata(name)?.map(|(blob, _)| blob))
    }

    fn blob_with_metadata(&self, name: &Sha256) -> Result<Option<(Blob, Metadata)>> {
        let path = self.layout().blob(name);
        let metadata = fs::symlink_metadata(&path).or_absent().context("look for a blob")?;
        Ok(metadata.filter(Metadata::is_file).map(|there| (Blob::new(*name, path, there.len()), there)))
    }

    /// Looks for a blob and leases it: what is found stays until all clones of it are dropped.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn lease_blob(&self, name: &Sha256) -> Result<Option<Blob>> {
        if self.blob(name)?.is_none() || mutant(Mutant::LateLease) {
            return self.blob(name);
        }
        // The lease first: only what is found after it stays.
        let lease = self.lease(&[*name])?;
        Ok(self.blob(name)?.map(|blob| blob.with_lease(Some(lease))))
    }

    /// Looks for the blob of a file as [`find`](Self::find) does, and leases it.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn lease_file(&self, file: &FileEntry) -> Result<Option<Blob>> {
        match self.find(file)? {
            Some(found) => Ok(self.lease_blob(&found.name)?.filter(|blob| blob.size == found.size)),
            None => Ok(None),
        }
    }

    /// Looks for the blob of a file: by its blob, its SHA-256, or a git id that was met before.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn find(&self, file: &FileEntry) -> Result<Option<Blob>> {
        Ok(self.find_with_metadata(file)?.map(|(blob, _)| blob))
    }

    pub(crate) fn find_with_metadata(&self, file: &FileEntry) -> Result<Option<(Blob, Metadata)>> {
        let Some(name) = self.blob_name_of(file) else { return Ok(None) };
        let found = self.blob_with_metadata(&name)?;
        Ok(found.filter(|(blob, _)| file.size.is_none_or(|size| size == blob.size)))
    }

    /// All blobs, in no order.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn blobs(&self) -> Result<Vec<Blob>> {
        let mut blobs = Vec::new();
        self.each_blob(&mut |blob, _| blobs.push(blob))?;
        Ok(blobs)
    }

    /// Visits all blobs, in no order.
    pub(crate) fn each_blob(&self, visit: &mut dyn FnMut(Blob, Metadata)) -> Result<()> {
        let what = "list the blobs";
        let Some(shards) = fs::read_dir(self.layout().blobs()).or_absent().context(what)? else { return Ok(()) };
        for shard in shards {
            let Some(entries) = fs::read_dir(shard.context(what)?.path()).or_absent().context(what)? else { continue };
            for entry in entries {
                let entry = entry.context(what)?;
                let Some(name) = entry.file_name().to_str().and_then(|name| name.parse::<Sha256>().ok()) else {
                    continue;
                };
                // It may be evicted meanwhile.
                if let Some((blob, metadata)) = self.blob_with_metadata(&name)? {
                    visit(blob, metadata);
                }
            }
        }
        Ok(())
    }
}
