//! Bounded memory for what clients can invent: [`LruCache`] and [`TokenBucket`].

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// A map of about the most recently used entries: those of two generations, of which the older goes when the younger is
/// full.
#[derive(Debug)]
pub(crate) struct LruCache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Hash + Eq + Clone, V> LruCache<K, V> {
    /// Holds at least this many entries, at most twice as many.
    pub(crate) fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    /// The entry, which thereby is a young one.
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.generation && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let young = self.young.remove(key);
        self.old.remove(key).or(young)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

/// Permits that come back with time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenBucket {
    permits: f64,
    at: Instant,
}

/// How fast permits come back, and how many can be saved up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimit {
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

impl TokenBucket {
    pub(crate) fn full(pace: RateLimit, now: Instant) -> Self {
        Self { permits: pace.burst, at: now }
    }

    /// Takes a permit, or says how long it takes until there is one.
    pub(crate) fn take(&mut self, pace: RateLimit, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.permits = (self.permits + passed * pace.per_second).min(pace.burst);
        self.at = now;
        if self.permits >= 1.0 {
            self.permits -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.permits) / pace.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_what_is_used() {
        let mut recent = LruCache::new(100);
        recent.insert(0, "kept");
        for stranger in 1..10_000 {
            recent.insert(stranger, "flood");
            assert_eq!(recent.get(&0), Some(&mut "kept"));
            assert!(recent.len() <= 200);
        }
        assert!(recent.get(&1).is_none());
        assert_eq!(recent.remove(&0), Some("kept"));
        assert!(recent.get(&0).is_none());
    }

    #[test]
    fn a_permit_comes_back_with_time() {
        let pace = RateLimit { per_second: 2.0, burst: 3.0 };
        let start = Instant::now();
        let mut bucket = TokenBucket::full(pace, start);
        assert!((0..3).all(|_| bucket.take(pace, start).is_ok()));
        assert_eq!(bucket.take(pace, start), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(pace, start + Duration::from_millis(500)), Ok(()));
        let late = start + Duration::from_secs(3600);
        assert_eq!((0..9).filter(|_| bucket.take(pace, late).is_ok()).count(), 3);
    }
}
