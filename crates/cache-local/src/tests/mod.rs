mod folder;
mod hub_cache;

use std::path::Path;

use cache_core::{Error, Manifest, ModelId, OpenOptions, Opened, RepoPath, Result, RetryBudget, Revision, Source as _};

use crate::{LocalConfig, LocalSource};

fn model(folder: &Path) -> ModelId {
    ModelId::Folder(folder.to_path_buf())
}

async fn resolve(folder: &Path, revision: &str) -> Result<Manifest> {
    let revision = Revision::parse(revision).unwrap();
    LocalSource::new(LocalConfig::default()).resolve(&model(folder), &revision, &RetryBudget::default()).await
}

async fn open(manifest: &Manifest, path: &str) -> Result<std::path::PathBuf> {
    let file = manifest.require(&RepoPath::parse(path).unwrap())?;
    let source = LocalSource::default();
    match source.open(&manifest.version, file, OpenOptions::whole()).await? {
        Opened::File(path) => Ok(path),
        Opened::Stream(_) => panic!("a local file is opened as a file"),
    }
}

fn paths(manifest: &Manifest) -> Vec<&str> {
    manifest.files.iter().map(|file| file.path.as_str()).collect()
}

/// What was said, hint and all.
fn said(error: &Error) -> String {
    format!("{error} {}", error.hint().unwrap_or_default())
}
