//! The engine: many files, several sources, one set of limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::{
    Error, ErrorKind, Event, FileEntry, ModelId, Outcome, Progress, Result, RetryBudget, Source, Verdict, Version,
};
use cache_store::{Blob, PartialKey, Store};
use futures::StreamExt as _;
use tokio::sync::Semaphore;

use crate::backoff::Backoff;
use crate::flight::{self, Batches, Lead, Leadership};
use crate::pace::Bandwidth;
use crate::pool::{BUFFER, Pool};
use crate::reporter::Reporter;
use crate::slots::Slots;
use crate::transfer::{self, Arrived, Means, What};
use crate::{outcome, small};

/// Buffers in the pool: one that fills for each of 32 connections, and as many that are written as disks take at once.
const BUFFERS: usize = 48;
/// Files under way at once, small ones included.
const SMALL_FILES: usize = 32;

/// Limits and habits of an [`Engine`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineConfig {
    /// Most connections to one source; how many are used is found by measuring.
    pub connections_per_host: usize,
    /// Most files that are fetched in ranges side by side.
    pub files: usize,
    /// Retries in a row without progress before a file fails.
    pub retries: u32,
    /// Refuse files for which no digest is known.
    pub require_digest: bool,
    /// Bytes per second over all transfers.
    pub limit_rate: Option<u64>,
    /// A connection that brings fewer bytes than `stall_bytes` in this time is given up.
    pub stall_window: Duration,
    /// Bytes a connection has to bring in each `stall_window`.
    pub stall_bytes: u64,
    /// Most bytes of a body whose server tells no size: an endless one must not fill the disk.
    pub unsized_bytes: u64,
    /// Record BLAKE3 hashes of each block, so that a repair can fetch the broken ones alone.
    pub block_hashes: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            connections_per_host: 32,
            files: 16,
            retries: 5,
            require_digest: false,
            limit_rate: None,
            stall_window: Duration::from_secs(20),
            stall_bytes: 20 << 10,
            unsized_bytes: 256 << 30,
            block_hashes: true,
        }
    }
}

/// The part of the configuration that a connection needs.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) stall_window: Duration,
    pub(crate) stall_bytes: u64,
    pub(crate) unsized_bytes: u64,
    pub(crate) block_hashes: bool,
}

/// One file to fetch.
#[derive(Clone)]
pub struct FetchJob {
    /// The version it belongs to.
    pub version: Arc<Version>,
    /// The file, with the digests that trusted metadata promises.
    pub file: FileEntry,
    /// Where to get it, best first. The first is the authority: its "no such file" is final.
    pub sources: Vec<Arc<dyn Source>>,
    /// Who is told.
    pub progress: Arc<dyn Progress>,
}

/// A file that is in the store.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its bytes.
    pub blob: Blob,
    /// How it came.
    pub outcome: Outcome,
    /// Whether its digest was checked against trusted metadata.
    pub verified: bool,
    /// The source that gave it, for people; `None` for a hit.
    pub source: Option<String>,
}

/// Fetches files into a store: verified, resumable, in parallel, each once. Clones share all limits.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) pool: Pool,
    bandwidth: Bandwidth,
    pub(crate) large: Arc<Semaphore>,
    slots: Arc<Mutex<HashMap<String, Slots>>>,
    batches: Arc<Batches>,
}

impl Engine {
    /// An engine that fetches into `store`. Needs no runtime until the first fetch.
    #[must_use]
    pub fn new(store: Store, config: EngineConfig) -> Self {
        Self {
            store,
            pool: Pool::new(BUFFERS),
            bandwidth: Bandwidth::new(config.limit_rate),
            large: Arc::new(Semaphore::new(config.files.max(1))),
            slots: Arc::default(),
            batches: Arc::default(),
            config: Arc::new(config),
        }
    }

