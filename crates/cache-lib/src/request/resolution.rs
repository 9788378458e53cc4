//! [`Resolution`]: a version, its requested files, and which of those are in the store.

use std::collections::HashMap;
use std::sync::Arc;

use cache_store::{Blob, Lease, SmallRecords};

use crate::{Cache, Error, ErrorKind, FileEntry, Manifest, RepoPath, Result, Revision, Sha256, Version};

/// A requested file, and its blob if it is in the store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileState {
    /// The file as its source lists it.
    pub file: FileEntry,
    /// Its blob, if it is in the store.
    pub blob: Option<Blob>,
    /// The blob in the store, if no record confirms the digest that the user gives for its compressed bytes.
    pub(super) unchecked: Option<Sha256>,
}

/// A version, its requested files, and how much of them is in the store.
///
/// Files whose digest is known, those to be downloaded included, are not evicted while it or a clone of it lives.
#[derive(Debug, Clone)]
pub struct Resolution {
    pub(super) manifest: Manifest,
    pub(super) stored: Option<Manifest>,
    pub(super) files: Vec<FileState>,
    /// The moving name that the source has just resolved to this version.
    pub(super) resolved_name: Option<Revision>,
    pub(super) warnings: Vec<String>,
    pub(super) stale: bool,
    /// Those of the version's small files, where enough files are requested for it to pay.
    pub(super) records: Option<Arc<SmallRecords>>,
    pub(super) _lease: Arc<Lease>,
}

impl Resolution {
    /// Model and commit.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.manifest.version
    }

    /// All files of the version, requested or not.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The requested files.
    #[must_use]
    pub fn files(&self) -> &[FileState] {
        &self.files
    }

    /// Warnings for the user.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The requested files that are not in the store.
    pub fn missing(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.iter().filter(|state| state.blob.is_none()).map(|state| &state.file)
    }

    /// Whether this is a cached version, used because the source is unreachable.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The stored manifest of the version.
    pub(crate) fn stored(&self) -> Option<&Manifest> {
        self.stored.as_ref()
    }

    pub(crate) fn records(&self) -> Option<&SmallRecords> {
        self.records.as_deref()
    }

    /// The moving name that the source has just resolved to this version.
    pub(crate) fn resolved_name(&self) -> Option<&Revision> {
        self.resolved_name.as_ref()
    }

    /// Refuses files without a digest, if the cache requires digests.
    pub(crate) fn check_policy(&self, cache: &Cache) -> Result<()> {
        let bare = self.files.iter().find(|state| !state.file.is_verifiable());
        match bare.filter(|_| cache.0.config.require_digest) {
            None => Ok(()),
            Some(state) => Err(Error::new(
                ErrorKind::Integrity,
                format!("{}: no checksum known, and one is required", state.file.path),
            )
            .with_hint("give the expected digest, or allow files without one")
            .with_reason(crate::Reason::NoDigest)),
        }
    }

    /// The digests in the store of files whose compressed bytes were not checked.
    pub(crate) fn unchecked_files(&self) -> HashMap<RepoPath, Sha256> {
        self.files.iter().filter_map(|state| Some((state.file.path.clone(), state.unchecked?))).collect()
    }
}
