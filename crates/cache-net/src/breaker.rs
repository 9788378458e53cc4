//! A circuit breaker for each scheme, host and port: a host that keeps failing is left alone for a while.
//!
//! Our own rather than `tower-resilience-circuitbreaker`, because it is small and three things must hold at once: the
//! circuit is chosen by each request's origin, our requests and other clients' guarded calls share it, and a request that
//! is turned away gets a [`cache_core::Error`] that tells the retry layer when the next attempt makes sense.

mod circuit;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use cache_core::{Error, ErrorKind, Result, Retry};
use futures::future::Either;
use http::Request;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

pub use self::circuit::{BreakerPolicy, BreakerState};

use self::circuit::{Admission, CallOutcome, Circuit, CircuitOpen};
use crate::Origin;
use crate::destination::Destination;
use crate::extensions::RequestExt as _;

/// Most hosts remembered before those in good health are forgotten.
const MAX_HOSTS: usize = 256;

/// The circuits of all hosts. Clones share them.
#[derive(Clone)]
pub struct Breakers {
    circuits: Arc<Mutex<HashMap<Origin, Circuit>>>,
    policy: Arc<BreakerPolicy>,
}

impl Breakers {
    /// All circuits closed.
    pub fn new(policy: impl Into<Arc<BreakerPolicy>>) -> Self {
        Self { circuits: Arc::default(), policy: policy.into() }
    }

    /// The state of each host's circuit, in the order of the hosts. Bounded: those in good health are forgotten in time.
    #[must_use]
    pub fn states(&self) -> Vec<(Origin, BreakerState)> {
        let now = Instant::now();
        let mut states: Vec<_> =
            self.lock().iter().map(|(origin, circuit)| (origin.clone(), circuit.state(now))).collect();
        states.sort_by(|(a, _), (b, _)| a.cmp(b));
        states
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Circuit>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, origin: &Origin) -> Result<Ticket, CircuitOpen> {
        let mut circuits = self.lock();
        if circuits.len() >= MAX_HOSTS && !circuits.contains_key(origin) {
            circuits.retain(|_, circuit| !circuit.is_healthy());
        }
        let pass = circuits.entry(origin.clone()).or_default().admit(Instant::now())?;
        Ok(Ticket { breakers: self.clone(), origin: origin.clone(), pass: Some(pass) })
    }
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breakers").field(&*self.lock()).finish()
    }
}

/// One admitted request. Dropped without an outcome it was cancelled, which says nothing of the host.
struct Ticket {
    breakers: Breakers,
    origin: Origin,
    pass: Option<Admission>,
}

impl Ticket {
    fn settle(&mut self, outcome: CallOutcome) {
        if let Some(pass) = self.pass.take()
            && let Some(circuit) = self.breakers.lock().get_mut(&self.origin)
            && circuit.record(&self.breakers.policy, Instant::now(), pass, outcome)
        {
            tracing::warn!(host = %self.origin, "failing too often; left alone for a while");
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.settle(CallOutcome::Unknown);
    }
}

/// Puts `Breaker` around a service.
#[derive(Debug, Clone)]
pub(crate) struct BreakerLayer(Breakers);

impl BreakerLayer {
    /// Breaks by these circuits.
    pub(crate) fn new(breakers: Breakers) -> Self {
        Self(breakers)
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Breaker<S>;

    fn layer(&self, inner: S) -> Breaker<S> {
        Breaker { inner, breakers: self.0.clone() }
    }
}

/// Turns requests away from a host whose circuit is open, and learns from how the others end.
#[derive(Debug, Clone)]
pub(crate) struct Breaker<S> {
    inner: S,
    breakers: Breakers,
}

impl<B, S: Service<Request<B>, Error = Error>> Service<Request<B>> for Breaker<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = Either<std::future::Ready<Result<S::Response>>, BreakerFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.breakers.admit(request.destination().origin()) {
            Ok(ticket) => Either::Right(BreakerFuture { call: self.inner.call(request), ticket }),
            Err(away) => Either::Left(std::future::ready(Err(circuit_open(request.destination(), away)))),
        }
    }
}

fn circuit_open(destination: &Destination, away: CircuitOpen) -> Error {
    let message = format!("{}: skipped: too many recent failures from this host", destination.description());
    let error = Error::new(ErrorKind::Network, message)
        .with_host(destination.origin().authority())
        .with_hint("the host is down or unreachable; try again in a minute")
        .with_retry(away.retry);
    if away.refused { error.with_unreachable() } else { error }
}

pin_project! {
    /// A request whose outcome is reported to its circuit.
    pub(crate) struct BreakerFuture<F> {
        #[pin]
        call: F,
        ticket: Ticket,
    }
}

impl<T, F: Future<Output = Result<T>>> Future for BreakerFuture<F> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.project();
        let outcome = ready!(this.call.poll(cx));
        this.ticket.settle(judge(&outcome));
        Poll::Ready(outcome)
    }
}

/// Outcome of a response for the host's health. One with `Retry-After` is busy, not broken.
fn judge<T>(outcome: &Result<T>) -> CallOutcome {
    match outcome {
        Ok(_) => CallOutcome::Fine,
        Err(error) => match (error.kind(), error.retry()) {
            (ErrorKind::Network, Retry::Briefly) => CallOutcome::Refused,
            (ErrorKind::Network, Retry::Backoff) => CallOutcome::Failed,
            (ErrorKind::NotFound | ErrorKind::Unauthorized, _) => CallOutcome::Fine,
            _ => CallOutcome::Unknown,
        },
    }
}

#[cfg(test)]
mod tests;