    /// The same engine, limits shared, with another number of retries.
    #[must_use]
    pub fn with_retries(&self, retries: u32) -> Self {
        let mut config = (*self.config).clone();
        config.retries = retries;
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// The bandwidth limit, to be changed at any time.
    #[must_use]
    pub fn bandwidth(&self) -> &Bandwidth {
        &self.bandwidth
    }

    /// Fetches one file, or finds it in the store. Dropping the future cancels and keeps what has arrived.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the bytes are wrong, [`ErrorKind::NoSpace`], [`ErrorKind::Network`] and others as
    /// the sources and the store report them; a waiter gets its leader's error.
    pub async fn fetch(&self, job: FetchJob) -> Result<Fetched> {
        let result = self.find_or_fetch(&job).await;
        tell_end(&job, &result);
        result
    }

    /// Fetches many files side by side. The results are in the order of the jobs; a failure stops no other job.
    pub async fn fetch_all(&self, jobs: Vec<FetchJob>) -> Vec<Result<Fetched>> {
        let count = jobs.len();
        let running = jobs.into_iter().enumerate().map(|(at, job)| async move { (at, self.fetch(job).await) });
        let mut results: Vec<(usize, Result<Fetched>)> =
            futures::stream::iter(running).buffer_unordered(SMALL_FILES.max(self.config.files)).collect().await;
        results.sort_by_key(|(at, _)| *at);
        debug_assert_eq!(results.len(), count);
        results.into_iter().map(|(_, result)| result).collect()
    }

    async fn find_or_fetch(&self, job: &FetchJob) -> Result<Fetched> {
        let file = &job.file;
        if let Some(blob) = flight::present(&self.store, file)? {
            let verified = file.is_verifiable();
            return Ok(Fetched { blob, outcome: Outcome::Hit, verified, source: None });
        }
        if self.config.require_digest && !file.is_verifiable() {
            return Err(Error::new(
                ErrorKind::Integrity,
                format!("{}: no digest is known and one is required", file.path),
            )
            .with_hint("give one with --sha256, put a .sha256 file beside it, or drop --require-digest"));
        }
        if let Some(reason) = self.store.read_only() {
            return Err(Error::new(
                ErrorKind::Storage,
                format!("{} is not in the store, and the store cannot be written: {reason}", file.path),
            )
            .with_hint("choose another store with MODEL_CACHE_DIR or --store"));
        }
        let key = Store::partial_key(&job.version, file);
        let batched = is_small(file) && file.is_verifiable();
        let lead = if batched {
            self.batches.lead(&self.store, &job.version, file, &job.progress).await?
        } else {
            flight::lead(&self.store, &key, file, &job.progress).await?
        };
        let leader = match lead {
            Lead::Arrived(blob) => return Ok(outcome::shared(blob, file)),
            Lead::Leader(leader) => leader,
        };
        let result = self.try_sources(job, &key, &leader).await;
        match &result {
            // The others of the batch go on; who waits for this file finds it, or tries for itself.
            _ if batched => {}
            Ok(fetched) => leader.done(&self.store, file, &fetched.blob),
            Err(error) => leader.fail(error),
        }
        result
    }

    /// Tries the sources in turn: the next one after trouble on the way, once more after wrong bytes, never after the
    /// authority said no.
    async fn try_sources(&self, job: &FetchJob, key: &PartialKey, leader: &Arc<Leadership>) -> Result<Fetched> {
        let mut rejected = false;
        let mut failed: Option<Error> = None;
        for (rank, source) in job.sources.iter().enumerate() {
            let error = match self.fetch_from(job, key, leader, source).await {
                Ok(fetched) => return Ok(fetched),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Network => {}
                ErrorKind::Integrity if !std::mem::replace(&mut rejected, true) => {}
                // A mirror need not have everything, nor let everyone in.
                ErrorKind::NotFound | ErrorKind::Unauthorized if rank > 0 => {}
                _ => return Err(error),
            }
            // What the first one said is the reason; the others were only tried because of it.
            failed.get_or_insert(error);
        }
        Err(failed.unwrap_or_else(|| no_source(&job.file)))
    }

    async fn fetch_from(
        &self,
        job: &FetchJob,
        key: &PartialKey,
        leader: &Arc<Leadership>,
        source: &Arc<dyn Source>,
    ) -> Result<Fetched> {
        let reporter = Arc::new(Reporter::new(
            job.file.path.clone(),
            job.file.size,
            Arc::clone(&job.progress),
            Arc::clone(leader),
        ));
        let backoff = Arc::new(Backoff::new(RetryBudget::told(self.config.retries, Arc::clone(&job.progress))));
        let what = What { version: Arc::clone(&job.version), file: job.file.clone(), source: Arc::clone(source) };
        if is_small(&job.file) {
            return small::fetch(self, &what, key, &backoff, &reporter).await;
        }
        let _turn = self.large.acquire().await.map_err(|_| Error::interrupted())?;
        let mut may_restart = true;
        loop {
            let mut partial = self
                .blocking({
                    let key = key.clone();
                    move |store| store.partial(&key, None)
                })
                .await?;
            let resumed = !partial.recorded().is_empty();
            let hashes = match transfer::run(&what, &self.means(&what), &backoff, &mut partial, &reporter).await? {
                Arrived::Hashed(hashes) => hashes,
                Arrived::Local(path) => {
                    drop(partial);
                    return outcome::adopt(self, path, &what.file, &**source).await;
                }
            };
            match outcome::judge(&what.file, &hashes) {
                Verdict::Rejected { reason } => {
                    let error = outcome::reject(self, partial, &what, &hashes, reason).await;
                    // What an earlier run left may be to blame rather than the source.
                    if !(resumed && std::mem::take(&mut may_restart)) {
                        return Err(error);
                    }
                    reporter.restarted(hashes.length);
                }
                verdict => return outcome::publish(self, partial, hashes, &what, verdict).await,
            }
        }
    }

    pub(crate) fn means(&self, what: &What) -> Means {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let host = match &what.version.model {
            ModelId::Url(url) => url.public().origin().ascii_serialization(),
            _ => String::new(),
        };
        let slots = slots
            .entry(format!("{} {host}", what.source))
            .or_insert_with(|| Slots::new(self.config.connections_per_host));
        Means {
            pool: self.pool.clone(),
            bandwidth: self.bandwidth.clone(),
            slots: slots.clone(),
            limits: self.limits(),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        let EngineConfig { stall_window, stall_bytes, unsized_bytes, block_hashes, .. } = *self.config;
        Limits { stall_window, stall_bytes, unsized_bytes, block_hashes }
    }

    /// Runs work of the store on a blocking thread.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .map_err(|error| Error::new(ErrorKind::Storage, "a store task was lost").with_source(error))?
    }
}

/// Tells how a job ended.
pub(crate) fn tell_end(job: &FetchJob, result: &Result<Fetched>) {
    let path = &job.file.path;
    match result {
        Ok(Fetched { blob, outcome, verified, .. }) => {
            job.progress.event(&Event::Finished { path, size: blob.size, outcome: *outcome, verified: *verified });
        }
        Err(error) => job.progress.event(&Event::Failed { path, error }),
    }
}

/// Whether the file fits one buffer.
fn is_small(file: &FileEntry) -> bool {
    file.size.is_some_and(|size| size <= BUFFER as u64)
}

pub(crate) fn no_source(file: &FileEntry) -> Error {
    Error::new(
        ErrorKind::NotCached,
        format!("{} is not in the store and there is no source to fetch it from", file.path),
    )
}
