//! [`CacheBuilder`]: the settings of a cache, from code and from the environment.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use cache_store::{Store, StoreOptions};
use cache_transfer::{Engine, EngineConfig};

use crate::cache::{Cache, Inner};
use crate::sources::{SourceSettings, Sources};
use crate::{Error, ErrorKind, Mirror, Result, units};

/// Settings of a [`Cache`]. What is not set here comes from the environment, then from defaults.
///
/// | variable | meaning |
/// |---|---|
/// | `MODEL_CACHE_DIR` | the store's folder |
/// | `MODEL_CACHE_OFFLINE` | `1`: never ask the network |
/// | `MODEL_CACHE_QUOTA` | the most the store may hold, such as `100GB` |
/// | `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_OFFLINE` | as in Hugging Face programs |
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until build()"]
pub struct CacheBuilder {
    root: Option<PathBuf>,
    offline: Option<bool>,
    read_only: bool,
    limit_rate: Option<u64>,
    jobs: Option<usize>,
    quota: Option<u64>,
    token: Option<String>,
    endpoint: Option<String>,
    require_digest: bool,
    retries: Option<u32>,
    mirrors: Vec<Mirror>,
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

    /// Changes nothing in the store: only what is there is served.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The most that all transfers together may take, in bytes a second. `None`: no limit.
    pub fn limit_rate(mut self, bytes_per_second: impl Into<Option<u64>>) -> Self {
        self.limit_rate = bytes_per_second.into();
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
        self.require_digest = require;
        self
    }

    /// How often in a row a transfer may fail without progress before it is given up; 5 when not set.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
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
    /// [`ErrorKind::Usage`] for settings that mean nothing; [`ErrorKind::Storage`] when the store cannot be opened.
    pub fn build(self) -> Result<Cache> {
        let root = match self.root.clone() {
            Some(root) => root,
            None => default_root()?,
        };
        let quota = match self.quota {
            Some(quota) => Some(quota),
            None => environment("MODEL_CACHE_QUOTA")
                .map(|text| units::parse_size(&text).map_err(|error| error.context("MODEL_CACHE_QUOTA")))
                .transpose()?,
        };
        let said = |name| environment(name).is_some_and(|text| truthy(&text));
        let offline = self.offline.unwrap_or_else(|| said("MODEL_CACHE_OFFLINE") || said("HF_HUB_OFFLINE"));
        let options = StoreOptions::default().with_quota(quota).with_read_only(self.read_only);
        let store = Store::open(root, options)?;
        let mut config = EngineConfig::default();
        config.files = self.jobs.unwrap_or(config.files);
        config.retries = self.retries.unwrap_or(config.retries);
        config.require_digest = self.require_digest;
        config.limit_rate = self.limit_rate;
        let sources = Sources::new(SourceSettings {
            offline,
            retries: config.retries,
            token: self.token,
            endpoint: self.endpoint,
            mirrors: self.mirrors,
        });
        let engine = Engine::new(store.clone(), config.clone());
        Ok(Cache(Arc::new(Inner { store, engine, config, sources })))
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

/// A variable's value, if it is set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Yes and no as `huggingface_hub` reads them.
pub(crate) fn truthy(text: &str) -> bool {
    ["1", "on", "yes", "true"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

fn default_root() -> Result<PathBuf> {
    if let Some(dir) = environment("MODEL_CACHE_DIR") {
        return Ok(PathBuf::from(dir));
    }
    let home = directories::BaseDirs::new().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "this account has no home folder to keep a store in")
            .with_hint("name a folder with MODEL_CACHE_DIR or --store")
    })?;
    Ok(home.cache_dir().join("model-cache"))
}
