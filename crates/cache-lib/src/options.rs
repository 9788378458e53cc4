//! [`CacheOptions`]: settings of a cache as plain values, without files and variables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cache_store::StoreOptions;
use cache_transfer::EngineConfig;
use url::Url;

pub use crate::token::TokenRef;
use crate::{Mirror, env};

/// Settings of a [`Cache`](crate::Cache), for [`CacheBuilder::from`](crate::CacheBuilder). `None` is the default of the
/// part that a setting is for.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CacheOptions {
    /// Store folder; `None` for `model-cache` in the platform's cache folder.
    pub root: Option<PathBuf>,
    /// Quota, eviction and access of the store.
    pub store: StoreOptions,
    /// Downloads: retries, connections, limits.
    pub engine: EngineConfig,
    /// Time limit of each get that sets none of its own.
    pub deadline: Option<Duration>,
    /// How hosts are reached.
    pub network: NetworkOptions,
    /// Limits of single hosts, by name, with `:port` where it is not the usual one.
    pub hosts: BTreeMap<String, HostOptions>,
    /// The Hugging Face Hub.
    pub hub: HubOptions,
    /// Further places of the same files; first come, first used.
    pub mirrors: Vec<Mirror>,
    /// Amazon S3 and compatible services.
    pub s3: S3Options,
    /// Google Cloud Storage.
    pub gcs: GcsOptions,
    /// Azure Blob Storage.
    pub azure: AzureOptions,
}

/// How hosts are reached.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct NetworkOptions {
    /// Whether the network is off; false when `None`.
    pub offline: Option<bool>,
    /// Longest wait for a connection.
    pub connect_timeout: Option<Duration>,
    /// Longest silence of a server.
    pub read_timeout: Option<Duration>,
    /// Certificates in PEM to trust instead of the platform's.
    pub ca_bundle: Option<PathBuf>,
    /// Where proxies are taken from.
    pub proxy: ProxySource,
    /// Whether plain http is refused altogether; false when `None`.
    pub https_only: Option<bool>,
    /// Internal hosts and networks that a server on the internet may redirect to.
    pub allow_internal: Vec<String>,
}

/// Where proxies are taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxySource {
    /// `HTTPS_PROXY`, `NO_PROXY` and the like, or the system.
    #[default]
    Environment,
    /// Nowhere: every host is reached directly.
    None,
}

/// Limits of one host.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct HostOptions {
    /// Bytes a second from this host. `None`: no limit of its own.
    pub limit_rate: Option<u64>,
    /// Most connections to this host.
    pub connections: Option<usize>,
}

/// The Hugging Face Hub.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct HubOptions {
    /// Its address. `None` leaves it to `HF_ENDPOINT`, which `cache-hf` reads.
    pub endpoint: Option<Url>,
    /// Where its token is. `None` leaves it to the variables and files of Hugging Face, which `cache-hf` reads.
    pub token: Option<TokenRef>,
    /// Whether the token may go over plain http to other machines; false when `None`.
    pub allow_http: Option<bool>,
}

/// Amazon S3 and compatible services. Keys come from where AWS's own tools take them.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct S3Options {
    /// Address of the service.
    pub endpoint: Option<Url>,
    /// Region.
    pub region: Option<String>,
    /// Profile of the AWS configuration.
    pub profile: Option<String>,
    /// Whether the bucket is written in the path and not in the host name.
    pub path_style: Option<bool>,
    /// Whether plain http is allowed.
    pub allow_http: Option<bool>,
    /// Whether requests go unsigned.
    pub anonymous: Option<bool>,
}

/// Google Cloud Storage. Credentials come from where Google's own tools take them unless a file is named.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct GcsOptions {
    /// Address of the service.
    pub endpoint: Option<Url>,
    /// File of a service account's key.
    pub service_account: Option<PathBuf>,
    /// Whether plain http is allowed.
    pub allow_http: Option<bool>,
    /// Whether requests go unsigned.
    pub anonymous: Option<bool>,
}

/// Azure Blob Storage.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct AzureOptions {
    /// Name of the storage account.
    pub account: Option<String>,
    /// Address of the service.
    pub endpoint: Option<Url>,
    /// Whether plain http is allowed.
    pub allow_http: Option<bool>,
    /// Whether requests go unsigned.
    pub anonymous: Option<bool>,
}

impl CacheOptions {
    /// The default store folder: `model-cache` in the platform's cache folder.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the account has no home folder.
    pub fn platform_root() -> crate::Result<PathBuf> {
        env::platform_root()
    }

    /// For the engine: with the rates of single hosts.
    pub(crate) fn engine_config(&self) -> EngineConfig {
        let mut config = self.engine.clone();
        let rates = self.hosts.iter().filter_map(|(host, limits)| Some((host.clone(), limits.limit_rate?)));
        config.hosts.extend(rates);
        config
    }

    /// For buckets: these values override what the clouds' own variables and files say.
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

    /// For the HTTP client: these values override what the environment says of certificates and proxies.
    #[cfg(feature = "http")]
    pub(crate) fn http_config(&self) -> crate::Result<cache_net::HttpConfig> {
        let mut config = cache_net::HttpConfig::from_env();
        let NetworkOptions { connect_timeout, read_timeout, ca_bundle, allow_internal, .. } = &self.network;
        config.connect_timeout = connect_timeout.unwrap_or(config.connect_timeout);
        config.read_timeout = read_timeout.unwrap_or(config.read_timeout);
        config.retry.patience = self.engine.max_wait;
        config.max_per_host = self.engine.connections_per_host;
        let connections = self.hosts.iter().filter_map(|(host, limits)| Some((host.clone(), limits.connections?)));
        config.per_host = connections.collect();
        config.ca_bundle = ca_bundle.clone().or(config.ca_bundle);
        if self.network.proxy == ProxySource::None {
            config.proxies = cache_net::Proxies::None;
        }
        config.offline = self.network.offline.unwrap_or(false);
        config.https_only = self.network.https_only.unwrap_or(false);
        let allowed = allow_internal.iter().map(String::as_str);
        config.allow_internal =
            cache_net::AllowList::parse(allowed).map_err(|e| e.context("network.allow-internal"))?;
        Ok(config)
    }
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::*;

    #[test]
    fn engine_and_client_have_the_same_defaults() {
        let (engine, http) = (EngineConfig::default(), cache_net::HttpConfig::default());
        assert_eq!(engine.max_wait, http.retry.patience);
        assert_eq!(engine.connections_per_host, http.max_per_host);
    }
}
