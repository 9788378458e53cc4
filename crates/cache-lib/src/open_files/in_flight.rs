//! [`InFlightTable`]: files that are being fetched for readers of this process, each once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_transfer::LiveFile;
use tokio::sync::watch;

use crate::open_files::fetch_state::{FetchState, InFlight};
use crate::open_files::open_blob::OpenBlob;
use crate::open_files::streaming::{StreamingMark, StreamingMarks};
use crate::{Error, ErrorKind, RepoPath, Result, Sha256, Version};

/// One file of one version.
pub(crate) type FileKey = (Version, RepoPath);
/// The file in the store, or why it could not be fetched.
pub(crate) type FetchOutcome = Result<Arc<OpenBlob>>;

/// A requester of a file, identified by its token.
pub(crate) trait Requester: Clone {
    /// Digest of the token that its requests carry, if it is not the configured one.
    fn bearer(&self) -> Option<Sha256>;
}

/// The files in flight.
pub(crate) struct InFlightTable<R> {
    fetches: Mutex<BTreeMap<FileKey, Arc<FileFetch<R>>>>,
    marks: StreamingMarks,
}

/// The fetch of one file. It ends whether or not a reader waits, and is forgotten then.
pub(crate) struct FileFetch<R> {
    /// The bytes received so far.
    pub(crate) live: LiveFile,
    pub(crate) mark: Arc<StreamingMark>,
    pub(crate) state: Arc<FetchState>,
    outcome: watch::Receiver<Option<FetchOutcome>>,
    /// One for each token, in the order of their requests.
    requesters: Mutex<Vec<R>>,
}

/// Parts of a fetch that is about to start.
pub(crate) struct NewFetch {
    pub(crate) live: LiveFile,
    pub(crate) mark: Arc<StreamingMark>,
    pub(crate) state: FetchState,
}

/// Publishes the outcome of a fetch.
pub(crate) type OutcomeSender = watch::Sender<Option<FetchOutcome>>;

impl<R: Requester> InFlightTable<R> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<FileKey, Arc<FileFetch<R>>>> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fetch of a file, if there is one; `requester` becomes one of its requesters.
    pub(crate) fn join(&self, key: &FileKey, requester: &R) -> Option<Arc<FileFetch<R>>> {
        let fetches = self.lock();
        let fetch = fetches.get(key)?;
        fetch.add_requester(requester);
        Some(Arc::clone(fetch))
    }

    /// Joins the fetch of a file, or adds a new one: then the caller runs it and publishes its outcome.
    pub(crate) fn join_or_add(
        &self,
        key: &FileKey,
        requester: &R,
        new: impl FnOnce(&StreamingMarks) -> NewFetch,
    ) -> (Arc<FileFetch<R>>, Option<OutcomeSender>) {
        let mut fetches = self.lock();
        if let Some(fetch) = fetches.get(key) {
            fetch.add_requester(requester);
            return (Arc::clone(fetch), None);
        }
        let (sender, outcome) = watch::channel(None);
        let NewFetch { live, mark, state } = new(&self.marks);
        let requesters = Mutex::new(vec![requester.clone()]);
        let fetch = Arc::new(FileFetch { live, mark, state: Arc::new(state), outcome, requesters });
        fetches.insert(key.clone(), Arc::clone(&fetch));
        (fetch, Some(sender))
    }

    /// Removes a fetch after its `tried` first requesters, unless `retry` and there are more. Whether it was removed.
    pub(crate) fn remove_unless_joined(&self, key: &FileKey, fetch: &FileFetch<R>, tried: usize, retry: bool) -> bool {
        // No requester joins while the table is locked.
        let mut fetches = self.lock();
        if retry && fetch.requesters().len() > tried {
            return false;
        }
        fetches.remove(key);
        true
    }

    /// Removes a fetch that was dropped.
    pub(crate) fn remove(&self, key: &FileKey, fetch: &Arc<FileFetch<R>>) {
        let mut fetches = self.lock();
        if fetches.get(key).is_some_and(|known| Arc::ptr_eq(known, fetch)) {
            fetches.remove(key);
        }
    }

    /// A sample of each fetch, sorted by version and path.
    pub(crate) fn sample(&self) -> Vec<InFlight> {
        let sample = |((version, path), fetch): (&FileKey, &Arc<FileFetch<R>>)| {
            let current = fetch.state.current().clone();
            InFlight {
                version: version.clone(),
                path: path.clone(),
                size: current.size,
                received: current.received,
                source: current.source,
                // The table and the fetch task have it, too.
                readers: Arc::strong_count(fetch).saturating_sub(2),
            }
        };
        self.lock().iter().map(sample).collect()
    }
}

impl<R> Default for InFlightTable<R> {
    fn default() -> Self {
        Self { fetches: Mutex::default(), marks: StreamingMarks::default() }
    }
}

impl<R> fmt::Debug for InFlightTable<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlightTable").finish_non_exhaustive()
    }
}

impl<R: Requester> FileFetch<R> {
    /// Waits for the outcome.
    pub(crate) async fn finished(&self) -> FetchOutcome {
        let mut outcome = self.outcome.clone();
        let ended = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        ended.unwrap_or_else(|| Err(Error::new(ErrorKind::Interrupted, "the task that fetched the file was lost")))
    }

    /// Waits while an attempt has failed and no other has begun. False when the fetch has failed.
    pub(crate) async fn is_running(&self) -> bool {
        tokio::select! {
            biased;
            outcome = self.finished() => outcome.is_ok(),
            () = self.live.resumed() => true,
        }
    }

    /// Takes the mark back when the served bytes were verified, or records that they are kept for resuming.
    pub(crate) async fn settle(&self, outcome: &FetchOutcome) {
        let wrong = outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Integrity);
        if wrong || self.live.is_discarded() {
            self.mark.poison();
        } else if outcome.is_ok() {
            self.mark.end().await;
        } else {
            self.mark.keep().await;
        }
    }

    /// The requester at a position in the order of their requests.
    pub(crate) fn requester(&self, at: usize) -> Option<R> {
        self.requesters().get(at).cloned()
    }

    /// Forgets the requesters of a fetch that has ended.
    pub(crate) fn clear_requesters(&self) {
        self.requesters().clear();
    }

    fn requesters(&self) -> MutexGuard<'_, Vec<R>> {
        self.requesters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_requester(&self, requester: &R) {
        let mut requesters = self.requesters();
        if requesters.iter().all(|other| other.bearer() != requester.bearer()) {
            requesters.push(requester.clone());
        }
    }
}

impl<R> fmt::Debug for FileFetch<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileFetch").field("state", &self.state).finish_non_exhaustive()
    }
}
