//! What kind of folder it is.

use std::path::{Path, PathBuf};

use cache_core::{Commit, Error, ErrorKind, RepoKind, Result};

use crate::caches::Image;
use crate::hub_cache::Repo;
use crate::trouble;

/// What a folder is.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Files, as they lie there.
    Plain {
        /// The folder, with links resolved.
        root: PathBuf,
    },
    /// One repository of a Hugging Face cache.
    Repo(Repo),
    /// One snapshot of it.
    Snapshot(Repo, Commit),
    /// The manifest of a model of Ollama's.
    Image(Image),
}

impl Layout {
    /// Looks at a folder.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let root = fs_err::canonicalize(folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => trouble::no_folder(folder),
            _ => trouble::read(error),
        })?;
        if let Some(image) = Image::of(&root) {
            return Ok(Self::Image(image));
        }
        if !root.is_dir() {
            let parent = root.parent().unwrap_or(&root).display();
            return Err(Error::new(ErrorKind::Usage, format!("{} is no folder", folder.display()))
                .with_hint(format!("give the folder it lies in: {parent}")));
        }
        if is_repo(&root) {
            return Ok(Self::Repo(Repo::new(root)));
        }
        if let Some((repo, commit)) = snapshot(&root) {
            return Ok(Self::Snapshot(Repo::new(repo), commit));
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

/// Whether a name is `models--org--name`, or the same of a dataset or space.
fn is_repo_name(name: &str) -> bool {
    let kinds = [RepoKind::Model, RepoKind::Dataset, RepoKind::Space];
    kinds.iter().any(|kind| name.strip_prefix(kind.plural()).is_some_and(|rest| rest.starts_with("--")))
}

/// A repository has snapshots, and either the name or the refs of one: a copy may have been renamed.
pub(crate) fn is_repo(folder: &Path) -> bool {
    let named = folder.file_name().and_then(|name| name.to_str()).is_some_and(is_repo_name);
    folder.join("snapshots").is_dir() && (named || folder.join("refs").is_dir() && folder.join("blobs").is_dir())
}

fn snapshot(folder: &Path) -> Option<(PathBuf, Commit)> {
    let commit = Commit::parse(folder.file_name()?.to_str()?).ok()?;
    let snapshots = folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "snapshots"))?;
    let repo = snapshots.parent().filter(|repo| is_repo(repo))?;
    Some((repo.to_path_buf(), commit))
}

/// The repositories in a folder that holds nothing else worth a model: the root of a cache.
pub(crate) fn repos(folder: &Path) -> Result<Option<Vec<String>>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut repos = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(trouble::read)? {
        let entry = entry.map_err(trouble::read)?;
        if let Ok(name) = entry.file_name().into_string()
            && is_repo_name(&name)
            && is_repo(&entry.path())
        {
            repos.push(name);
        }
    }
    repos.sort_unstable();
    Ok(if repos.is_empty() { None } else { Some(repos) })
}
