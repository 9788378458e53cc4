//! [`Pacer`]: how often upstream is asked for names of which nothing is known.
//!
//! Anyone can invent names, and each costs upstream a request of this server's quota. So each client has a pace, and all
//! together have one. The last half of what all may ask at once is for clients that have asked little: a flood from some
//! addresses leaves others their first repositories.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_lib::failpoints::{Mutant, mutant};
use tokio::time::Instant;

use super::ClientGroup;
use crate::bounded::{LruCache, RateLimit};

/// Clients that are remembered.
const CLIENTS: usize = 16 << 10;
/// Longest wait for a turn. A client that asks for one name after the other is slowed down, not refused.
const LONGEST_TURN: Duration = Duration::from_secs(5);
/// Minutes of one client's names that may be asked for at once.
const BURST: f64 = 2.0;
/// How many times one client's pace all may have together.
const SHARES: f64 = 8.0;

/// How often upstream is asked for what is not known.
#[derive(Debug, Default)]
pub(crate) struct Pacer(Option<Buckets>);

#[derive(Debug)]
struct Buckets {
    one: RateLimit,
    all: RateLimit,
    balances: Mutex<Balances>,
}

#[derive(Debug)]
struct Balances {
    clients: LruCache<ClientGroup, Balance>,
    all: Balance,
}

/// Permits that come back with time. Below zero: balances that are still waited for.
#[derive(Debug, Clone, Copy)]
struct Balance {
    permits: f64,
    at: Instant,
}

impl Balance {
    fn full(pace: RateLimit, now: Instant) -> Self {
        Self { permits: pace.burst, at: now }
    }

    fn refill(&mut self, pace: RateLimit, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.permits = (self.permits + passed * pace.per_second).min(pace.burst);
        self.at = now;
    }

    /// The wait for the next permit above `floor`.
    fn wait(&self, pace: RateLimit, floor: f64) -> Duration {
        Duration::from_secs_f64((1.0 + floor - self.permits).max(0.0) / pace.per_second)
    }
}

impl Pacer {
    /// So many unknown names a minute for each client; `None`: no limit.
    pub(crate) fn new(per_minute: Option<u32>) -> Self {
        Self(per_minute.map(|per_minute| {
            let (per_second, burst) = (f64::from(per_minute) / 60.0, f64::from(per_minute) * BURST);
            let one = RateLimit { per_second, burst };
            let all = RateLimit { per_second: per_second * SHARES, burst: burst * SHARES };
            let balances = Balances { clients: LruCache::new(CLIENTS), all: Balance::full(all, Instant::now()) };
            Buckets { one, all, balances: Mutex::new(balances) }
        }))
    }

    /// Waits until the client may ask for a name of which nothing is known.
    ///
    /// # Errors
    /// When to come back, where the wait would be too long.
    pub(crate) async fn turn(&self, client: ClientGroup) -> Result<(), Duration> {
        let is_paced = client != ClientGroup::Trusted && !mutant(Mutant::NoPacing);
        let Some(limits) = self.0.as_ref().filter(|_| is_paced) else { return Ok(()) };
        let wait = limits.take(client, Instant::now())?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

impl Buckets {
    /// Takes a turn and returns the wait for it, or says when to come back.
    fn take(&self, client: ClientGroup, now: Instant) -> Result<Duration, Duration> {
        let mut balances = self.lock();
        let Balances { clients, all } = &mut *balances;
        let mut one = clients.get(&client).copied().unwrap_or_else(|| Balance::full(self.one, now));
        one.refill(self.one, now);
        all.refill(self.all, now);
        let modest = one.permits > self.one.burst / 2.0;
        let floor = if modest { 0.0 } else { self.all.burst / 2.0 };
        let wait = one.wait(self.one, 0.0).max(all.wait(self.all, floor));
        let taken = if wait <= LONGEST_TURN {
            one.permits -= 1.0;
            all.permits -= 1.0;
            Ok(wait)
        } else {
            Err(wait)
        };
        clients.insert(client, one);
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Balances> {
        self.balances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const MINUTE: u32 = 30;

    fn client(number: u32) -> ClientGroup {
        ClientGroup::Network(IpAddr::from(number.to_be_bytes()))
    }

    /// Balances that a client gets at once.
    fn taken(limits: &Buckets, client: ClientGroup, tries: usize, now: Instant) -> usize {
        (0..tries).filter(|_| limits.take(client, now).is_ok_and(|wait| wait.is_zero())).count()
    }

    fn limits() -> Buckets {
        Pacer::new(Some(MINUTE)).0.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_asks_too_much_waits_then_stops() {
        let pacing = Pacer::new(Some(MINUTE));
        let start = Instant::now();
        for _ in 0..60 {
            pacing.turn(client(1)).await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..30 {
            pacing.turn(client(1)).await.unwrap();
        }
        assert!((59..=61).contains(&start.elapsed().as_secs()), "one after the other goes on, at its pace");
        let many = futures::future::join_all((0..1000).map(|_| pacing.turn(client(1)))).await;
        assert!(many.iter().filter(|turn| turn.is_ok()).count() <= 3);
        assert!(many.iter().any(|turn| turn.is_err_and(|wait| wait > LONGEST_TURN)));
        pacing.turn(client(2)).await.unwrap();
        for _ in 0..10_000 {
            pacing.turn(ClientGroup::Trusted).await.unwrap();
        }
    }

    #[test]
    fn a_flood_from_many_addresses_spares_newcomers() {
        let (limits, now) = (limits(), Instant::now());
        let flood: usize = (0..100).map(|number| taken(&limits, client(number), 1000, now)).sum();
        assert!(flood <= 480, "{flood} at once of all");
        let limits = self::limits();
        for number in 0..7 {
            taken(&limits, client(number), 1000, now);
        }
        for number in 100..105 {
            assert_eq!(taken(&limits, client(number), 20, now), 20, "newcomer {number}");
        }
    }

    #[test]
    fn clients_cost_bounded_memory() {
        let (limits, now) = (limits(), Instant::now());
        for number in 0..100_000 {
            let _ = limits.take(client(number), now);
        }
        assert!(limits.lock().clients.len() <= 2 * CLIENTS);
    }
}
