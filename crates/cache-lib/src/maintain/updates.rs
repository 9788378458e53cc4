//! What has moved at its source since it was fetched, and fetching that.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::RetryBudget;
use futures::StreamExt as _;
use tokio::sync::OnceCell;

use crate::registry::resolve::ResolvedName;
use crate::sources::compressed::Told;
use crate::task::blocking;
use crate::{Cache, Commit, Error, ErrorKind, Get, ModelId, ModelRef, RefText, RepoPath, Result, Revision, Version};

/// Questions asked side by side.
const LANES: usize = 8;
/// Longest time for one question, where no deadline is configured.
const MAX_TIME: Duration = Duration::from_secs(30);

/// A moving name, what it is here and what it is at its source.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Moving {
    /// The registered name and version (`llama@1.2.0`) that means it, if it was found through one.
    pub name: Option<String>,
    /// The model.
    pub model: ModelId,
    /// The moving name.
    pub revision: Revision,
    /// The commit that is here, or that the registered name is held at; `None` when nothing is here.
    pub here: Option<Commit>,
    /// Whether a registered name is held at `here`: an update leaves it there.
    pub held: bool,
    /// The commit at the source, or why it could not be asked.
    pub there: Result<Commit>,
    /// When the repository was last changed, as its source writes it, if it says so.
    pub published: Option<String>,
    /// Whether a change that keeps the size is not seen: the URL has no digest, `ETag` or date.
    pub no_validator: bool,
}

impl Moving {
    /// Whether the source has another commit than the one that is here.
    #[must_use]
    pub fn moved(&self) -> bool {
        match (&self.here, &self.there) {
            (Some(here), Ok(there)) => here != there,
            _ => false,
        }
    }

    /// The reference that means it.
    #[must_use]
    pub fn reference(&self) -> ModelRef {
        ModelRef { revision: Some(self.revision.clone()), ..ModelRef::of(self.model.clone()) }
    }
}

/// What an update of one moving name takes.
#[derive(Debug)]
#[non_exhaustive]
pub struct UpdatePlan {
    /// The wish for it: await it, or look at it.
    pub get: Get,
    /// The files that are here of the old commit, and are taken of the new one; `None` when all of it is here, and
    /// all is taken.
    pub only: Option<BTreeSet<RepoPath>>,
}

/// A moving name before anybody was asked.
struct Question {
    name: Option<String>,
    model: ModelId,
    revision: Revision,
    here: Option<Commit>,
    held: bool,
}

/// The hosts of one round of questions. Of an unreachable one a single question finds that out.
#[derive(Default)]
struct Hosts(Mutex<HashMap<String, Arc<OnceCell<Option<Error>>>>>);

impl Hosts {
    /// Asks, unless the first question to the same host has found it unreachable: then that error.
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

/// What tells hosts apart, as far as the models do.
fn host_of(model: &ModelId) -> String {
    match model {
        ModelId::Url(url) => url.public().origin().ascii_serialization(),
        ModelId::Bucket(bucket) => format!("{}://{}", bucket.kind().scheme(), bucket.name()),
        other => other.scheme().to_owned(),
    }
}

impl Cache {
    /// What some references, or with none all moving names in the store and the registry, are here and at their
    /// sources. One small request for each, and one alone to a host that turns out unreachable; a source that cannot be
    /// asked is no error but in its line.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when a text is no reference or never moves; those of the registry and the store.
    pub async fn outdated(&self, references: &[RefText]) -> Result<Vec<Moving>> {
        let (cache, references) = (self.clone(), references.to_vec());
        let questions = blocking(move || {
            if references.is_empty() {
                return cache.everything_moving();
            }
            let mut questions = Vec::new();
            for text in &references {
                questions.extend(cache.moving(text)?);
            }
            Ok(questions)
        })
        .await?;
        let hosts = Hosts::default();
        let hosts = &hosts;
        let ask = |question: Question| async move {
            let Question { name, model, revision, here, held } = question;
            let no_validator = self.has_no_validator(&model, here.as_ref()).await;
            let (there, published) = match hosts.ask(&model, || self.newest_in_time(&model, &revision)).await {
                Ok((commit, published)) => (Ok(commit), published),
                Err(error) => (Err(error), None),
            };
            Moving { name, model, revision, here, held, there, published, no_validator }
        };
        Ok(futures::stream::iter(questions).map(ask).buffered(LANES).collect().await)
    }

