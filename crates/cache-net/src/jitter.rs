//! [`Jitter`]: the one source of randomness of this crate. Seeded, it gives the same numbers in every run.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Spreads waits, so that many clients that failed together do not come back together. Clones share their state.
#[derive(Debug, Clone)]
pub(crate) struct Jitter(Arc<AtomicU64>);

impl Jitter {
    /// The same waits in every run.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// A duration from `0` to `most`, evenly spread.
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        let parts = u32::try_from(self.next() >> 48).unwrap_or_default();
        most.mul_f64(f64::from(parts) / 65535.0)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): one atomic addition, good enough for waits.
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Default for Jitter {
    /// Seeded by the standard library's randomness, which the operating system seeds.
    fn default() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_waits_and_they_spread() {
        let most = Duration::from_secs(10);
        let draw = |seed| {
            let jitter = Jitter::seeded(seed);
            (0..64).map(|_| jitter.up_to(most)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|&wait| wait <= most));
        assert!(draw(7).iter().any(|&wait| wait < most / 4) && draw(7).iter().any(|&wait| wait > most / 4 * 3));
    }
}
