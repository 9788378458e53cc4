//! Other sources under the names of repositories.

use std::collections::BTreeMap;

use cache_lib::{Cache, Error, ErrorKind, Manifest, ModelId, RepoKind, RepoName, Result, Revision};

use crate::config::ServerConfig;
use crate::repo::Repo;

/// What is served as which repository.
#[derive(Debug, Default)]
pub(super) struct Aliases(BTreeMap<Repo, String>);

impl Aliases {
    pub(super) fn new(config: &ServerConfig) -> Result<Self> {
        let one = |(name, alias): (&String, &crate::config::ModelAlias)| Ok((parse(name)?, alias.from.clone()));
        config.models.iter().map(one).collect::<Result<_>>().map(Self)
    }

    /// The reference that a repository is, if it is one by configuration.
    pub(super) fn of(&self, repo: &Repo) -> Option<&str> {
        self.0.get(repo).map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Repo, &str)> {
        self.0.iter().map(|(repo, from)| (repo, from.as_str()))
    }
}

/// `org/name`, `datasets/org/name` or `spaces/org/name`.
fn parse(text: &str) -> Result<Repo> {
    let (kind, name) = match text.split_once('/') {
        Some(("datasets", name)) if name.contains('/') => (RepoKind::Dataset, name),
        Some(("spaces", name)) if name.contains('/') => (RepoKind::Space, name),
        _ => (RepoKind::Model, text),
    };
    let name = RepoName::parse(name).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("[models.{text:?}]: {error}")).with_hint("name it like \"org/name\"")
    })?;
    Ok(Repo { kind, name })
}

/// What a reference consists of now: at its own revision for `main`, else at the one that is named.
pub(super) async fn look(cache: &Cache, from: &str, revision: &str) -> Result<Manifest> {
    let get = cache.get(from);
    let get = if matches!(revision, "main" | "HEAD") { get } else { get.revision(revision) };
    Ok(get.resolve().await?.manifest().clone())
}

/// The model of a reference, and its name for a revision: what is `main` here is there what the reference says. `None`
/// for a revision that cannot be. Reads the disk.
pub(super) fn resolve_name(cache: &Cache, from: &str, revision: &str) -> Result<Option<(ModelId, Revision)>> {
    let reference = cache.reference(from)?;
    let revision = match revision {
        "main" | "HEAD" => Some(reference.revision_or_main()),
        other => Revision::parse(other).ok(),
    };
    Ok(revision.map(|revision| (reference.model, revision)))
}
