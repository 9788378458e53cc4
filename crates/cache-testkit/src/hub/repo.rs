//! Repositories: their commits, files, names of versions, and access.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cache_core::{Commit, GitSha1, Hasher, Sha256};

use crate::Content;

/// Files from this size on are large files (LFS), as the Hub requires of pushes.
const LFS_SIZE: u64 = 10 << 20;
/// Names that are large files whatever their size: the Hub's own default `.gitattributes`.
const LFS_ENDINGS: &[&str] = &[
    ".7z",
    ".arrow",
    ".bin",
    ".bz2",
    ".ckpt",
    ".ftz",
    ".gguf",
    ".gz",
    ".h5",
    ".joblib",
    ".mlmodel",
    ".model",
    ".msgpack",
    ".npy",
    ".npz",
    ".onnx",
    ".ot",
    ".parquet",
    ".pb",
    ".pickle",
    ".pkl",
    ".pt",
    ".pth",
    ".rar",
    ".safetensors",
    ".tar",
    ".tflite",
    ".tgz",
    ".wasm",
    ".xz",
    ".zip",
    ".zst",
];

/// The files of one commit.
#[derive(Debug, Clone, Default)]
pub struct Files(Vec<(String, Content, bool)>);

impl Files {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; its name and size decide whether it is a large one, as on the Hub.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, content: impl Into<Content>) -> Self {
        let (path, content) = (path.into(), content.into());
        let lfs = content.size() >= LFS_SIZE || LFS_ENDINGS.iter().any(|ending| path.ends_with(ending));
        self.0.push((path, content, lfs));
        self
    }

    /// Adds a large file (LFS): it has a sha256 and comes from the CDN.
    #[must_use]
    pub fn with_large(mut self, path: impl Into<String>, content: impl Into<Content>) -> Self {
        self.0.push((path.into(), content.into(), true));
        self
    }

    /// Adds a small file: it has a git-sha1 and comes directly. Above 64 MiB it becomes a large one.
    #[must_use]
    pub fn with_small(mut self, path: impl Into<String>, content: impl Into<Content>) -> Self {
        let content = content.into();
        let lfs = content.hashes().git_sha1.is_none();
        self.0.push((path.into(), content, lfs));
        self
    }
}

impl<P: Into<String>, C: Into<Content>> FromIterator<(P, C)> for Files {
    fn from_iter<I: IntoIterator<Item = (P, C)>>(files: I) -> Self {
        files.into_iter().fold(Self::new(), |all, (path, content)| all.with(path, content))
    }
}

impl<P: Into<String>, C: Into<Content>> From<Vec<(P, C)>> for Files {
    fn from(files: Vec<(P, C)>) -> Self {
        files.into_iter().collect()
    }
}

impl<P: Into<String>, C: Into<Content>, const N: usize> From<[(P, C); N]> for Files {
    fn from(files: [(P, C); N]) -> Self {
        files.into_iter().collect()
    }
}

/// Access to a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Access {
    /// Everybody.
    #[default]
    Public,
    /// These users; for all others it is not there.
    Private(BTreeSet<String>),
    /// Everybody sees the listing, these users may have the files.
    Gated(BTreeSet<String>),
}

impl Access {
    /// Only these users know of it.
    pub fn private<U: Into<String>>(users: impl IntoIterator<Item = U>) -> Self {
        Self::Private(users.into_iter().map(Into::into).collect())
    }

    /// Only these users get the files.
    pub fn gated<U: Into<String>>(users: impl IntoIterator<Item = U>) -> Self {
        Self::Gated(users.into_iter().map(Into::into).collect())
    }
}

