//! Plain HTTP without a proxy: hyper's client, with small read buffers and without TLS.
//!
//! Without TLS a read brings as much as the buffer holds, and hyper lets its buffers grow to 417 KiB, of which up to
//! three live for each connection: the one being filled, the one on its way, the one in hand. With 32 connections this
//! was most of the memory of the whole process, and reqwest has no setting for it. Nor does this client load the
//! certificates of the authorities.

use std::io;
use std::time::Duration;

use cache_core::Result;
use http::{HeaderValue, Request, Response, Uri, header};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::Body;
use tokio::net::TcpStream;
use tower::util::{BoxCloneSyncService, MapErr};
use tower::{BoxError, ServiceBuilder};

use crate::transport::unusable;
use crate::{HttpConfig, Proxies};

/// To what a read buffer may grow; no chunk is larger than two of them. At 32 connections each doubling costs 3 MiB, and
/// above 64 KiB nothing becomes faster; at 32 KiB the reads begin to show. hyper takes no less than 8 KiB. It also bounds
/// the head of an answer.
const BUFFER: usize = 64 << 10;

/// Variables that may send a plain request to a proxy.
const PROXY_VARIABLES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// How long an unused connection is kept, as in reqwest.
const IDLE: Duration = Duration::from_secs(90);

/// When and how often the system asks a silent peer whether it is still there, as in reqwest.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

/// A name that was not found. A type of its own, because hyper tells it from other troubles in words only.
#[derive(Debug, thiserror::Error)]
#[error("the name is not known")]
pub(crate) struct NoName(#[source] io::Error);

/// Name lookup, TCP, and the limit to both together.
type Connector = BoxCloneSyncService<Uri, TokioIo<TcpStream>, BoxError>;

/// Whether no proxy can come between. `variable` reads the environment; macOS and Windows name proxies elsewhere too.
pub(crate) fn applies(proxies: Proxies, variable: impl Fn(&str) -> bool) -> bool {
    match proxies {
        Proxies::None => true,
        Proxies::Environment => !cfg!(any(windows, target_os = "macos")) && !PROXY_VARIABLES.into_iter().any(variable),
    }
}

/// Sends plain requests.
pub(crate) struct Plain {
    client: legacy::Client<Connector, Body>,
    agent: HeaderValue,
}

impl Plain {
    pub(crate) fn new(config: &HttpConfig) -> Result<Self> {
        let agent = HeaderValue::try_from(&config.user_agent).map_err(|error| unusable(&error))?;
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(BUFFER)
            .build(connector(config.connect_timeout));
        Ok(Self { client, agent })
    }

    /// Gives the answer with its body unread, in the same words as reqwest: the chunks are hyper's own.
    pub(crate) async fn execute(&self, mut request: Request<Body>) -> Result<Response<Body>, legacy::Error> {
        let headers = request.headers_mut();
        headers.entry(header::USER_AGENT).or_insert_with(|| self.agent.clone());
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        Ok(self.client.request(request).await?.map(Body::wrap))
    }
}

fn connector(timeout: Duration) -> Connector {
    let names = MapErr::new(GaiResolver::new(), NoName);
    let mut connector = HttpConnector::new_with_resolver(names);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(timeout));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    BoxCloneSyncService::new(ServiceBuilder::new().timeout(timeout).service(connector))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_name_a_proxy_for_http_count_only_if_they_are_asked_for() {
        let set = |name: &'static str| move |asked: &str| asked == name;
        for name in PROXY_VARIABLES {
            assert!(!applies(Proxies::Environment, set(name)), "{name}");
            assert!(applies(Proxies::None, set(name)), "{name}");
        }
        let elsewhere = cfg!(any(windows, target_os = "macos"));
        for name in ["HTTPS_PROXY", "NO_PROXY", ""] {
            assert_eq!(applies(Proxies::Environment, set(name)), !elsewhere, "{name}");
        }
    }
}
