//! [`CacheBuilder`]: the settings of a cache, from code and from the environment.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cache_store::Store;
use cache_transfer::Engine;

use crate::cache::{Cache, Inner};
use crate::config::{Config, LoadOptions, Settings};
use crate::sources::source_set::{SourceSettings, Sources};
use crate::{Mirror, Result, env};

/// Settings of a [`Cache`]. What is not set here comes from [`settings`](Self::settings), or when there are none from
/// the environment: the variables of [`KEYS`](crate::config::KEYS), among them `MODEL_CACHE_DIR`, `MODEL_CACHE_OFFLINE`
/// and `MODEL_CACHE_QUOTA`, and those of Hugging Face programs. Configuration files are read by
/// [`load_config`](Self::load_config) alone.
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until build()"]
pub struct CacheBuilder {
    root: Option<PathBuf>,
    offline: Option<bool>,
    https_only: Option<bool>,
    read_only: bool,
    limit_rate: Option<Option<u64>>,
    jobs: Option<usize>,
    quota: Option<u64>,
    token: Option<String>,
    endpoint: Option<String>,
    require_digest: Option<bool>,
    retries: Option<u32>,
    max_wait: Option<Duration>,
    deadline: Option<Duration>,
    mirrors: Vec<Mirror>,
    settings: Option<Box<Settings>>,
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
        self.root = Some(root.into());
        self
    }

    /// Whether the network must not be asked, whatever the environment says.
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = Some(offline);
        self
    }

    /// Whether plain http is refused altogether, redirects and mirrors included.
    pub fn https_only(mut self, https_only: bool) -> Self {
        self.https_only = Some(https_only);
        self
    }

    /// Changes nothing in the store: only what is there is served.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The most that all transfers together may take, in bytes a second. `None`: no limit.
    pub fn limit_rate(mut self, bytes_per_second: impl Into<Option<u64>>) -> Self {
        self.limit_rate = Some(bytes_per_second.into());
        self
    }

    /// How many files are fetched side by side; 16 when not set.
    pub fn jobs(mut self, files: usize) -> Self {
        self.jobs = Some(files.max(1));
        self
    }

    /// The most the store may hold, in bytes; enforced after every fetch.
    pub fn quota(mut self, bytes: u64) -> Self {
        self.quota = Some(bytes);
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
        self.require_digest = Some(require);
        self
    }

    /// How often in a row a transfer may fail without progress before it is given up; 5 when not set.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// Longest wait that a rate-limiting host may ask for; 5 minutes when not set. One that asks for more fails the get.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = Some(wait);
        self
    }

    /// Longest time for each get that sets none of its own; see [`Get::deadline`](crate::Get::deadline).
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// Another place for the files of models. May be given several times; what is given first is asked first.
    pub fn mirror(mut self, mirror: Mirror) -> Self {
        self.mirrors.push(mirror);
        self
    }

    /// Takes what the methods above do not say from these settings, and nothing of them from the environment.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(Box::new(settings));
        self
    }

    /// Takes what the methods above do not say from the configuration files and the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for the first mistake in them.
    pub fn load_config(self) -> Result<Self> {
        let config = Config::load(&LoadOptions::default())?;
        Ok(self.settings(config.settings().clone()))
    }

    /// Opens the store, making it if it is not there. No network, no runtime, no TLS: those wait for the first request.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for settings that mean nothing; [`ErrorKind::Storage`] when the store cannot be opened.
    pub fn build(self) -> Result<Cache> {
        let mut settings = match self.settings {
            Some(settings) => *settings,
            None => Config::load(&LoadOptions::default().without_files())?.settings().clone(),
        };
        let root = match self.root.or_else(|| settings.store.dir.clone()) {
            Some(root) => root,
            None => env::platform_root()?,
        };
        settings.store.quota = self.quota.or(settings.store.quota);
        settings.transfer.jobs = self.jobs.or(settings.transfer.jobs);
        settings.transfer.retries = self.retries.or(settings.transfer.retries);
        settings.transfer.max_wait = self.max_wait.or(settings.transfer.max_wait);
        settings.transfer.deadline = self.deadline.or(settings.transfer.deadline);
        settings.transfer.limit_rate = self.limit_rate.unwrap_or(settings.transfer.limit_rate);
        settings.network.offline = self.offline.or(settings.network.offline);
        settings.network.https_only = self.https_only.or(settings.network.https_only);
        let store = Store::open(root, settings.store_options().with_read_only(self.read_only))?;
        let mut config = settings.engine_config();
        config.require_digest = self.require_digest.unwrap_or(config.require_digest);
        let sources = Sources::new(SourceSettings {
            offline: settings.network.offline.unwrap_or(false),
            retries: config.retries,
            token: self.token,
            endpoint: self.endpoint,
            mirrors: [self.mirrors, settings.mirrors()?].concat(),
            store: store.clone(),
            settings,
        });
        let engine = Engine::new(store.clone(), config.clone());
        Ok(Cache(Arc::new(Inner { store, engine, config, sources, in_flight: Arc::default(), recent: Arc::default() })))
    }
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("root", &self.root)
            .field("offline", &self.offline)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "***"))
            .finish_non_exhaustive()
    }
}
