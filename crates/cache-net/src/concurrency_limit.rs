//! Limits the requests at one host. A permit lives as long as the body: tower's own limit would end at the headers, and
//! downloads would escape it.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use cache_core::{Error, Result};
use futures::future::BoxFuture;
use http::Request;
use pin_project_lite::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt as _};

use crate::Origin;
use crate::extensions::RequestExt as _;

/// Most hosts kept before unused ones are dropped.
const MAX_HOSTS: usize = 256;

/// The right to have one request at a host. Dropping it frees the place.
#[derive(Debug)]
#[must_use = "dropping it frees the place"]
pub(crate) struct Permit(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

/// An answer that keeps its permit until it is done with.
pub(crate) trait HoldPermit {
    /// Takes the permit over.
    fn hold(&mut self, permit: Permit);
}

/// Concurrent requests of each host. Clones share the counts.
#[derive(Debug, Clone)]
pub(crate) struct Permits {
    hosts: Arc<Mutex<HashMap<Origin, Arc<Semaphore>>>>,
    per_host: usize,
    /// Limits of single hosts, instead of the default.
    single: Arc<BTreeMap<String, usize>>,
}

impl Permits {
    /// At most `per_host` requests at a host at a time; 0 counts as 1.
    pub(crate) fn new(per_host: usize) -> Self {
        Self { hosts: Arc::default(), per_host: per_host.clamp(1, Semaphore::MAX_PERMITS), single: Arc::default() }
    }

    /// The same with other numbers for single hosts, by name, with `:port` where it is not the usual one.
    pub(crate) fn with_hosts(mut self, hosts: BTreeMap<String, usize>) -> Self {
        self.single = Arc::new(hosts);
        self
    }

    fn count(&self, origin: &Origin) -> usize {
        let authority = origin.authority();
        let name = authority.rsplit_once(':').map_or(authority.as_str(), |(name, _)| name);
        let single = self.single.get(&authority).or_else(|| self.single.get(name));
        single.map_or(self.per_host, |&count| count.clamp(1, Semaphore::MAX_PERMITS))
    }

    /// Requests that the host may get at this moment.
    #[cfg(test)]
    pub(crate) fn available(&self, origin: &Origin) -> usize {
        self.semaphore(origin).available_permits()
    }

    fn semaphore(&self, origin: &Origin) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_HOSTS && !hosts.contains_key(origin) {
            // A permit holds its semaphore too, so one in use is never forgotten.
            hosts.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let new = || Arc::new(Semaphore::new(self.count(origin)));
        Arc::clone(hosts.entry(origin.clone()).or_insert_with(new))
    }
}

/// Puts `ConcurrencyLimit` around a service.
#[derive(Debug, Clone)]
pub(crate) struct ConcurrencyLimitLayer(Permits);

impl ConcurrencyLimitLayer {
    /// Limits by these counts.
    pub(crate) fn new(permits: Permits) -> Self {
        Self(permits)
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimit<S>;

    fn layer(&self, inner: S) -> ConcurrencyLimit<S> {
        ConcurrencyLimit { inner, permits: self.0.clone() }
    }
}

/// Waits for a place at the host, and hands it to the answer.
#[derive(Debug, Clone)]
pub(crate) struct ConcurrencyLimit<S> {
    inner: S,
    permits: Permits,
}

impl<B, S> Service<Request<B>> for ConcurrencyLimit<S>
where
    S: Service<Request<B>, Error = Error> + Clone,
    S::Response: HoldPermit,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ConcurrencyLimitFuture<Request<B>, S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        // Which host it is for is not known before the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let semaphore = self.permits.semaphore(request.destination().origin());
        let turn = match Arc::clone(&semaphore).try_acquire_owned() {
            Ok(permit) => PermitState::Come { permit: Some(Permit(Some(permit))) },
            // Never closed, so the error cannot happen; a missing permit would only lift the limit.
            Err(_) => {
                PermitState::Waiting { acquire: Box::pin(async { Permit(semaphore.acquire_owned().await.ok()) }) }
            }
        };
        ConcurrencyLimitFuture { turn, call: self.inner.clone().oneshot(request) }
    }
}

enum PermitState {
    Waiting { acquire: BoxFuture<'static, Permit> },
    Come { permit: Option<Permit> },
}

pin_project! {
    /// A request that waits for its turn.
    pub(crate) struct ConcurrencyLimitFuture<R, S>
    where
        S: Service<R>,
    {
        turn: PermitState,
        #[pin]
        call: Oneshot<S, R>,
    }
}

impl<R, S> Future for ConcurrencyLimitFuture<R, S>
where
    S: Service<R, Error = Error>,
    S::Response: HoldPermit,
{
    type Output = Result<S::Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let PermitState::Waiting { acquire } = this.turn {
            let permit = ready!(acquire.as_mut().poll(cx));
            *this.turn = PermitState::Come { permit: Some(permit) };
        }
        let outcome = ready!(this.call.poll(cx));
        Poll::Ready(outcome.map(|mut response| {
            if let PermitState::Come { permit } = this.turn
                && let Some(permit) = permit.take()
            {
                response.hold(permit);
            }
            response
        }))
    }
}

#[cfg(test)]
mod tests;
