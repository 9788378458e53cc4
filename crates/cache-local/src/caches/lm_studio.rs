//! LM Studio's folder: `<publisher>/<repository>/<file>`. There are no digests and no commits.

use std::collections::BTreeMap;
use std::path::Path;

use cache_core::{Commit, Manifest, Result, Version};

use super::contents::{CacheContents, CacheKind, CachedName, CachedVersion, as_model, names};
use crate::{LocalConfig, entry, error, folder, sums};

/// Ends the name of a file that is still being downloaded.
const UNFINISHED: &str = ".part";

pub(super) fn is_store(folder: &Path) -> Result<bool> {
    for publisher in names(folder)? {
        for repository in names(&folder.join(&publisher))? {
            if has_model(&folder.join(&publisher).join(repository))? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether the folder itself holds weights. Files beside it are not adopted: adoption makes files read-only.
fn has_model(repository: &Path) -> Result<bool> {
    let files = names(repository)?;
    Ok(files.iter().any(|file| [".gguf", ".safetensors"].iter().any(|end| file.ends_with(end))))
}

pub(super) fn contents(top: &Path) -> Result<CacheContents> {
    let mut contents = CacheContents::new(CacheKind::LmStudio);
    for publisher in names(top)? {
        for repository in names(&top.join(&publisher))? {
            let path = top.join(&publisher).join(&repository);
            if !publisher.starts_with('.') && !repository.starts_with('.') && has_model(&path)? {
                let called = CachedName { name: format!("{publisher}/{repository}"), tag: None };
                let found = repository_in(&path, called);
                contents.take(path, found);
            }
        }
    }
    Ok(contents)
}

/// The folder as `get ./folder` sees it, so that both mean the same version.
fn repository_in(folder: &Path, called: CachedName) -> Result<Option<CachedVersion>> {
    let root = fs_err::canonicalize(folder).map_err(error::read)?;
    let mut entries = folder::list(&root, &LocalConfig::default())?;
    entries.retain(|file| !file.path.as_str().ends_with(UNFINISHED));
    sums::apply(&root, &mut entries)?;
    if entries.is_empty() {
        return Ok(None);
    }
    let files: BTreeMap<_, _> = entries.iter().map(|file| (file.path.clone(), entry::open(&root, file))).collect();
    let commit = Commit::of_listing(&entries);
    let manifest = Manifest::new(Version { model: as_model(folder)?, commit }, entries)?;
    Ok(Some(CachedVersion { manifest, files, revisions: Vec::new(), called: Some(called) }))
}
