//! Models that can be registered: in the store, in a folder, on the Hub.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::registry::entry::EntryVersion;
use crate::registry::name::Name;
use crate::task::blocking;
use crate::{Cache, Error, ErrorKind, ModelRef, Result};

/// Deepest folder that is looked into, below the one that was named.
const DEPTH: usize = 8;
/// Most files and folders that are looked at: more is a home folder, or a disk.
const MOST: usize = 200_000;

/// A model that can be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiscoveredModel {
    /// A name derived from its own; `None` where that gives none.
    pub name: Option<Name>,
    /// The reference to register.
    pub reference: String,
    /// Its bytes on this machine, if known.
    pub size: Option<u64>,
}

impl DiscoveredModel {
    fn new(reference: String, size: Option<u64>) -> Self {
        let model = reference.split(['@', ':']).next().filter(|_| !reference.contains("://")).unwrap_or(&reference);
        Self { name: Name::derived(model), reference, size }
    }
}

/// Search terms for models on the Hub.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HubSearch {
    /// User or organization.
    pub author: Option<String>,
    /// Words in their names.
    pub words: Option<String>,
}

impl HubSearch {
    /// Only models of this user or organization.
    #[must_use]
    pub fn author(mut self, author: Option<String>) -> Self {
        self.author = author;
        self
    }

    /// Only models with these words in their names.
    #[must_use]
    pub fn words(mut self, words: Option<String>) -> Self {
        self.words = words;
        self
    }
}

impl Cache {
    /// The models in the store without a registered name. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] of the store; those of the registry.
    pub fn discover_in_store(&self) -> Result<Vec<DiscoveredModel>> {
        let registry = self.registry()?;
        let named: BTreeSet<String> = registry
            .iter()
            .flat_map(|(_, entry)| entry.versions.values())
            .filter_map(|version| Some(version.target().ok()?.model.to_string()))
            .collect();
        let inventory = self.store().inventory()?;
        let mut found: Vec<DiscoveredModel> = Vec::new();
        for version in &inventory.versions {
            let model = version.version.model.to_string();
            let blobs: BTreeSet<_> = version.files.iter().map(|file| file.blob).collect();
            let size = blobs.iter().filter_map(|name| inventory.blobs.get(name)).map(|blob| blob.size).sum();
            match found.iter_mut().find(|known| known.reference == model) {
                Some(known) => known.size = known.size.max(Some(size)),
                None if !named.contains(&model) && size > 0 => found.push(DiscoveredModel::new(model, Some(size))),
                None => {}
            }
        }
        Ok(found)
    }

    /// The models below a folder: Hugging Face cache folders, and folders that hold GGUF or safetensors files. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such folder, [`ErrorKind::Usage`] when it holds too many files.
    pub fn discover_in_folder(&self, folder: &Path) -> Result<Vec<DiscoveredModel>> {
        let folder = fs_err::canonicalize(folder).map_err(|error| {
            Error::new(ErrorKind::NotFound, format!("look for models: {error}")).with_hint("name an existing folder")
        })?;
        let mut found = Vec::new();
        let mut looked = 0;
        walk(&folder, DEPTH, &mut looked, &mut found)?;
        Ok(found)
    }

    /// Models on the Hub, at most `limit`.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when offline, [`ErrorKind::Network`] and [`ErrorKind::Unauthorized`] of the Hub,
    /// [`ErrorKind::Unsupported`] when the Hub is not built in.
    pub async fn discover_hub(&self, search: &HubSearch, limit: usize) -> Result<Vec<DiscoveredModel>> {
        #[cfg(feature = "hf")]
        {
            let (author, words) = (search.author.as_deref(), search.words.as_deref());
            let budget = cache_core::RetryBudget::new(self.0.config.retries);
            let found = self.0.sources.hub()?.search(author, words, limit, &budget).await?;
            Ok(found.into_iter().map(|found| DiscoveredModel::new(found.model.to_string(), None)).collect())
        }
        #[cfg(not(feature = "hf"))]
        {
            let _ = (search, limit);
            Err(Error::new(ErrorKind::Unsupported, "the Hub is not built in")
                .with_hint("build model-cache with the feature `hf`"))
        }
    }

