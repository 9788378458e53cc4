//! [`SyncRun`]: mirrors a list of models into the store.
//!
//! The store records for each list the versions that its syncs have added. Only these are removed when their model is no
//! longer on the list, and only with [`SyncRun::prune`].

mod list;
mod prune;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

pub use list::{SyncEntry, SyncList};
pub use prune::{OrphanState, Orphaned};

use crate::task::blocking;
use crate::{Cache, Commit, Error, ErrorKind, Get, ModelId, NoProgress, Outcome, Progress, RefText, Result, Version};

/// State of one list entry.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SyncState {
    /// The model was not in the store.
    New,
    /// Its revision has a newer commit.
    Updated {
        /// The commit before.
        from: Commit,
    },
    /// The commit was in the store, some of its files were not.
    Completed,
    /// All files were in the store.
    UpToDate,
    /// The source is unreachable, and the stored version is complete.
    Stale,
    /// It failed.
    Failed(Error),
}

/// Result of one list entry.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SyncResult {
    /// The reference as the list has it.
    pub reference: RefText,
    /// State of the entry.
    pub state: SyncState,
    /// Model and commit, unless it failed.
    pub version: Option<Version>,
    /// Bytes downloaded; in a dry run, those that would be.
    pub bytes: u64,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Result of a sync.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SyncReport {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The lines of the list, in its order.
    pub models: Vec<SyncResult>,
    /// Versions from earlier syncs of the list that are no longer on it.
    pub orphaned: Vec<Orphaned>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// A pending sync of a list. Await it.
#[must_use = "nothing is fetched until it is awaited"]
pub struct SyncRun {
    cache: Cache,
    list: SyncList,
    prune: bool,
    dry_run: bool,
    progress: Arc<dyn Progress>,
}

impl Cache {
    /// Fetches what is missing of the models on a list, or has moved at its source. One that fails stops no other.
    ///
    /// To cancel is to drop the future; the next sync goes on from there.
    pub fn sync(&self, list: SyncList) -> SyncRun {
        SyncRun { cache: self.clone(), list, prune: false, dry_run: false, progress: Arc::new(NoProgress) }
    }
}

impl SyncRun {
    /// Whether versions from earlier syncs of this list are removed once their model is no longer on it.
    ///
    /// Pinned ones stay, and so do those of models that another list has.
    pub fn prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }

    /// Whether sources are asked, but nothing is fetched, removed or remembered.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Receives progress events. The models are fetched one after another.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// # Errors
    /// [`ErrorKind::Usage`] for an empty list that is to be pruned by, [`ErrorKind::Storage`] of the store. What
    /// becomes of each model is in the report.
    async fn run(self) -> Result<SyncReport> {
        if self.prune && self.list.entries().is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the list is empty: pruning would remove all its models")
                .with_hint("list at least one model")
                .with_reason(crate::Reason::EmptyList));
        }
        let mut models = Vec::with_capacity(self.list.entries().len());
        let mut listed = BTreeSet::new();
        let mut unclear = Vec::new();
        for entry in self.list.entries() {
            let synced = match self.cache.reference(&entry.reference) {
                Ok(reference) => {
                    listed.insert(reference.model.clone());
                    self.one(entry, &reference.model).await?
                }
                Err(error) => {
                    unclear.push(entry.reference.public());
                    failed(entry, error)
                }
            };
            models.push(synced);
        }
        let mut report = SyncReport { dry_run: self.dry_run, models, orphaned: Vec::new(), warnings: Vec::new() };
        if !unclear.is_empty() {
            let text = format!("cannot tell which model is meant by {}: nothing is removed", unclear.join(", "));
            report.warnings.push(text);
            return Ok(report);
        }
        let Some(key) = self.list.key() else { return Ok(report) };
        let (cache, name, remove) = (self.cache.clone(), self.list.name().to_owned(), self.prune && !self.dry_run);
        let dry_run = self.dry_run;
        report.orphaned = blocking(move || {
            if !dry_run {
                record::put_models(&cache, &key, &name, &listed)?;
            }
            prune::orphaned(&cache, &key, &listed, remove)
        })
        .await?;
        Ok(report)
    }

    async fn one(&self, entry: &SyncEntry, model: &ModelId) -> Result<SyncResult> {
        let get = entry.get(&self.cache).progress(Arc::clone(&self.progress));
        let (cache, own) = (self.cache.clone(), model.clone());
        let revision = get.spec().map(|spec| spec.revision);
        let (known, at) = blocking(move || {
            let at = match &revision {
                Ok(revision) => cache.store().resolve_ref(&own, revision)?,
                Err(_) => None,
            };
            Ok((cache.store().versions(&own)?, at))
        })
        .await?;
        let fetched = if self.dry_run { planned(get).await } else { fetched(get).await };
        if !self.dry_run {
            self.remember(model, known.clone(), fetched.as_ref().ok().map(|fetched| fetched.version.clone())).await?;
        }
        let SyncedVersion { version, bytes, stale, warnings } = match fetched {
            Ok(fetched) => fetched,
            Err(error) => return Ok(failed(entry, error)),
        };
        let state = match at {
            _ if stale => SyncState::Stale,
            Some(from) if from != version.commit => SyncState::Updated { from },
            _ if !known.contains(&version) => SyncState::New,
            _ if bytes > 0 => SyncState::Completed,
            _ => SyncState::UpToDate,
        };
        Ok(SyncResult { reference: entry.reference.clone(), state, version: Some(version), bytes, warnings })
    }

    /// Records the version as added by this list if it was not in the store before; after a failure, a part of it.
    async fn remember(&self, model: &ModelId, known: Vec<Version>, version: Option<Version>) -> Result<()> {
        let Some(key) = self.list.key() else { return Ok(()) };
        let (cache, name, model) = (self.cache.clone(), self.list.name().to_owned(), model.clone());
        blocking(move || {
            let mut brought = match version {
                Some(version) => vec![version],
                None => cache.store().versions(&model)?,
            };
            brought.retain(|version| !known.contains(version));
            if brought.is_empty() { Ok(()) } else { record::add_brought(&cache, &key, &name, &brought) }
        })
        .await
    }
}

struct SyncedVersion {
    version: Version,
    bytes: u64,
    stale: bool,
    warnings: Vec<String>,
}

async fn fetched(get: Get) -> Result<SyncedVersion> {
    let snapshot = get.await?;
    let new = snapshot.files().iter().filter(|file| file.outcome != Outcome::Hit);
    Ok(SyncedVersion {
        version: snapshot.version().clone(),
        bytes: new.map(|file| file.size).fold(0, u64::saturating_add),
        stale: snapshot.is_stale(),
        warnings: snapshot.warnings().to_vec(),
    })
}

async fn planned(get: Get) -> Result<SyncedVersion> {
    let resolution = get.resolve().await?;
    Ok(SyncedVersion {
        version: resolution.version().clone(),
        bytes: resolution.missing().filter_map(|file| file.size).fold(0, u64::saturating_add),
        stale: resolution.is_stale(),
        warnings: resolution.warnings().to_vec(),
    })
}

fn failed(entry: &SyncEntry, error: Error) -> SyncResult {
    let reference = entry.reference.clone();
    SyncResult { reference, state: SyncState::Failed(error), version: None, bytes: 0, warnings: Vec::new() }
}

impl IntoFuture for SyncRun {
    type Output = Result<SyncReport>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl std::fmt::Debug for SyncRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncRun").field("list", &self.list).field("prune", &self.prune).finish_non_exhaustive()
    }
}
