//! The order of the layers, from the outside in. It is written here and nowhere else.
//!
//! Every layer is a service of [`http::Request`]; what it needs beyond the head travels in the extensions
//! (`extensions.rs`), so that layers of tower and tower-http fit between ours.

mod layers;

use bytes::Bytes;
use cache_core::Error;
use http::{HeaderValue, Request, Response, header};
use tower::Service;
use tower::retry::RetryLayer;
use tower_http::set_header::SetRequestHeaderLayer;

use self::layers::Layers;
use crate::auth::AuthLayer;
use crate::breaker::BreakerLayer;
use crate::concurrency_limit::{ConcurrencyLimitLayer, HoldPermit, Permits};
use crate::destination::DestinationLayer;
use crate::idle::IdleBody;
use crate::jitter::Jitter;
use crate::offline::OfflineLayer;
use crate::redirect::RedirectLayer;
use crate::retry::BudgetedRetry;
use crate::trace::TraceLayer;
use crate::transport::Transport;
use crate::{Breakers, HttpConfig};

pub(crate) use self::layers::NamedStack;

/// `Accept-Encoding` of requests that have none: bytes must come as they are.
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// State shared by all requests of a client: circuits, permits, connections.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) config: HttpConfig,
    pub(crate) breakers: Breakers,
    pub(crate) permits: Permits,
    pub(crate) transport: Transport,
    retries: BudgetedRetry,
}

impl Shared {
    pub(crate) fn new(config: HttpConfig) -> Self {
        let jitter = config.seed.map_or_else(Jitter::default, Jitter::seeded);
        Self {
            breakers: Breakers::new(config.breaker.clone()),
            permits: Permits::new(config.max_per_host).with_hosts(config.per_host.clone()),
            transport: Transport::new(config.clone()),
            retries: BudgetedRetry::new(config.retry.clone(), jitter),
            config,
        }
    }
}

/// Our own requests. Redirects stand outside the retries, so that each hop has the retries, the circuit, the places and
/// the tokens of its own host.
pub(crate) fn http(
    shared: &Shared,
    auth: &AuthLayer,
) -> NamedStack<impl Service<Request<Bytes>, Response = Response<IdleBody>, Error = Error, Future: Send> + Send + use<>>
{
    Layers::new()
        .layer("destination", DestinationLayer)
        .layer("offline", OfflineLayer::new(shared.config.offline))
        .layer("trace", TraceLayer)
        .layer("redirect", RedirectLayer)
        .layer("retry", RetryLayer::new(shared.retries.clone()))
        .layer("breaker", BreakerLayer::new(shared.breakers.clone()))
        .layer("permit", ConcurrencyLimitLayer::new(shared.permits.clone()))
        .layer("auth", auth.clone())
        .layer("identity", SetRequestHeaderLayer::if_not_present(header::ACCEPT_ENCODING, IDENTITY))
        .service("transport", shared.transport.clone())
}

/// Other clients' calls, whose destination is known: the same order, without the layers that need HTTP.
pub(crate) fn external<S>(
    shared: &Shared,
    calls: S,
) -> NamedStack<impl Service<Request<()>, Response = S::Response, Error = Error> + use<S>>
where
    S: Service<Request<()>, Error = Error> + Clone,
    S::Response: HoldPermit,
{
    Layers::new()
        .layer("offline", OfflineLayer::new(shared.config.offline))
        .layer("trace", TraceLayer)
        .layer("retry", RetryLayer::new(shared.retries.clone()))
        .layer("breaker", BreakerLayer::new(shared.breakers.clone()))
        .layer("permit", ConcurrencyLimitLayer::new(shared.permits.clone()))
        .service("call", calls)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    struct Done;

    impl HoldPermit for Done {
        fn hold(&mut self, _: crate::concurrency_limit::Permit) {}
    }

    #[test]
    fn external_calls_pass_layers_in_the_same_order() {
        let shared = Shared::new(HttpConfig::default());
        let ours = http(&shared, &AuthLayer::default());
        let calls = tower::service_fn(|_: Request<()>| ready(Ok::<_, Error>(Done)));
        let external = external(&shared, calls);
        let common: Vec<_> = ours.names().iter().filter(|name| external.names().contains(name)).collect();
        assert_eq!(external.names().iter().take(common.len()).collect::<Vec<_>>(), common);
        assert_eq!(external.to_string(), "offline(trace(retry(breaker(permit(call)))))");
    }
}