/// One file as the Hub knows it.
#[derive(Debug)]
pub(crate) struct HubFile {
    /// Names the file on the CDN.
    pub(crate) id: u64,
    pub(crate) content: Content,
    /// Git's id of the blob: of the pointer, for a large file.
    pub(crate) oid: GitSha1,
    pub(crate) lfs: Option<Lfs>,
    /// Bytes given to sockets, whichever commit they belong to.
    pub(crate) sent: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Lfs {
    pub(crate) sha256: Sha256,
    pub(crate) pointer_size: u64,
}

impl HubFile {
    /// The tag that names the content, with its quotes: the sha256 of a large file, else the git-sha1.
    pub(crate) fn etag(&self) -> String {
        match &self.lfs {
            Some(lfs) => format!("\"{}\"", lfs.sha256),
            None => format!("\"{}\"", self.oid),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) commit: Commit,
    pub(crate) title: String,
    pub(crate) files: BTreeMap<String, Arc<HubFile>>,
}

#[derive(Debug, Default)]
pub(crate) struct Repo {
    pub(crate) access: Access,
    /// The oldest first.
    pub(crate) snapshots: Vec<Arc<Snapshot>>,
    /// `main`, `v1.0`, `refs/pr/1`, `refs/convert/parquet` to commits.
    pub(crate) branches: BTreeMap<String, Commit>,
    pub(crate) tags: BTreeMap<String, Commit>,
    meters: BTreeMap<String, Arc<AtomicU64>>,
}

impl Repo {
    /// Adds a commit; the caller says which name points to it.
    pub(crate) fn commit(&mut self, name: &str, files: Files, next_id: &AtomicU64) -> Arc<Snapshot> {
        let files: BTreeMap<_, _> = files
            .0
            .into_iter()
            .map(|(path, content, lfs)| {
                let sent = Arc::clone(self.meters.entry(path.clone()).or_default());
                let id = next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                (path, Arc::new(hub_file(id, content, lfs, sent)))
            })
            .collect();
        let mut listing = format!("{name} {}\n", self.snapshots.len());
        for (path, file) in &files {
            listing.push_str(&format!("{path} {}\n", file.oid));
        }
        let snapshot = Arc::new(Snapshot {
            commit: commit(&listing),
            title: if self.snapshots.is_empty() { "initial commit" } else { "Update files" }.to_owned(),
            files,
        });
        self.snapshots.push(Arc::clone(&snapshot));
        snapshot
    }

    /// The version that a branch, a tag or a whole commit names.
    pub(crate) fn find(&self, revision: &str) -> Option<&Arc<Snapshot>> {
        let revision = match revision {
            "HEAD" => "main",
            other => other.strip_prefix("refs/heads/").or(other.strip_prefix("refs/tags/")).unwrap_or(other),
        };
        let commit = self.branches.get(revision).or(self.tags.get(revision)).map_or(revision, Commit::as_str);
        self.snapshots.iter().rev().find(|snapshot| snapshot.commit.as_str() == commit)
    }

    /// Bytes sent of the file at a path.
    pub(crate) fn sent(&self, path: &str) -> u64 {
        self.meters.get(path).map_or(0, |sent| sent.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// Bytes sent of all files.
    pub(crate) fn sent_in_all(&self) -> u64 {
        self.meters.values().map(|sent| sent.load(std::sync::atomic::Ordering::Relaxed)).sum()
    }
}

fn hub_file(id: u64, content: Content, lfs: bool, sent: Arc<AtomicU64>) -> HubFile {
    match content.hashes().git_sha1.filter(|_| !lfs) {
        Some(oid) => HubFile { id, content, oid, lfs: None, sent },
        None => {
            let sha256 = content.sha256();
            let pointer =
                format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {}\n", content.size());
            let lfs = Some(Lfs { sha256, pointer_size: pointer.len() as u64 });
            HubFile { id, content, oid: git_sha1(&pointer), lfs, sent }
        }
    }
}

/// Git's id of a text as a blob.
pub(crate) fn git_sha1(text: &str) -> GitSha1 {
    let mut hasher = Hasher::new().with_git_sha1(text.len() as u64);
    hasher.update(text.as_bytes());
    hasher.finish().git_sha1.unwrap_or(GitSha1::from_bytes([0; 20]))
}

#[expect(clippy::expect_used, reason = "a git-sha1 prints as 40 hexadecimal digits")]
fn commit(listing: &str) -> Commit {
    Commit::parse(&git_sha1(listing).to_string()).expect("40 digits")
}
