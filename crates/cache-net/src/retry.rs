//! Repeats what can be repeated: jittered exponential back-off, or as long as the host asks to wait, from one budget.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use cache_core::{Error, Result, Retry as RetryClass, RetryNote};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt as _};

use crate::{Call, Jitter};

/// Waits between attempts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The wait before the first retry, doubled for each further one in a row; between half of it and all of it.
    pub base: Duration,
    /// Longest wait of our own.
    pub cap: Duration,
    /// Longest wait that a host may ask for. One that asks for more gets no retry.
    pub patience: Duration,
    /// Time within which a host is tried again that refuses connections or has no address.
    pub restart: Duration,
}

/// Hint for a host that asks for a wait beyond [`RetryPolicy::patience`].
const LONG_WAIT: &str = "run the same command again then, or raise transfer.max-wait";

/// The wait before the first retry of a host that refuses connections.
const BRIEF: Duration = Duration::from_millis(250);

impl Default for RetryPolicy {
    /// From 1 s to 30 s; a host may ask for up to 5 minutes, the length of the Hub's rate limit window; 4 s for a host
    /// that refuses connections.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(30),
            patience: Duration::from_secs(300),
            restart: Duration::from_secs(4),
        }
    }
}

impl RetryPolicy {
    /// The wait before the `nth` retry in a row (from 1), at least what the host asked for.
    fn wait(&self, nth: u32, asked: Duration, jitter: &Jitter) -> Duration {
        let own = doubled(self.base, nth, self.cap, jitter);
        // Everyone is told the same moment; not all should come back at it.
        let theirs = asked + jitter.up_to((asked / 10).min(Duration::from_secs(2)));
        own.max(theirs)
    }

    /// The wait before another attempt at a host that refuses connections; `None` when its time is up.
    fn brief_wait(&self, attempt: u32, elapsed: Duration, jitter: &Jitter) -> Option<Duration> {
        let wait = doubled(BRIEF, attempt, self.restart, jitter);
        (elapsed + wait <= self.restart).then_some(wait)
    }
}

/// `base`, doubled for each wait before, at most `cap`; between half of it and all of it.
fn doubled(base: Duration, nth: u32, cap: Duration, jitter: &Jitter) -> Duration {
    let doubled = base.saturating_mul(1_u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX));
    let half = doubled.min(cap) / 2;
    half + jitter.up_to(half)
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
    type Service = RetryService<S>;

    fn layer(&self, inner: S) -> RetryService<S> {
        RetryService { inner, layer: self.clone() }
    }
}

/// Repeats idempotent requests whose error says that it can help, while their budget lasts.
#[derive(Debug, Clone)]
pub struct RetryService<S> {
    inner: S,
    layer: RetryLayer,
}

impl<R: Call, S: Service<R, Error = Error> + Clone> Service<R> for RetryService<S> {
    type Response = S::Response;
    type Error = Error;
    type Future = RetryFuture<R, S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        // Each attempt waits for its own clone.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        RetryFuture {
            step: RetryStep::Calling { call: self.inner.clone().oneshot(request.clone()) },
            service: self.inner.clone(),
            layer: self.layer.clone(),
            request,
            attempt: 1,
            started: Instant::now(),
        }
    }
}

impl<S: fmt::Display> fmt::Display for RetryService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "retry({})", self.inner)
    }
}

pin_project! {
    #[project = StepProjection]
    enum RetryStep<F> {
        Calling { #[pin] call: F },
        Waiting { #[pin] sleep: Sleep },
    }
}

pin_project! {
    /// A request and its retries.
    pub struct RetryFuture<R, S>
    where
        S: Service<R>,
    {
        #[pin]
        step: RetryStep<Oneshot<S, R>>,
        service: S,
        layer: RetryLayer,
        request: R,
        attempt: u32,
        started: Instant,
    }
}

impl<R: Call, S: Service<R, Error = Error> + Clone> Future for RetryFuture<R, S> {
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
                        Ok(wait) => this.step.set(RetryStep::Waiting { sleep: sleep(wait) }),
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                StepProjection::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    *this.attempt += 1;
                    let call = this.service.clone().oneshot(this.request.clone());
                    this.step.set(RetryStep::Calling { call });
                }
            }
        }
    }
}

/// Wait before the next attempt, or the final error.
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
    let elapsed = started.elapsed();
    let asked = match error.retry() {
        RetryClass::Never if attempt == 1 => return Err(error),
        RetryClass::Never => return Err(error.exhausted(attempt, elapsed)),
        RetryClass::Backoff | RetryClass::Briefly => Duration::ZERO,
        RetryClass::After(asked) => asked,
    };
    if !request.is_idempotent() {
        return Err(error.exhausted(attempt, elapsed));
    }
    if asked > layer.policy.patience {
        return Err(error.with_hint(LONG_WAIT).exhausted(attempt, elapsed));
    }
    let brief = match error.retry() {
        RetryClass::Briefly => match layer.policy.brief_wait(attempt, elapsed, &layer.jitter) {
            None => return Err(error.exhausted(attempt, elapsed)),
            wait => wait,
        },
        _ => None,
    };
    let Some(nth) = request.budget().take() else {
        return Err(error.exhausted(attempt, elapsed));
    };
    let wait = brief.unwrap_or_else(|| layer.policy.wait(nth, asked, &layer.jitter));
    let host = request.origin().authority();
    tracing::debug!(what = request.description(), attempt, ?wait, %error, "retrying");
    request.budget().note(&RetryNote { host: &host, attempt, wait, error: &error });
    Ok(wait)
}

#[cfg(test)]
mod tests;
