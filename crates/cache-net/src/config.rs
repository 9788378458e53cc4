//! [`HttpConfig`]: how the client behaves.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{AllowList, BreakerPolicy, Resolver, RetryPolicy, SystemResolver};

/// Variables that name a file of certificates, the first that is set counts. curl's own comes last because it is the
/// least likely to be meant for us.
const CA_VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Whether requests go through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Proxies {
    /// Directly, whatever the environment says.
    #[default]
    None,
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (also in lower case) say when the first request is
    /// made, and on macOS and Windows as the system says.
    Environment,
}

/// Settings of an [`HttpClient`](crate::HttpClient). The default reads nothing from the environment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Longest wait for a connection: name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest silence of a server, before its answer and between two pieces of it. There is no limit to the whole.
    pub read_timeout: Duration,
    /// Most requests at one host at a time, each counted until its body has ended.
    pub max_per_host: usize,
    /// The same for single hosts, by name, with `:port` where it is not the usual one.
    pub per_host: BTreeMap<String, usize>,
    /// Lets nothing through to the network.
    pub offline: bool,
    /// Refuses plain http altogether, redirects and other people's addresses included.
    pub https_only: bool,
    /// Loopback, link-local and private addresses that a server on the internet may redirect to all the same.
    pub allow_internal: AllowList,
    /// Looks host names up.
    pub resolver: Arc<dyn Resolver>,
    /// Trusted certificate authorities in PEM **instead of** the platform's: this is what the variables mean to the
    /// programs that invented them, and it works in a container that has no certificates. Read at the first request that may need it: by `https`, or
    /// through a proxy.
    pub ca_bundle: Option<PathBuf>,
    /// Whether requests go through a proxy.
    pub proxies: Proxies,
    /// `User-Agent` of the client.
    pub user_agent: String,
    /// Whether HTTP/2 may be spoken. Ranges of files always use HTTP/1.1, because the point of several ranges at a
    /// time is several connections.
    pub http2: bool,
    /// Retry policy.
    pub retry: RetryPolicy,
    /// Circuit breaker policy.
    pub breaker: BreakerPolicy,
    /// Makes waits the same in every run.
    pub seed: Option<u64>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            max_per_host: 32,
            per_host: BTreeMap::new(),
            offline: false,
            https_only: false,
            allow_internal: AllowList::default(),
            resolver: Arc::new(SystemResolver),
            ca_bundle: None,
            proxies: Proxies::None,
            user_agent: concat!("model-cache/", env!("CARGO_PKG_VERSION")).to_owned(),
            http2: true,
            retry: RetryPolicy::default(),
            breaker: BreakerPolicy::default(),
            seed: None,
        }
    }
}

impl HttpConfig {
    /// The defaults, with proxies and the certificate file as the environment names them.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        Self {
            ca_bundle: CA_VARIABLES.into_iter().find_map(variable),
            proxies: Proxies::Environment,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_certificate_variable_wins() {
        let named = |name: &str| (name != "SSL_CERT_FILE").then(|| PathBuf::from(name));
        assert_eq!(HttpConfig::from_variables(named).ca_bundle, Some("REQUESTS_CA_BUNDLE".into()));
        assert_eq!(HttpConfig::from_variables(|_| None).ca_bundle, None);
    }

    #[test]
    fn the_default_reads_no_environment() {
        assert_eq!(HttpConfig::default().proxies, Proxies::None);
        assert_eq!(HttpConfig::from_env().proxies, Proxies::Environment);
    }
}
