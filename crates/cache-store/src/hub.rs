//! The Hugging Face layout: what `huggingface_hub` expects to find, and taking versions out of it again.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cache_core::{Error, FileEntry, GitSha1, Hasher, Manifest, ModelId, RepoPath, Result, Sha256, Version};
use fs_err as fs;
use serde::Serialize;

use crate::blobs::Blob;
use crate::doing::{Absent as _, Doing as _};
use crate::durable;
use crate::refs;
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
pub(crate) fn tag(file: &FileEntry, blob: &Blob) -> String {
    match (file.digests.sha256, file.digests.git_sha1) {
        (Some(sha256), _) => sha256.to_string(),
        (None, Some(git)) => git.to_string(),
        (None, None) => blob.name.to_string(),
    }
}

/// Where a snapshot's link points: up to the model's folder and into `blobs`.
pub(crate) fn link_target(path: &RepoPath, tag: &str) -> PathBuf {
    let up = path.segments().count() + 1;
    format!("{}blobs/{tag}", "../".repeat(up)).into()
}

/// The listing of a complete snapshot; `None` when something in it cannot be told.
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

/// The git id of the pointer file that stands for a large file in the repository (git-lfs specification, version 1).
fn pointer_id(sha256: &Sha256, size: u64) -> GitSha1 {
    let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n");
    let mut hasher = Hasher::new().with_git_sha1(text.len() as u64);
    hasher.update(text.as_bytes());
    hasher.finish().git_sha1.unwrap_or(GitSha1::from_bytes([0; 20]))
}

impl Store {
    /// Takes a version out of its view. What other programs have put there stays.
    pub(crate) fn remove_view(&self, version: &Version) -> Result<()> {
        let layout = self.layout();
        let snapshot = layout.snapshot(version);
        let what = || format!("remove {}", snapshot.display());
        if !matches!(version.model, ModelId::Hub { .. }) {
            fs::remove_dir_all(&snapshot).or_absent().doing(what())?;
            durable::remove_empty_folders(&layout.view(&version.model), &layout.models());
            return Ok(());
        }
        // A ref to a missing snapshot hides the whole model from Hugging Face programs: refs go first.
        let hub_refs = layout.hub_refs(&version.model);
        for (revision, commit) in refs::list(&hub_refs)? {
            if commit == version.commit {
                let path = layout.hub_ref(&version.model, &revision);
                durable::remove(&path).doing(what())?;
                if let Some(folder) = path.parent() {
                    durable::remove_empty_folders(folder, &layout.view(&version.model));
                }
            }
        }
        durable::remove(&layout.hub_tree(version)).doing(what())?;
        fs::remove_dir_all(layout.hub_absent_folder(version)).or_absent().doing(what())?;
        let ours = targets(&snapshot)?;
        fs::remove_dir_all(&snapshot).or_absent().doing(what())?;
        self.remove_hub_blobs(&version.model, &ours)?;
        self.tidy_hub(&version.model);
        Ok(())
    }

    /// Takes one file out of a version's view.
    pub(crate) fn remove_from_view(&self, version: &Version, path: &RepoPath) -> Result<()> {
        let layout = self.layout();
        let link = layout.snapshot_file(version, path);
        let what = || format!("remove {}", link.display());
        if matches!(version.model, ModelId::Hub { .. }) {
            durable::remove(&layout.hub_tree(version)).doing(what())?;
        }
        let target: HashSet<OsString> =
            fs::read_link(&link).ok().and_then(|target| Some(target.file_name()?.to_owned())).into_iter().collect();
        durable::remove(&link).doing(what())?;
        if let Some(folder) = link.parent() {
            durable::remove_empty_folders(folder, &layout.snapshots(&version.model));
        }
        if matches!(version.model, ModelId::Hub { .. }) {
            self.remove_hub_blobs(&version.model, &target)?;
            if !layout.snapshot(version).exists() {
                return self.remove_view(version);
            }
        }
        Ok(())
    }

    /// Removes those of these blobs of a model in `hub/` that no snapshot needs any more.
    fn remove_hub_blobs(&self, model: &ModelId, names: &HashSet<OsString>) -> Result<()> {
        let mut needed = HashSet::new();
        for snapshot in crate::manifests::folders(&self.layout().snapshots(model))? {
            needed.extend(targets(&snapshot)?);
        }
        for name in names.difference(&needed) {
            if let Some(name) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_hexdigit())) {
                durable::remove(&self.layout().hub_blob(model, name)).doing("remove a blob from the view")?;
            }
        }
        Ok(())
    }

    fn tidy_hub(&self, model: &ModelId) {
        let layout = self.layout();
        let view = layout.view(model);
        let bare = |folder: PathBuf| fs::remove_dir(&folder).is_ok() || !folder.exists();
        // Without snapshots and blobs there is nothing that the rest could be about.
        if bare(layout.snapshots(model)) && bare(layout.hub_blobs(model)) {
            let _ = fs::remove_dir_all(&view);
            return;
        }
        for folder in crate::manifests::folders(&view).unwrap_or_default() {
            // Only empty ones go, so that nothing of another program is lost.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The last parts of all link targets below a folder.
fn targets(folder: &Path) -> Result<HashSet<OsString>> {
    let mut found = HashSet::new();
    let mut todo = vec![folder.to_path_buf()];
    while let Some(folder) = todo.pop() {
        todo.extend(crate::manifests::folders(&folder)?);
        let Some(entries) = fs::read_dir(&folder).or_absent().doing("look at a snapshot")? else { continue };
        for entry in entries {
            let path = entry.doing("look at a snapshot")?.path();
            found.extend(fs::read_link(path).ok().and_then(|target| Some(target.file_name()?.to_owned())));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
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
