//! The offline gate: when it is shut, nothing gets through to the network.

use std::fmt;
use std::task::{Context, Poll};

use cache_core::{Error, ErrorKind};
use futures::future::{Either, Ready, ready};
use tower::{Layer, Service};

use crate::Call;

/// Puts `Offline` around a service.
#[derive(Debug, Clone, Copy)]
pub struct OfflineLayer {
    offline: bool,
}

impl OfflineLayer {
    /// A gate that is shut when `offline`.
    #[must_use]
    pub fn new(offline: bool) -> Self {
        Self { offline }
    }
}

impl<S> Layer<S> for OfflineLayer {
    type Service = Offline<S>;

    fn layer(&self, inner: S) -> Offline<S> {
        Offline { inner, offline: self.offline }
    }
}

/// Refuses every request while offline, with [`ErrorKind::NotCached`].
#[derive(Debug, Clone)]
pub struct Offline<S> {
    inner: S,
    offline: bool,
}

impl<R: Call, S: Service<R, Error = Error>> Service<R> for Offline<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = Either<Ready<Result<S::Response, Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.offline { Poll::Ready(Ok(())) } else { self.inner.poll_ready(cx) }
    }

    fn call(&mut self, request: R) -> Self::Future {
        if !self.offline {
            return Either::Right(self.inner.call(request));
        }
        let error = Error::new(ErrorKind::NotCached, format!("{}: not sent: offline", request.description()))
            .with_host(request.origin().authority())
            .with_hint("turn offline mode off")
            .with_reason(cache_core::Reason::Offline);
        Either::Left(ready(Err(error)))
    }
}

impl<S: fmt::Display> fmt::Display for Offline<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offline({})", self.inner)
    }
}
