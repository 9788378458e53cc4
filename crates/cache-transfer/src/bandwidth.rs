//! The bandwidth limit: one bucket for all transfers of an engine, changeable while they run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Burst allowance, as time.
const BURST: Duration = Duration::from_millis(100);

/// A limit on bytes per second over all transfers. Clones share it.
#[derive(Debug, Clone)]
pub struct Bandwidth(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bucket: Mutex<TokenBucket>,
    changed: Notify,
}

#[derive(Debug)]
struct TokenBucket {
    /// Bytes a second; `None` is unlimited.
    rate: Option<u64>,
    /// Time at which the granted bytes are within the rate.
    paid_at: Instant,
}

impl Bandwidth {
    /// A limit in bytes per second; `None` for none. Zero counts as one byte a second.
    #[must_use]
    pub fn new(rate: Option<u64>) -> Self {
        Self(Arc::new(Shared {
            bucket: Mutex::new(TokenBucket { rate, paid_at: Instant::now() }),
            changed: Notify::new(),
        }))
    }

    /// Changes the limit; transfers that wait for their turn follow at once.
    pub fn set(&self, rate: Option<u64>) {
        let mut bucket = self.lock();
        bucket.rate = rate;
        bucket.paid_at = bucket.paid_at.min(Instant::now());
        drop(bucket);
        self.0.changed.notify_waiters();
    }

    /// The limit in bytes per second.
    #[must_use]
    pub fn get(&self) -> Option<u64> {
        self.lock().rate
    }

    /// Whether a taker has to wait now.
    pub(crate) fn is_exhausted(&self) -> bool {
        let bucket = self.lock();
        bucket.rate.is_some() && bucket.paid_at > Instant::now()
    }

    /// Takes `bytes` and waits until they are allowed. Cancelling gives nothing back.
    pub(crate) async fn take(&self, bytes: u64) {
        let mut asked = bytes;
        loop {
            // Listened to before the look at the rate, so that no change in between is missed.
            let changed = self.0.changed.notified();
            let Some(until) = self.reserve(std::mem::take(&mut asked)) else { return };
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = changed => {}
            }
        }
    }

    /// Time at which the caller may continue; `None` for at once.
    fn reserve(&self, bytes: u64) -> Option<Instant> {
        let mut bucket = self.lock();
        let rate = bucket.rate?.max(1);
        let now = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "a duration")]
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        bucket.paid_at = bucket.paid_at.max(now.checked_sub(BURST).unwrap_or(now)) + cost;
        (bucket.paid_at > now).then_some(bucket.paid_at)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TokenBucket> {
        self.0.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_holds_over_all_takers() {
        let bandwidth = Bandwidth::new(Some(1_000_000));
        let start = Instant::now();
        let takers = (0..4).map(|_| {
            let bandwidth = bandwidth.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    bandwidth.take(50_000).await;
                }
            })
        });
        for taker in takers.collect::<Vec<_>>() {
            taker.await.unwrap();
        }
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_millis(9_850) && elapsed <= Duration::from_millis(10_050), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_limit_reaches_those_who_wait() {
        let bandwidth = Bandwidth::new(Some(1));
        let start = Instant::now();
        let waiter = tokio::spawn({
            let bandwidth = bandwidth.clone();
            async move { bandwidth.take(1_000_000).await }
        });
        tokio::task::yield_now().await;
        bandwidth.set(None);
        waiter.await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
