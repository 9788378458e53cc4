//! Manifests: what a version consists of.

use std::path::Path;

use cache_core::{Error, FileEntry, Manifest, ModelId, Result, Version};
use fs_err as fs;

use crate::doing::{Absent as _, Doing as _};
use crate::durable::Keep;
use crate::locks::MANIFESTS;
use crate::store::Store;
use crate::torture::point;

impl Store {
    /// The manifest of a version, if the store has one.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn manifest(&self, version: &Version) -> Result<Option<Manifest>> {
        let manifest = read(&self.layout().manifest(version))?;
        Ok(manifest.filter(|found| is_of(found, version)))
    }

    /// Stores a manifest durably. What an earlier one of the version knew of its files' blobs is kept.
    ///
    /// # Errors
    /// A storage error.
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.writable()?;
        // Two processes that each fetched some of the files must not forget each other's.
        let _lock = self.lock(MANIFESTS, true)?;
        let old = self.manifest(&manifest.version)?;
        let mut merged = manifest.clone();
        for file in &mut merged.files {
            if file.blob.is_none() {
                let known = old.as_ref().and_then(|old| old.file(&file.path)).filter(|old| is_same(old, file));
                file.blob = match known.and_then(|known| known.blob) {
                    Some(blob) => Some(blob),
                    None if file.digests.sha256.is_some() => None,
                    None => self.find(file)?.map(|blob| blob.name),
                };
            }
        }
        if old.as_ref() == Some(&merged) {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&merged).map_err(|error| {
            Error::storage(format_args!("write the manifest of {}", manifest.version), error.into())
        })?;
        self.write(&self.layout().manifest(&manifest.version), &text, Keep::Durable)?;
        point("manifest.done");
        Ok(())
    }

    /// All manifests, in no order.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when a folder cannot be read.
    pub fn manifests(&self) -> Result<Vec<Manifest>> {
        let mut found = Vec::new();
        for scheme in folders(&self.layout().manifests())? {
            for model in folders(&scheme)? {
                manifests_in(&model, &mut found)?;
            }
        }
        Ok(found)
    }

    /// The versions of a model that the store has a manifest of, in order of their commits.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when a folder cannot be read.
    pub fn versions(&self, model: &ModelId) -> Result<Vec<Version>> {
        let mut found = Vec::new();
        manifests_in(&self.layout().model_manifests(model), &mut found)?;
        let mut versions: Vec<Version> = found.into_iter().map(|manifest| manifest.version).collect();
        versions.retain(|version| version.model.to_string() == model.to_string());
        versions.sort();
        Ok(versions)
    }

    /// The models that the store has a manifest of, in order.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when a folder cannot be read.
    pub fn models(&self) -> Result<Vec<ModelId>> {
        let mut models: Vec<ModelId> = self.manifests()?.into_iter().map(|manifest| manifest.version.model).collect();
        models.sort();
        models.dedup();
        Ok(models)
    }
}

/// Folder names are shortened digests: what was found must also say that it is what was looked for.
fn is_of(manifest: &Manifest, version: &Version) -> bool {
    manifest.version.commit == version.commit && manifest.version.model.to_string() == version.model.to_string()
}

/// Whether two entries of one path can have the same content.
fn is_same(a: &FileEntry, b: &FileEntry) -> bool {
    fn agree<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
        a.is_none() || b.is_none() || a == b
    }
    agree(a.size.as_ref(), b.size.as_ref())
        && agree(a.digests.sha256.as_ref(), b.digests.sha256.as_ref())
        && agree(a.digests.git_sha1.as_ref(), b.digests.git_sha1.as_ref())
        && agree(a.etag.as_ref(), b.etag.as_ref())
}

fn read(path: &Path) -> Result<Option<Manifest>> {
    let Some(bytes) = fs::read(path).or_absent().doing("read a manifest")? else { return Ok(None) };
    let parsed = serde_json::from_slice::<Manifest>(&bytes).map_err(|error| error.to_string());
    // Written by us it is sorted and free of collisions; anything else is checked again.
    let checked = parsed.and_then(|manifest| {
        let sorted = manifest.files.is_sorted_by(|a, b| a.path < b.path);
        if sorted { Ok(manifest) } else { Manifest::new(manifest.version, manifest.files).map_err(|e| e.to_string()) }
    });
    match checked {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) => {
            tracing::warn!(path = %path.display(), error, "a manifest makes no sense and is ignored");
            Ok(None)
        }
    }
}

fn manifests_in(folder: &Path, into: &mut Vec<Manifest>) -> Result<()> {
    let Some(entries) = fs::read_dir(folder).or_absent().doing("list the manifests")? else { return Ok(()) };
    for entry in entries {
        let path = entry.doing("list the manifests")?.path();
        if path.extension().is_some_and(|extension| extension == "json")
            && let Some(manifest) = read(&path)?
        {
            into.push(manifest);
        }
    }
    Ok(())
}

/// The folders in a folder, none if it is missing.
pub(crate) fn folders(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let what = || format!("list {}", folder.display());
    let Some(entries) = fs::read_dir(folder).or_absent().doing(what())? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.doing(what())?;
        if entry.file_type().doing(what())?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}