    /// Registers what was found, under names of their own, each with a number where two would be alike. What was
    /// registered; what has no name or is there already under it is left out.
    ///
    /// # Errors
    /// As [`Cache::change_registry`].
    pub async fn register_discovered(&self, found: Vec<DiscoveredModel>) -> Result<Vec<(Name, String)>> {
        let cache = self.clone();
        blocking(move || {
            cache.change_registry(|registry| {
                let mut added = Vec::new();
                for found in &found {
                    let Some(name) = &found.name else { continue };
                    let known = |name: &Name| registry.get(name.as_str()).cloned();
                    let means = |entry: &crate::registry::entry::Entry| {
                        entry.versions.values().any(|version| version.reference.expose() == found.reference)
                    };
                    let mut candidates = std::iter::once(name.clone())
                        .chain((2..100).filter_map(|n| format!("{name}-{n}").parse().ok()));
                    let free = candidates.find(|name| known(name).is_none_or(|entry| means(&entry)));
                    let Some(free) = free.filter(|name| known(name).is_none()) else { continue };
                    registry.add(&free, None, EntryVersion::new(&found.reference), false)?;
                    added.push((free, found.reference.clone()));
                }
                Ok(added)
            })
        })
        .await
    }
}

fn walk(folder: &Path, depth: usize, looked: &mut usize, found: &mut Vec<DiscoveredModel>) -> Result<()> {
    let mut folders = Vec::new();
    let mut size = 0;
    // What may not be read is passed over: it cannot be registered either.
    let Ok(entries) = fs_err::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        *looked += 1;
        if *looked > MOST {
            return Err(Error::new(ErrorKind::Usage, format!("{} has more than {MOST} files", folder.display()))
                .with_hint("name the folder of the models"));
        }
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            folders.push(path);
        } else if is_weights(&path) {
            size += fs_err::metadata(&path).map_or(0, |metadata| metadata.len());
        }
    }
    if size > 0 {
        found.extend(discovered(folder, None, size));
        return Ok(());
    }
    folders.sort();
    for path in folders {
        match path.file_name().and_then(|name| name.to_str()).and_then(hub_name) {
            Some(name) => found.extend(discovered(&path, Some(name), total(&path))),
            None if depth > 0 && !is_hidden(&path) => walk(&path, depth - 1, looked, found)?,
            None => {}
        }
    }
    Ok(())
}

fn discovered(folder: &Path, name: Option<Name>, size: u64) -> Option<DiscoveredModel> {
    let reference: ModelRef = folder.to_str()?.parse().ok()?;
    let mut found = DiscoveredModel::new(reference.to_string(), Some(size));
    found.name = name.or(found.name);
    Some(found)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_weights(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["gguf", "safetensors"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The name of a model whose folder in a Hugging Face cache this is.
fn hub_name(folder: &str) -> Option<Name> {
    Name::derived(&folder.strip_prefix("models--")?.replace("--", "/"))
}

/// Bytes of the blobs of a folder in a Hugging Face cache.
fn total(folder: &Path) -> u64 {
    let blobs: PathBuf = [folder, Path::new("blobs")].iter().collect();
    let Ok(entries) = fs_err::read_dir(blobs) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn discovered_folders_are_registered_once() {
        let dir = tempfile::tempdir().unwrap();
        let models = dir.path().join("disk");
        for path in [
            "a/Tiny Llama/x.gguf",
            "b/tiny-llama/model.SAFETENSORS",
            "hf/models--org--Big/blobs/abc",
            "notes/readme.md",
            ".hidden/x.gguf",
        ] {
            let path = models.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "12345").unwrap();
        }
        let cache = Cache::builder().root(dir.path().join("store")).offline(true).build().unwrap();
        let found = cache.discover_in_folder(&models).unwrap();
        let names: Vec<&str> = found.iter().map(|found| found.name.as_ref().unwrap().as_str()).collect();
        assert_eq!(names, ["tiny-llama", "tiny-llama", "big"]);
        assert!(found.iter().all(|found| found.size == Some(5)), "{found:?}");
        let added = cache.register_discovered(found.clone()).await.unwrap();
        let names: Vec<&str> = added.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["tiny-llama", "tiny-llama-2", "big"]);
        assert!(cache.register_discovered(found).await.unwrap().is_empty());
        assert_eq!(cache.discover_in_folder(Path::new("/no/such")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
