//! The bottom of the stack: one of two clients, made at the first request that needs it.
//!
//! Plain HTTP that no proxy can come between goes by [`plain`], which needs little memory. All else goes by reqwest:
//! TLS, whose records keep reads small anyway, and proxies, whose tunnels, passwords and exceptions it knows.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use cache_core::{Error, Result};
use futures::future::BoxFuture;
use http::{Request, Response, header};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::{Body, ClientBuilder};
use tokio::sync::OnceCell;
use tower::Service;

use crate::destination::url_of;
use crate::error::{BodyContext, SendError, unusable};
use crate::extensions::RequestExt as _;
use crate::http1_client::Http1Client;
use crate::idle::IdleBody;
use crate::proxy::Environment;
use crate::resolve::{Addresses, FilteredLookup, literal};
use crate::response::InternalPeer;
use crate::{HttpConfig, Origin, Proxies, Reach, error, tls};

/// Sends one request and gives the answer with its body unread. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    config: HttpConfig,
    addresses: Arc<Addresses>,
    /// Proxies of the system; read when the first request is sent.
    proxies: OnceLock<Environment>,
    /// By reach, so that no connection of one is used for another.
    clients: [Clients; 3],
}

/// The clients whose requests have the same reach.
#[derive(Default)]
struct Clients {
    plain: OnceCell<Arc<Http1Client>>,
    usual: OnceCell<reqwest::Client>,
    /// HTTP/1.1 only: several ranges at a time are to be several connections, which HTTP/2 would make one of.
    ranges: OnceCell<reqwest::Client>,
    /// Clients without a pool, for requests that must not go over a used connection.
    fresh_plain: OnceCell<Arc<Http1Client>>,
    fresh: OnceCell<reqwest::Client>,
}

/// Either client. Both speak in the same types.
#[derive(Clone)]
enum Client {
    Http1(Arc<Http1Client>),
    Reqwest(reqwest::Client),
}

impl Client {
    async fn execute(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        match self {
            Self::Http1(client) => Ok(client.execute(request).await?),
            Self::Reqwest(client) => Ok(client.execute(reqwest::Request::try_from(request)?).await?.into()),
        }
    }
}

impl Transport {
    pub(crate) fn new(config: HttpConfig) -> Self {
        let addresses = Addresses::new(Arc::clone(&config.resolver), config.allow_internal.clone());
        let clients = [Clients::default(), Clients::default(), Clients::default()];
        Self(Arc::new(Inner { config, addresses, proxies: OnceLock::new(), clients }))
    }

    /// A reqwest builder with all settings of the configuration, for requests of one reach.
    pub(crate) fn builder(&self, reach: Reach) -> Result<ClientBuilder> {
        let config = &self.0.config;
        let mut builder = reqwest::Client::builder()
            .user_agent(&config.user_agent)
            .connect_timeout(config.connect_timeout)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(self.lookup(reach))
            .referer(false);
        if config.proxies == Proxies::None {
            builder = builder.no_proxy();
        }
        if !config.http2 {
            builder = builder.http1_only();
        }
        tls::trust(builder, config)
    }

    fn lookup(&self, reach: Reach) -> FilteredLookup {
        FilteredLookup { addresses: Arc::clone(&self.0.addresses), reach }
    }

    /// Refuses what may not be asked wherever the name leads: plain http, addresses out of reach, and what should go
    /// through a proxy that cannot be read.
    pub(crate) fn check(&self, origin: &Origin, reach: Reach) -> Result<()> {
        if self.0.config.https_only && origin.scheme() == "http" {
            return Err(error::of_plain_http(origin));
        }
        if let Some(environment) = self.environment() {
            environment.check(origin)?;
        }
        self.0.addresses.check(origin.host(), reach).map_err(|refused| error::of_forbidden_address(refused, origin))
    }

    /// Whether a proxy comes between, which then looks the name up itself.
    fn is_proxied(&self, uri: &http::Uri) -> bool {
        self.environment().is_some_and(|environment| environment.intercepts(uri))
    }

