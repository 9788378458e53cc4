//! [`UnknownTokens`]: rate limit of `whoami` questions about new tokens.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::bounded::{LruCache, RateLimit, TokenBucket};
use crate::clock::Clock;
use crate::listen::network;

/// Clients that are remembered.
const CLIENTS: usize = 4096;
/// Questions of one client: a program that logs in asks once.
const ONE: RateLimit = RateLimit { per_second: 1.0, burst: 10.0 };
/// Questions of all clients.
const ALL: RateLimit = RateLimit { per_second: 10.0, burst: 100.0 };

/// Questions of each client, and of all.
#[derive(Debug)]
pub(super) struct UnknownTokens {
    buckets: Mutex<(TokenBucket, LruCache<IpAddr, TokenBucket>)>,
    clock: Clock,
}

impl UnknownTokens {
    pub(super) fn new(clock: Clock) -> Self {
        Self { buckets: Mutex::new((TokenBucket::full(ALL, clock.now()), LruCache::new(CLIENTS))), clock }
    }

    /// Counts a question, or says when to come back.
    pub(super) fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let (address, now) = (network(address), self.clock.now());
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, clients) = &mut *buckets;
        let mut client = clients.get(&address).copied().unwrap_or_else(|| TokenBucket::full(ONE, now));
        let taken = client.take(ONE, now);
        clients.insert(address, client);
        taken.and_then(|()| all.take(ALL, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TestClock;

    #[test]
    fn invented_tokens_are_paced_singly_and_in_all() {
        let clock = TestClock::new();
        let tokens = UnknownTokens::new(clock.clock());
        let taken = |client: u8| (0..50).filter(|_| tokens.take(IpAddr::from([10, 0, 0, client])).is_ok()).count();
        assert_eq!(taken(1), 10);
        assert_eq!(tokens.take(IpAddr::from([10, 0, 0, 1])), Err(Duration::from_secs(1)));
        assert_eq!((2..100).map(taken).sum::<usize>(), 90);
        clock.pass(Duration::from_secs(1));
        assert_eq!(taken(1), 1);
        assert_eq!((2..100).map(taken).sum::<usize>(), 9);
    }
}
