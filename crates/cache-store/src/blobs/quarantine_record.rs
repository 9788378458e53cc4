//! Why a file is in quarantine, as recorded beside it.

use std::path::PathBuf;
use std::time::SystemTime;

use cache_core::{ByteRange, Digest, Digests, Hasher, Sha256, Version};
use serde::{Deserialize, Serialize};

/// Why a file is in quarantine, and what it was expected to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QuarantineRecord {
    /// What is wrong, as a message.
    pub reason: String,
    /// The version it was fetched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The file's path in that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where the bytes came from: a host or a folder, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the metadata promised, as `sha256:…` or `git-sha1:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What the bytes were found to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Digests>,
    /// Whether it was a blob of the store that was found corrupted, not a download.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_blob: bool,
    /// Its intact ranges, as far as block hashes show; the next download keeps them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) intact: Vec<(u64, u64)>,
}

impl QuarantineRecord {
    /// A record with a reason.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// For which file of which version.
    #[must_use]
    pub fn with_file(mut self, version: &Version, path: &cache_core::RepoPath) -> Self {
        self.version = Some(version.clone());
        self.path = Some(path.to_string());
        self
    }

    /// Where the bytes came from; no credentials.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What was promised and what was found.
    #[must_use]
    pub fn with_digests(mut self, expected: Option<Digest>, actual: Digests) -> Self {
        self.expected = expected.map(|digest| digest.to_string());
        self.actual = Some(actual);
        self
    }

    pub(crate) fn with_blob(mut self, name: Sha256) -> Self {
        self.expected = Some(Digest::Sha256(name).to_string());
        self
    }

    pub(crate) fn with_intact(mut self, ranges: &[ByteRange]) -> Self {
        self.was_blob = true;
        self.intact = ranges.iter().map(|range| (range.start, range.end)).collect();
        self
    }

    /// The blob that was found corrupted, if it was one.
    pub(super) fn corrupted_blob(&self) -> Option<Sha256> {
        self.expected.as_ref().filter(|_| self.was_blob)?.strip_prefix("sha256:")?.parse().ok()
    }

    pub(crate) fn intact(&self) -> Vec<ByteRange> {
        self.intact.iter().map(|&(start, end)| ByteRange { start, end }).collect()
    }

    /// The id of an entry with this record. `size` stands for bytes without a digest.
    pub(super) fn id(&self, size: u64) -> String {
        let expected = match &self.expected {
            Some(digest) => beginning(digest.rsplit(':').next().unwrap_or_default()),
            None => {
                let version = self.version.as_ref().map(ToString::to_string).unwrap_or_default();
                beginning(&digest_of(&format!("{version}\n{}", self.path.as_deref().unwrap_or_default())))
            }
        };
        let actual = match self.actual.as_ref().and_then(Digests::strongest) {
            Some(digest) => beginning(digest.to_string().rsplit(':').next().unwrap_or_default()),
            None => beginning(&digest_of(&size.to_string())),
        };
        expected + &actual
    }
}

/// The first half of an id.
pub(super) fn beginning(hex: &str) -> String {
    hex.chars().filter(char::is_ascii_hexdigit).chain(std::iter::repeat('0')).take(8).collect()
}

fn digest_of(text: &str) -> String {
    let mut hasher = Hasher::new();
    hasher.update(text.as_bytes());
    hasher.finish().sha256.to_string()
}

/// A file in quarantine.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct QuarantineEntry {
    /// Names it for `quarantine show`, `restore` and `rm`.
    pub id: String,
    /// Why it is here.
    pub record: QuarantineRecord,
    /// Length in bytes.
    pub size: u64,
    /// Since when.
    pub since: SystemTime,
    /// Path of the bytes.
    pub data: PathBuf,
}

/// A record as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(super) since: SystemTime,
    #[serde(flatten)]
    pub(crate) record: QuarantineRecord,
}
