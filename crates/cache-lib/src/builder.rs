//! [`CacheBuilder`]: the settings of a cache, from code.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cache_store::Store;
use cache_transfer::Engine;

use crate::cache::{Cache, Inner};
use crate::options::CacheOptions;
use crate::sources::source_set::{SourceSettings, Sources};
use crate::{Mirror, Result, env};

/// Settings of a [`Cache`].
///
/// A default builder takes store folder, offline mode and quota from `MODEL_CACHE_DIR`, `MODEL_CACHE_OFFLINE` and
/// `MODEL_CACHE_QUOTA` unless they are set here, and the Hub's endpoint and token from the variables and files of
/// Hugging Face programs. All other variables and the configuration files are read by the crate `cache-config`. One made
/// [`from`](From) [`CacheOptions`] reads none of the three.
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until build()"]
pub struct CacheBuilder {
    options: CacheOptions,
    /// Whether variables of this program are left alone.
    explicit: bool,
    token: Option<String>,
    endpoint: Option<String>,
    mirrors: Vec<Mirror>,
}

/// A builder for exactly these options.
impl From<CacheOptions> for CacheBuilder {
    fn from(options: CacheOptions) -> Self {
        Self { options, explicit: true, ..Self::default() }
    }
}

impl Cache {
    /// A builder that takes from the environment what it is not given.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }
}

impl CacheBuilder {
    /// The store's folder.
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.options.root = Some(root.into());
        self
    }

    /// Whether the network is off, whatever the environment says.
    pub fn offline(mut self, offline: bool) -> Self {
        self.options.network.offline = Some(offline);
        self
    }

    /// Whether plain http is refused altogether, redirects and mirrors included.
    pub fn https_only(mut self, https_only: bool) -> Self {
        self.options.network.https_only = Some(https_only);
        self
    }

    /// Changes nothing in the store: only what is there is served.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.options.store = self.options.store.with_read_only(read_only);
        self
    }

    /// The most that all transfers together may take, in bytes a second. `None`: no limit.
    pub fn limit_rate(mut self, bytes_per_second: impl Into<Option<u64>>) -> Self {
        self.options.engine.limit_rate = bytes_per_second.into();
        self
    }

    /// How many files are fetched side by side; 16 when not set.
    pub fn jobs(mut self, files: usize) -> Self {
        self.options.engine.files = files.max(1);
        self
    }

    /// The most the store may hold, in bytes; enforced after every fetch.
    pub fn quota(mut self, bytes: u64) -> Self {
        self.options.store = self.options.store.with_quota(Some(bytes));
        self
    }

    /// The token for the Hub. It is sent to the endpoint's own scheme, host and port, and nowhere else.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The Hub's address; `https://huggingface.co` when neither this nor `HF_ENDPOINT` is set.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Whether files without a digest to check against are refused.
    pub fn require_digest(mut self, require: bool) -> Self {
        self.options.engine.require_digest = require;
        self
    }

    /// How often in a row a transfer may fail without progress before it is given up; 5 when not set.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.engine.retries = retries;
        self
    }

    /// Longest wait that a rate-limiting host may ask for; 5 minutes when not set. One that asks for more fails the get.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.options.engine.max_wait = wait;
        self
    }

    /// Longest time for each get that sets none of its own; see [`Get::deadline`](crate::Get::deadline).
    pub fn deadline(mut self, time: Duration) -> Self {
        self.options.deadline = Some(time);
        self
    }

    /// Another place for the files of models. May be given several times; what is given first is asked first.
    pub fn mirror(mut self, mirror: Mirror) -> Self {
        self.mirrors.push(mirror);
        self
    }

    /// Opens the store, making it if it is not there. No network, no runtime, no TLS: those wait for the first request.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for invalid settings;
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the store cannot be opened.
    pub fn build(self) -> Result<Cache> {
        let Self { mut options, explicit, token, endpoint, mirrors } = self;
        if !explicit {
            options.root = options.root.or_else(env::store_dir);
            options.network.offline = options.network.offline.map_or_else(env::offline, |offline| Ok(Some(offline)))?;
            let quota = options.store.quota.map_or_else(env::quota, |bytes| Ok(Some(bytes)))?;
            options.store = options.store.with_quota(quota);
        }
        let root = options.root.clone().map_or_else(env::platform_root, Ok)?;
        let store = Store::open(root, options.store.clone().with_background(cache_transfer::in_background))?;
        let config = options.engine_config();
        let sources = Sources::new(SourceSettings {
            offline: options.network.offline.unwrap_or(false),
            retries: config.retries,
            token,
            endpoint,
            // What code adds comes before what is configured.
            mirrors: [mirrors, options.mirrors.clone()].concat(),
            store: store.clone(),
            options,
        });
        let engine = Engine::new(store.clone(), config.clone());
        Ok(Cache(Arc::new(Inner { store, engine, config, sources, in_flight: Arc::default(), recent: Arc::default() })))
    }
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("root", &self.options.root)
            .field("offline", &self.options.network.offline)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "***"))
            .finish_non_exhaustive()
    }
}
