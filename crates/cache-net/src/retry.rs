//! Repeats what can be repeated: jittered exponential back-off, or as long as the host asks to wait, from one budget.

use std::time::Duration;

use cache_core::{Error, Result, Retry as RetryClass, RetryNote};
use http::Request;
use tokio::time::{Instant, Sleep, sleep};
use tower::retry::Policy;

use crate::extensions::RequestExt as _;
use crate::jitter::Jitter;

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

/// Decides for [`tower::retry::Retry`]: idempotent requests whose error says that it can help, while their budget lasts.
///
/// Each request has its own clone, which counts the attempts.
#[derive(Debug, Clone)]
pub(crate) struct BudgetedRetry {
    policy: RetryPolicy,
    jitter: Jitter,
    /// Number of the attempt that is under way, from 1.
    attempt: u32,
    /// Start of the first attempt.
    started: Instant,
}

/// The reason for no further attempt.
#[derive(Debug, Clone, Copy)]
enum GiveUp {
    /// The error is passed on as it is: it was definite at once, or nothing is repeated here.
    Unchanged,
    /// The error tells how often it was tried.
    Exhausted,
    /// The host asks for a wait beyond [`RetryPolicy::patience`].
    LongWait,
}

impl BudgetedRetry {
    /// Waits by this policy.
    pub(crate) fn new(policy: RetryPolicy, jitter: Jitter) -> Self {
        Self { policy, jitter, attempt: 1, started: Instant::now() }
    }

    /// The wait before the next attempt.
    fn next_wait<B>(&self, request: &Request<B>, error: &Error) -> Result<Duration, GiveUp> {
        let budget = request.budget().filter(|budget| !budget.is_none()).ok_or(GiveUp::Unchanged)?;
        let asked = match error.retry() {
            RetryClass::Never if self.attempt == 1 => return Err(GiveUp::Unchanged),
            RetryClass::Never => return Err(GiveUp::Exhausted),
            RetryClass::Backoff | RetryClass::Briefly => Duration::ZERO,
            RetryClass::After(asked) => asked,
        };
        if !request.is_idempotent() {
            return Err(GiveUp::Exhausted);
        }
        if asked > self.policy.patience {
            return Err(GiveUp::LongWait);
        }
        let brief = match error.retry() {
            RetryClass::Briefly => {
                let wait = self.policy.brief_wait(self.attempt, self.started.elapsed(), &self.jitter);
                Some(wait.ok_or(GiveUp::Exhausted)?)
            }
            _ => None,
        };
        let nth = budget.take().ok_or(GiveUp::Exhausted)?;
        let wait = brief.unwrap_or_else(|| self.policy.wait(nth, asked, &self.jitter));
        let destination = request.destination();
        tracing::debug!(what = destination.description(), attempt = self.attempt, ?wait, %error, "retrying");
        budget.note(&RetryNote { host: &destination.origin().authority(), attempt: self.attempt, wait, error });
        Ok(wait)
    }
}

impl<B: Clone, T> Policy<Request<B>, T, Error> for BudgetedRetry {
    type Future = Sleep;

    fn retry(&mut self, request: &mut Request<B>, outcome: &mut Result<T>) -> Option<Sleep> {
        let Err(error) = outcome else { return None };
        let refused = match self.next_wait(request, error) {
            Ok(wait) => {
                self.attempt += 1;
                return Some(sleep(wait));
            }
            Err(GiveUp::Unchanged) => return None,
            Err(GiveUp::Exhausted) => error.clone(),
            Err(GiveUp::LongWait) => error.clone().with_hint(LONG_WAIT),
        };
        *error = refused.exhausted(self.attempt, self.started.elapsed());
        None
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        // Called before each attempt, also by a service that has sent other requests.
        if self.attempt == 1 {
            self.started = Instant::now();
        }
        Some(request.clone())
    }
}

#[cfg(test)]
mod tests;
