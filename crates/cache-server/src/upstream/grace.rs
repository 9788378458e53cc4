//! [`StaleGrace`]: wait for a new answer of upstream where an older one would do.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a new answer is waited for before the old one is given out: below what people notice as a hang, above the
/// round trip of a far host.
const GRACE: Duration = Duration::from_millis(700);
/// How long upstream counts as silent: until then an older answer goes out at once.
const SILENCE: Duration = Duration::from_secs(60);

/// Wait for upstream where an older answer would do (stale-while-revalidate). One question without an answer in time is enough
/// for all others not to wait, until one is answered again.
#[derive(Debug, Default)]
pub(crate) struct StaleGrace(Mutex<Option<Instant>>);

impl StaleGrace {
    /// End of the wait for a question that began at `since`.
    pub(crate) fn deadline(&self, since: Instant) -> Instant {
        let silent = self.lock().is_some_and(|until| until > Instant::now());
        if silent { since } else { since + GRACE }
    }

    /// Notes that upstream has answered.
    pub(crate) fn record_answer(&self) {
        *self.lock() = None;
    }

    /// Notes that the wait for a question that began at `since` is over.
    pub(crate) fn record_timeout(&self, since: Instant) {
        if since.elapsed() >= GRACE {
            self.record_silence();
        }
    }

    /// Notes that upstream did not answer in time or was unreachable.
    pub(crate) fn record_silence(&self) {
        *self.lock() = Some(Instant::now() + SILENCE);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_silence_spares_all_others_the_wait() {
        let grace = StaleGrace::default();
        let wait = || grace.deadline(Instant::now()).saturating_duration_since(Instant::now());
        assert_eq!(wait(), GRACE);
        grace.record_timeout(Instant::now());
        assert_eq!(wait(), GRACE, "it was not even waited for");
        grace.record_timeout(Instant::now() - GRACE);
        assert_eq!(wait(), Duration::ZERO);
        grace.record_answer();
        assert_eq!(wait(), GRACE);
        grace.record_silence();
        tokio::time::advance(SILENCE).await;
        assert_eq!(wait(), GRACE, "it may be back");
    }
}
