//! The offline gate: when it is shut, nothing gets through to the network.

use std::task::{Context, Poll};

use cache_core::{Error, ErrorKind};
use futures::future::{Either, Ready, ready};
use http::Request;
use tower::{Layer, Service};

use crate::extensions::RequestExt as _;

/// Puts `Offline` around a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfflineLayer {
    offline: bool,
}

impl OfflineLayer {
    /// A gate that is shut when `offline`.
    pub(crate) fn new(offline: bool) -> Self {
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
pub(crate) struct Offline<S> {
    inner: S,
    offline: bool,
}

impl<B, S: Service<Request<B>, Error = Error>> Service<Request<B>> for Offline<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = Either<Ready<Result<S::Response, Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.offline { Poll::Ready(Ok(())) } else { self.inner.poll_ready(cx) }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.offline {
            return Either::Right(self.inner.call(request));
        }
        let destination = request.destination();
        let error = Error::new(ErrorKind::NotCached, format!("{}: not sent: offline", destination.description()))
            .with_host(destination.origin().authority())
            .with_hint("turn offline mode off")
            .with_reason(cache_core::Reason::Offline);
        Either::Left(ready(Err(error)))
    }
}
