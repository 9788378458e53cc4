//! How much one client may take: [`Rates`] of requests, [`Connections`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_lib::Sha256;

use crate::bounded::{LruCache, RateLimit, TokenBucket};
use crate::clock::Clock;
use crate::listen::network;

/// Clients that are remembered.
const CLIENTS: usize = 16 << 10;
/// Seconds of requests that may come at once.
const BURST: u32 = 10;
/// Clients with tokens behind one address. More than this of invented tokens are one client.
const TOKENS_PER_ADDRESS: u32 = 16;

/// Requests that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum RateKey {
    Token(Sha256),
    /// All with a token at this address.
    Tokens(IpAddr),
    Address(IpAddr),
}

/// Requests of each client.
#[derive(Debug)]
pub(super) struct Rates {
    per_second: u32,
    buckets: Mutex<LruCache<RateKey, TokenBucket>>,
    clock: Clock,
}

impl Rates {
    pub(super) fn new(per_second: u32, clock: Clock) -> Self {
        Self { per_second, buckets: Mutex::new(LruCache::new(CLIENTS)), clock }
    }

    /// Counts a request, or says when to come back.
    pub(super) fn take(&self, token: Option<Sha256>, address: IpAddr) -> Result<(), Duration> {
        let address = network(address);
        match token {
            None => self.one(RateKey::Address(address), 1),
            Some(token) => {
                self.one(RateKey::Tokens(address), TOKENS_PER_ADDRESS).and_then(|()| self.one(RateKey::Token(token), 1))
            }
        }
    }

    fn one(&self, client: RateKey, times: u32) -> Result<(), Duration> {
        let per_second = f64::from(self.per_second) * f64::from(times);
        let pace = RateLimit { per_second, burst: per_second * f64::from(BURST) };
        let now = self.clock.now();
        let mut buckets = lock(&self.buckets);
        if let Some(bucket) = buckets.get(&client) {
            return bucket.take(pace, now);
        }
        let mut bucket = TokenBucket::full(pace, now);
        let taken = bucket.take(pace, now);
        buckets.insert(client, bucket);
        taken
    }

    /// `ratelimit-policy`, as the Hub writes it.
    pub(super) fn policy(&self) -> String {
        format!("\"fixed window\";\"api\";q={};w={BURST}", u64::from(self.per_second) * u64::from(BURST))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.buckets).len()
    }
}

/// Open connections of each client.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    most: Option<usize>,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that counts until this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct ConnectionGuard(Option<(Connections, IpAddr)>);

impl Connections {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, open: Arc::default() }
    }

    /// One more connection from there; `None` when it has too many.
    pub(super) fn open(&self, address: IpAddr) -> Option<ConnectionGuard> {
        let Some(most) = self.most else { return Some(ConnectionGuard(None)) };
        let address = network(address);
        let mut open = lock(&self.open);
        let count = open.get(&address).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        open.insert(address, count + 1);
        Some(ConnectionGuard(Some((self.clone(), address))))
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let Some((connections, address)) = self.0.take() else { return };
        let mut open = lock(&connections.open);
        if let Some(count) = open.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TestClock;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn token(number: u16) -> Option<Sha256> {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        Some(Sha256::from_bytes(bytes))
    }

    #[test]
    fn each_client_has_its_own_rate() {
        let clock = TestClock::new();
        let rates = Rates::new(2, clock.clock());
        let taken = |token, address| (0..100).filter(|_| rates.take(token, address).is_ok()).count();
        assert_eq!(taken(None, address(1)), 20);
        assert_eq!(taken(None, address(2)), 20);
        assert_eq!(taken(token(1), address(1)), 20);
        assert_eq!(rates.take(None, address(1)), Err(Duration::from_millis(500)));
        clock.pass(Duration::from_secs(1));
        assert_eq!(taken(None, address(1)), 2);
        assert_eq!(taken(token(1), address(2)), 2, "a token is one client wherever it is");
    }

    #[test]
    fn invented_tokens_do_not_help_and_memory_is_bounded() {
        let rates = Rates::new(1, TestClock::new().clock());
        let passed = (0..50_000).filter(|n| rates.take(token(*n), address(1)).is_ok()).count();
        assert_eq!(passed, 160);
        let rates = Rates::new(1, TestClock::new().clock());
        for n in 0..100_000_u32 {
            let _ = rates.take(None, IpAddr::from(n.to_be_bytes()));
        }
        assert!(rates.len() <= 2 * CLIENTS);
        let v6 = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]);
        assert_eq!((0..100).filter(|host| rates.take(None, v6(*host)).is_ok()).count(), 10);
    }

    #[test]
    fn connections_are_counted_while_they_are_open() {
        let connections = Connections::new(Some(2));
        let first = connections.open(address(1)).unwrap();
        let second = connections.open(address(1)).unwrap();
        assert!(connections.open(address(1)).is_none());
        let other = connections.open(address(2)).unwrap();
        drop(first);
        let third = connections.open(address(1)).unwrap();
        assert!(connections.open(address(1)).is_none());
        drop((second, third, other));
        assert!(lock(&connections.open).is_empty());
        let unlimited = Connections::new(None);
        assert_eq!((0..100).filter_map(|_| unlimited.open(address(1))).count(), 100);
    }
}
