//! [`UpdateCheck`]: newer commits at the sources of stored models, and plans to download them.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::RetryBudget;
use futures::StreamExt as _;
use tokio::sync::OnceCell;

use crate::registry::resolve::ResolvedName;
use crate::sources::compressed::DigestOptions;
use crate::task::blocking;
use crate::{Cache, Commit, Error, ErrorKind, Get, ModelId, ModelRef, RefText, RepoPath, Result, Revision, Version};

/// Questions asked side by side.
const LANES: usize = 8;
/// Longest time for one request, where no deadline is configured.
const MAX_TIME: Duration = Duration::from_secs(30);

/// A moving name, its commit in the store, and its latest commit at the source.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpdateCheck {
    /// The registered name and version (`llama@1.2.0`) that it was found through.
    pub name: Option<String>,
    /// The model.
    pub model: ModelId,
    /// The moving name.
    pub revision: Revision,
    /// Commit in the store, or the one that the registry pins; `None` when none is stored.
    pub current: Option<Commit>,
    /// Whether the registry pins `current`: an update leaves it there.
    pub pinned: bool,
    /// Latest commit at the source, or why it could not be asked.
    pub latest: Result<Commit>,
    /// Last change of the repository, as its source writes it, if it does.
    pub published: Option<String>,
    /// Whether a change of the same size stays unseen: the URL has no digest, `ETag` or date.
    pub no_validator: bool,
}

impl UpdateCheck {
    /// Whether the source has another commit than the store.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        match (&self.current, &self.latest) {
            (Some(current), Ok(latest)) => current != latest,
            _ => false,
        }
    }

    /// Reference of the moving name.
    #[must_use]
    pub fn reference(&self) -> ModelRef {
        ModelRef { revision: Some(self.revision.clone()), ..ModelRef::of(self.model.clone()) }
    }
}

/// Download of the latest commit of one moving name.
#[derive(Debug)]
#[non_exhaustive]
pub struct UpdatePlan {
    /// The request: await or resolve it.
    pub get: Get,
    /// The stored files of the old commit, which are downloaded of the new one; `None` for all files.
    pub only: Option<BTreeSet<RepoPath>>,
}

/// A moving name before its source was asked.
struct TrackedName {
    name: Option<String>,
    model: ModelId,
    revision: Revision,
    current: Option<Commit>,
    pinned: bool,
}

/// The hosts of one check. An unreachable one is found by a single request.
#[derive(Default)]
struct HostsAsked(Mutex<HashMap<String, Arc<OnceCell<Option<Error>>>>>);

impl HostsAsked {
    /// Asks, unless the first request to the same host has found it unreachable: then that error.
    async fn ask<T, F>(&self, model: &ModelId, ask: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let cell = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(host_of(model)).or_default());
        let mut own = None;
        let unreachable = cell
            .get_or_init(|| async {
                let answer = ask().await;
                let error = answer
                    .as_ref()
                    .err()
                    .filter(|error| error.is_unreachable() || error.kind() == ErrorKind::TimedOut)
                    .cloned();
                own = Some(answer);
                error
            })
            .await;
        match (own, unreachable) {
            (Some(answer), _) => answer,
            (None, Some(error)) => Err(error.clone()),
            (None, None) => ask().await,
        }
    }
}

/// Identity of a model's host.
fn host_of(model: &ModelId) -> String {
    match model {
        ModelId::Url(url) => url.public().origin().ascii_serialization(),
        ModelId::Bucket(bucket) => format!("{}://{}", bucket.kind().scheme(), bucket.name()),
        other => other.scheme().to_owned(),
    }
}

impl Cache {
    /// Checks references for newer commits; without any, all moving names in the store and the registry.
    ///
    /// One small request for each, and one alone to a host that turns out unreachable. A source that cannot be asked is an
    /// error of its check alone.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when a text is no reference or names a commit; those of the registry and the store.
    pub async fn outdated(&self, references: &[RefText]) -> Result<Vec<UpdateCheck>> {
        let (cache, references) = (self.clone(), references.to_vec());
        let names = blocking(move || {
            if references.is_empty() {
                return cache.tracked_names();
            }
            let mut names = Vec::new();
            for text in &references {
                names.extend(cache.names_of(text)?);
            }
            Ok(names)
        })
        .await?;
        let hosts = HostsAsked::default();
        let hosts = &hosts;
        let ask = |tracked: TrackedName| async move {
            let TrackedName { name, model, revision, current, pinned } = tracked;
            let no_validator = self.has_no_validator(&model, current.as_ref()).await;
            let (latest, published) = match hosts.ask(&model, || self.newest_in_time(&model, &revision)).await {
                Ok((commit, published)) => (Ok(commit), published),
                Err(error) => (Err(error), None),
            };
            UpdateCheck { name, model, revision, current, pinned, latest, published, no_validator }
        };
        Ok(futures::stream::iter(names).map(ask).buffered(LANES).collect().await)
    }

