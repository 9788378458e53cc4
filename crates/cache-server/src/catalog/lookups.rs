//! [`Lookup`]: the questions of the catalog, and what the store knows of each without asking.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cache_lib::{Cache, Manifest, ModelId, Result, Revision, Version, Visibility};
use serde_json::{Value, json};

use super::cached::{Known, Query};
use super::stored::{commits_of, refs_of};
use super::{Catalog, VIEW_TIME, View, documents};
use crate::caller::Grant;
use crate::hub_error::HubError;
use crate::repo::Repo;
use crate::upstream::client::segment;

/// What there is to find out about a repository: a name's commit ([`Revision`]), a commit's version (its digits, the
/// visibility that answers state), a [`Document`].
#[derive(Debug)]
pub(super) struct Lookup<T> {
    pub(super) catalog: Catalog,
    pub(super) grant: Grant,
    pub(super) repo: Repo,
    pub(super) what: T,
}

impl<T> Lookup<T> {
    /// Known value, current where upstream is not asked about the repository.
    fn judge<V>(&self, known: Result<Option<V>, HubError>, counts: Duration) -> Known<V> {
        match known {
            Ok(Some(value)) if self.catalog.is_local(&self.repo) => Known::Current(value, counts),
            Ok(Some(value)) => Known::Old(value),
            // What fails here fails again when it is asked for.
            Ok(None) | Err(_) => Known::Nothing,
        }
    }

    /// Waits for the client's turn to have upstream asked for an unknown name.
    async fn turn(&self) -> Result<(), HubError> {
        if self.catalog.is_local(&self.repo) {
            return Ok(());
        }
        self.catalog.limits.pacing.turn(self.catalog.client).await.map_err(HubError::Limited)
    }
}

#[async_trait]
impl Query for Lookup<Revision> {
    type Answer = Version;

    async fn ask(&self) -> (Result<Version, HubError>, Duration) {
        let answer = self.catalog.name(&self.grant, &self.repo, &self.what).await;
        let counts = self.catalog.counts(&answer);
        (answer, counts)
    }

    async fn known(&self) -> Known<Version> {
        let stored = self.catalog.stored(&self.repo, &self.what).await;
        // Another source is asked even so: it may have moved.
        match stored {
            Ok(version) if self.catalog.is_alias(&self.repo) => Known::Old(version),
            stored => self.judge(stored.map(Some), self.catalog.refresh),
        }
    }

    async fn admit(&self) -> Result<(), HubError> {
        self.turn().await
    }
}

#[async_trait]
impl Query for Lookup<(String, Visibility)> {
    type Answer = Arc<View>;

    async fn ask(&self) -> (Result<Arc<View>, HubError>, Duration) {
        let (commit, visibility) = &self.what;
        let view = self.catalog.make_view(&self.grant, &self.repo, commit).await.map(Arc::new);
        let counts = match &view {
            Ok(view) if view.visibility == *visibility => VIEW_TIME,
            // It became known while it was made.
            Ok(_) => Duration::ZERO,
            Err(_) => self.catalog.counts(&view),
        };
        (view, counts)
    }

    async fn known(&self) -> Known<Arc<View>> {
        let (commit, visibility) = (&self.what.0, self.what.1);
        let view = |manifest: Manifest, info| Arc::new(View::new(&self.repo, commit, manifest, info, visibility));
        match self.catalog.stored_version(&self.repo, commit).await {
            Ok(Some((manifest, Some(info)))) if !manifest.partial => Known::Current(view(manifest, info), VIEW_TIME),
            stored => {
                let synthesized = |manifest: &Manifest| documents::synthesized_info(&self.repo, commit, manifest);
                let stored = stored.map(|stored| {
                    stored.map(|(manifest, info)| {
                        let info = info.unwrap_or_else(|| synthesized(&manifest));
                        view(manifest, info)
                    })
                });
                self.judge(stored, VIEW_TIME)
            }
        }
    }

    async fn admit(&self) -> Result<(), HubError> {
        self.turn().await
    }
}

#[async_trait]
impl Query for Lookup<Document> {
    type Answer = Value;

    async fn ask(&self) -> (Result<Value, HubError>, Duration) {
        let answer = self.catalog.ask_document(&self.grant, &self.repo, &self.what).await;
        let counts = self.catalog.counts(&answer);
        (answer, counts)
    }

    async fn known(&self) -> Known<Value> {
        let stored = self.catalog.stored_document(&self.repo, &self.what).await;
        self.judge(stored, self.catalog.refresh)
    }

    async fn admit(&self) -> Result<(), HubError> {
        self.turn().await
    }
}

/// Something of upstream's that moves.
#[derive(Debug, Clone)]
pub(super) enum Document {
    Refs,
    Commits(Revision),
}

impl Document {
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
