//! The bottom of the stack: one of two clients, made at the first request that needs it.
//!
//! Plain HTTP that no proxy can come between goes by [`plain`], which needs little memory. All else goes by reqwest:
//! TLS, whose records keep reads small anyway, and proxies, whose tunnels, passwords and exceptions it knows.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use cache_core::{Error, ErrorKind, Result};
use futures::future::BoxFuture;
use http::{HeaderValue, header};
use reqwest::{Body, ClientBuilder};
use tokio::sync::OnceCell;
use tower::{Service, ServiceBuilder, ServiceExt as _};
use tower_http::set_header::SetRequestHeaderLayer;

use crate::fault::Unsent;
use crate::idle::{About, IdleBody};
use crate::plain::{self, Plain};
use crate::{Call as _, Exchange, HttpConfig, HttpResponse, Proxies, fault, tls};

/// Sends one request and gives the answer with its body unread. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    config: HttpConfig,
    /// `None` when a proxy may come between.
    plain: OnceCell<Option<Arc<Plain>>>,
    usual: OnceCell<reqwest::Client>,
    /// HTTP/1.1 only: several ranges at a time are to be several connections, which HTTP/2 would make one of.
    ranges: OnceCell<reqwest::Client>,
}

/// Either client. Both speak in the same types.
#[derive(Clone)]
enum Client {
    Plain(Arc<Plain>),
    Reqwest(reqwest::Client),
}

impl Client {
    async fn execute(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Unsent> {
        match self {
            Self::Plain(client) => Ok(client.execute(request).await?),
            Self::Reqwest(client) => Ok(client.execute(reqwest::Request::try_from(request)?).await?.into()),
        }
    }
}

impl Transport {
    pub(crate) fn new(config: HttpConfig) -> Self {
        let (plain, usual, ranges) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self(Arc::new(Inner { config, plain, usual, ranges }))
    }

    /// A reqwest builder with all settings of the configuration.
    pub(crate) fn builder(config: &HttpConfig) -> Result<ClientBuilder> {
        let mut builder = reqwest::Client::builder()
            .user_agent(&config.user_agent)
            .connect_timeout(config.connect_timeout)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        if config.proxies == Proxies::None {
            builder = builder.no_proxy();
        }
        if !config.http2 {
            builder = builder.http1_only();
        }
        tls::trust(builder, config)
    }

    async fn client(&self, exchange: &Exchange) -> Result<Client> {
        let config = &self.0.config;
        if exchange.origin().scheme() == "http" {
            let plain = self.0.plain.get_or_try_init(|| async {
                let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
                plain::applies(config.proxies, set).then(|| Plain::new(config).map(Arc::new)).transpose()
            });
            if let Some(client) = plain.await? {
                return Ok(Client::Plain(Arc::clone(client)));
            }
        }
        // Without TLS there is nothing to negotiate: it is HTTP/1.1 anyway.
        let separate = config.http2
            && exchange.origin().scheme() == "https"
            && exchange.request().headers.contains_key(header::RANGE);
        let cell = if separate { &self.0.ranges } else { &self.0.usual };
        let client = cell.get_or_try_init(|| async {
            let mut config = config.clone();
            config.http2 &= !separate;
            // Loading certificates is slow.
            tokio::task::spawn_blocking(move || build(&config)).await.map_err(|error| unusable(&error))?
        });
        Ok(Client::Reqwest(client.await?.clone()))
    }

    async fn send(self, exchange: Exchange) -> Result<HttpResponse> {
        tls::check(exchange.origin().scheme())?;
        let client = self.client(&exchange).await?;
        let identity = HeaderValue::from_static("identity");
        let service = ServiceBuilder::new()
            // Bytes must come as they are.
            .layer(SetRequestHeaderLayer::if_not_present(header::ACCEPT_ENCODING, identity))
            .service_fn(move |request| {
                let client = client.clone();
                async move { client.execute(request).await }
            });
        let config = &self.0.config;
        let answer = tokio::time::timeout(config.read_timeout, service.oneshot(worded(&exchange)?)).await;
        let response = answer
            .map_err(|_| fault::no_answer(&exchange, config.read_timeout))?
            .map_err(|error| fault::of_request(error, &exchange, config.connect_timeout))?;
        let (parts, body) = response.into_parts();
        if let Some(error) = fault::of_status(parts.status, &parts.headers, &exchange) {
            return Err(error);
        }
        let about = About { what: exchange.what().into(), host: exchange.origin().authority() };
        let body = IdleBody::new(body, config.read_timeout, about);
        Ok(HttpResponse::new(parts.status, parts.headers, exchange.into_request().url, body))
    }
}

impl Service<Exchange> for Transport {
    type Response = HttpResponse;
    type Error = Error;
    type Future = BoxFuture<'static, Result<HttpResponse>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, exchange: Exchange) -> Self::Future {
        Box::pin(self.clone().send(exchange))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reqwest")
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

/// The request in the words of the `http` crate, which tower's own layers speak.
fn worded(exchange: &Exchange) -> Result<http::Request<Body>> {
    let request = exchange.request();
    let body = request.body.clone().map(Body::from).unwrap_or_default();
    let mut url = request.url.clone();
    url.set_fragment(None);
    let mut worded = http::Request::new(body);
    *worded.method_mut() = request.method.clone();
    *worded.headers_mut() = request.headers.clone();
    *worded.uri_mut() = http::Uri::try_from(url.as_str()).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("{}: the address cannot be sent: {error}", exchange.what()))
            .with_host(exchange.origin().authority())
    })?;
    Ok(worded)
}

fn build(config: &HttpConfig) -> Result<reqwest::Client> {
    Transport::builder(config)?.build().map_err(|error| unusable(&error))
}

pub(crate) fn unusable(error: &(dyn std::error::Error + 'static)) -> Error {
    let cause = std::iter::successors(Some(error), |&error| error.source()).last().map(ToString::to_string);
    Error::new(ErrorKind::Usage, format!("the HTTP client cannot be made: {}", cause.unwrap_or_default()))
        .with_hint("check the certificates (SSL_CERT_FILE) and the proxy variables")
}
