//! The one clock and the one randomness of the store.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The source of time; replaced in tests.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock that asks this function.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// How long ago a time was; nothing for the future.
    pub(crate) fn age(&self, time: SystemTime) -> Duration {
        self.now().duration_since(time).unwrap_or_default()
    }
}

impl Default for Clock {
    fn default() -> Self {
        #[cfg(feature = "torture")]
        return Self::new(|| shifted(SystemTime::now()));
        #[cfg(not(feature = "torture"))]
        Self::new(SystemTime::now)
    }
}

/// The time on a machine whose clock is wrong by `MODEL_CACHE_CLOCK_OFFSET` seconds.
#[cfg(feature = "torture")]
fn shifted(now: SystemTime) -> SystemTime {
    static OFFSET: std::sync::LazyLock<i64> = std::sync::LazyLock::new(|| {
        let text = std::env::var("MODEL_CACHE_CLOCK_OFFSET").unwrap_or_default();
        text.parse().unwrap_or_default()
    });
    let distance = Duration::from_secs(OFFSET.unsigned_abs());
    if *OFFSET < 0 { now.checked_sub(distance) } else { now.checked_add(distance) }.unwrap_or(now)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// 16 hexadecimal digits that no other process and no earlier call has used.
pub(crate) fn nonce() -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    // RandomState is seeded by the operating system; the rest only guards against a seed shared through fork.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u64(CALLS.fetch_add(1, Ordering::Relaxed));
    if let Ok(now) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        hasher.write_u128(now.as_nanos());
    }
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ() {
        let many: std::collections::HashSet<String> = (0..10_000).map(|_| nonce()).collect();
        assert_eq!(many.len(), 10_000);
        assert!(many.iter().all(|nonce| nonce.len() == 16));
    }
}
