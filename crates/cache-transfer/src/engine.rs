//! The engine: many files, several sources, one set of limits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cache_core::{FileEntry, ModelId, Result, RetryBudget, Version};
use cache_store::Store;

use crate::backoff::Backoff;
use crate::bandwidth::Bandwidth;
use crate::config::{ConnectionLimits, EngineConfig};
use crate::context::TransferContext;
use crate::health::SourceHealth;
use crate::job::{FetchJob, SourceEntry};
use crate::lane::Lane;
use crate::live_file::{LiveFile, LiveFiles};
use crate::pool::Pool;
use crate::priority_semaphore::PrioritySemaphore;
use crate::slots::ConnectionSlots;
use crate::small_queue::SmallFileQueues;
use crate::{disk, open_files};

/// Memory of one connection: the HTTP client's buffer, and one and a half of ours.
const CONNECTION: u64 = 256 << 10;
/// Most buffers in the pool: more than one that fills for each connection, and as many that are written as disks take at
/// once, bring nothing.
const BUFFERS: u64 = 48;

/// Fetches files into a store: verified, resumable, in parallel, each once. Clones share all limits.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) config: Arc<EngineConfig>,
    pub(crate) pool: Pool,
    pub(crate) bandwidth: Bandwidth,
    /// The limits of single hosts.
    pub(crate) hosts: Arc<BTreeMap<String, Bandwidth>>,
    pub(crate) large: PrioritySemaphore,
    slots: Arc<Mutex<HashMap<String, ConnectionSlots>>>,
    pub(crate) health: SourceHealth,
    pub(crate) queues: Arc<SmallFileQueues>,
    pub(crate) live_files: Arc<LiveFiles>,
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
            large: PrioritySemaphore::new(config.files.min(open_files::at_once(config.open_files))),
            slots: Arc::default(),
            health: SourceHealth::default(),
            queues: Arc::default(),
            live_files: Arc::default(),
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

    /// A handle to read a file while this engine or a clone of it downloads it.
    #[must_use]
    pub fn live(&self, version: &Version, file: &FileEntry) -> LiveFile {
        self.live_files.of(&Store::partial_key(version, file))
    }

    /// Whether a bandwidth limit keeps bytes waiting now.
    pub(crate) fn is_limited(&self) -> bool {
        self.bandwidth.is_exhausted() || self.hosts.values().any(Bandwidth::is_exhausted)
    }

    pub(crate) fn context(&self) -> TransferContext {
        let (pool, bandwidth, hosts) = (self.pool.clone(), self.bandwidth.clone(), Arc::clone(&self.hosts));
        TransferContext { store: self.store.clone(), pool, bandwidth, hosts, limits: self.limits() }
    }

    /// The connections of a source, shared by all files that come from it.
    pub(crate) fn slots(&self, version: &Version, name: &str) -> ConnectionSlots {
        let host = match &version.model {
            ModelId::Url(url) => url.public().origin().ascii_serialization(),
            _ => String::new(),
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let affordable = usize::try_from(self.config.memory / CONNECTION).unwrap_or(usize::MAX).max(1);
        let affordable = affordable.min(open_files::at_once(self.config.open_files));
        let new = || ConnectionSlots::new(self.config.connections_per_host.min(affordable));
        slots.entry(format!("{name} {host}")).or_insert_with(new).clone()
    }

    pub(crate) fn lane(&self, job: &FetchJob, authority: bool, entry: &SourceEntry) -> Arc<Lane> {
        let budget = RetryBudget::with_progress(self.config.retries, Arc::clone(&job.progress));
        let slots = self.slots(&job.version, &entry.name);
        Lane::new(entry.clone(), authority, slots, Backoff::new(budget, self.config.max_wait))
    }

    pub(crate) fn limits(&self) -> ConnectionLimits {
        let EngineConfig { stall_window, stall_bytes, unsized_bytes, block_hashes, .. } = *self.config;
        ConnectionLimits { stall_window, stall_bytes, unsized_bytes, block_hashes }
    }

    /// Runs work of the store on a blocking thread.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.store.clone();
        disk::blocking(move || work(&store)).await
    }
}

/// The buffers that this much memory allows.
fn buffers(memory: u64) -> usize {
    usize::try_from((memory / CONNECTION * 3 / 2).clamp(2, BUFFERS)).unwrap_or(2)
}
