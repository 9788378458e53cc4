//! [`Rate`]: bytes a second over the last seconds.

use std::time::{Duration, Instant};

/// How long a slot lasts.
const SLOT: Duration = Duration::from_millis(500);
/// Slots that are added up: four seconds.
const SLOTS: usize = 8;

/// Counts bytes in a ring of short slots.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    since: Instant,
    /// The slot's number since then, and its bytes.
    slots: [(u64, u64); SLOTS],
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, slots: [(0, 0); SLOTS] }
    }

    pub(super) fn add(&mut self, bytes: u64, now: Instant) {
        let number = self.number(now);
        let at = usize::try_from(number).unwrap_or_default() % SLOTS;
        if let Some(slot) = self.slots.get_mut(at) {
            if slot.0 != number {
                *slot = (number, 0);
            }
            slot.1 = slot.1.saturating_add(bytes);
        }
    }

    /// Bytes a second, over the time since the beginning where that was short.
    pub(super) fn per_second(&self, now: Instant) -> u64 {
        let number = self.number(now);
        let recent = self.slots.iter().filter(|(slot, _)| slot + SLOTS as u64 > number);
        let bytes = recent.map(|(_, bytes)| bytes).fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
        let span = now.duration_since(self.since).clamp(SLOT, SLOT * u32::try_from(SLOTS).unwrap_or(1));
        let rate = u128::from(bytes) * 1000 / span.as_millis().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    fn number(&self, now: Instant) -> u64 {
        let passed = now.duration_since(self.since).as_millis() / SLOT.as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_last_seconds_and_forgets_the_rest() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut rate = Rate::new(start);
        assert_eq!(rate.per_second(start), 0);
        for tick in 0..20 {
            rate.add(1000, at(tick * 100));
        }
        assert_eq!(rate.per_second(at(2000)), 10_000);
        for tick in 0..80 {
            rate.add(200, at(2000 + tick * 100));
        }
        assert_eq!(rate.per_second(at(9999)), 2000, "the fast beginning is forgotten");
        assert_eq!(rate.per_second(at(60_000)), 0, "a stall is seen");
    }
}
