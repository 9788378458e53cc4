//! A Hugging Face cache: all snapshots of all repositories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cache_core::{
    Commit, Error, ErrorKind, FileEntry, Manifest, ModelId, RepoKind, RepoName, RepoPath, Result, Revision, Version,
};

use super::{Contents, Found, Kind, names};
use crate::hub_cache::{Repo, digest};
use crate::{layout, plain, trouble};

pub(super) fn is_cache(folder: &Path) -> Result<bool> {
    Ok(layout::repos(folder)?.is_some() || model(folder).is_some() && layout::is_repo(folder))
}

/// The repository that a folder's name stands for: `models--org--name`.
fn model(folder: &Path) -> Option<ModelId> {
    let name = folder.file_name()?.to_str()?;
    let (kind, rest) = [RepoKind::Model, RepoKind::Dataset, RepoKind::Space]
        .into_iter()
        .find_map(|kind| Some((kind, name.strip_prefix(kind.plural())?.strip_prefix("--")?)))?;
    Some(ModelId::Hub { kind, name: RepoName::parse(&rest.replace("--", "/")).ok()? })
}

pub(super) fn contents(top: &Path) -> Result<Contents> {
    let mut contents = Contents::new(Kind::HuggingFace);
    let repos = match layout::repos(top)? {
        Some(repos) => repos.into_iter().map(|name| top.join(name)).collect(),
        None => vec![top.to_path_buf()],
    };
    for root in repos {
        let Some(model) = model(&root) else {
            let text = format!("{} is not named after a repository", root.display());
            contents.refused.push((root, Error::new(ErrorKind::Usage, text)));
            continue;
        };
        let root = fs_err::canonicalize(root).map_err(trouble::read)?;
        let refs = refs(&root, &mut contents)?;
        for name in names(&root.join("snapshots"))? {
            let path = root.join("snapshots").join(&name);
            let Ok(commit) = Commit::parse(&name) else { continue };
            let revisions = refs.iter().filter(|(_, at)| *at == commit).map(|(revision, _)| revision.clone()).collect();
            let found = snapshot(&Repo::new(root.clone()), &model, commit, revisions);
            contents.take(path, found);
        }
    }
    Ok(contents)
}

/// All refs of a repository. One that makes no sense is refused, and does not stop the rest.
fn refs(root: &Path, contents: &mut Contents) -> Result<Vec<(Revision, Commit)>> {
    let repo = Repo::new(root.to_path_buf());
    let mut refs = Vec::new();
    for path in files_below(&root.join("refs"))? {
        let Ok(revision) = Revision::parse(&path) else { continue };
        match repo.read_ref(&revision) {
            Ok(commit) => refs.extend(commit.map(|commit| (revision, commit))),
            Err(error) => contents.refused.push((root.join("refs").join(path), error)),
        }
    }
    Ok(refs)
}

fn snapshot(repo: &Repo, model: &ModelId, commit: Commit, revisions: Vec<Revision>) -> Result<Option<Found>> {
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
        let found = repo.locate(&entry.path.below(&repo.snapshot(&commit)), &commit);
        if let Ok(found) = &found {
            let metadata = fs_err::metadata(&found.real).map_err(trouble::read)?;
            let digest = found.blob.as_deref().and_then(digest);
            entry.digests = digest.map(Into::into).unwrap_or_default();
            // What has a digest may have any size until that was compared.
            entry.etag = digest.is_none().then(|| plain::identity(&metadata));
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
    Ok(Some(Found { manifest, files, revisions, called: None }))
}

/// The paths of all files and links below a folder, with slashes.
fn files_below(top: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut waiting: Vec<(String, PathBuf)> = vec![(String::new(), top.to_path_buf())];
    while let Some((prefix, folder)) = waiting.pop() {
        for name in names(&folder)? {
            let path = folder.join(&name);
            let kind = fs_err::symlink_metadata(&path).map_err(trouble::read)?;
            if kind.is_dir() {
                waiting.push((format!("{prefix}{name}/"), path));
            } else {
                found.push(format!("{prefix}{name}"));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}
