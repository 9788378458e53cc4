//! [`RepoDocument`]: refs and commits, as upstream or the store lists them.

use cache_lib::{Cache, ModelId, Result, Revision};
use serde_json::{Value, json};

use super::stored::{commits_of, refs_of};
use crate::upstream::client::segment;

/// Something of upstream's that moves.
#[derive(Debug, Clone)]
pub(super) enum RepoDocument {
    Refs,
    Commits(Revision),
}

impl RepoDocument {
    /// What follows the repository in upstream's address.
    pub(super) fn rest(&self) -> String {
        match self {
            Self::Refs => "/refs?include_prs=1".to_owned(),
            Self::Commits(revision) => format!("/commits/{}", segment(revision.as_str())),
        }
    }

    /// The name under which it is kept.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Refs => "refs.json".to_owned(),
            Self::Commits(revision) => format!("commits/{revision}.json"),
        }
    }

    /// What the store makes of it; `None` where it has nothing. Reads the disk.
    pub(super) fn make(&self, cache: &Cache, model: &ModelId) -> Result<Option<Value>> {
        let made = match self {
            Self::Refs if cache.store().versions(model)?.is_empty() => return Ok(None),
            Self::Refs => refs_of(cache, model)?,
            Self::Commits(revision) => match revision.as_commit() {
                Some(commit) if !cache.store().versions(model)?.iter().any(|version| version.commit == commit) => {
                    return Ok(None);
                }
                _ => commits_of(cache, model, revision)?,
            },
        };
        Ok(Some(made).filter(|made| made.as_array().is_none_or(|commits| !commits.is_empty())))
    }

    /// What it is where there is nothing.
    pub(super) fn empty(&self) -> Value {
        match self {
            Self::Refs => json!({ "branches": [], "converts": [], "tags": [], "pullRequests": [] }),
            Self::Commits(_) => json!([]),
        }
    }
}
