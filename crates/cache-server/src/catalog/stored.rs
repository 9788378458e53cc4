//! What the store alone says of repositories: for listings, and while upstream does not answer.

use cache_lib::{Cache, Commit, Manifest, ModelId, Result, Revision, Version};
use serde_json::{Value, json};

use super::documents;
use super::view::shown;
use crate::repo::Repo;

/// The version that `main` is, else any that the store has.
pub(super) fn latest(cache: &Cache, model: &ModelId) -> Result<Option<Version>> {
    match cache.store().resolve_ref(model, &Revision::main())? {
        Some(commit) => Ok(Some(Version { model: model.clone(), commit })),
        None => Ok(cache.store().versions(model)?.into_iter().next()),
    }
}

/// Upstream's info document of a version, or a synthesized one.
pub(super) fn words(cache: &Cache, repo: &Repo, version: &Version) -> Result<Value> {
    let commit = shown(&version.commit);
    if let Some(info) = documents::load(cache, &version.model, &documents::info_name(commit))? {
        return Ok(info);
    }
    let manifest = cache.store().manifest(version)?;
    let empty = || Manifest { version: version.clone(), files: Vec::new(), partial: false, hidden_query: None };
    Ok(documents::synthesized_info(repo, commit, &manifest.unwrap_or_else(empty)))
}

pub(super) fn refs_of(cache: &Cache, model: &ModelId) -> Result<Value> {
    let refs = cache.store().refs(model)?;
    let named =
        |name: &str, full: String, commit: &Commit| json!({ "name": name, "ref": full, "targetCommit": shown(commit) });
    // Whether a name is a branch or a tag is not kept: clients look for the name in both.
    let branches: Vec<Value> = refs
        .iter()
        .filter(|(name, _)| !name.as_str().starts_with("refs/"))
        .map(|(name, commit)| named(name.as_str(), format!("refs/heads/{name}"), commit))
        .collect();
    let pulls: Vec<Value> = refs
        .iter()
        .filter_map(|(name, commit)| Some(named(name.as_str().strip_prefix("refs/pr/")?, name.to_string(), commit)))
        .collect();
    Ok(json!({ "branches": branches, "converts": [], "tags": [], "pullRequests": pulls }))
}

pub(super) fn commits_of(cache: &Cache, model: &ModelId, revision: &Revision) -> Result<Value> {
    let commit = match revision.as_commit() {
        Some(commit) => Some(commit),
        None => cache.store().resolve_ref(model, revision)?,
    };
    let one = |commit: &Commit| json!({ "id": shown(commit), "title": "", "message": "", "authors": [], "date": "1970-01-01T00:00:00.000Z" });
    Ok(Value::Array(commit.iter().map(one).collect()))
}
