//! Plain HTTP without a proxy: hyper's client, with small read buffers and without TLS.
//!
//! Without TLS a read brings as much as the buffer holds, and hyper lets its buffers grow to 417 KiB, of which up to
//! three live for each connection: the one being filled, the one on its way, the one in hand. With 32 connections this
//! was most of the memory of the whole process, and reqwest has no setting for it. Nor does this client load the
//! certificates of the authorities.

use std::time::Duration;

use cache_core::Result;
use http::{HeaderValue, Request, Response, Uri, header};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::Body;
use tokio::net::TcpStream;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

use crate::HttpConfig;
use crate::error::unusable;
use crate::resolve::FilteredLookup;

/// To what a read buffer may grow; no chunk is larger than two of them. At 32 connections each doubling costs 3 MiB, and
/// above 64 KiB nothing becomes faster; at 32 KiB the reads begin to show. hyper takes no less than 8 KiB. It also bounds
/// the head of an answer.
const BUFFER: usize = 64 << 10;

/// Idle timeout of a connection, as in reqwest.
const IDLE: Duration = Duration::from_secs(90);

/// TCP keepalive time and interval, as in reqwest.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

/// Name lookup, TCP, and the limit to both together.
type Connector = BoxCloneSyncService<Uri, TokioIo<TcpStream>, BoxError>;

/// Sends plain requests.
pub(crate) struct Http1Client {
    client: legacy::Client<Connector, Body>,
    agent: HeaderValue,
}

impl Http1Client {
    /// A client that keeps connections, or makes one for each request.
    pub(crate) fn new(config: &HttpConfig, lookup: FilteredLookup, pooled: bool) -> Result<Self> {
        let agent = HeaderValue::try_from(&config.user_agent).map_err(|error| unusable(&error))?;
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(BUFFER);
        if !pooled {
            builder.pool_max_idle_per_host(0);
        }
        Ok(Self { client: builder.build(connector(lookup, config.connect_timeout)), agent })
    }

    /// Gives the answer with its body unread, in the same words as reqwest: the chunks are hyper's own.
    pub(crate) async fn execute(&self, mut request: Request<Body>) -> Result<Response<Body>, legacy::Error> {
        let headers = request.headers_mut();
        headers.entry(header::USER_AGENT).or_insert_with(|| self.agent.clone());
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        Ok(self.client.request(request).await?.map(Body::wrap))
    }
}

fn connector(lookup: FilteredLookup, timeout: Duration) -> Connector {
    let mut connector = HttpConnector::new_with_resolver(lookup);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(timeout));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    BoxCloneSyncService::new(ServiceBuilder::new().timeout(timeout).service(connector))
}
