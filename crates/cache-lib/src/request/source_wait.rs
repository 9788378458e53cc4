//! [`SourceWait`]: when the cached version is used although its source is still being asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::{RetryBudget, RetryNote};
use tokio::sync::Notify;

use crate::{Error, ErrorKind, Event, Progress, Retry};

/// Longest time without an answer.
const SILENCE: Duration = Duration::from_secs(8);
/// The part of a deadline that passes without an answer: the rest is for using the cached version.
const DEADLINE_PART: u32 = 2;

/// The wait for one source, which ends when no answer is expected soon.
#[derive(Debug, Clone)]
pub(crate) struct SourceWait(Arc<WaitState>);

#[derive(Debug)]
struct WaitState {
    /// Longest time without an answer.
    silence: Duration,
    /// Why the source will not answer soon.
    lost: Mutex<Option<Error>>,
    notify: Notify,
}

impl SourceWait {
    /// The wait of a get with this deadline.
    pub(crate) fn within(deadline: Option<Duration>) -> Self {
        let silence = deadline.map_or(SILENCE, |deadline| SILENCE.min(deadline / DEADLINE_PART));
        Self(Arc::new(WaitState { silence, lost: Mutex::default(), notify: Notify::new() }))
    }

    /// The budget for asking the source, which reports retries to `progress`.
    pub(crate) fn budget(&self, retries: u32, progress: Arc<dyn Progress>) -> RetryBudget {
        let own = self.clone();
        let limit = retries.saturating_add(1);
        RetryBudget::with_observer(retries, move |note| {
            let &RetryNote { host, attempt, wait, error } = note;
            if error.is_unreachable() || wait > own.0.silence {
                own.lose(error.clone());
            }
            progress.event(&Event::Retrying { host, attempt, limit, wait, reason: error.message() });
        })
    }

    fn lose(&self, error: Error) {
        *self.0.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.0.notify.notify_one();
    }

    /// Waits until the source is unreachable, asks to wait for long, or has been silent for 8 s or half the deadline.
    /// Returns the reason.
    pub(crate) async fn end(&self) -> Error {
        match tokio::time::timeout(self.0.silence, self.0.notify.notified()).await {
            Ok(()) => self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).take(),
            Err(_) => None,
        }
        .unwrap_or_else(|| {
            Error::new(ErrorKind::Network, format!("no answer within {} s", self.0.silence.as_secs_f32()))
                .with_hint("the network or the host is slow; try again later")
                .with_reason(crate::Reason::SlowNetwork)
                .with_retry(Retry::Backoff)
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::NoProgress;

    #[tokio::test(start_paused = true)]
    async fn wait_ends_when_the_source_is_unreachable() {
        let second = Duration::from_secs(1);
        let refused = Error::new(ErrorKind::Network, "connection refused").with_retry(Retry::Briefly);
        let limited = Error::new(ErrorKind::Network, "rate limited");
        for (error, wait, seconds) in
            [(refused.with_unreachable(), second, 0), (limited.clone(), 60 * second, 0), (limited.clone(), second, 8)]
        {
            let (waiting, began) = (SourceWait::within(None), Instant::now());
            let note = RetryNote { host: "h", attempt: 1, wait, error: &error };
            waiting.budget(5, Arc::new(NoProgress)).note(&note);
            let end = waiting.end().await;
            assert_eq!(began.elapsed(), seconds * second, "{error}");
            assert_eq!(end.message() == error.message(), seconds == 0, "{end}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_leaves_half_for_the_cached_version() {
        for (deadline, silence) in [(1000, 500), (6000, 3000), (60_000, 8000)] {
            let (waiting, began) = (SourceWait::within(Some(Duration::from_millis(deadline))), Instant::now());
            let end = waiting.end().await;
            assert_eq!(began.elapsed(), Duration::from_millis(silence), "{end}");
        }
    }
}
