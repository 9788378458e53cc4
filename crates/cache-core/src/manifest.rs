//! What a version consists of.

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::{
    Commit, CompressedFile, Digests, Error, ErrorKind, ListingSize, ModelId, Reason, RepoPath, Result, Sha256, Version,
    check_collisions,
};

/// One file of a version, as the source lists it, and the blob that holds it once it has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path in the version.
    pub path: RepoPath,
    /// Length in bytes, if the source states it.
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
    /// The compressed file that the source has instead, if this one is decompressed on the way.
    #[serde(rename = "packed", default, skip_serializing_if = "Option::is_none")]
    pub compressed: Option<CompressedFile>,
}

impl FileEntry {
    /// A file of which only the path is known.
    #[must_use]
    pub fn new(path: RepoPath) -> Self {
        Self { path, size: None, digests: Digests::default(), etag: None, blob: None, compressed: None }
    }

    /// The name of the blob that holds or would hold the bytes, as far as it is known.
    #[must_use]
    pub fn blob_name(&self) -> Option<Sha256> {
        self.blob.or(self.digests.sha256)
    }

    /// Whether there is a digest to check the bytes against, be it that of the compressed ones.
    #[must_use]
    pub fn is_verifiable(&self) -> bool {
        !self.digests.is_empty() || self.compressed.as_ref().is_some_and(|compressed| !compressed.digests.is_empty())
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
#[serde(from = "ReadManifest")]
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
    /// [`ModelUrl::hidden_query`](crate::ModelUrl::hidden_query) of the URL that was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_query: Option<Sha256>,
}

/// A manifest as it is read: serde's `flatten` would keep every unknown field in memory.
#[derive(Deserialize)]
struct ReadManifest {
    model: ModelId,
    commit: Commit,
    files: Vec<FileEntry>,
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    hidden_query: Option<Sha256>,
}

impl From<ReadManifest> for Manifest {
    fn from(read: ReadManifest) -> Self {
        let ReadManifest { model, commit, files, partial, hidden_query } = read;
        Self { version: Version { model, commit }, files, partial, hidden_query }
    }
}

impl Manifest {
    /// Checks the listing: its size, and no two names that are one file somewhere. Sorts it by path.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] on a collision, [`ErrorKind::Unsupported`] on a listing that is too large.
    pub fn new(version: Version, mut files: Vec<FileEntry>) -> Result<Self> {
        let mut size = ListingSize::default();
        files.iter().try_for_each(|file| size.add(&file.path))?;
        check_collisions(files.iter().map(|file| &file.path))?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { version, files, partial: false, hidden_query: None })
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
                .with_hint("list the files of the model")
                .with_reason(Reason::NoSuchFile)
                .with_subject(&self.version.model)
        })
    }

    /// Whether each file has a digest or a strong tag, so that two versions with the same commit have the same bytes.
    #[must_use]
    pub fn has_validators(&self) -> bool {
        self.files.iter().all(|file| file.is_verifiable() || file.etag.is_some())
    }

    /// The bytes of all files whose size is known.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.files.iter().filter_map(|file| file.size).fold(0, u64::saturating_add)
    }
}

impl Commit {
    /// The commit of a listing: SHA-256 over one line `path size digest-or-etag` a file, sorted by path.
    #[must_use]
    pub fn of_listing(files: &[FileEntry]) -> Self {
        let mut lines: Vec<String> = files
            .iter()
            .map(|file| {
                let identity = match (file.digests.strongest(), &file.etag) {
                    (Some(digest), _) => digest.to_string(),
                    (None, etag) => etag.clone().unwrap_or_default(),
                };
                let size = file.size.map_or_else(|| "-".to_owned(), |size| size.to_string());
                format!("{}\t{size}\t{identity}\n", file.path)
            })
            .collect();
        lines.sort_unstable();
        Self::of_digest(Sha256::from_bytes(sha2::Sha256::digest(lines.concat()).into()))
    }
}
