//! Single flight: of all tasks and processes that want one file, one fetches it and the others watch.
//!
//! The lock says who fetches, never whether the bytes are right: where locks do nothing, several fetch, each verifies
//! what it fetched, and the first to publish wins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cache_core::{Error, Event, FileEntry, Outcome, Progress, RepoPath, Result, Sha256, Version};
use cache_store::{Blob, Flight, FlightStatus, LeaderGuard, PartialKey, Store};

/// How often a waiter looks: often at first, so that a small file costs no noticeable wait.
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// And at most this rarely later on.
const LAST_LOOK: Duration = Duration::from_millis(150);

/// What became of the wish to fetch.
pub(crate) enum Lead {
    /// This task fetches.
    Leader(Arc<Leadership>),
    /// Somebody else has fetched it meanwhile.
    Arrived(Blob),
}

/// The right to fetch, shared by all who report progress. Dropping it without a word lets the next one take over.
#[derive(Debug)]
pub(crate) struct Leadership(Mutex<Option<LeaderGuard>>);

impl Leadership {
    pub(crate) fn new(guard: LeaderGuard) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(guard))))
    }

    fn end(&self) -> Option<LeaderGuard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells those who wait how far it is.
    pub(crate) fn progress(&self, done: u64, total: Option<u64>) {
        if let Some(guard) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            guard.progress(done, total);
        }
    }

    /// Leaves the error for those who wait.
    pub(crate) fn fail(&self, error: &Error) {
        if let Some(guard) = self.end() {
            guard.fail(error);
        }
    }

    /// Ends well. Those who wait find the blob by its digest, or, where nobody knew one, by the word left here.
    pub(crate) fn done(&self, store: &Store, file: &FileEntry, blob: &Blob) {
        let Some(guard) = self.end() else { return };
        if !matches!(present(store, file), Ok(Some(_))) {
            guard.arrived(&blob.name);
        }
    }
}

/// Shows the leader's progress as ours.
struct Watch<'a> {
    file: &'a FileEntry,
    progress: &'a Arc<dyn Progress>,
    shown: Option<u64>,
}

impl Watch<'_> {
    fn show(&mut self, status: &FlightStatus) {
        let shown = match self.shown {
            Some(shown) => shown,
            None => {
                self.progress.event(&Event::Waiting { path: &self.file.path });
                let size = status.total.or(self.file.size);
                self.progress.event(&Event::Started {
                    path: &self.file.path,
                    size,
                    resumed: 0,
                    source: "another process",
                });
                0
            }
        };
        let step = |to: u64| i64::try_from(to).unwrap_or(i64::MAX);
        let bytes = step(status.done) - step(shown);
        if bytes != 0 {
            self.progress.event(&Event::Advanced { path: &self.file.path, bytes });
        }
        self.shown = Some(status.done);
    }

    /// This task fetches after all: what was shown was the dead leader's.
    fn take_over(&self) {
        if let Some(shown) = self.shown.filter(|&shown| shown > 0) {
            self.progress
                .event(&Event::Advanced { path: &self.file.path, bytes: -i64::try_from(shown).unwrap_or(i64::MAX) });
        }
    }
}

/// Becomes the leader for `key`, or waits for whoever is.
///
/// # Errors
/// The leader's own error, if it failed while this task waited for it.
pub(crate) async fn lead(
    store: &Store,
    key: &PartialKey,
    file: &FileEntry,
    progress: &Arc<dyn Progress>,
) -> Result<Lead> {
    let mut watch = Watch { file, progress, shown: None };
    let mut pause = FIRST_LOOK;
    let mut followed: Option<String> = None;
    loop {
        match store.try_flight(key)? {
            Flight::Leader(guard) => {
                if let Some(blob) = present(store, file)? {
                    return Ok(Lead::Arrived(blob));
                }
                let word = guard.ended_before().filter(|(attempt, _)| followed.as_deref() == Some(attempt));
                let answer = word.map(|(_, ended)| answer_of(store, ended.clone()));
                if let Some(answer @ (Ok(Some(_)) | Err(_))) = answer {
                    // Others may have waited for the same one.
                    guard.stand_down();
                    return answer?.ok_or_else(Error::interrupted);
                }
                watch.take_over();
                return Ok(Lead::Leader(Leadership::new(guard)));
            }
            Flight::Busy(status) => {
                if let Some((attempt, ended)) = &status.before
                    && followed.as_ref() == Some(attempt)
                    && let Some(answer) = answer_of(store, ended.clone())?
                {
                    return Ok(answer);
                }
                watch.show(&status);
                // Before the leader has written its first word there is no name to follow.
                if !status.generation.is_empty() {
                    followed = Some(status.generation);
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
        if let Some(blob) = present(store, file)? {
            return Ok(Lead::Arrived(blob));
        }
    }
}

/// What the one we waited for left: its blob or its error. A blob that is gone again is no answer.
fn answer_of(store: &Store, ended: Result<Sha256>) -> Result<Option<Lead>> {
    Ok(store.blob(&ended?)?.map(Lead::Arrived))
}

/// The right to fetch the small files of a version, shared by all that are under way in this process: a lock for each
/// would cost more than the file.
#[derive(Debug, Default)]
pub(crate) struct Batches(Mutex<HashMap<Version, Arc<tokio::sync::Mutex<Weak<Leadership>>>>>);

impl Batches {
    /// Joins those who fetch small files of this version, or waits until `file` is there.
    pub(crate) async fn lead(
        &self,
        store: &Store,
        version: &Version,
        file: &FileEntry,
        progress: &Arc<dyn Progress>,
    ) -> Result<Lead> {
        let batch = {
            let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            batches.retain(|_, batch| {
                Arc::strong_count(batch) > 1 || batch.try_lock().is_ok_and(|leader| leader.strong_count() > 0)
            });
            Arc::clone(batches.entry(version.clone()).or_default())
        };
        let mut current = batch.lock().await;
        if let Some(leader) = current.upgrade() {
            return Ok(Lead::Leader(leader));
        }
        if let Some(blob) = present(store, file)? {
            return Ok(Lead::Arrived(blob));
        }
        let all = FileEntry::new(RepoPath::parse("small files")?);
        let lead = lead(store, &Store::partial_key(version, &all), file, progress).await?;
        if let Lead::Leader(leader) = &lead {
            *current = Arc::downgrade(leader);
        }
        Ok(lead)
    }
}

/// The blob that holds the file's bytes, as far as its name is known.
pub(crate) fn present(store: &Store, file: &FileEntry) -> Result<Option<Blob>> {
    Ok(store.find(file)?.filter(|blob| file.size.is_none_or(|size| size == blob.size)))
}

/// How a file that was waited for came to be there.
pub(crate) const WAITED: Outcome = Outcome::Shared;
