//! [`FetchTask`]: the task that fetches one file for all readers of this process.

use std::sync::Arc;

use cache_store::Store;
use cache_transfer::guard_progress;

use crate::open_files::fetch_state::FetchState;
use crate::open_files::in_flight::{FetchOutcome, FileFetch, FileKey, InFlightTable, NewFetch, OutcomeSender};
use crate::open_files::open_blob::OpenBlob;
use crate::read::file_request;
use crate::request::resolution::Resolution;
use crate::task::blocking;
use crate::{Cache, Error, ErrorKind, FileEntry, Progress};

/// Joins the fetch of a file, or starts it.
pub(crate) fn start(
    cache: &Cache,
    resolution: Resolution,
    file: &FileEntry,
    poisoned: bool,
    progress: Option<Arc<dyn Progress>>,
) -> Arc<FileFetch<Cache>> {
    let key = (resolution.version().clone(), file.path.clone());
    let table = &cache.0.in_flight;
    let (fetch, sender) = table.join_or_add(&key, cache, |marks| {
        let live = cache.0.engine.live(&key.0, file);
        live.forget_received();
        let mark = marks.of(cache.store(), Store::partial_key(&key.0, file), poisoned);
        NewFetch { live, mark, state: FetchState::new(file.size, progress) }
    });
    if let Some(outcome) = sender {
        let task = FetchTask { table: Arc::clone(table), key, fetch: Arc::clone(&fetch), outcome };
        tokio::spawn(task.run(resolution));
    }
    fetch
}

/// Runs a fetch. Dropping it removes the fetch from the table, and its waiters get an error.
struct FetchTask {
    table: Arc<InFlightTable<Cache>>,
    key: FileKey,
    fetch: Arc<FileFetch<Cache>>,
    outcome: OutcomeSender,
}

impl FetchTask {
    /// Fetches the file with the first requester's token; if that is refused, with the next one's.
    async fn run(self, resolution: Resolution) {
        let mut nth = 0;
        let outcome = loop {
            let Some(cache) = self.fetch.requester(nth) else { break Err(Error::interrupted()) };
            let outcome = self.fetch(&cache, &resolution).await;
            nth += 1;
            // Before the fetch leaves the table: a later reader finds the mark as it will stay.
            self.fetch.settle(&outcome).await;
            let retry = outcome.as_ref().is_err_and(depends_on_token);
            if self.table.remove_unless_joined(&self.key, &self.fetch, nth, retry) {
                break outcome;
            }
        };
        self.fetch.clear_requesters();
        // Its lease goes before the outcome is published.
        drop(resolution);
        self.outcome.send_replace(Some(outcome));
    }

    async fn fetch(&self, cache: &Cache, resolution: &Resolution) -> FetchOutcome {
        let get = file_request::of(cache, resolution.manifest(), &self.key.1)?;
        let progress = Arc::clone(&self.fetch.state) as Arc<dyn Progress>;
        let snapshot =
            guard_progress(progress, |progress| get.progress(progress).execute(Some(resolution.clone()))).await?;
        let cache = cache.clone();
        blocking(move || {
            let name = snapshot.files().first().map(|file| file.blob.name);
            let blob = OpenBlob::open(cache.store(), name)?;
            // Only now: without a gap between the two leases nothing evicts it.
            drop(snapshot);
            blob.map(Arc::new).ok_or_else(|| Error::new(ErrorKind::Storage, "the fetched file was removed"))
        })
        .await
    }
}

impl Drop for FetchTask {
    fn drop(&mut self) {
        if !self.fetch.live.is_discarded() {
            self.fetch.mark.keep_at_drop();
        }
        self.table.remove(&self.key, &self.fetch);
    }
}

/// Whether a request with another token might succeed.
fn depends_on_token(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::NotFound)
}
