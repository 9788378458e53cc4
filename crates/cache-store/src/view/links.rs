//! Views: folders of links in which programs find the files under their names. All of it can be made again.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cache_core::{Error, ErrorKind, FileEntry, Manifest, ModelId, RepoPath, Result, Revision, Sha256, Version};
use fs_err as fs;

use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::point;
use crate::fs::io_context::IoContext as _;
use crate::fs::layout::CACHEDIR_TAG;
use crate::index::blob::Blob;
use crate::index::refs;
use crate::index::small_records::{SmallRecords, SmallRecordsUpdate};
use crate::locking::locks::{self, FileId};
use crate::store::Store;
use crate::view::hub;

impl Store {
    /// Makes or repairs the snapshot folder of a version, and returns it.
    ///
    /// It has the Hugging Face layout in `hub/` for the Hub, links in `models/` for other sources. Only files whose blob
    /// is there appear.
    ///
    /// In a read-only store, and when all is well already, nothing is written; then it costs two `stat` a file.
    ///
    /// # Errors
    /// A storage error, also when a name that was made does not lead to its file.
    pub fn materialize(&self, manifest: &Manifest, revision: Option<&Revision>) -> Result<PathBuf> {
        let mut linker = Linker::new(self, &manifest.version);
        self.link_all(manifest, revision, &mut linker)?;
        Ok(linker.top)
    }

    /// As [`materialize`](Self::materialize), where the blobs `sound` were verified or published just now.
    ///
    /// Updates the records of its small files, if given, and returns the files without a blob.
    ///
    /// # Errors
    /// As [`materialize`](Self::materialize).
    pub fn materialize_verified(
        &self,
        manifest: &Manifest,
        revision: Option<&Revision>,
        sound: &HashSet<Sha256>,
        records: Option<&SmallRecords>,
    ) -> Result<HashSet<RepoPath>> {
        let update = records.map(|known| SmallRecordsUpdate::new(known, sound));
        let mut linker = Linker { update, ..Linker::new(self, &manifest.version) };
        self.link_all(manifest, revision, &mut linker)?;
        if let Some(update) = linker.update.filter(|_| self.read_only().is_none()) {
            update.store(self, &manifest.version);
        }
        Ok(linker.absent)
    }

    fn link_all(&self, manifest: &Manifest, revision: Option<&Revision>, linker: &mut Linker<'_>) -> Result<()> {
        if self.read_only().is_some() {
            return Ok(());
        }
        let mut present = 0;
        for file in &manifest.files {
            if let Some((blob, metadata)) = self.find_with_metadata(file)? {
                linker.link(file, &blob, &metadata)?;
                present += 1;
            } else {
                self.unlink(&manifest.version, file)?;
                linker.absent.insert(file.path.clone());
            }
        }
        point("view.links");
        if matches!(manifest.version.model, ModelId::Hub { .. }) && present > 0 {
            self.finish_hub(manifest, revision, present == manifest.files.len() && !manifest.partial)?;
        }
        point("view.done");
        Ok(())
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
        self.write(&self.layout().hub_absent(version, path), b"", Durability::Derived)
    }

    /// Whether it is known that a version has no such file.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn is_absent(&self, version: &Version, path: &RepoPath) -> Result<bool> {
        Ok(matches!(version.model, ModelId::Hub { .. }) && self.layout().hub_absent(version, path).is_file())
    }

    /// Takes away what leads to bytes that the store has no more. What another program has put there stays.
    fn unlink(&self, version: &Version, file: &FileEntry) -> Result<()> {
        let link = self.layout().snapshot_file(version, &file.path);
        let Ok(there) = fs::symlink_metadata(&link) else { return Ok(()) };
        // Only links to blobs are without any right to write.
        let ours = fs::metadata(&link).map_or(there.is_symlink(), |found| found.is_file() && found.mode() & 0o222 == 0);
        if ours { self.remove_from_view(version, &file.path) } else { Ok(()) }
    }

    fn finish_hub(&self, manifest: &Manifest, revision: Option<&Revision>, complete: bool) -> Result<()> {
        let version = &manifest.version;
        if !self.layout().hub_tag().exists() {
            self.write(&self.layout().hub_tag(), CACHEDIR_TAG.as_bytes(), Durability::Derived)?;
        }
        let tree = self.layout().hub_tree(version);
        if complete && !tree.exists() {
            if let Some(text) = hub::tree(self, manifest)? {
                self.write(&tree, &text, Durability::Derived)?;
            }
        } else if !complete {
            durable::remove(&tree).context("remove a stale listing")?;
        }
        if let Some(revision) = revision.filter(|revision| revision.as_commit().is_none()) {
            let path = self.layout().hub_ref(&version.model, revision);
            let there = cache_fs::read(&path, refs::MAX_REF).unwrap_or_default();
            if there != version.commit.as_str().as_bytes() {
                refs::put(self, &path, &self.layout().hub_refs(&version.model), &version.commit, Durability::Derived)?;
            }
        }
        Ok(())
    }
}