    /// What an update takes: the same files that are here of the old commit. `None` when it has not moved, is held by
    /// the registry, or could not be asked. Reads the disk.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] of the store.
    pub fn update(&self, moving: &Moving) -> Result<Option<UpdatePlan>> {
        let Some(here) = moving.here.clone().filter(|_| moving.moved() && !moving.held) else { return Ok(None) };
        let version = Version { model: moving.model.clone(), commit: here };
        let mut get = self.get(moving.reference());
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
        get.besides.only = Some(Arc::new(present.clone()));
        Ok(Some(UpdatePlan { get, only: Some(present) }))
    }

    /// The moving names in the store, then those that only the registry knows.
    fn everything_moving(&self) -> Result<Vec<Question>> {
        let mut questions = Vec::new();
        for model in self.store().models()? {
            for (revision, commit) in self.store().refs(&model)? {
                let here = Some(commit);
                questions.push(Question { name: None, model: model.clone(), revision, here, held: false });
            }
        }
        for (name, entry) in self.registry()?.iter() {
            for version in entry.versions.keys() {
                // One that is written at a commit never moves, and is passed over.
                let named = self.moving(&RefText::new(format!("{name}@{version}"))).unwrap_or_default();
                for question in named {
                    let same = |known: &&mut Question| {
                        !question.held && known.model == question.model && known.revision == question.revision
                    };
                    match questions.iter_mut().find(same) {
                        Some(known) => known.name = known.name.take().or(question.name),
                        None => questions.push(question),
                    }
                }
            }
        }
        Ok(questions)
    }

    /// The moving names that a text means.
    fn moving(&self, text: &RefText) -> Result<Vec<Question>> {
        let never = || {
            Error::new(ErrorKind::Usage, format!("{text} is a commit, which never changes"))
                .with_hint("name the model, or a branch of it")
        };
        let ResolvedName { reference, entry: name, pinned, .. } = self.resolve_name(text)?;
        let model = reference.model;
        if let Some((commit, revision)) = pinned {
            let revision = revision.unwrap_or_else(Revision::main);
            let question = Question { name, model, revision, here: Some(commit), held: true };
            return if question.revision.as_commit().is_some() { Err(never()) } else { Ok(vec![question]) };
        }
        let known = self.store().refs(&model)?;
        let revisions = match reference.revision {
            Some(revision) if revision.as_commit().is_some() => return Err(never()),
            Some(revision) => vec![revision],
            None if known.is_empty() || name.is_some() => vec![Revision::main()],
            None => known.iter().map(|(revision, _)| revision.clone()).collect(),
        };
        let question = |revision: Revision| {
            let here = known.iter().find(|(known, _)| *known == revision).map(|(_, commit)| commit.clone());
            Question { name: name.clone(), model: model.clone(), revision, here, held: false }
        };
        Ok(revisions.into_iter().map(question).collect())
    }

    /// Whether the version of a URL that is here has nothing by which the next one could be told.
    async fn has_no_validator(&self, model: &ModelId, here: Option<&Commit>) -> bool {
        let (ModelId::Url(_), Some(commit)) = (model, here) else { return false };
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
        let manifest = self.0.sources.of(model, Told::default())?.resolve(model, revision, &budget).await?;
        Ok((manifest.version.commit, None))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn ask_thrice(error: &Error) -> u32 {
        let (hosts, asked) = (Hosts::default(), AtomicU32::new(0));
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
