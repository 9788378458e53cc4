//! The order of the layers, from the outside in. It is written here and nowhere else.

use tower::layer::Layer;
use tower::{ServiceBuilder, layer::util::Identity};

use crate::auth::Auth;
use crate::breaker::Breaker;
use crate::concurrency_limit::ConcurrencyLimit;
use crate::offline::Offline;
use crate::redirect::RedirectLayer;
use crate::retry::RetryService;
use crate::trace::Trace;
use crate::transport::Transport;
use crate::{
    AuthLayer, BreakerLayer, Breakers, ConcurrencyLimitLayer, HttpConfig, Jitter, OfflineLayer, Permits, RetryLayer,
    TraceLayer,
};

/// State shared by all requests of a client: circuits, permits, connections.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) config: HttpConfig,
    pub(crate) breakers: Breakers,
    pub(crate) permits: Permits,
    pub(crate) transport: Transport,
    retry: RetryLayer,
}

impl Shared {
    pub(crate) fn new(config: HttpConfig) -> Self {
        let jitter = config.seed.map_or_else(Jitter::default, Jitter::seeded);
        Self {
            breakers: Breakers::new(config.breaker.clone()),
            permits: Permits::new(config.max_per_host).with_hosts(config.per_host.clone()),
            transport: Transport::new(config.clone()),
            retry: RetryLayer::new(config.retry.clone(), jitter),
            config,
        }
    }
}

/// One attempt at a time, at one host.
type Attempts<S> = RetryService<Breaker<ConcurrencyLimit<S>>>;

/// Any service behind the layers that need to know nothing of HTTP. `middle` stands where redirects are followed.
pub(crate) fn layered<M, S>(shared: &Shared, middle: M, inner: S) -> Offline<Trace<M::Service>>
where
    M: Layer<Attempts<S>>,
{
    ServiceBuilder::new()
        .layer(OfflineLayer::new(shared.config.offline))
        .layer(TraceLayer)
        .layer(middle)
        .layer(shared.retry.clone())
        .layer(BreakerLayer::new(shared.breakers.clone()))
        .layer(ConcurrencyLimitLayer::new(shared.permits.clone()))
        .service(inner)
}

/// Our own requests. Redirects stand outside the retries, so that each hop has the retries, the circuit, the places and
/// the tokens of its own host.
pub(crate) fn http(shared: &Shared, auth: &AuthLayer) -> HttpStack {
    layered(shared, RedirectLayer, auth.layer(shared.transport.clone()))
}

/// The whole stack.
pub(crate) type HttpStack = Offline<Trace<crate::redirect::Redirect<Attempts<Auth<Transport>>>>>;

/// Someone else's calls.
pub(crate) fn external<S>(shared: &Shared, inner: S) -> Offline<Trace<Attempts<S>>> {
    layered(shared, Identity::new(), inner)
}