/// Makes the files of one version appear.
struct Linker<'a> {
    store: &'a Store,
    version: &'a Version,
    /// The snapshot's folder.
    top: PathBuf,
    /// Folders of it that were looked at.
    cleared: HashSet<PathBuf>,
    update: Option<SmallRecordsUpdate<'a>>,
    /// Files whose blob is not there.
    absent: HashSet<RepoPath>,
}

impl<'a> Linker<'a> {
    fn new(store: &'a Store, version: &'a Version) -> Self {
        let top = store.snapshot_path(version);
        Self { store, version, top, cleared: HashSet::new(), update: None, absent: HashSet::new() }
    }

    /// Makes one file appear, unless it does. `before` is the blob's metadata.
    fn link(&mut self, file: &FileEntry, blob: &Blob, before: &Metadata) -> Result<()> {
        let layout = self.store.layout();
        let link = layout.snapshot_file(self.version, &file.path);
        let what = || format!("link {}", link.display());
        let (id, mut after) = (locks::id_of(before), None);
        if !leads(&link, id) {
            if let Some(folder) = link.parent().filter(|folder| !self.cleared.contains(*folder)) {
                clear_folders(folder, &self.top).context(what())?;
                self.cleared.insert(folder.to_path_buf());
            }
            let mut target = None;
            if matches!(self.version.model, ModelId::Hub { .. }) {
                let tag = hub::tag(file, &blob.name);
                let hub_blob = layout.hub_blob(&self.version.model, &tag);
                if !leads(&hub_blob, id) {
                    after = self.second_name(blob, before, &hub_blob).context(what())?;
                }
                target = Some(hub::link_target(&file.path, &tag));
            }
            let make = || match &target {
                Some(target) => durable::symlink(layout, target, &link).map(|()| None),
                None => self.second_name(blob, before, &link),
            };
            let made = make().or_else(|error| if self.clear_name(&link)? { make() } else { Err(error) });
            after = made.context(what())?.or(after);
            if !leads(&link, id) {
                let message = format!("{} is stored, but {} does not link to it", file.path, link.display());
                let hint = "check whether links work in the folder of the store";
                let error = Error::new(ErrorKind::Storage, message).with_hint(hint);
                return Err(error.with_reason(cache_core::Reason::LinksFail));
            }
        }
        if let Some(update) = &mut self.update {
            update.note(&blob.name, before, after.as_ref().unwrap_or(before));
        }
        Ok(())
    }

    /// A hard link, else a symlink. Never a copy. Returns the blob's metadata as it is now, if that changed.
    fn second_name(&self, blob: &Blob, before: &Metadata, name: &Path) -> io::Result<Option<Metadata>> {
        match durable::hard_link(self.store.layout(), &blob.path, name) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::CrossesDevices
                        | io::ErrorKind::TooManyLinks
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::Unsupported
                ) =>
            {
                durable::symlink(self.store.layout(), &blob.path, name)?;
                return Ok(None);
            }
            other => other?,
        }
        // A new name changes the file's ctime and nothing else of what was checked.
        let after = fs::symlink_metadata(&blob.path)?;
        self.store.record_relinked(&blob.name, before, &after);
        Ok(Some(after))
    }

    /// Moves away a folder at a link's name. Whether there was one.
    fn clear_name(&self, link: &Path) -> io::Result<bool> {
        let is_folder = fs::symlink_metadata(link).is_ok_and(|there| there.is_dir());
        if is_folder {
            durable::rename_new(link, &self.store.layout().trashed_other(), Durability::Derived)?;
        }
        Ok(is_folder)
    }
}

/// Removes files and links where folders have to be, from `folder` up to `top`.
fn clear_folders(folder: &Path, top: &Path) -> io::Result<()> {
    for folder in folder.ancestors().take_while(|folder| folder.starts_with(top)) {
        if fs::symlink_metadata(folder).is_ok_and(|there| !there.is_dir()) {
            durable::remove(folder)?;
        }
    }
    Ok(())
}

/// Whether a name leads to a file, through links if need be.
fn leads(name: &Path, file: FileId) -> bool {
    // A link that leads nowhere, into a loop or through a file is simply not that file.
    fs::metadata(name).is_ok_and(|found| locks::id_of(&found) == file)
}