    fn environment(&self) -> Option<&Environment> {
        let counts = self.0.config.proxies == Proxies::Environment;
        counts.then(|| self.0.proxies.get_or_init(Environment::read))
    }

    async fn client(&self, request: &Request<Bytes>, proxied: bool) -> Result<Client> {
        let config = &self.0.config;
        let scheme = request.destination().origin().scheme();
        let fresh = request.is_fresh();
        // The proxy's own address is the user's choice.
        let reach = if proxied { Reach::Any } else { request.reach() };
        let [named, public, any] = &self.0.clients;
        let clients = match reach {
            Reach::Named => named,
            Reach::Public => public,
            Reach::Any => any,
        };
        if scheme == "http" && !proxied {
            let cell = if fresh { &clients.fresh_plain } else { &clients.plain };
            let plain =
                cell.get_or_try_init(|| async { Http1Client::new(config, self.lookup(reach), !fresh).map(Arc::new) });
            return Ok(Client::Http1(Arc::clone(plain.await?)));
        }
        // Without TLS there is nothing to negotiate: it is HTTP/1.1 anyway.
        let separate = config.http2 && scheme == "https" && request.headers().contains_key(header::RANGE);
        let cell = match (fresh, separate) {
            (true, _) => &clients.fresh,
            (false, true) => &clients.ranges,
            (false, false) => &clients.usual,
        };
        let client = cell.get_or_try_init(|| async {
            let this = self.clone();
            // Loading certificates is slow.
            let made = tokio::task::spawn_blocking(move || {
                let mut builder = this.builder(reach)?;
                if reach != Reach::Any {
                    builder = builder.no_proxy();
                }
                if separate || fresh {
                    builder = builder.http1_only();
                }
                if fresh {
                    builder = builder.pool_max_idle_per_host(0);
                }
                builder.build().map_err(|error| unusable(&error))
            });
            made.await.map_err(|error| unusable(&error))?
        });
        Ok(Client::Reqwest(client.await?.clone()))
    }

    async fn send(self, request: Request<Bytes>) -> Result<Response<IdleBody>> {
        let config = &self.0.config;
        let (url, reach) = (url_of(request.uri())?, request.reach());
        let destination = request.destination().clone();
        let origin = destination.origin();
        tls::check(origin.scheme())?;
        self.check(origin, reach).map_err(|error| error.context(destination.description()))?;
        let proxied = self.is_proxied(request.uri());
        let client = self.client(&request, proxied).await?;
        // A connection whose answer has just been read goes back to the pool by a task of its own. Without giving way to
        // it, a request that follows at once would open another.
        tokio::task::yield_now().await;
        // Not the `Timeout` of tower-http, which has one limit for all requests and answers with an empty 408.
        let limit = request.head_timeout(config.read_timeout);
        let answer = tokio::time::timeout(limit, client.execute(sent(request))).await;
        let response = answer
            .map_err(|_| error::no_answer(&destination, limit))?
            .map_err(|error| error::of_request(error, &destination, config.connect_timeout))?;
        if let Some(error) = error::of_status(response.status(), response.headers(), &destination) {
            return Err(error);
        }
        let peer = match response.extensions().get::<HttpInfo>() {
            // Where a proxy is, only an address in the URL tells.
            _ if proxied => literal(origin.host()),
            info => info.map(|info| info.remote_addr().ip()),
        };
        let internal = peer.is_some_and(|address| !self.0.addresses.is_public(address));
        let context = BodyContext { what: destination.description().into(), url };
        let mut response = response.map(|body| IdleBody::new(body, config.read_timeout, context));
        response.extensions_mut().insert(reach);
        if internal {
            response.extensions_mut().insert(InternalPeer);
        }
        Ok(response)
    }
}

/// The request as the clients take it. Extensions stay here: they are ours, and a connection may keep them.
fn sent(request: Request<Bytes>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.clear();
    Request::from_parts(parts, Body::from(body))
}

impl Service<Request<Bytes>> for Transport {
    type Response = Response<IdleBody>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response<IdleBody>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
