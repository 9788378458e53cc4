//! One line of log for each request: what, how long, how it ended. Bodies are not logged: they pass by untouched.
//!
//! Our own, because tower-http's `Trace` wraps the body: it enters a span and reads the clock for each chunk.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cache_core::{Error, Result};
use http::Request;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::extensions::RequestExt as _;

/// Puts `Trace` around a service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}

/// Logs each request at debug level by its redacted name.
#[derive(Debug, Clone)]
pub(crate) struct Trace<S> {
    inner: S,
}

impl<B, S: Service<Request<B>, Error = Error>> Service<Request<B>> for Trace<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let what = tracing::enabled!(tracing::Level::DEBUG).then(|| request.destination().description().to_owned());
        TraceFuture { call: self.inner.call(request), what, started: Instant::now() }
    }
}

pin_project! {
    /// A request whose end will be logged.
    pub(crate) struct TraceFuture<F> {
        #[pin]
        call: F,
        what: Option<String>,
        started: Instant,
    }
}

impl<T, F: Future<Output = Result<T>>> Future for TraceFuture<F> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let this = self.project();
        let outcome = ready!(this.call.poll(cx));
        if let Some(what) = this.what {
            let elapsed = this.started.elapsed();
            match &outcome {
                Ok(_) => tracing::debug!(what, ?elapsed, "answered"),
                Err(error) => tracing::debug!(what, ?elapsed, %error, "failed"),
            }
        }
        Poll::Ready(outcome)
    }
}
