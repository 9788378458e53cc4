//! Views: folders of links in which programs find the files under their names. All of it can be made again.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cache_core::{FileEntry, Manifest, ModelId, RepoPath, Result, Revision, Version};
use fs_err as fs;

use crate::blobs::Blob;
use crate::doing::Doing as _;
use crate::durable::{self, Keep};
use crate::layout::CACHEDIR_TAG;
use crate::store::Store;
use crate::torture::point;
use crate::{hub, refs};

impl Store {
    /// Makes the folder in which programs find a version's files, or mends it: the Hugging Face layout in `hub/` for
    /// the Hub, links in `models/` for other sources. Only files whose blob is there appear. Returns the snapshot folder.
    ///
    /// In a read-only store, and when all is well already, nothing is written; then it costs two `stat` a file.
    ///
    /// # Errors
    /// A storage error.
    pub fn materialize(&self, manifest: &Manifest, revision: Option<&Revision>) -> Result<PathBuf> {
        let snapshot = self.snapshot_path(&manifest.version);
        if self.read_only().is_some() {
            return Ok(snapshot);
        }
        let mut present = 0;
        for file in &manifest.files {
            if let Some(blob) = self.find(file)? {
                self.link(&manifest.version, file, &blob)?;
                present += 1;
            } else {
                self.unlink(&manifest.version, file)?;
            }
        }
        point("view.links");
        if matches!(manifest.version.model, ModelId::Hub { .. }) && present > 0 {
            self.finish_hub(manifest, revision, present == manifest.files.len() && !manifest.partial)?;
        }
        point("view.done");
        Ok(snapshot)
    }

    /// The folder of a version's files, whether it is there or not.
    #[must_use]
    pub fn snapshot_path(&self, version: &Version) -> PathBuf {
        self.layout().snapshot(version)
    }

    /// Notes that a version has no such file, as Hugging Face programs do. For other sources, for a model of which
    /// nothing is there, and in a read-only store it does nothing.
    ///
    /// # Errors
    /// A storage error.
    pub fn put_absent(&self, version: &Version, path: &RepoPath) -> Result<()> {
        // A model's folder without snapshots is a broken one to Hugging Face programs.
        let has_view = self.layout().snapshots(&version.model).is_dir();
        if self.read_only().is_some()
            || !matches!(version.model, ModelId::Hub { .. })
            || !has_view
            || self.is_absent(version, path)?
        {
            return Ok(());
        }
        self.write(&self.layout().hub_absent(version, path), b"", Keep::Derived)
    }

    /// Whether it is known that a version has no such file.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn is_absent(&self, version: &Version, path: &RepoPath) -> Result<bool> {
        Ok(matches!(version.model, ModelId::Hub { .. }) && self.layout().hub_absent(version, path).is_file())
    }

    /// Makes one file appear, unless it does.
    fn link(&self, version: &Version, file: &FileEntry, blob: &Blob) -> Result<()> {
        let link = self.layout().snapshot_file(version, &file.path);
        let what = || format!("link {}", link.display());
        if same_file(&link, &blob.path).doing(what())? {
            return Ok(());
        }
        self.clear_way(&link, &self.layout().snapshot(version)).doing(what())?;
        if !matches!(version.model, ModelId::Hub { .. }) {
            return self.second_name(&blob.path, &link).doing(what());
        }
        let tag = hub::tag(file, blob);
        let hub_blob = self.layout().hub_blob(&version.model, &tag);
        if !same_file(&hub_blob, &blob.path).doing(what())? {
            self.second_name(&blob.path, &hub_blob).doing(what())?;
        }
        let target = hub::link_target(&file.path, &tag);
        durable::symlink(self.layout(), &target, &link).doing(what())
    }

    /// Takes away what leads to bytes that the store has no more. What another program has put there stays.
    fn unlink(&self, version: &Version, file: &FileEntry) -> Result<()> {
        let link = self.layout().snapshot_file(version, &file.path);
        let Ok(there) = fs::symlink_metadata(&link) else { return Ok(()) };
        // Only ours are without any right to write.
        let ours = fs::metadata(&link).map_or(there.is_symlink(), |found| found.is_file() && found.mode() & 0o222 == 0);
        if ours { self.remove_from_view(version, &file.path) } else { Ok(()) }
    }

    /// A hard link, else a symlink. Never a copy.
    fn second_name(&self, blob: &Path, name: &Path) -> io::Result<()> {
        let checked = fs::symlink_metadata(blob)?;
        let recorded = sha_of(blob).filter(|sha| self.is_recorded(sha, &checked));
        match durable::hard_link(self.layout(), blob, name) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::CrossesDevices
                        | io::ErrorKind::TooManyLinks
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::Unsupported
                ) =>
            {
                return durable::symlink(self.layout(), blob, name);
            }
            Err(error) => return Err(error),
        }
        // A new name changes the file's ctime and nothing else of what was checked.
        if let Some(sha) = recorded {
            let now = fs::symlink_metadata(blob)?;
            if (now.ino(), now.len(), now.mtime(), now.mtime_nsec())
                == (checked.ino(), checked.len(), checked.mtime(), checked.mtime_nsec())
            {
                self.record_intact(&sha, &now);
            }
        }
        Ok(())
    }

    /// Removes what cannot be there: a folder at the link's name, a file or link where it needs a folder.
    fn clear_way(&self, link: &Path, top: &Path) -> io::Result<()> {
        if fs::symlink_metadata(link).is_ok_and(|there| there.is_dir()) {
            durable::rename_new(link, &self.layout().trashed_rubbish(), Keep::Derived)?;
        }
        for folder in link.ancestors().skip(1).take_while(|folder| folder.starts_with(top)) {
            if fs::symlink_metadata(folder).is_ok_and(|there| !there.is_dir()) {
                durable::remove(folder)?;
            }
        }
        Ok(())
    }

    fn finish_hub(&self, manifest: &Manifest, revision: Option<&Revision>, complete: bool) -> Result<()> {
        let version = &manifest.version;
        if !self.layout().hub_tag().exists() {
            self.write(&self.layout().hub_tag(), CACHEDIR_TAG.as_bytes(), Keep::Derived)?;
        }
        let tree = self.layout().hub_tree(version);
        if complete && !tree.exists() {
            if let Some(text) = hub::tree(self, manifest)? {
                self.write(&tree, &text, Keep::Derived)?;
            }
        } else if !complete {
            durable::remove(&tree).doing("remove a stale listing")?;
        }
        if let Some(revision) = revision.filter(|revision| revision.as_commit().is_none()) {
            let path = self.layout().hub_ref(&version.model, revision);
            let there = fs::read(&path).unwrap_or_default();
            if there != version.commit.as_str().as_bytes() {
                refs::put(self, &path, &self.layout().hub_refs(&version.model), &version.commit, Keep::Derived)?;
            }
        }
        Ok(())
    }
}

fn sha_of(blob: &Path) -> Option<cache_core::Sha256> {
    blob.file_name()?.to_str()?.parse().ok()
}

/// Whether a name leads to a file, through links if need be.
fn same_file(name: &Path, file: &Path) -> io::Result<bool> {
    // A link that leads nowhere, into a loop or through a file is simply not that file.
    let Ok(found) = fs::metadata(name) else { return Ok(false) };
    let wanted = fs::symlink_metadata(file)?;
    Ok((found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
}
