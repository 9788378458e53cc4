//! Manifests: the files of a version.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use cache_core::{Error, FileEntry, Manifest, ModelId, RepoPath, Result, Sha256, Version};

use crate::fs::durable::Durability;
use crate::fs::failpoints::point;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::listing::{entries, folders};
use crate::locking::locks::MANIFESTS;
use crate::store::Store;

/// Largest manifest that is read, in bytes: some five hundred thousand files.
const MAX_MANIFEST: u64 = 256 << 20;

/// Files that were taken out of versions that stay.
pub(crate) type RemovedFiles = HashSet<(Version, RepoPath)>;

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
        self.write(&self.layout().manifest(&manifest.version), &text, Durability::Durable)?;
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

    /// The versions of a model that have a manifest, sorted by commit.
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

    /// The models that have a manifest, sorted.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when a folder cannot be read.
    pub fn models(&self) -> Result<Vec<ModelId>> {
        let mut models: Vec<ModelId> = self.manifests()?.into_iter().map(|manifest| manifest.version.model).collect();
        models.sort();
        models.dedup();
        Ok(models)
    }

    /// The blobs that manifests name, apart from some of their files.
    pub(crate) fn needed_blobs(&self, except: &RemovedFiles) -> Result<HashSet<Sha256>> {
        let mut needed = HashSet::new();
        for Manifest { version, files, .. } in self.manifests()? {
            for file in files {
                if let Some(name) = self.blob_name_of(&file)
                    && !except.contains(&(version.clone(), file.path))
                {
                    needed.insert(name);
                }
            }
        }
        Ok(needed)
    }

    /// The blobs that one version names.
    pub(crate) fn needed_of(&self, version: &Version) -> Result<HashSet<Sha256>> {
        let files = self.manifest(version)?.map(|manifest| manifest.files).unwrap_or_default();
        Ok(files.iter().filter_map(|file| self.blob_name_of(file)).collect())
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
    let bytes = match cache_fs::read(path, MAX_MANIFEST).or_absent() {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::warn!(%error, "ignoring an invalid manifest");
            return Ok(None);
        }
        other => other.context("read a manifest")?,
    };
    let Some(bytes) = bytes else { return Ok(None) };
    let parsed = serde_json::from_slice::<Manifest>(&bytes).map_err(|error| error.to_string());
    // Written by this crate it is sorted and free of collisions; anything else is checked again.
    let checked = parsed.and_then(|manifest| {
        let sorted = manifest.files.is_sorted_by(|a, b| a.path < b.path);
        if sorted { Ok(manifest) } else { Manifest::new(manifest.version, manifest.files).map_err(|e| e.to_string()) }
    });
    match checked {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) => {
            tracing::warn!(path = %path.display(), error, "ignoring an invalid manifest");
            Ok(None)
        }
    }
}

fn manifests_in(folder: &Path, into: &mut Vec<Manifest>) -> Result<()> {
    for path in entries(folder, "list the manifests")? {
        if path.extension().is_some_and(|extension| extension == "json")
            && let Some(manifest) = read(&path)?
        {
            into.push(manifest);
        }
    }
    Ok(())
}
