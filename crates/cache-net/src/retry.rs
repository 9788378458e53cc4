//! Repeats what can be repeated: jittered exponential back-off, or as long as the host asks to wait, from one budget.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use cache_core::{Error, Result, Retry as Class, RetryNote};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt as _};

use crate::{Call, Jitter};

/// How long to wait between attempts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The wait before the first retry, doubled for each further one in a row; between half of it and all of it.
    pub base: Duration,
    /// Longest wait of our own.
    pub cap: Duration,
    /// Longest wait that a host may ask for. One that asks for more gets no retry.
    pub patience: Duration,
}

impl Default for RetryPolicy {
    /// From 1 s to 30 s; a host may ask for up to 5 minutes, the length of the Hub's rate limit window.
    fn default() -> Self {
        Self { base: Duration::from_secs(1), cap: Duration::from_secs(30), patience: Duration::from_secs(300) }
    }
}

impl RetryPolicy {
    /// The wait before the `nth` retry in a row (from 1), at least what the host asked for.
    fn wait(&self, nth: u32, asked: Duration, jitter: &Jitter) -> Duration {
        let doubled = self.base.saturating_mul(1_u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX));
        let half = doubled.min(self.cap) / 2;
        let own = half + jitter.up_to(half);
        // Everyone is told the same moment; not all should come back at it.
        let theirs = asked + jitter.up_to((asked / 10).min(Duration::from_secs(2)));
        own.max(theirs)
    }
}

/// Puts `Retry` around a service.
#[derive(Debug, Clone, Default)]
pub struct RetryLayer {
    policy: RetryPolicy,
    jitter: Jitter,
}

impl RetryLayer {
    /// Retries by this policy.
    #[must_use]
    pub fn new(policy: RetryPolicy, jitter: Jitter) -> Self {
        Self { policy, jitter }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry { inner, layer: self.clone() }
    }
}

/// Repeats idempotent requests whose error says that it can help, while their budget lasts.
#[derive(Debug, Clone)]
pub struct Retry<S> {
    inner: S,
    layer: RetryLayer,
}

impl<R: Call, S: Service<R, Error = Error> + Clone> Service<R> for Retry<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = Retrying<R, S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        // Each attempt waits for its own clone.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        Retrying {
            step: Step::Calling { call: self.inner.clone().oneshot(request.clone()) },
            service: self.inner.clone(),
            layer: self.layer.clone(),
            request,
            attempt: 1,
            started: Instant::now(),
        }
    }
}

impl<S: fmt::Display> fmt::Display for Retry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "retry({})", self.inner)
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<F> {
        Calling { #[pin] call: F },
        Waiting { #[pin] sleep: Sleep },
    }
}

pin_project! {
    /// A request and its retries.
    pub struct Retrying<R, S>
    where
        S: Service<R>,
    {
        #[pin]
        step: Step<Oneshot<S, R>>,
        service: S,
        layer: RetryLayer,
        request: R,
        attempt: u32,
        started: Instant,
    }
}

impl<R: Call, S: Service<R, Error = Error> + Clone> Future for Retrying<R, S> {
    type Output = Result<S::Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.step.as_mut().project() {
                StepProjection::Calling { call } => {
                    let error = match ready!(call.poll(cx)) {
                        Ok(response) => return Poll::Ready(Ok(response)),
                        Err(error) => error,
                    };
                    match next_wait(this.layer, this.request, error, *this.attempt, *this.started) {
                        Ok(wait) => this.step.set(Step::Waiting { sleep: sleep(wait) }),
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                StepProjection::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    *this.attempt += 1;
                    let call = this.service.clone().oneshot(this.request.clone());
                    this.step.set(Step::Calling { call });
                }
            }
        }
    }
}

/// How long to wait before the next attempt, or the error to end with.
fn next_wait<R: Call>(
    layer: &RetryLayer,
    request: &R,
    error: Error,
    attempt: u32,
    started: Instant,
) -> Result<Duration> {
    if request.budget().is_none() {
        return Err(error);
    }
    let asked = match error.retry() {
        Class::Never if attempt == 1 => return Err(error),
        Class::Never => return Err(error.exhausted(attempt, started.elapsed())),
        Class::Backoff => Duration::ZERO,
        Class::After(asked) => asked,
    };
    if !request.is_idempotent() {
        return Err(error.exhausted(attempt, started.elapsed()));
    }
    if asked > layer.policy.patience {
        let hint = format!("the host asks to wait {} s; try again then", asked.as_secs());
        return Err(error.with_hint(hint).exhausted(attempt, started.elapsed()));
    }
    let Some(nth) = request.budget().take() else {
        return Err(error.exhausted(attempt, started.elapsed()));
    };
    let wait = layer.policy.wait(nth, asked, &layer.jitter);
    let host = request.origin().authority();
    tracing::debug!(what = request.what(), attempt, ?wait, %error, "retrying");
    request.budget().note(&RetryNote { host: &host, attempt, wait, reason: error.message() });
    Ok(wait)
}

#[cfg(test)]
mod tests;
