//! The Hugging Face layout: what `huggingface_hub` expects to find, and taking versions out of it again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cache_core::{Error, FileEntry, GitSha1, Hasher, Manifest, RepoPath, Result, Sha256};
use serde::Serialize;

use crate::store::Store;

/// One file of `trees/<commit>.json`.
#[derive(Serialize)]
struct TreeEntry {
    size: u64,
    blob_id: GitSha1,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs_sha256: Option<Sha256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs_size: Option<u64>,
}

#[derive(Serialize)]
struct Tree<'a> {
    format_version: u32,
    files: BTreeMap<&'a str, TreeEntry>,
}

/// The name under which Hugging Face programs look for a file's bytes. Only a digest may become one.
pub(crate) fn tag(file: &FileEntry, blob: &Sha256) -> String {
    match (file.digests.sha256, file.digests.git_sha1) {
        (Some(sha256), _) => sha256.to_string(),
        (None, Some(git)) => git.to_string(),
        (None, None) => blob.to_string(),
    }
}

/// Where a snapshot's link points: up to the model's folder and into `blobs`.
pub(crate) fn link_target(path: &RepoPath, tag: &str) -> PathBuf {
    let up = path.segments().count() + 1;
    format!("{}blobs/{tag}", "../".repeat(up)).into()
}

/// The listing of a complete snapshot; `None` when an entry is unknown.
pub(crate) fn tree(store: &Store, manifest: &Manifest) -> Result<Option<Vec<u8>>> {
    let mut files = BTreeMap::new();
    for file in &manifest.files {
        let Some(blob) = store.find(file)? else { return Ok(None) };
        let entry = match (file.digests.sha256, file.digests.git_sha1) {
            (Some(sha256), _) => TreeEntry {
                size: blob.size,
                blob_id: pointer_id(&sha256, blob.size),
                lfs_sha256: Some(sha256),
                lfs_size: Some(blob.size),
            },
            (None, Some(blob_id)) => TreeEntry { size: blob.size, blob_id, lfs_sha256: None, lfs_size: None },
            (None, None) => return Ok(None),
        };
        files.insert(file.path.as_str(), entry);
    }
    let text = serde_json::to_vec(&Tree { format_version: 1, files })
        .map_err(|error| Error::storage("write a listing", error.into()))?;
    Ok(Some(text))
}

/// The git id of a large file's pointer file (git-lfs specification, version 1).
fn pointer_id(sha256: &Sha256, size: u64) -> GitSha1 {
    let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n");
    let mut hasher = Hasher::new().with_git_sha1(text.len() as u64);
    hasher.update(text.as_bytes());
    hasher.finish().git_sha1.unwrap_or(GitSha1::from_bytes([0; 20]))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn links_climb_out_of_every_folder() {
        let target = |path: &str| link_target(&RepoPath::parse(path).unwrap(), "ab");
        assert_eq!(target("x"), Path::new("../../blobs/ab"));
        assert_eq!(target("a/b/x"), Path::new("../../../../blobs/ab"));
    }

    #[test]
    fn a_pointer_has_the_id_that_git_gives_it() {
        let sha = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393".parse().unwrap();
        assert_eq!(pointer_id(&sha, 12345).to_string().len(), 40);
    }
}
