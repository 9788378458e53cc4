//! Taking versions and blobs out of the views. What other programs put there stays.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cache_core::{ModelId, RepoPath, Result, Sha256, Version};
use fs_err as fs;

use crate::fs::durable;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::listing::{entries, folders};
use crate::index::refs;
use crate::store::Store;
use crate::view::hub;

impl Store {
    /// Takes a version out of its view. What other programs have put there stays.
    pub(crate) fn remove_view(&self, version: &Version) -> Result<()> {
        let layout = self.layout();
        let snapshot = layout.snapshot(version);
        let what = || format!("remove {}", snapshot.display());
        if !matches!(version.model, ModelId::Hub { .. }) {
            fs::remove_dir_all(&snapshot).or_absent().context(what())?;
            durable::remove_empty_folders(&layout.view(&version.model), &layout.models());
            return Ok(());
        }
        // A ref to a missing snapshot hides the whole model from Hugging Face programs: refs go first.
        let hub_refs = layout.hub_refs(&version.model);
        for (revision, commit) in refs::list(&hub_refs)? {
            if commit == version.commit {
                let path = layout.hub_ref(&version.model, &revision);
                durable::remove(&path).context(what())?;
                if let Some(folder) = path.parent() {
                    durable::remove_empty_folders(folder, &layout.view(&version.model));
                }
            }
        }
        durable::remove(&layout.hub_tree(version)).context(what())?;
        fs::remove_dir_all(layout.hub_absent_folder(version)).or_absent().context(what())?;
        let ours = targets(&snapshot)?;
        fs::remove_dir_all(&snapshot).or_absent().context(what())?;
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
            durable::remove(&layout.hub_tree(version)).context(what())?;
        }
        let target: HashSet<OsString> =
            fs::read_link(&link).ok().and_then(|target| Some(target.file_name()?.to_owned())).into_iter().collect();
        durable::remove(&link).context(what())?;
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

    /// Takes a blob, open as `file`, out of all views. What other programs put there stays.
    pub(crate) fn remove_from_views(&self, name: &Sha256, file: &File) -> Result<()> {
        let what = "look at a view";
        let blob = file.metadata().context(what)?;
        let is_blob = |path: &Path| match fs::metadata(path) {
            Ok(found) => (found.dev(), found.ino()) == (blob.dev(), blob.ino()),
            // It led to the blob's former name.
            Err(_) => path.is_symlink(),
        };
        for manifest in self.manifests()? {
            let version = &manifest.version;
            for entry in manifest.files.iter().filter(|entry| self.blob_name_of(entry) == Some(*name)) {
                let second = self.layout().hub_blob(&version.model, &hub::tag(entry, name));
                if is_blob(&self.layout().snapshot_file(version, &entry.path)) {
                    self.remove_from_view(version, &entry.path)?;
                }
                // Other programs' snapshots may lead here as well: what they find missing they fetch.
                if matches!(version.model, ModelId::Hub { .. }) && is_blob(&second) {
                    durable::remove(&second).context("remove a blob from the view")?;
                }
            }
        }
        Ok(())
    }

    /// Removes those of a model's blobs in `hub/` that no snapshot needs.
    fn remove_hub_blobs(&self, model: &ModelId, names: &HashSet<OsString>) -> Result<()> {
        let mut needed = HashSet::new();
        for snapshot in folders(&self.layout().snapshots(model))? {
            needed.extend(targets(&snapshot)?);
        }
        for name in names.difference(&needed) {
            if let Some(name) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_hexdigit())) {
                durable::remove(&self.layout().hub_blob(model, name)).context("remove a blob from the view")?;
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
        for folder in folders(&view).unwrap_or_default() {
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
        todo.extend(folders(&folder)?);
        for path in entries(&folder, "look at a snapshot")? {
            found.extend(fs::read_link(path).ok().and_then(|target| Some(target.file_name()?.to_owned())));
        }
    }
    Ok(found)
}
