//! One line of log for each request: what, how long, how it ended. Bodies are not logged: they pass by untouched.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cache_core::{Error, Result};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::Call;

/// Puts `Trace` around a service.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}

/// Logs each request at debug level by its redacted name.
#[derive(Debug, Clone)]
pub struct Trace<S> {
    inner: S,
}

impl<R: Call, S: Service<R, Error = Error>> Service<R> for Trace<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let what = tracing::enabled!(tracing::Level::DEBUG).then(|| request.description().to_owned());
        TraceFuture { call: self.inner.call(request), what, started: Instant::now() }
    }
}

impl<S: fmt::Display> fmt::Display for Trace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace({})", self.inner)
    }
}

pin_project! {
    /// A request whose end will be logged.
    #[derive(Debug)]
    pub struct TraceFuture<F> {
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
