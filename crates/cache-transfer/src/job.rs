//! One file to fetch, and the result.

use std::sync::Arc;

use cache_core::failpoints::{Mutant, mutant};
use cache_core::{Error, ErrorKind, FileEntry, Outcome, Progress, Source, Version};
use cache_store::{Blob, BlobAccess, SMALL_FILE};

/// A source and how much it is preferred.
#[derive(Debug, Clone)]
pub struct SourceEntry {
    /// The source.
    pub source: Arc<dyn Source>,
    /// Sources of the highest preference are used in parallel; others only when none of them is left.
    pub preference: i32,
    /// Key of its health and connection statistics.
    pub name: String,
}

impl SourceEntry {
    /// The same with another preference; 0 when not set.
    #[must_use]
    pub fn preferred(self, preference: i32) -> Self {
        Self { preference, ..self }
    }

    /// The same under another name than the source's own, which several sources may share.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }
}

impl From<Arc<dyn Source>> for SourceEntry {
    fn from(source: Arc<dyn Source>) -> Self {
        Self { preference: 0, name: source.to_string(), source }
    }
}

/// One file to fetch.
#[derive(Clone)]
pub struct FetchJob {
    /// The version it belongs to.
    pub version: Arc<Version>,
    /// The file, with the digests that trusted metadata promises.
    pub file: FileEntry,
    /// Its sources. The first is the authority, which said what the file is: its "no such file" and "not authorised"
    /// are final. The others are mirrors: only their bytes are taken, and only of files with a digest.
    pub sources: Vec<SourceEntry>,
    /// Receives progress events.
    pub progress: Arc<dyn Progress>,
    /// While files wait for their turn the higher goes first; usually 0.
    pub priority: i32,
    /// Readers of the blob on this machine. A local file's own rights narrow it further.
    pub access: BlobAccess,
}

/// A file that is in the store. It is not evicted while its blob, or a clone of that, lives.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its bytes.
    pub blob: Blob,
    /// How it was obtained.
    pub outcome: Outcome,
    /// Whether its digest was checked against trusted metadata.
    pub verified: bool,
    /// The sources that gave it, for people; `None` for a hit.
    pub source: Option<String>,
    /// Bytes that each of several sources gave; empty when it was one.
    pub shares: Vec<(String, u64)>,
    /// Warnings for the user, such as a source that sent wrong bytes.
    pub warnings: Vec<String>,
}

impl Fetched {
    pub(crate) fn new(blob: Blob, outcome: Outcome, verified: bool, source: Option<String>) -> Self {
        Self { blob, outcome, verified, source, shares: Vec::new(), warnings: Vec::new() }
    }
}

/// The file to fetch and its source.
#[derive(Debug, Clone)]
pub(crate) struct FileSpec {
    pub(crate) version: Arc<Version>,
    pub(crate) file: FileEntry,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) access: BlobAccess,
}

impl FileSpec {
    pub(crate) fn new(job: &FetchJob, source: &Arc<dyn Source>) -> Self {
        Self {
            version: Arc::clone(&job.version),
            file: job.file.clone(),
            source: Arc::clone(source),
            access: job.access,
        }
    }

    /// Whether bytes of two bodies belong together only if a strong validator says so: no digest tells afterwards.
    pub(crate) fn needs_validator(&self) -> bool {
        !self.file.is_verifiable() && !mutant(Mutant::ResumeWithoutValidator)
    }
}

/// Whether a digest detects wrong bytes from any source.
pub(crate) fn is_checked(file: &FileEntry) -> bool {
    (file.digests.sha256.is_some() || file.digests.git_sha1.is_some()) && file.compressed.is_none()
}

/// Whether the file fits one buffer.
pub(crate) fn is_small(file: &FileEntry) -> bool {
    file.size.is_some_and(|size| size <= SMALL_FILE)
}

/// Whether a file comes in one piece and is found by its digest: following its leader is not worth a status file.
pub(crate) fn is_single_request(file: &FileEntry) -> bool {
    is_small(file) && file.is_verifiable()
}

pub(crate) fn no_source(file: &FileEntry) -> Error {
    Error::new(
        ErrorKind::NotCached,
        format!("{} is not in the store and there is no source to download it from", file.path),
    )
}
