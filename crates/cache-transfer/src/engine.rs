//! The engine: many files, several sources, one set of limits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::backoff::Backoff;
use crate::flight::{self, Batches, Lead, Leadership};
use crate::health::Health;
use crate::lane::Lane;
use crate::live::{Live, Lives};
use crate::pace::Bandwidth;
use crate::pool::{BUFFER, Pool};
use crate::reporter::Reporter;
use crate::slots::Slots;
use crate::transfer::{self, Arrived, Means, What};
use crate::turns::Turns;
use crate::{outcome, small};
use cache_core::{
    Error, ErrorKind, Event, FileEntry, ModelId, Outcome, Progress, Result, RetryBudget, Source, Verdict, Version,
};
use cache_store::{Blob, PartialKey, Store};
use futures::StreamExt as _;
use tracing::Instrument as _;

/// Memory of one connection: the HTTP client's buffer, and one and a half of ours.
const CONNECTION: u64 = 256 << 10;
/// Most buffers in the pool: more than one that fills for each connection, and as many that are written as disks take at
/// once, bring nothing.
const BUFFERS: u64 = 48;
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
    /// Bytes of memory that the buffers of all transfers may take, those of the connections included; 8 MiB is what 32
    /// connections need. Less means fewer connections.
    pub memory: u64,
    /// Whether bytes that failed verification are kept, to be looked at.
    pub quarantine: bool,
    /// How long they are kept. `None`: until they are removed.
    pub quarantine_age: Option<Duration>,
    /// Bytes a second from single hosts, by name, with `:port` where it is not the usual one.
    pub hosts: BTreeMap<String, u64>,
    /// Record hashes of each block, so that a repair can fetch the broken ones alone.
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
            memory: 8 << 20,
            quarantine: true,
            quarantine_age: None,
            hosts: BTreeMap::new(),
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

/// A source and how much it is preferred.
#[derive(Debug, Clone)]
pub struct Place {
    /// The source.
    pub source: Arc<dyn Source>,
    /// Places of the highest preference are used side by side; the others only when none of those is left.
    pub preference: i32,
    /// What is learned of it is kept under this name: that it lied, is down, or how many connections it repays.
    pub name: String,
}

impl Place {
    /// The same with another preference; 0 when not set.
    #[must_use]
    pub fn preferred(self, preference: i32) -> Self {
        Self { preference, ..self }
    }

    /// The same under another name than the source's own, which several sources may share.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }
}

impl From<Arc<dyn Source>> for Place {
    fn from(source: Arc<dyn Source>) -> Self {
        Self { preference: 0, name: source.to_string(), source }
    }
}

/// One file to fetch.
#[derive(Clone)]
pub struct FetchJob {
    /// The version it belongs to.
    pub version: Arc<Version>,
    /// The file, with the digests that trusted metadata promises.
    pub file: FileEntry,
    /// Where to get it. The first is the authority, which said what the file is: its "no such file" and "not authorised"
    /// are final. The others are mirrors: only their bytes are taken, and only of files with a digest.
    pub places: Vec<Place>,
    /// Who is told.
    pub progress: Arc<dyn Progress>,
    /// While files wait for their turn the higher goes first; usually 0.
    pub priority: i32,
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
    /// The sources that gave it, for people; `None` for a hit.
    pub source: Option<String>,
    /// Bytes that each of several sources gave; empty when it was one.
    pub shares: Vec<(String, u64)>,
    /// What the user should know although it went well: who sent wrong bytes.
    pub warnings: Vec<String>,
}

impl Fetched {
    pub(crate) fn new(blob: Blob, outcome: Outcome, verified: bool, source: Option<String>) -> Self {
        Self { blob, outcome, verified, source, shares: Vec::new(), warnings: Vec::new() }
    }
}

/// Fetches files into a store: verified, resumable, in parallel, each once. Clones share all limits.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) pool: Pool,
    bandwidth: Bandwidth,
    /// The limits of single hosts.
    pub(crate) hosts: Arc<BTreeMap<String, Bandwidth>>,
    pub(crate) large: Turns,
    slots: Arc<Mutex<HashMap<String, Slots>>>,
    pub(crate) health: Health,
    batches: Arc<Batches>,
    pub(crate) lives: Arc<Lives>,
}