    /// The update of a moving name: the files that are stored of its old commit.
    ///
    /// `None` when it is current, pinned by the registry, or could not be asked. Reads the disk.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] of the store.
    pub fn update(&self, check: &UpdateCheck) -> Result<Option<UpdatePlan>> {
        let Some(commit) = check.current.clone().filter(|_| check.is_outdated() && !check.pinned) else {
            return Ok(None);
        };
        let version = Version { model: check.model.clone(), commit };
        let mut get = self.get(check.reference());
        let Some(manifest) = self.store().manifest(&version)? else { return Ok(Some(UpdatePlan { get, only: None })) };
        let mut present = BTreeSet::new();
        for file in &manifest.files {
            if self.store().find(file)?.is_some() {
                present.insert(file.path.clone());
            }
        }
        if present.len() == manifest.files.len() || present.is_empty() {
            return Ok(Some(UpdatePlan { get, only: None }));
        }
        get.constraints.only = Some(Arc::new(present.clone()));
        Ok(Some(UpdatePlan { get, only: Some(present) }))
    }

    /// The moving names in the store, then those that only the registry knows.
    fn tracked_names(&self) -> Result<Vec<TrackedName>> {
        let mut names = Vec::new();
        for model in self.store().models()? {
            for (revision, commit) in self.store().refs(&model)? {
                let current = Some(commit);
                names.push(TrackedName { name: None, model: model.clone(), revision, current, pinned: false });
            }
        }
        for (name, entry) in self.registry()?.iter() {
            for version in entry.versions.keys() {
                // One that is written at a commit never moves, and is passed over.
                let named = self.names_of(&RefText::new(format!("{name}@{version}"))).unwrap_or_default();
                for tracked in named {
                    let same = |known: &&mut TrackedName| {
                        !tracked.pinned && known.model == tracked.model && known.revision == tracked.revision
                    };
                    match names.iter_mut().find(same) {
                        Some(known) => known.name = known.name.take().or(tracked.name),
                        None => names.push(tracked),
                    }
                }
            }
        }
        Ok(names)
    }

    /// The moving names of a text.
    fn names_of(&self, text: &RefText) -> Result<Vec<TrackedName>> {
        let never = || {
            Error::new(ErrorKind::Usage, format!("{text} is a commit, which never changes"))
                .with_hint("name the model, or a branch of it")
        };
        let ResolvedName { reference, entry: name, pinned: held, .. } = self.resolve_name(text)?;
        let model = reference.model;
        if let Some((commit, revision)) = held {
            let revision = revision.unwrap_or_else(Revision::main);
            let tracked = TrackedName { name, model, revision, current: Some(commit), pinned: true };
            return if tracked.revision.as_commit().is_some() { Err(never()) } else { Ok(vec![tracked]) };
        }
        let known = self.store().refs(&model)?;
        let revisions = match reference.revision {
            Some(revision) if revision.as_commit().is_some() => return Err(never()),
            Some(revision) => vec![revision],
            None if known.is_empty() || name.is_some() => vec![Revision::main()],
            None => known.iter().map(|(revision, _)| revision.clone()).collect(),
        };
        let tracked = |revision: Revision| {
            let current = known.iter().find(|(known, _)| *known == revision).map(|(_, commit)| commit.clone());
            TrackedName { name: name.clone(), model: model.clone(), revision, current, pinned: false }
        };
        Ok(revisions.into_iter().map(tracked).collect())
    }

    /// Whether the stored version of a URL has no validator: a newer one would look the same.
    async fn has_no_validator(&self, model: &ModelId, current: Option<&Commit>) -> bool {
        let (ModelId::Url(_), Some(commit)) = (model, current) else { return false };
        let version = Version { model: model.clone(), commit: commit.clone() };
        let store = self.store().clone();
        let manifest = blocking(move || store.manifest(&version)).await;
        manifest.is_ok_and(|manifest| {
            manifest.is_some_and(|manifest| crate::sources::source_set::lacks_validator(&manifest))
        })
    }

    async fn newest_in_time(&self, model: &ModelId, revision: &Revision) -> Result<(Commit, Option<String>)> {
        let time = self.0.sources.deadline().unwrap_or(MAX_TIME).min(MAX_TIME);
        match tokio::time::timeout(time, self.newest(model, revision)).await {
            Ok(newest) => newest,
            Err(_) => Err(Error::new(
                ErrorKind::TimedOut,
                format!("{model}: timed out after {} s: no answer", time.as_secs()),
            )
            .with_hint("check the connection to the host")
            .with_reason(crate::Reason::NoAnswer)),
        }
    }

    async fn newest(&self, model: &ModelId, revision: &Revision) -> Result<(Commit, Option<String>)> {
        let budget = RetryBudget::new(self.0.config.retries);
        #[cfg(feature = "hf")]
        if let ModelId::Hub { .. } = model {
            let newest = self.0.sources.hub()?.newest(model, revision, &budget).await?;
            return Ok((newest.commit, newest.changed));
        }
        let manifest = self.0.sources.of(model, DigestOptions::default())?.resolve(model, revision, &budget).await?;
        Ok((manifest.version.commit, None))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn ask_thrice(error: &Error) -> u32 {
        let (hosts, asked) = (HostsAsked::default(), AtomicU32::new(0));
        let models = ["o/a", "o/b", "o/c"].map(|name| ModelId::hub(name).unwrap());
        let ask = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Err::<(), _>(error.clone())
        };
        let answers = futures::future::join_all(models.iter().map(|model| hosts.ask(model, ask))).await;
        assert!(answers.iter().all(Result::is_err));
        asked.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn unreachable_host_is_asked_once() {
        let failed = Error::new(ErrorKind::Network, "503");
        assert_eq!(ask_thrice(&failed).await, 3);
        assert_eq!(ask_thrice(&failed.with_unreachable()).await, 1);
    }
}
