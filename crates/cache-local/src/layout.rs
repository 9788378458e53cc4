//! What kind of folder it is.

use std::path::{Path, PathBuf};

use cache_core::{Commit, Error, ErrorKind, Result};

use crate::caches::OllamaImage;
use crate::error;
use crate::hub_cache::{CachedRepo, is_repo, repos};

/// Layout of a folder.
#[derive(Debug)]
pub(crate) enum FolderLayout {
    /// Files, as they lie there.
    Plain {
        /// The folder, with links resolved.
        root: PathBuf,
    },
    /// One repository of a Hugging Face cache.
    CachedRepo(CachedRepo),
    /// One snapshot of it.
    Snapshot(CachedRepo, Commit),
    /// The manifest of a model of Ollama's.
    Image(OllamaImage),
}

impl FolderLayout {
    /// Looks at a folder.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let root = fs_err::canonicalize(folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => error::no_folder(folder),
            _ => error::read(error),
        })?;
        if let Some(image) = OllamaImage::of(&root) {
            return Ok(Self::Image(image));
        }
        if !root.is_dir() {
            let parent = root.parent().unwrap_or(&root).display();
            return Err(Error::new(ErrorKind::Usage, format!("{} is not a folder", folder.display()))
                .with_hint(format!("give its parent folder: {parent}")));
        }
        if is_repo(&root) {
            return Ok(Self::CachedRepo(CachedRepo::new(root)));
        }
        if let Some((repo, commit)) = snapshot(&root) {
            return Ok(Self::Snapshot(CachedRepo::new(repo), commit));
        }
        for hub in [root.clone(), root.join("hub")] {
            if let Some(repos) = repos(&hub)? {
                let text = format!("{} is a cache of several models, not one model", folder.display());
                let first = hub.join(&repos[0]);
                return Err(Error::new(ErrorKind::Usage, text).with_hint(format!(
                    "give one of the {} folders in it, such as {}",
                    repos.len(),
                    first.display()
                )));
            }
        }
        Ok(Self::Plain { root })
    }
}

fn snapshot(folder: &Path) -> Option<(PathBuf, Commit)> {
    let commit = Commit::parse(folder.file_name()?.to_str()?).ok()?;
    let snapshots = folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "snapshots"))?;
    let repo = snapshots.parent().filter(|repo| is_repo(repo))?;
    Some((repo.to_path_buf(), commit))
}
