//! Waiting after a failure, together: thirty connections that lose one server are one failure, not thirty.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cache_core::{Error, Retry, RetryBudget, RetryNote};
use tokio::time::Instant;

/// The first wait; each further one is twice as long.
const BASE: Duration = Duration::from_millis(200);
/// The longest wait of our own choosing; a server may ask for more.
const LONGEST: Duration = Duration::from_secs(20);
/// Retry time for a host that refuses connections, such as a restarting server.
const BRIEFLY: Duration = Duration::from_millis(3500);
/// The longest wait meanwhile.
const LONGEST_BRIEF: Duration = Duration::from_secs(1);
/// Hint for a server that asks for a longer wait than allowed.
const LONG_WAIT: &str = "run the same command again then, or raise transfer.max-wait";

/// Bytes that count as progress: they refill the budget.
const PROGRESS: u64 = 256 << 10;

#[derive(Debug)]
pub(crate) struct Backoff {
    budget: RetryBudget,
    /// The longest wait that a server may ask for.
    max_wait: Duration,
    started: Instant,
    /// Until when all connections of this file wait.
    until: Mutex<Option<Instant>>,
    /// Since when the host has refused connections.
    refused: Mutex<Option<Instant>>,
    /// Bytes since the budget was refilled.
    arrived: AtomicU64,
}

impl Backoff {
    pub(crate) fn new(budget: RetryBudget, max_wait: Duration) -> Self {
        let (until, refused) = (Mutex::default(), Mutex::default());
        Self { budget, max_wait, started: Instant::now(), until, refused, arrived: AtomicU64::new(0) }
    }

    /// Bytes have arrived: with enough of them the failures before do not count any more.
    pub(crate) fn progressed(&self, bytes: u64) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if self.arrived.fetch_add(bytes, Ordering::Relaxed) + bytes >= PROGRESS {
            self.arrived.store(0, Ordering::Relaxed);
            self.budget.progressed();
        }
    }

    /// Waits until the failed thing may be tried again.
    ///
    /// # Errors
    /// The error itself, when a retry cannot help or none is left.
    pub(crate) async fn wait(&self, error: Error) -> Result<(), Error> {
        let until = self.schedule(error)?;
        tokio::time::sleep_until(until).await;
        Ok(())
    }

    /// Time of the next attempt. Failures while a wait is under way share it.
    ///
    /// # Errors
    /// As [`Backoff::wait`].
    pub(crate) fn schedule(&self, error: Error) -> Result<Instant, Error> {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if error.is_retryable()
            && let Some(shared) = until.filter(|&until| until > now)
        {
            return Ok(shared);
        }
        let give_up = |error: Error| error.exhausted(self.budget.attempts(), self.started.elapsed());
        let asked = match error.retry() {
            Retry::Never => return Err(error),
            Retry::Backoff | Retry::Briefly => None,
            Retry::After(wait) if wait > self.max_wait => return Err(give_up(error.with_hint(LONG_WAIT))),
            Retry::After(wait) => Some(wait),
        };
        // A host that refuses connections is not waited for as long as the budget lasts.
        let last = self.last_try(&error, now);
        if last.is_some_and(|last| now + asked.unwrap_or(BASE) > last) {
            return Err(give_up(error));
        }
        let Some(attempt) = self.budget.take() else { return Err(give_up(error)) };
        let longest = last.map_or(LONGEST, |last| LONGEST_BRIEF.min(last.duration_since(now)));
        let wait = asked.unwrap_or_else(|| jittered((BASE * 2_u32.saturating_pow(attempt - 1)).min(longest)));
        self.budget.note(&RetryNote { host: error.host().unwrap_or("the source"), attempt, wait, error: &error });
        *until = Some(now + wait);
        Ok(now + wait)
    }
}

impl Backoff {
    /// Time of the last attempt at a host that refuses connections; `None` for other failures.
    fn last_try(&self, error: &Error, now: Instant) -> Option<Instant> {
        // One that is left alone for having refused them is no better.
        let refused = match error.retry() {
            Retry::Briefly => true,
            Retry::After(_) => error.is_unreachable(),
            Retry::Backoff | Retry::Never => false,
        };
        let mut since = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if refused { since.or(Some(now)) } else { None };
        since.map(|since| since + BRIEFLY)
    }
}

/// Between half and the whole of `wait`, so that many clients of one server do not come back in step.
fn jittered(wait: Duration) -> Duration {
    let random = RandomState::new().hash_one(0);
    #[expect(clippy::cast_precision_loss, reason = "a fraction")]
    let fraction = random as f64 / u64::MAX as f64;
    wait.mul_f64(0.5 + fraction / 2.0)
}

#[cfg(test)]
mod tests {
    use cache_core::ErrorKind;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn reset() -> Error {
        Error::new(ErrorKind::Network, "connection reset").with_retry(Retry::Backoff)
    }

    #[tokio::test(start_paused = true)]
    async fn simultaneous_failures_cost_one_retry() {
        let backoff = Backoff::new(RetryBudget::new(2), MINUTE);
        for _ in 0..2 {
            let waits = (0..30).map(|_| backoff.wait(reset()));
            assert!(futures::future::join_all(waits).await.iter().all(Result::is_ok));
        }
        let error = backoff.wait(reset()).await.unwrap_err();
        assert_eq!((error.attempts(), error.retry()), (3, Retry::Never));
    }

    #[tokio::test(start_paused = true)]
    async fn the_servers_word_is_kept() {
        let backoff = Backoff::new(RetryBudget::new(1), MINUTE);
        let start = Instant::now();
        backoff.wait(reset().with_retry(Retry::After(Duration::from_secs(55)))).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(55));
        let error = backoff.wait(reset().with_retry(Retry::After(2 * MINUTE))).await.unwrap_err();
        assert!(error.hint().unwrap().contains("max-wait") && start.elapsed() < MINUTE, "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_refuses_is_given_up_soon() {
        let refused = || reset().with_retry(Retry::Briefly).with_unreachable();
        let backoff = Backoff::new(RetryBudget::new(50), MINUTE);
        let began = Instant::now();
        while backoff.wait(refused()).await.is_ok() {}
        assert!(began.elapsed() <= BRIEFLY && backoff.budget.attempts() > 3, "{:?}", began.elapsed());
        backoff.progressed(PROGRESS);
        assert!(backoff.wait(refused()).await.is_ok(), "it was there again");
        let left_alone = refused().with_retry(Retry::After(Duration::from_secs(10)));
        assert!(Backoff::new(RetryBudget::new(5), MINUTE).wait(left_alone).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_helped_is_not_tried_again() {
        let backoff = Backoff::new(RetryBudget::new(5), MINUTE);
        assert!(backoff.wait(Error::new(ErrorKind::NotFound, "gone")).await.is_err());
        assert_eq!(backoff.budget.attempts(), 1);
    }
}
