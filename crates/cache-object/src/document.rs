//! `manifest.json`: what a push says of the files, and where they lie.

use std::collections::HashMap;

use cache_core::{
    Commit, Error, ErrorKind, FileEntry, GitSha1, Manifest, ModelId, RepoPath, Result, Revision, Sha256, Version,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The form of the documents that are written here.
pub const FORMAT: &str = "model-cache/1";

/// Longest document that is read: some 200,000 files.
pub(crate) const MAX_DOCUMENT: usize = 64 << 20;

/// A version as stored in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionDocument {
    pub(crate) format: String,
    /// The model that was pushed, as its source calls it.
    pub(crate) model: String,
    pub(crate) commit: Commit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<Revision>,
    pub(crate) files: Vec<DocumentFile>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DocumentFile {
    pub(crate) path: RepoPath,
    pub(crate) size: u64,
    pub(crate) sha256: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) git_sha1: Option<GitSha1>,
    /// Key of its bytes, below the prefix.
    pub(crate) key: RepoPath,
}

/// All that is read of a document before it is known to be one.
#[derive(Deserialize)]
struct Sniffed<'a> {
    #[serde(borrow)]
    format: Option<&'a RawValue>,
}

impl VersionDocument {
    /// Reads a document; `None` for a file that only has the same name.
    pub(crate) fn parse(bytes: &[u8], shown: &str) -> Result<Option<Self>> {
        let format = serde_json::from_slice::<Sniffed<'_>>(bytes).ok().and_then(|sniffed| sniffed.format);
        match format.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()).as_deref() {
            Some(FORMAT) => {}
            Some(newer) if newer.starts_with("model-cache/") => {
                let message = format!("{shown} has the form {newer:?}; this program knows {FORMAT:?}");
                return Err(Error::new(ErrorKind::Unsupported, message).with_hint("get a newer model-cache"));
            }
            _ => return Ok(None),
        }
        serde_json::from_slice(bytes).map(Some).map_err(|error| {
            Error::new(ErrorKind::Integrity, format!("{shown} is corrupted: {error}"))
                .with_hint("push the model again")
                .with_source(error)
        })
    }

    /// The listing, as a version of this model.
    pub(crate) fn manifest(&self, model: &ModelId) -> Result<Manifest> {
        let files = self.files.iter().map(|file| {
            let mut entry = FileEntry::new(file.path.clone());
            entry.size = Some(file.size);
            entry.digests.sha256 = Some(file.sha256);
            entry.digests.git_sha1 = file.git_sha1;
            entry
        });
        Manifest::new(Version { model: model.clone(), commit: self.commit.clone() }, files.collect())
    }

    /// Key of each file, below the prefix.
    pub(crate) fn keys(self) -> HashMap<RepoPath, RepoPath> {
        self.files.into_iter().map(|file| (file.path, file.key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_differs_from_file_of_same_name() {
        for other in ["", "[]", "{}", "{\"format\": 3}", "{\"format\": \"gguf\"}", "not json"] {
            assert_eq!(VersionDocument::parse(other.as_bytes(), "m").unwrap(), None, "{other}");
        }
        let newer = VersionDocument::parse(b"{\"format\": \"model-cache/2\"}", "m").unwrap_err();
        assert_eq!(newer.kind(), ErrorKind::Unsupported);
        let broken = VersionDocument::parse(b"{\"format\": \"model-cache/1\"}", "m").unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::Integrity);
    }

    #[test]
    fn a_hostile_document_is_refused() {
        let text = |path: &str, key: &str| {
            format!(
                "{{\"format\":\"{FORMAT}\",\"model\":\"m\",\"commit\":\"{}\",\"files\":[{{\"path\":\"{path}\",\
                 \"size\":1,\"sha256\":\"{}\",\"key\":\"{key}\"}}]}}",
                "0".repeat(40),
                "0".repeat(64)
            )
        };
        assert!(VersionDocument::parse(text("a", "blobs/a").as_bytes(), "m").unwrap().is_some());
        for (path, key) in [("../a", "a"), ("/a", "a"), ("a", "../../other/secret"), ("a", "")] {
            let error = VersionDocument::parse(text(path, key).as_bytes(), "m").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity, "{path} {key}");
        }
    }
}
