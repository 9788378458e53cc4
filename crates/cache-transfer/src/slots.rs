//! How many connections a source gets: found by measuring.
//!
//! Start with a few; double as long as the throughput of all of them together grows; go back to the level before when
//! it does not; shrink on errors; look again after a while. A level is judged only once all its connections deliver.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Connections a source starts with: one would need many round trips to show what the link can do.
const INITIAL: usize = 4;
/// Measuring time of a level.
const WINDOW: Duration = Duration::from_millis(200);
/// Time for which a level is kept before a higher one is tried again.
const HOLD: Duration = Duration::from_secs(5);
/// Failures within this time have one cause.
const ONE_FAILURE: Duration = Duration::from_secs(1);
/// The growth in throughput that makes twice the connections worth it.
const WORTH: f64 = 1.15;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// The limit was raised from `limit`, which brought `rate` bytes a second.
    Growing {
        limit: usize,
        rate: f64,
    },
    Holding {
        until: Instant,
    },
}

#[derive(Debug)]
struct State {
    limit: usize,
    in_use: usize,
    flowing: usize,
    phase: Phase,
    /// Whether all connections of this level deliver, so that it can be measured.
    settled: bool,
    window_start: Instant,
    window_bytes: u64,
    last_failure: Option<Instant>,
}

impl State {
    fn new(now: Instant, max: usize) -> Self {
        let phase = Phase::Growing { limit: 1, rate: 0.0 };
        Self {
            limit: INITIAL.min(max),
            in_use: 0,
            flowing: 0,
            phase,
            settled: false,
            window_start: now,
            window_bytes: 0,
            last_failure: None,
        }
    }

    fn received(&mut self, bytes: u64, now: Instant, max: usize) {
        if !self.settled {
            if self.flowing >= self.limit {
                self.restart_window(now);
                self.settled = true;
            }
            return;
        }
        self.window_bytes += bytes;
        let elapsed = now.duration_since(self.window_start);
        if elapsed < WINDOW {
            return;
        }
        if self.flowing >= self.limit {
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            self.judge(self.window_bytes as f64 / elapsed.as_secs_f64(), now, max);
        }
        self.restart_window(now);
    }

    fn restart_window(&mut self, now: Instant) {
        self.window_start = now;
        self.window_bytes = 0;
    }

    fn judge(&mut self, rate: f64, now: Instant, max: usize) {
        match self.phase {
            Phase::Growing { rate: before, .. } if rate >= before * WORTH => {
                self.phase = if self.limit == max {
                    Phase::Holding { until: now + HOLD }
                } else {
                    Phase::Growing { limit: self.limit, rate }
                };
                self.set_limit((self.limit * 2).min(max));
            }
            Phase::Growing { limit, .. } => {
                self.set_limit(limit);
                self.phase = Phase::Holding { until: now + HOLD };
            }
            Phase::Holding { until } if now >= until && self.limit < max => {
                self.phase = Phase::Growing { limit: self.limit, rate };
                self.set_limit((self.limit + self.limit.div_ceil(4)).min(max));
            }
            Phase::Holding { .. } => {}
        }
    }

    fn set_limit(&mut self, limit: usize) {
        self.settled &= limit == self.limit;
        self.limit = limit.max(1);
    }

    /// Connections that fail together are one failure.
    fn failed(&mut self, now: Instant) {
        if self.last_failure.is_some_and(|last| now.duration_since(last) < ONE_FAILURE) {
            return;
        }
        self.last_failure = Some(now);
        self.set_limit((self.limit * 3 / 4).max(1));
        self.phase = Phase::Holding { until: now + HOLD };
    }
}

/// The connections of one source, shared by all files that come from it.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionSlots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    state: Mutex<State>,
    freed: Notify,
}

/// The right to one connection; dropping it gives the right to the next.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    slots: ConnectionSlots,
    flowing: bool,
}

impl ConnectionSlots {
    pub(crate) fn new(max: usize) -> Self {
        let state = Mutex::new(State::new(Instant::now(), max.max(1)));
        Self(Arc::new(Shared { max: max.max(1), state, freed: Notify::new() }))
    }

    /// Waits for the right to one more connection.
    pub(crate) async fn acquire(&self) -> ConnectionSlot {
        loop {
            let freed = self.0.freed.notified();
            if let Some(slot) = self.try_acquire() {
                return slot;
            }
            freed.await;
        }
    }

    pub(crate) fn try_acquire(&self) -> Option<ConnectionSlot> {
        let mut state = self.lock();
        (state.in_use < state.limit).then(|| {
            state.in_use += 1;
            ConnectionSlot { slots: self.clone(), flowing: false }
        })
    }

    /// Target number of open connections.
    pub(crate) fn limit(&self) -> usize {
        self.lock().limit
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.0.freed.notify_waiters();
    }
}

impl ConnectionSlot {
    /// Bytes came in over this connection.
    pub(crate) fn received(&mut self, bytes: u64) {
        let mut state = self.slots.lock();
        if !self.flowing {
            self.flowing = true;
            state.flowing += 1;
        }
        let before = state.limit;
        state.received(bytes, Instant::now(), self.slots.0.max);
        let grown = state.limit > before;
        drop(state);
        if grown {
            self.slots.wake();
        }
    }

    /// The connection failed in a way that fewer of them might have prevented.
    pub(crate) fn failed(&self) {
        self.slots.lock().failed(Instant::now());
    }

    /// Whether there are more connections than there should be, so that this one had better end.
    pub(crate) fn is_surplus(&self) -> bool {
        let state = self.slots.lock();
        state.in_use > state.limit
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        state.in_use -= 1;
        if self.flowing {
            state.flowing -= 1;
        }
        drop(state);
        self.slots.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the controller against a link: `rate(n)` is what n connections bring together, in bytes a second.
    async fn settle(rate: impl Fn(usize) -> f64, max: usize, rounds: usize) -> usize {
        let slots = ConnectionSlots::new(max);
        let mut open = Vec::new();
        for _ in 0..rounds {
            while let Some(slot) = slots.try_acquire() {
                open.push(slot);
            }
            while open.last().is_some_and(ConnectionSlot::is_surplus) {
                open.pop();
            }
            tokio::time::advance(Duration::from_millis(10)).await;
            let count = open.len();
            for slot in &mut open {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "small numbers"
                )]
                slot.received((rate(count) / 100.0 / count as f64) as u64);
            }
        }
        slots.limit()
    }

    #[tokio::test(start_paused = true)]
    async fn a_capped_connection_gets_company() {
        assert_eq!(settle(|n| 25e6 * n as f64, 32, 100).await, 32);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_link_is_left_alone() {
        assert!(settle(|_| 1e9, 32, 400).await <= 8);
    }

    #[tokio::test(start_paused = true)]
    async fn the_knee_is_found() {
        let found = settle(|n| 10e6 * n.min(16) as f64, 32, 150).await;
        assert!((12..=24).contains(&found), "{found}");
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_fail_together_are_one_failure() {
        let slots = ConnectionSlots::new(32);
        let slot = slots.acquire().await;
        (0..20).for_each(|_| slot.failed());
        assert_eq!(slots.limit(), INITIAL * 3 / 4);
    }

    #[tokio::test(start_paused = true)]
    async fn errors_shrink_down_to_one() {
        let slots = ConnectionSlots::new(32);
        let slot = slots.acquire().await;
        for _ in 0..20 {
            slot.failed();
            tokio::time::advance(ONE_FAILURE).await;
        }
        assert_eq!(slots.limit(), 1);
    }
}
