//! Refs: what a moving name points to.

use std::io;
use std::path::Path;

use cache_core::{Commit, Error, ModelId, Result, Revision, Version};
use fs_err as fs;

use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::point;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::listing::folders;
use crate::store::Store;

/// Largest ref that is read, in bytes: 64 digits, and what others add.
pub(crate) const MAX_REF: u64 = 4 << 10;

impl Store {
    /// What a revision pointed to when it was last asked for. A whole commit resolves to itself if its manifest is
    /// there.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn resolve_ref(&self, model: &ModelId, revision: &Revision) -> Result<Option<Commit>> {
        if let Some(commit) = revision.as_commit() {
            let manifest = self.manifest(&Version { model: model.clone(), commit: commit.clone() })?;
            return Ok(manifest.map(|_| commit));
        }
        read(&self.layout().reference(model, revision))
    }

    /// Points a revision at a commit, durably. The commit's manifest comes first.
    ///
    /// # Errors
    /// A storage error.
    pub fn put_ref(&self, model: &ModelId, revision: &Revision, commit: &Commit) -> Result<()> {
        self.writable()?;
        if revision.as_commit().is_some() || self.resolve_ref(model, revision)?.as_ref() == Some(commit) {
            return Ok(());
        }
        let path = self.layout().reference(model, revision);
        put(self, &path, &self.layout().model_refs(model), commit, Durability::Durable)?;
        point("ref.done");
        Ok(())
    }

    /// All revisions of a model and what they point to, in order.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when a folder cannot be read.
    pub fn refs(&self, model: &ModelId) -> Result<Vec<(Revision, Commit)>> {
        list(&self.layout().model_refs(model))
    }

    /// Removes the refs of a model that point to a commit.
    pub(crate) fn remove_refs_to(&self, version: &Version) -> Result<()> {
        for (revision, commit) in self.refs(&version.model)? {
            if commit == version.commit {
                let path = self.layout().reference(&version.model, &revision);
                durable::remove(&path).context("remove a ref")?;
                if let Some(folder) = path.parent() {
                    durable::sync_folder(folder).context("remove a ref")?;
                    durable::remove_empty_folders(folder, &self.layout().refs());
                }
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<Commit>> {
    match cache_fs::read_text(path, MAX_REF).or_absent() {
        Ok(text) => Ok(text.and_then(|text| Commit::parse(text.trim()).ok())),
        // Such a name is a folder of other names, a pipe, or holds no text: it is no ref.
        Err(error) if matches!(error.kind(), io::ErrorKind::IsADirectory | io::ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(Error::storage("read a ref", error)),
    }
}

/// Writes a ref below `top`: 40 or 64 digits and no newline, as Hugging Face programs want it.
///
/// Where `a` is a ref, `a/b` cannot be one, in git as on the disk. That the new one exists proves that the other is gone.
pub(crate) fn put(store: &Store, path: &Path, top: &Path, commit: &Commit, durability: Durability) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path).or_absent().context("remove refs that are gone")?;
    }
    let above = path.ancestors().skip(1).take_while(|folder| folder.starts_with(top) && *folder != top);
    for folder in above {
        if fs::symlink_metadata(folder).is_ok_and(|there| !there.is_dir()) {
            durable::remove(folder).context("remove a ref that is gone")?;
        }
    }
    store.write(path, commit.as_str().as_bytes(), durability)
}

/// All refs below a folder.
pub(crate) fn list(top: &Path) -> Result<Vec<(Revision, Commit)>> {
    let mut found = Vec::new();
    let mut todo = vec![top.to_path_buf()];
    while let Some(folder) = todo.pop() {
        todo.extend(folders(&folder)?);
        let Some(entries) = fs::read_dir(&folder).or_absent().context("list the refs")? else { continue };
        for entry in entries {
            let path = entry.context("list the refs")?.path();
            let name = path.strip_prefix(top).ok().and_then(Path::to_str).and_then(|name| Revision::parse(name).ok());
            if let Some(revision) = name
                && let Some(commit) = read(&path)?
            {
                found.push((revision, commit));
            }
        }
    }
    found.sort();
    Ok(found)
}
