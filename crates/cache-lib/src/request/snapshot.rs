//! [`Snapshot`]: files of one version, there and held.

use std::path::{Path, PathBuf};

use cache_store::{Blob, Lease};

use crate::{Choice, EvictStep, Outcome, RepoPath, Revision, Version};

/// One file of a [`Snapshot`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchedFile {
    /// Where it lies in the version.
    pub path: RepoPath,
    /// Its size in bytes.
    pub size: u64,
    /// How it came to be there.
    pub outcome: Outcome,
    /// Whether its digest was checked against trusted metadata.
    pub verified: bool,
    /// The stored bytes.
    pub blob: Blob,
    /// The path that programs open.
    pub link: PathBuf,
    /// The source it came from, if it was fetched just now; of several all names.
    pub source: Option<String>,
    /// Bytes that each of several sources gave, if it came from several at once.
    pub shares: Vec<(String, u64)>,
}

/// The wanted files of one version. Until it is dropped, no process evicts them.
#[derive(Debug)]
#[must_use = "the files may be evicted once this is dropped"]
pub struct Snapshot {
    version: Version,
    revision: Revision,
    folder: PathBuf,
    path: PathBuf,
    files: Vec<FetchedFile>,
    warnings: Vec<String>,
    choice: Option<Choice>,
    stale: bool,
    evicted: Vec<EvictStep>,
    lease: Lease,
}

impl Snapshot {
    pub(crate) fn new(
        version: Version,
        revision: Revision,
        folder: PathBuf,
        path: PathBuf,
        files: Vec<FetchedFile>,
        warnings: Vec<String>,
        lease: Lease,
    ) -> Self {
        let (choice, stale, evicted) = (None, false, Vec::new());
        Self { version, revision, folder, path, files, warnings, choice, stale, evicted, lease }
    }

    pub(crate) fn chosen(mut self, choice: Choice) -> Self {
        self.choice = Some(choice);
        self
    }

    pub(crate) fn with_stale(mut self, stale: bool) -> Self {
        self.stale = stale;
        self
    }

    pub(crate) fn with_evicted(mut self, evicted: Vec<EvictStep>) -> Self {
        self.evicted = evicted;
        self
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The versions and files that were evicted to keep the store within its quota and time to live.
    #[must_use]
    pub fn evicted(&self) -> &[EvictStep] {
        &self.evicted
    }

    /// Whether this is what was in the store because the source could not be asked. A warning says why.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The snapshot's folder, or the one file if the reference names one.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The snapshot's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Model and commit.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The revision that was asked for.
    #[must_use]
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The wanted files, sorted by path.
    #[must_use]
    pub fn files(&self) -> &[FetchedFile] {
        &self.files
    }

    /// The bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// Which of several was taken, and why; `None` where there was no fallback to choose from.
    #[must_use]
    pub fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
    }

    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// What the user should know although all went well.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
