//! LM Studio's folder: `<publisher>/<repository>/<file>`. There are no digests and no commits.

use std::collections::BTreeMap;
use std::path::Path;

use cache_core::{Commit, Manifest, Result, Version};

use super::{Called, Contents, Found, Kind, as_model, names};
use crate::{LocalConfig, plain, sums, trouble};

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

/// Whether weights lie in the folder itself. What lies beside is none of LM Studio's: the folder that was named may hold
/// anything else, and what is adopted becomes read-only.
fn has_model(repository: &Path) -> Result<bool> {
    let files = names(repository)?;
    Ok(files.iter().any(|file| [".gguf", ".safetensors"].iter().any(|end| file.ends_with(end))))
}

pub(super) fn contents(top: &Path) -> Result<Contents> {
    let mut contents = Contents::new(Kind::LmStudio);
    for publisher in names(top)? {
        for repository in names(&top.join(&publisher))? {
            let path = top.join(&publisher).join(&repository);
            if !publisher.starts_with('.') && !repository.starts_with('.') && has_model(&path)? {
                let called = Called { name: format!("{publisher}/{repository}"), tag: None };
                let found = repository_in(&path, called);
                contents.take(path, found);
            }
        }
    }
    Ok(contents)
}

/// The folder as `get ./folder` sees it, so that both mean the same version.
fn repository_in(folder: &Path, called: Called) -> Result<Option<Found>> {
    let root = fs_err::canonicalize(folder).map_err(trouble::read)?;
    let mut entries = plain::list(&root, &LocalConfig::default())?;
    entries.retain(|file| !file.path.as_str().ends_with(UNFINISHED));
    sums::apply(&root, &mut entries)?;
    if entries.is_empty() {
        return Ok(None);
    }
    let files: BTreeMap<_, _> = entries.iter().map(|file| (file.path.clone(), plain::open(&root, file))).collect();
    let commit = Commit::of_listing(&entries);
    let manifest = Manifest::new(Version { model: as_model(folder)?, commit }, entries)?;
    Ok(Some(Found { manifest, files, revisions: Vec::new(), called: Some(called) }))
}
