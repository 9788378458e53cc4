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
/// The longest wait a server may ask for: beyond it, failing with a clear word is kinder.
const PATIENCE: Duration = Duration::from_secs(300);

/// Bytes that count as progress: they refill the budget.
const PROGRESS: u64 = 256 << 10;

#[derive(Debug)]
pub(crate) struct Backoff {
    budget: RetryBudget,
    started: Instant,
    /// Until when all connections of this file wait.
    until: Mutex<Option<Instant>>,
    /// Bytes since the budget was refilled.
    arrived: AtomicU64,
}

impl Backoff {
    pub(crate) fn new(budget: RetryBudget) -> Self {
        Self { budget, started: Instant::now(), until: Mutex::new(None), arrived: AtomicU64::new(0) }
    }

    /// Bytes have arrived: with enough of them the failures before do not count any more.
    pub(crate) fn progressed(&self, bytes: u64) {
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

    /// When the failed thing may be tried again. Failures while a wait is under way share it.
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
            Retry::Backoff => None,
            Retry::After(wait) if wait > PATIENCE => return Err(give_up(error)),
            Retry::After(wait) => Some(wait),
        };
        let Some(attempt) = self.budget.take() else { return Err(give_up(error)) };
        let wait = asked.unwrap_or_else(|| jittered((BASE * 2_u32.saturating_pow(attempt - 1)).min(LONGEST)));
        self.budget.note(&RetryNote {
            host: error.host().unwrap_or("the source"),
            attempt,
            wait,
            reason: error.message(),
        });
        *until = Some(now + wait);
        Ok(now + wait)
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

    fn reset() -> Error {
        Error::new(ErrorKind::Network, "connection reset").with_retry(Retry::Backoff)
    }

    #[tokio::test(start_paused = true)]
    async fn many_connections_that_fail_together_cost_one_retry() {
        let backoff = Backoff::new(RetryBudget::new(2));
        for _ in 0..2 {
            let waits = (0..30).map(|_| backoff.wait(reset()));
            assert!(futures::future::join_all(waits).await.iter().all(Result::is_ok));
        }
        let error = backoff.wait(reset()).await.unwrap_err();
        assert_eq!((error.attempts(), error.retry()), (3, Retry::Never));
    }

    #[tokio::test(start_paused = true)]
    async fn the_servers_word_is_kept() {
        let backoff = Backoff::new(RetryBudget::new(1));
        let start = Instant::now();
        backoff.wait(reset().with_retry(Retry::After(Duration::from_secs(55)))).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(55));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_helped_is_not_tried_again() {
        let backoff = Backoff::new(RetryBudget::new(5));
        assert!(backoff.wait(Error::new(ErrorKind::NotFound, "gone")).await.is_err());
        assert_eq!(backoff.budget.attempts(), 1);
    }
}
