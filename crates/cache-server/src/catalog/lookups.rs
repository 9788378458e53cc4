//! [`RepoLookup`]: the questions of the catalog, and what the store knows of each without asking.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cache_lib::{Manifest, Revision, Version, Visibility};
use serde_json::Value;

use super::cached::{CachedQuery, KnownAnswer};
use super::documents;
use super::repo_document::RepoDocument;
use super::resolver::RepoResolver;
use super::view::{VIEW_TIME, View};
use crate::caller::Grant;
use crate::hub_error::HubError;
use crate::repo::Repo;

/// What there is to find out about a repository: a name's commit ([`Revision`]), a commit's version (its digits, the
/// visibility that answers state), a [`RepoDocument`].
#[derive(Debug)]
pub(super) struct RepoLookup<T> {
    pub(super) resolver: RepoResolver,
    pub(super) grant: Grant,
    pub(super) repo: Repo,
    pub(super) what: T,
}

impl<T> RepoLookup<T> {
    /// A known value, current where upstream is not asked about the repository.
    fn judge<V>(&self, known: Result<Option<V>, HubError>, counts: Duration) -> KnownAnswer<V> {
        match known {
            Ok(Some(value)) if self.resolver.is_local(&self.repo) => KnownAnswer::Current(value, counts),
            Ok(Some(value)) => KnownAnswer::Old(value),
            // What fails here fails again when it is asked for.
            Ok(None) | Err(_) => KnownAnswer::Nothing,
        }
    }

    /// Waits for the client's turn to have upstream asked for an unknown name.
    async fn turn(&self) -> Result<(), HubError> {
        if self.resolver.is_local(&self.repo) {
            return Ok(());
        }
        self.resolver.limits.pacing.turn(self.resolver.client).await.map_err(HubError::Limited)
    }
}

#[async_trait]
impl CachedQuery for RepoLookup<Revision> {
    type Answer = Version;

    async fn ask(&self) -> (Result<Version, HubError>, Duration) {
        let answer = self.resolver.name(&self.grant, &self.repo, &self.what).await;
        let counts = self.resolver.counts(&answer);
        (answer, counts)
    }

    async fn known(&self) -> KnownAnswer<Version> {
        let stored = self.resolver.stored(&self.repo, &self.what).await;
        // Another source is asked even so: it may have moved.
        match stored {
            Ok(version) if self.resolver.is_alias(&self.repo) => KnownAnswer::Old(version),
            stored => self.judge(stored.map(Some), self.resolver.refresh),
        }
    }

    async fn admit(&self) -> Result<(), HubError> {
        self.turn().await
    }
}

#[async_trait]
impl CachedQuery for RepoLookup<(String, Visibility)> {
    type Answer = Arc<View>;

    async fn ask(&self) -> (Result<Arc<View>, HubError>, Duration) {
        let (commit, visibility) = &self.what;
        let view = self.resolver.make_view(&self.grant, &self.repo, commit).await.map(Arc::new);
        let counts = match &view {
            Ok(view) if view.visibility == *visibility => VIEW_TIME,
            // It became known while it was made.
            Ok(_) => Duration::ZERO,
            Err(_) => self.resolver.counts(&view),
        };
        (view, counts)
    }

    async fn known(&self) -> KnownAnswer<Arc<View>> {
        let (commit, visibility) = (&self.what.0, self.what.1);
        let view = |manifest: Manifest, info| Arc::new(View::new(&self.repo, commit, manifest, info, visibility));
        match self.resolver.stored_version(&self.repo, commit).await {
            Ok(Some((manifest, Some(info)))) if !manifest.partial => {
                KnownAnswer::Current(view(manifest, info), VIEW_TIME)
            }
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
impl CachedQuery for RepoLookup<RepoDocument> {
    type Answer = Value;

    async fn ask(&self) -> (Result<Value, HubError>, Duration) {
        let answer = self.resolver.ask_document(&self.grant, &self.repo, &self.what).await;
        let counts = self.resolver.counts(&answer);
        (answer, counts)
    }

    async fn known(&self) -> KnownAnswer<Value> {
        let stored = self.resolver.stored_document(&self.repo, &self.what).await;
        self.judge(stored, self.resolver.refresh)
    }

    async fn admit(&self) -> Result<(), HubError> {
        self.turn().await
    }
}
