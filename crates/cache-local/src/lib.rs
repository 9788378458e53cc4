//! Folders of this machine as a source: a plain folder, a USB disk, or another Hugging Face cache.
//!
//! [`LocalSource`] answers for [`ModelId::Folder`] and always opens
//! [`Opened::File`], so that the store can share the bytes instead of copying them. The
//! source never writes.
//!
//! # What a folder can be
//! - **A plain folder.** All files below it, whatever they are. Folders of version control systems and of
//!   `hf download --local-dir` are passed over ([`LocalConfig::skip`]). A link is followed inside the folder and refused
//!   when it leads out. A file's identity is its size and time of change; its digest is known only where a `SHA256SUMS`
//!   or a `name.sha256` is beside it. Its commit is a digest over the listing.
//! - **A repository of a Hugging Face cache**, `…/hub/models--org--name`: its refs and snapshots, with the Hub's commits.
//!   The digests are the names of the blobs.
//! - **One snapshot of such a repository**, `…/models--org--name/snapshots/<commit>`.
//! - **A model of Ollama's**, `…/manifests/<registry>/<namespace>/<model>/<tag>`: a file, and its layers are the files.

pub mod caches;
mod config;
mod entry;
mod error;
mod folder;
mod hub_cache;
mod layout;
mod sums;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use cache_core::{
    Error, ErrorKind, FileEntry, Manifest, ModelId, OpenOptions, Opened, Result, RetryBudget, Revision, Source, Version,
};

pub use config::LocalConfig;

use layout::FolderLayout;

/// Serves folders of this machine.
#[derive(Debug, Clone, Default)]
pub struct LocalSource {
    config: LocalConfig,
}

impl LocalSource {
    /// A source for all folders.
    #[must_use]
    pub fn new(config: LocalConfig) -> Self {
        Self { config }
    }
}

impl fmt::Display for LocalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("local")
    }
}

#[async_trait]
impl Source for LocalSource {
    async fn resolve(&self, model: &ModelId, revision: &Revision, _budget: &RetryBudget) -> Result<Manifest> {
        let folder = folder_of(model)?;
        let (config, model, revision) = (self.config.clone(), model.clone(), revision.clone());
        blocking(move || {
            let (commit, files) = match FolderLayout::of(&folder)? {
                FolderLayout::Plain { root } => folder::resolve(&root, &revision, &config)?,
                FolderLayout::CachedRepo(repo) => repo.resolve(&revision, &config)?,
                FolderLayout::Snapshot(repo, commit) => repo.resolve_at(&commit, &revision, &config)?,
                FolderLayout::Image(image) => image.resolve(&revision)?,
            };
            Manifest::new(Version { model, commit }, files)
        })
        .await
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn open(&self, version: &Version, file: &FileEntry, _options: OpenOptions) -> Result<Opened> {
        let folder = folder_of(&version.model)?;
        let (commit, file) = (version.commit.clone(), file.clone());
        blocking(move || {
            let path = match FolderLayout::of(&folder)? {
                FolderLayout::Plain { root } => entry::open(&root, &file)?,
                FolderLayout::CachedRepo(repo) | FolderLayout::Snapshot(repo, _) => repo.open(&commit, &file)?,
                FolderLayout::Image(image) => image.open(&file)?,
            };
            Ok(Opened::File(path))
        })
        .await
    }
}

fn folder_of(model: &ModelId) -> Result<PathBuf> {
    match model {
        ModelId::Folder(path) => Ok(path.clone()),
        other => Err(Error::new(ErrorKind::Unsupported, format!("{other} is not a folder of this machine"))
            .with_hint("give a folder as ./folder, /folder or file:///folder")),
    }
}

/// Runs file-system work where it may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => Err(Error::interrupted()),
        Err(error) => Err(Error::new(ErrorKind::Storage, "reading the folder failed").with_source(error)),
    }
}