impl Engine {
    /// An engine that fetches into `store`. Needs no runtime until the first fetch.
    #[must_use]
    pub fn new(store: Store, config: EngineConfig) -> Self {
        Self {
            store,
            pool: Pool::new(buffers(config.memory)),
            bandwidth: Bandwidth::new(config.limit_rate),
            hosts: Arc::new(
                config.hosts.iter().map(|(host, rate)| (host.clone(), Bandwidth::new(Some(*rate)))).collect(),
            ),
            large: Turns::new(config.files),
            slots: Arc::default(),
            health: Health::default(),
            batches: Arc::default(),
            lives: Arc::default(),
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

    /// A file to be read while this engine or a clone of it fetches it, now or later, whoever asked for it.
    #[must_use]
    pub fn live(&self, version: &Version, file: &FileEntry) -> Live {
        self.lives.of(&Store::partial_key(version, file))
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
            return Ok(Fetched::new(blob, Outcome::Hit, verified, None));
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
        let span = span_of(job);
        let result = self.try_sources(job, &key, &leader).instrument(span.clone()).await;
        if let Err(error) = &result {
            span.record("otel.status_code", "ERROR").record("error.type", error.kind().as_str());
            self.lives.of(&key).withdraw();
        }
        match &result {
            // The others of the batch go on; who waits for this file finds it, or tries for itself.
            _ if batched => {}
            Ok(fetched) => leader.done(&self.store, file, &fetched.blob),
            Err(error) => leader.fail(error),
        }
        result
    }

    /// Large files with a digest come from all places at once, others from one after the other.
    async fn try_sources(&self, job: &FetchJob, key: &PartialKey, leader: &Arc<Leadership>) -> Result<Fetched> {
        let mut places = self.in_order(job);
        let (mut failed, mut warnings) = (None, Vec::new());
        if may_spread(&job.file) && places.len() > 1 {
            // What lies on this machine is cloned rather than fetched.
            let (local, remote) = places.into_iter().partition(|(_, place)| place.source.is_local());
            match self.try_in_turn(job, key, leader, local, &mut failed, &mut warnings).await? {
                Some(fetched) => return Ok(fetched),
                None => places = remote,
            }
            if places.len() > 1 {
                let mut fetched = self.fetch_spread(job, key, leader, &places).await?;
                warnings.append(&mut fetched.warnings);
                return Ok(Fetched { warnings, ..fetched });
            }
        }
        match self.try_in_turn(job, key, leader, places, &mut failed, &mut warnings).await? {
            Some(fetched) => Ok(Fetched { warnings, ..fetched }),
            None => Err(failed.unwrap_or_else(|| no_source(&job.file))),
        }
    }

    /// The places to ask and whether each is the authority: the preferred first, those that were down last, none that
    /// lied. Of a file that nothing can check only the authority's word counts.
    fn in_order(&self, job: &FetchJob) -> Vec<(bool, Place)> {
        let checked = is_checked(&job.file);
        let places = job.places.iter().enumerate().map(|(rank, place)| (rank == 0, place.clone()));
        let mut places: Vec<(bool, Place)> =
            places.filter(|(authority, place)| *authority || (checked && !self.health.is_liar(&place.name))).collect();
        places.sort_by_key(|(_, place)| (self.health.is_down(&place.name), std::cmp::Reverse(place.preference)));
        places
    }

    /// Tries places in turn: the next one after trouble on the way or wrong bytes, none after the authority said no.
    /// `None` when all have failed; `failed` is then what the authority said, or else the first.
    async fn try_in_turn(
        &self,
        job: &FetchJob,
        key: &PartialKey,
        leader: &Arc<Leadership>,
        places: Vec<(bool, Place)>,
        failed: &mut Option<Error>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Fetched>> {
        let mut left = places.len();
        for (authority, place) in places {
            left -= 1;
            let name = &place.name;
            // While there are others to ask, nobody is waited for long.
            let patience = if left > 0 { self.with_retries(self.config.retries.min(1)) } else { self.clone() };
            let error = match patience.fetch_from(job, key, leader, &place).await {
                Ok(fetched) => return Ok(Some(fetched)),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Network => self.health.failed(name),
                ErrorKind::Integrity if authority => {}
                ErrorKind::Integrity if outcome::is_wrong_bytes(&error) => {
                    self.health.lied(name);
                    let words = format!(
                        "{}: the mirror {} sent wrong bytes; it is not used any more in this run",
                        job.file.path, place.source
                    );
                    job.progress.event(&Event::Warning(&words));
                    warnings.push(words);
                }
                // A mirror need not have everything, nor let everyone in.
                ErrorKind::NotFound | ErrorKind::Unauthorized | ErrorKind::Unsupported | ErrorKind::Integrity
                    if !authority => {}
                _ => return Err(error),
            }
            if authority || failed.is_none() {
                *failed = Some(error);
            }
        }
        Ok(None)
    }

    async fn fetch_from(
        &self,
        job: &FetchJob,
        key: &PartialKey,
        leader: &Arc<Leadership>,
        place: &Place,
    ) -> Result<Fetched> {
        let reporter =
            Reporter::new(job.file.path.clone(), job.file.size, Arc::clone(&job.progress), Arc::clone(leader));
        let reporter = Arc::new(reporter.with_live(self.lives.of(key)));
        let what =
            What { version: Arc::clone(&job.version), file: job.file.clone(), source: Arc::clone(&place.source) };
        // Alone it is the one whose word counts.
        let lane = self.lane(job, true, place);
        if is_small(&job.file) {
            return small::fetch(self, &what, key, &lane.backoff, &reporter).await;
        }
        let _turn = self.large.acquire(job.priority).await;
        let mut may_restart = true;
        loop {
            let mut partial = self
                .blocking({
                    let key = key.clone();
                    move |store| store.partial(&key, None)
                })
                .await?;
            let resumed = !partial.recorded().is_empty();
            let lanes = [Arc::clone(&lane)];
            let hashes = match transfer::run(&what, &lanes, &self.means(), &mut partial, &reporter).await? {
                Arrived::Hashed(hashes, _) => hashes,
                Arrived::Local(path) => {
                    drop(partial);
                    return outcome::adopt(self, path, &what.file, &*what.source).await;
                }
            };
            match outcome::judge(&what.file, &hashes) {
                Verdict::Rejected { reason } => {
                    reporter.live().withdraw();
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

    pub(crate) fn means(&self) -> Means {
        let (pool, bandwidth, hosts) = (self.pool.clone(), self.bandwidth.clone(), Arc::clone(&self.hosts));
        Means { pool, bandwidth, hosts, limits: self.limits() }
    }

    /// The connections of a source, shared by all files that come from it.
    pub(crate) fn slots(&self, version: &Version, name: &str) -> Slots {
        let host = match &version.model {
            ModelId::Url(url) => url.public().origin().ascii_serialization(),
            _ => String::new(),
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let affordable = usize::try_from(self.config.memory / CONNECTION).unwrap_or(usize::MAX).max(1);
        let new = || Slots::new(self.config.connections_per_host.min(affordable));
        slots.entry(format!("{name} {host}")).or_insert_with(new).clone()
    }

    pub(crate) fn lane(&self, job: &FetchJob, authority: bool, place: &Place) -> Arc<Lane> {
        let budget = RetryBudget::told(self.config.retries, Arc::clone(&job.progress));
        let slots = self.slots(&job.version, &place.name);
        Lane::new(place.clone(), authority, slots, Backoff::new(budget))
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

/// What a trace shows of a fetch: nothing of tokens and signed addresses.
fn span_of(job: &FetchJob) -> tracing::Span {
    tracing::info_span!(
        "fetch",
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        "error.type" = tracing::field::Empty,
        model = %job.version.model,
        commit = %job.version.commit,
        file = %job.file.path,
        size = job.file.size,
    )
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

/// The buffers that this much memory allows.
fn buffers(memory: u64) -> usize {
    usize::try_from((memory / CONNECTION * 3 / 2).clamp(2, BUFFERS)).unwrap_or(2)
}

/// Whether a file can come from several places at once: it is worth it, and what is wrong would be noticed.
fn may_spread(file: &FileEntry) -> bool {
    file.size.is_some() && !is_small(file) && is_checked(file)
}

/// Whether a digest that is computed on the way tells wrong bytes, whoever sends them.
fn is_checked(file: &FileEntry) -> bool {
    (file.digests.sha256.is_some() || file.digests.git_sha1.is_some()) && file.packed.is_none()
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
