//! [`Settings`] as options of a cache.

use std::time::Duration;

use cache_lib::options::CacheOptions;
use cache_lib::{CacheBuilder, EngineConfig, EvictOrder, Mirror, Result, StoreOptions};

use crate::keys::{KEYS, Preset};
use crate::settings::{DigestPolicy, EvictionPolicy, MirrorSettings, Settings};
use crate::value::{Base, Value};

impl Settings {
    /// A builder for a cache with these settings, and nothing else of the environment.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](cache_lib::ErrorKind::Usage) for a mirror that is no address, or whose token cannot be read.
    pub fn cache_builder(&self) -> Result<CacheBuilder> {
        let mut options = CacheOptions::default();
        options.root.clone_from(&self.store.dir);
        options.store = self.store_options();
        options.engine = self.engine_config();
        options.deadline = self.transfer.deadline;
        options.network = self.network.clone();
        options.hosts = self.hosts.clone();
        options.hub = self.hub.clone();
        options.mirrors = self.mirrors()?;
        options.s3 = self.s3.clone();
        options.gcs = self.gcs.clone();
        options.azure = self.azure.clone();
        Ok(options.into())
    }

    /// For the store.
    pub(crate) fn store_options(&self) -> StoreOptions {
        let order = match self.store.policy {
            EvictionPolicy::Size => EvictOrder::Largest,
            EvictionPolicy::Lru | EvictionPolicy::Ttl => EvictOrder::LeastRecentlyUsed,
        };
        let ttl = (self.store.policy == EvictionPolicy::Ttl).then(|| self.store.ttl.or_else(default_ttl)).flatten();
        let options = StoreOptions::default()
            .with_quota(self.store.quota)
            .with_order(order)
            .with_mode(self.store.mode)
            .with_ttl(ttl);
        let age = self.store.quarantine_max_age.or(options.quarantine_age);
        options.with_quarantine_age(age)
    }

    /// For the engine.
    pub(crate) fn engine_config(&self) -> EngineConfig {
        let mut config = EngineConfig::default();
        config.files = self.transfer.jobs.unwrap_or(config.files);
        config.retries = self.transfer.retries.unwrap_or(config.retries);
        config.connections_per_host = self.transfer.connections.unwrap_or(config.connections_per_host);
        config.stall_window = self.transfer.stall_timeout.unwrap_or(config.stall_window);
        config.leader_timeout = self.transfer.leader_timeout.unwrap_or(config.leader_timeout);
        config.max_wait = self.transfer.max_wait.unwrap_or(config.max_wait);
        config.limit_rate = self.transfer.limit_rate;
        config.memory = self.transfer.memory.unwrap_or(config.memory);
        config.quarantine = self.store.quarantine.unwrap_or(config.quarantine);
        config.require_digest = self.verify.digest == DigestPolicy::Require;
        config
    }

    /// The mirrors, in the order of their names.
    pub(crate) fn mirrors(&self) -> Result<Vec<Mirror>> {
        let mirror = |(name, said): (&String, &MirrorSettings)| {
            read_mirror(said).map_err(|error| error.context(format_args!("mirrors.{name}")))
        };
        self.mirrors.iter().map(mirror).collect()
    }
}

fn read_mirror(said: &MirrorSettings) -> Result<Mirror> {
    let patterns = said.models.iter().map(String::as_str).filter(|&pattern| pattern != "*");
    let mirror = Mirror::new(&said.url)?.models(patterns)?.preference(said.preference).trusted(said.trusted);
    let mirror = mirror.allow_http(said.allow_http);
    match &said.token {
        Some(token) => Ok(mirror.token(token.read()?)),
        None => Ok(mirror),
    }
}

/// The table's own default.
fn default_ttl() -> Option<Duration> {
    let key = KEYS.iter().find(|key| key.name == "store.ttl")?;
    let Preset::Is(text) = key.preset else { return None };
    match key.kind.of_text(text, Base { folder: "".as_ref(), home: None }) {
        Ok(Value::Age(age)) => Some(age),
        _ => None,
    }
}
