//! A Hugging Face cache: all snapshots of all repositories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cache_core::{
    Commit, Error, ErrorKind, FileEntry, Manifest, ModelId, RepoKind, RepoName, RepoPath, Result, Revision, Version,
};

use super::contents::{CacheContents, CacheKind, CachedVersion, names};
use crate::hub_cache::{self, CachedRepo, digest};
use crate::{LocalConfig, entry, error};

pub(super) fn is_cache(folder: &Path) -> Result<bool> {
    Ok(hub_cache::repos(folder)?.is_some() || model(folder).is_some() && hub_cache::is_repo(folder))
}

/// The repository that a folder's name stands for: `models--org--name`.
fn model(folder: &Path) -> Option<ModelId> {
    let name = folder.file_name()?.to_str()?;
    let (kind, rest) = [RepoKind::Model, RepoKind::Dataset, RepoKind::Space]
        .into_iter()
        .find_map(|kind| Some((kind, name.strip_prefix(kind.plural())?.strip_prefix("--")?)))?;
    Some(ModelId::Hub { kind, name: RepoName::parse(&rest.replace("--", "/")).ok()? })
}

pub(super) fn contents(top: &Path) -> Result<CacheContents> {
    let mut contents = CacheContents::new(CacheKind::HuggingFace);
    let repos = match hub_cache::repos(top)? {
        Some(repos) => repos.into_iter().map(|name| top.join(name)).collect(),
        None => vec![top.to_path_buf()],
    };
    for root in repos {
        if let Err(error) = repository(&root, &mut contents) {
            contents.refused.push((root, error));
        }
    }
    Ok(contents)
}

fn repository(root: &Path, contents: &mut CacheContents) -> Result<()> {
    let model = model(root)
        .ok_or_else(|| Error::new(ErrorKind::Usage, format!("{} is not named after a repository", root.display())))?;
    let root = fs_err::canonicalize(root).map_err(error::read)?;
    let refs = refs(&root, contents);
    for name in names(&root.join("snapshots"))? {
        let path = root.join("snapshots").join(&name);
        let Ok(commit) = Commit::parse(&name) else { continue };
        let revisions = refs.iter().filter(|(_, at)| *at == commit).map(|(revision, _)| revision.clone()).collect();
        let found = snapshot(&CachedRepo::new(root.clone()), &model, commit, revisions);
        contents.take(path, found);
    }
    Ok(())
}

/// All refs of a repository. One that makes no sense is refused, and does not stop the rest.
fn refs(root: &Path, contents: &mut CacheContents) -> Vec<(Revision, Commit)> {
    let (repo, folder) = (CachedRepo::new(root.to_path_buf()), root.join("refs"));
    let paths = files_below(&folder).unwrap_or_else(|error| {
        contents.refused.push((folder.clone(), error));
        Vec::new()
    });
    let mut refs = Vec::new();
    for path in paths {
        let Ok(revision) = Revision::parse(&path) else { continue };
        match repo.read_ref(&revision) {
            Ok(commit) => refs.extend(commit.map(|commit| (revision, commit))),
            Err(error) => contents.refused.push((folder.join(path), error)),
        }
    }
    refs
}

fn snapshot(
    repo: &CachedRepo,
    model: &ModelId,
    commit: Commit,
    revisions: Vec<Revision>,
) -> Result<Option<CachedVersion>> {
    let tree = repo.tree(&commit);
    let mut entries = BTreeMap::new();
    for (path, known) in &tree {
        let mut entry = FileEntry::new(RepoPath::parse(path)?);
        (entry.size, entry.digests) = (known.size, known.digest.into());
        entries.insert(path.clone(), entry);
    }
    let mut files = BTreeMap::new();
    let mut unlisted = false;
    for path in files_below(&repo.snapshot(&commit))? {
        let mut entry = FileEntry::new(RepoPath::parse(&path)?);
        let found = repo.locate_anywhere(&entry.path.below(&repo.snapshot(&commit)));
        if let Ok(found) = &found {
            let metadata = fs_err::metadata(&found.real).map_err(error::read)?;
            let digest = found.blob.as_deref().and_then(digest);
            entry.digests = digest.map(Into::into).unwrap_or_default();
            // What has a digest may have any size until that was compared.
            entry.etag = digest.is_none().then(|| entry::identity(&metadata));
        }
        files.insert(entry.path.clone(), found.map(|found| found.real));
        unlisted |= !tree.contains_key(&path);
        entries.entry(path).or_insert(entry);
    }
    if files.is_empty() {
        return Ok(None);
    }
    let mut manifest = Manifest::new(Version { model: model.clone(), commit }, entries.into_values().collect())?;
    // Without a listing nobody knows what else the commit has.
    manifest.partial = tree.is_empty() || unlisted;
    Ok(Some(CachedVersion { manifest, files, revisions, called: None }))
}

/// The paths of all files and links below a folder, with slashes.
fn files_below(top: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    // It may lead anywhere, to the whole disk.
    if top.is_symlink() {
        return Err(Error::new(ErrorKind::Usage, format!("{} is a link", top.display()))
            .with_hint("a Hugging Face cache has folders here"));
    }
    let most = LocalConfig::default().max_files;
    let mut waiting: Vec<(String, PathBuf)> = vec![(String::new(), top.to_path_buf())];
    while let Some((prefix, folder)) = waiting.pop() {
        for name in names(&folder)? {
            let path = folder.join(&name);
            let kind = fs_err::symlink_metadata(&path).map_err(error::read)?;
            if kind.is_dir() {
                waiting.push((format!("{prefix}{name}/"), path));
            } else if found.len() < most {
                found.push(format!("{prefix}{name}"));
            } else {
                return Err(Error::new(ErrorKind::Usage, format!("{} has more than {most} files", top.display())));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}
