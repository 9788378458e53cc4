//! [`Snapshot`]: files of one version, in the store and leased.

use std::fmt;
use std::path::{Path, PathBuf};

use cache_store::{Blob, Lease};

use crate::request::fallback::FallbackReport;
use crate::{Error, ErrorKind, EvictStep, Outcome, RepoPath, Result, Revision, Version};

/// One file of a [`Snapshot`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchedFile {
    /// Path of the file in the version.
    pub path: RepoPath,
    /// Size in bytes.
    pub size: u64,
    /// How the file came to be in the store.
    pub outcome: Outcome,
    /// Whether its digest was checked against trusted metadata.
    pub verified: bool,
    /// The stored bytes.
    pub blob: Blob,
    /// The path that programs open.
    pub link: PathBuf,
    /// Source of the download, if it was downloaded just now; of several sources all names.
    pub source: Option<String>,
    /// Bytes from each source, if it was downloaded from several at once.
    pub shares: Vec<(String, u64)>,
}

/// The requested files of one version. Until it is dropped, no process evicts them.
#[derive(Debug)]
#[must_use = "the files may be evicted once this is dropped"]
pub struct Snapshot {
    version: Version,
    revision: Revision,
    folder: PathBuf,
    path: PathBuf,
    files: Vec<FetchedFile>,
    warnings: Vec<String>,
    fallback: Option<FallbackReport>,
    stale: bool,
    evicted: Vec<EvictStep>,
    lease: Lease,
}

impl Snapshot {
    pub(crate) fn new(version: Version, revision: Revision, lease: Lease) -> Self {
        let (folder, path, files, warnings) = (PathBuf::new(), PathBuf::new(), Vec::new(), Vec::new());
        let (fallback, stale, evicted) = (None, false, Vec::new());
        Self { version, revision, folder, path, files, warnings, fallback, stale, evicted, lease }
    }

    pub(crate) fn with_files(self, folder: PathBuf, path: PathBuf, files: Vec<FetchedFile>) -> Self {
        Self { folder, path, files, ..self }
    }

    pub(crate) fn with_warnings(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }

    pub(crate) fn with_fallback(self, report: FallbackReport) -> Self {
        Self { fallback: Some(report), ..self }
    }

    pub(crate) fn with_stale(self, stale: bool) -> Self {
        Self { stale, ..self }
    }

    pub(crate) fn with_evicted(self, evicted: Vec<EvictStep>) -> Self {
        Self { evicted, ..self }
    }

    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The only file, which must have the expected size in bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for several files, [`ErrorKind::Integrity`] for another size.
    pub(crate) fn single_file(&self, name: &dyn fmt::Display, size: Option<u64>) -> Result<&FetchedFile> {
        let [file] = &self.files[..] else {
            return Err(Error::new(ErrorKind::Usage, format!("{name} has {} files, expected one", self.files.len()))
                .with_hint("name the file: org/name/path, or a URL"));
        };
        match size {
            Some(size) if size != file.size => Err(Error::new(
                ErrorKind::Integrity,
                format!("{name}: wrong size: expected {size} bytes, the source has {}", file.size),
            )),
            _ => Ok(file),
        }
    }

    /// The versions and files that were evicted to keep the store within its quota and time to live.
    #[must_use]
    pub fn evicted(&self) -> &[EvictStep] {
        &self.evicted
    }

    /// Whether this is a cached version, used because the source is unreachable. A warning says why.
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

    /// The requested revision.
    #[must_use]
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The requested files, sorted by path.
    #[must_use]
    pub fn files(&self) -> &[FetchedFile] {
        &self.files
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// Which of several candidates was used, and why; `None` where the request has no fallback.
    #[must_use]
    pub fn fallback_report(&self) -> Option<&FallbackReport> {
        self.fallback.as_ref()
    }

    /// Warnings for the user.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
