//! What the settings mean to the parts they are for.

use cache_store::{EvictOrder, StoreOptions};
use cache_transfer::EngineConfig;

use super::keys::KEYS;
use super::settings::{DigestPolicy, MirrorSettings, Policy, Settings};
use super::{Preset, Value};
use crate::{Mirror, Result};

impl Settings {
    /// For the store.
    pub(crate) fn store_options(&self) -> StoreOptions {
        let order = match self.store.policy {
            Policy::Size => EvictOrder::Largest,
            Policy::Lru | Policy::Ttl => EvictOrder::LeastRecentlyUsed,
        };
        let ttl = (self.store.policy == Policy::Ttl).then(|| self.store.ttl.or_else(default_ttl)).flatten();
        let options = StoreOptions::default()
            .with_quota(self.store.quota)
            .with_order(order)
            .with_mode(self.store.mode)
            .with_ttl(ttl)
            .with_background(cache_transfer::in_background);
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
        let rates = self.hosts.iter().filter_map(|(host, limits)| Some((host.clone(), limits.limit_rate?)));
        config.hosts = rates.collect();
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

    /// For buckets: what is configured counts before what the clouds' own variables and files say.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn object_config(&self) -> cache_object::ObjectConfig {
        let mut config = cache_object::ObjectConfig::from_env();
        let Self { s3, gcs, azure, .. } = self;
        config.s3.endpoint.clone_from(&s3.endpoint);
        config.s3.region.clone_from(&s3.region);
        config.s3.profile.clone_from(&s3.profile);
        config.s3.path_style = s3.path_style;
        config.s3.allow_http = s3.allow_http.unwrap_or(false);
        config.s3.anonymous = s3.anonymous.unwrap_or(false);
        config.gcs.endpoint.clone_from(&gcs.endpoint);
        config.gcs.credentials_file.clone_from(&gcs.service_account);
        config.gcs.allow_http = gcs.allow_http.unwrap_or(false);
        config.gcs.anonymous = gcs.anonymous.unwrap_or(false);
        config.azure.endpoint.clone_from(&azure.endpoint);
        config.azure.account.clone_from(&azure.account);
        config.azure.allow_http = azure.allow_http.unwrap_or(false);
        config.azure.anonymous = azure.anonymous.unwrap_or(false);
        config
    }

    /// For the HTTP client, above what the environment says of certificates and proxies.
    #[cfg(feature = "http")]
    pub(crate) fn http_config(&self) -> Result<cache_net::HttpConfig> {
        let mut config = cache_net::HttpConfig::from_env();
        config.connect_timeout = self.network.connect_timeout.unwrap_or(config.connect_timeout);
        config.read_timeout = self.network.read_timeout.unwrap_or(config.read_timeout);
        config.retry.patience = self.transfer.max_wait.unwrap_or(config.retry.patience);
        config.max_per_host = self.transfer.connections.unwrap_or(config.max_per_host);
        let connections = self.hosts.iter().filter_map(|(host, limits)| Some((host.clone(), limits.connections?)));
        config.per_host = connections.collect();
        config.ca_bundle = self.network.ca_bundle.clone().or(config.ca_bundle);
        if self.network.proxy == super::Proxy::None {
            config.proxies = cache_net::Proxies::None;
        }
        config.https_only = self.network.https_only.unwrap_or(false);
        let allowed = self.network.allow_internal.iter().map(String::as_str);
        config.allow_internal =
            cache_net::AllowList::parse(allowed).map_err(|e| e.context("network.allow-internal"))?;
        Ok(config)
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
fn default_ttl() -> Option<std::time::Duration> {
    let key = KEYS.iter().find(|key| key.name == "store.ttl")?;
    let Preset::Is(text) = key.preset else { return None };
    match key.kind.of_text(text, super::Base { folder: "".as_ref(), home: None }) {
        Ok(Value::Age(age)) => Some(age),
        _ => None,
    }
}
