//! What a version consists of.

use serde::{Deserialize, Serialize};

use crate::{Digests, Error, ErrorKind, Packed, RepoPath, Result, Sha256, Version, check_collisions};

/// One file of a version, as the source lists it, and the blob that holds it once it has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where it lies in the version.
    pub path: RepoPath,
    /// Length in bytes, where the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The digests expected by trusted metadata. Empty: nothing can be verified.
    #[serde(default)]
    pub digests: Digests,
    /// The source's strong entity tag, quotes removed, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The blob that holds the bytes, known once they were fetched and hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Sha256>,
    /// What the source has instead, where the file is decompressed on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Packed>,
}

impl FileEntry {
    /// A file of which only the path is known.
    #[must_use]
    pub fn new(path: RepoPath) -> Self {
        Self { path, size: None, digests: Digests::default(), etag: None, blob: None, packed: None }
    }

    /// The name of the blob that holds or would hold the bytes, as far as it is known.
    #[must_use]
    pub fn blob_name(&self) -> Option<Sha256> {
        self.blob.or(self.digests.sha256)
    }

    /// Whether there is a digest to check the bytes against, be it that of the compressed ones.
    #[must_use]
    pub fn is_verifiable(&self) -> bool {
        !self.digests.is_empty() || self.packed.as_ref().is_some_and(|packed| !packed.digests.is_empty())
    }

    /// The tag that names the content: the source's ETag, else the sha256, else the git-sha1.
    /// Hugging Face programs name their blobs by it.
    #[must_use]
    pub fn tag(&self) -> Option<String> {
        self.digests
            .sha256
            .map(|digest| digest.to_string())
            .or_else(|| self.digests.git_sha1.map(|digest| digest.to_string()))
            .or_else(|| self.etag.clone())
            .or_else(|| self.blob.map(|digest| digest.to_string()))
    }
}

/// A version and its files. The store keeps one for each version it has something of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Model and commit.
    #[serde(flatten)]
    pub version: Version,
    /// The files, sorted by path.
    pub files: Vec<FileEntry>,
    /// Whether the version may have more files than these: the listing was made from what another program had of it,
    /// and its source is asked before it counts as whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

impl Manifest {
    /// Checks the listing: no two names that are one file somewhere. Sorts it by path.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] on a collision.
    pub fn new(version: Version, mut files: Vec<FileEntry>) -> Result<Self> {
        check_collisions(files.iter().map(|file| &file.path))?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { version, files, partial: false })
    }

    /// The entry of a path.
    #[must_use]
    pub fn file(&self, path: &RepoPath) -> Option<&FileEntry> {
        self.files.binary_search_by(|file| file.path.cmp(path)).ok().and_then(|at| self.files.get(at))
    }

    /// The entry of a path, or an error that names the version.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the version has no such file.
    pub fn require(&self, path: &RepoPath) -> Result<&FileEntry> {
        self.file(path).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("{} has no file {path}", self.version))
                .with_hint(format!("`model-cache info {}` lists the files", self.version.model))
        })
    }

    /// The bytes of all files whose size is known.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.files.iter().filter_map(|file| file.size).fold(0, u64::saturating_add)
    }
}
