//! Assignment of byte ranges to connections. Pure: no clock of its own, no I/O.
//!
//! Work is handed out from the front, so that the hash, which needs the bytes in order, keeps up. When nothing is left
//! to hand out, an idle connection takes the second half of the range that would be finished last. A range too short
//! to split is fetched a second time, and the first to finish wins, if its connection is silent, or so much slower than
//! others are known to be that the race is won; bytes fetched twice for slowness are a small part of the file.

use std::time::Duration;

use cache_core::ByteRange;
use cache_core::failpoints::{Mutant, mutant};
use tokio::time::Instant;

use crate::ranges::RangeSet;

/// The shortest range worth a request of its own.
const MIN_PIECE: u64 = 4 << 20;
/// The longest: a failed or slow connection gives the rest back, but the hash waits for the first gap.
const MAX_PIECE: u64 = 64 << 20;
/// A remainder shorter than this is not split any more.
const MIN_SPLIT: u64 = 1 << 20;
/// A remainder that will be there within this time is left to its connection.
const SOON: Duration = Duration::from_millis(300);
/// A connection that sent nothing for this long counts as stopped when it is decided whom to help.
const SILENT: Duration = Duration::from_secs(2);
/// A connection that brings its bytes in bursts is silent after so many times its longest pause,
const PAUSES: u32 = 3;
/// but not later than this.
const LONGEST_SILENCE: Duration = Duration::from_secs(15);
/// Speed ratio from which a connection races one that still receives bytes.
const OUTPACED: f64 = 3.0;
/// The part of a file that may be fetched twice because a connection is slow.
const RACED_PART: u64 = 32;

pub(crate) type LeaseId = u64;

/// A range handed to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: LeaseId,
    pub(crate) range: ByteRange,
}

#[derive(Debug)]
struct PieceLease {
    id: LeaseId,
    start: u64,
    /// One past the last byte received, which may not be written yet.
    pos: u64,
    end: u64,
    since: Instant,
    last_byte: Instant,
    /// Longest time between two arrivals of bytes.
    pause: Duration,
    /// Since when its connection waits for a rate limit, and which.
    paused: Option<(Instant, Limit)>,
    /// Whether its host has a limit of its own.
    limited: bool,
    raced: bool,
}

/// A rate limit that a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// That of all transfers: any other connection would wait for it, too.
    All,
    /// That of one host: a connection to another would not.
    Host,
}

impl PieceLease {
    /// The shortest remainder that is split. Of a limited host a short one takes long as well.
    fn min_split(&self) -> u64 {
        if self.limited { MIN_SPLIT / 4 } else { MIN_SPLIT }
    }

    fn remaining(&self) -> u64 {
        self.end.saturating_sub(self.pos)
    }

    /// Whether nothing has come for so long that it counts as stopped. Waiting for a rate limit is not silence.
    fn is_silent(&self, now: Instant) -> bool {
        let silence = self.pause.saturating_mul(PAUSES).clamp(SILENT, LONGEST_SILENCE);
        self.paused.is_none() && now.duration_since(self.last_byte) > silence
    }

    /// Estimated time of the rest at the rate so far.
    fn estimate(&self, now: Instant) -> Duration {
        let received = self.pos - self.start;
        if self.is_silent(now) {
            return now.duration_since(self.since).saturating_mul(1000);
        }
        if received == 0 {
            // It has hardly been asked for.
            return Duration::ZERO;
        }
        let elapsed = now.duration_since(self.since).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        Duration::try_from_secs_f64(elapsed * self.remaining() as f64 / received as f64).unwrap_or(Duration::MAX)
    }
}

#[derive(Debug)]
pub(crate) struct RangePlan {
    size: Option<u64>,
    done: RangeSet,
    /// Ranges received from each lane, by lane index.
    brought: Vec<RangeSet>,
    leases: Vec<PieceLease>,
    /// Ranges that are being written now.
    writing: Vec<ByteRange>,
    /// Bytes that are fetched twice because a connection was slow.
    raced: u64,
    next_id: LeaseId,
}

impl RangePlan {
    /// A plan for a file of which `done` is there already. Without a size there is one piece, the whole.
    pub(crate) fn new(size: Option<u64>, done: RangeSet) -> Self {
        Self { size, done, brought: Vec::new(), leases: Vec::new(), writing: Vec::new(), raced: 0, next_id: 0 }
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The size became known: the server stated it or the stream ended.
    pub(crate) fn set_size(&mut self, size: u64) {
        self.size = Some(size);
        for lease in &mut self.leases {
            lease.end = lease.end.min(size);
        }
    }

    pub(crate) fn done(&self) -> &RangeSet {
        &self.done
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.size.is_some_and(|size| self.done.contains(ByteRange { start: 0, end: size }))
    }

    /// Whether some missing bytes are unassigned.
    pub(crate) fn has_unassigned(&self) -> bool {
        self.first_unassigned().is_some()
    }

    fn first_unassigned(&self) -> Option<ByteRange> {
        let end = match self.size {
            Some(size) => size,
            None if self.leases.is_empty() => u64::MAX,
            None => return None,
        };
        let mut taken = self.done.clone();
        for lease in &self.leases {
            taken.insert(ByteRange { start: lease.start, end: lease.end });
        }
        taken.first_gap(0, end)
    }

    /// Assigns the first unassigned bytes, in a length that suits `connections` connections.
    pub(crate) fn take(&mut self, connections: usize, now: Instant) -> Option<Piece> {
        let gap = self.first_unassigned()?;
        let length = match self.size {
            Some(size) => {
                (size / (4 * connections.max(1) as u64)).next_multiple_of(1 << 20).clamp(MIN_PIECE, MAX_PIECE)
            }
            None => u64::MAX,
        };
        // A short rest goes along rather than costing a request of its own.
        let end = if gap.len() <= length.saturating_add(length / 4) { gap.end } else { gap.start + length };
        Some(self.lease(ByteRange { start: gap.start, end }, now))
    }

    /// Hands out all that is missing from the first gap on, for a source that cannot serve ranges.
    pub(crate) fn take_rest(&mut self, now: Instant) -> Option<Piece> {
        let gap = self.first_unassigned()?;
        Some(self.lease(ByteRange { start: gap.start, end: self.size.unwrap_or(u64::MAX) }, now))
    }

    /// Hands out exactly this range, because a body for it is open already; `None` if some of it is taken.
    pub(crate) fn take_exact(&mut self, range: ByteRange, now: Instant) -> Option<Piece> {
        let free = self.first_unassigned().is_some_and(|gap| gap.start == range.start && range.end <= gap.end);
        free.then(|| self.lease(range, now))
    }

    /// Takes work from the connection that would finish last: half of its rest, or a race for the whole of it. `speed`
    /// is what the taker is likely to bring, in bytes a second: a slower one takes nothing.
    pub(crate) fn steal(&mut self, speed: Option<f64>, now: Instant) -> Option<Piece> {
        self.size?;
        let (victim, left) = (0..self.leases.len())
            .filter(|&at| !matches!(self.leases[at].paused, Some((_, Limit::All))))
            .filter_map(|at| Some((at, self.left(&self.leases[at], now)?)))
            .filter(|(at, left)| !self.is_raced(&self.leases[*at], *left, now))
            .filter(|(at, left)| self.may_split(*at, *left) || self.may_race(*at, *left, speed, now))
            .max_by_key(|(at, _)| self.leases[*at].estimate(now))?;
        let split = self.may_split(victim, left);
        let victim = &mut self.leases[victim];
        let estimate = victim.estimate(now);
        if estimate <= SOON {
            return None;
        }
        let range = if split { ByteRange { start: left.start + left.len() / 2, end: left.end } } else { left };
        if speed.is_some_and(|speed| time_for(range, speed) > estimate.as_secs_f64()) {
            return None;
        }
        if split {
            victim.end = range.start;
        } else {
            victim.raced = true;
            if !victim.is_silent(now) {
                self.raced = self.raced.saturating_add(range.len());
            }
        }
        let raced = victim.raced;
        let piece = self.lease(range, now);
        if let Some(own) = self.leases.last_mut() {
            own.raced = raced;
        }
        Some(piece)
    }

    /// Whether the rest of a connection is long enough for two.
    fn may_split(&self, at: usize, left: ByteRange) -> bool {
        left.len() >= self.leases[at].min_split()
    }

    /// Whether a rest too short to split is fetched a second time: its connection is silent, or known to be slower than
    /// the one that would race it. One that is steadily slow may be as fast as its server lets any be.
    fn may_race(&self, at: usize, left: ByteRange, speed: Option<f64>, now: Instant) -> bool {
        let lease = &self.leases[at];
        // Behind a limit of its host the same bytes are not paid twice.
        if lease.limited {
            return false;
        }
        let outpaced = speed.is_some_and(|speed| time_for(left, speed) * OUTPACED <= lease.estimate(now).as_secs_f64());
        let affordable = self.raced.saturating_add(left.len()) <= self.size.unwrap_or_default() / RACED_PART;
        lease.is_silent(now) || (outpaced && affordable) || mutant(Mutant::RaceThrottled)
    }

    /// Bytes that a connection has yet to receive. What a silent one has received may still wait in its buffer, so there only
    /// what has landed counts. `None` when others have brought it.
    fn left(&self, lease: &PieceLease, now: Instant) -> Option<ByteRange> {
        let from = if lease.is_silent(now) { lease.start } else { lease.pos };
        let gap = self.done.first_gap(from, lease.end)?;
        Some(ByteRange { start: gap.start, end: lease.end })
    }

    /// Whether another connection is fetching this short rest already, and has not fallen silent itself.
    fn is_raced(&self, lease: &PieceLease, left: ByteRange, now: Instant) -> bool {
        let rival = |other: &PieceLease| {
            other.id != lease.id && other.start <= left.start && left.end <= other.end && !other.is_silent(now)
        };
        lease.raced && left.len() < MIN_SPLIT && self.leases.iter().any(rival)
    }

    fn lease(&mut self, range: ByteRange, now: Instant) -> Piece {
        let id = self.next_id;
        self.next_id += 1;
        let ByteRange { start, end } = range;
        self.leases.push(PieceLease {
            id,
            start,
            pos: start,
            end,
            since: now,
            last_byte: now,
            pause: Duration::ZERO,
            paused: None,
            limited: false,
            raced: false,
        });
        Piece { id, range }
    }

    /// Current end of the piece; it may have been cut. `None` once others have fetched all of it.
    pub(crate) fn limit(&self, id: LeaseId) -> Option<u64> {
        let lease = self.leases.iter().find(|lease| lease.id == id)?;
        let left = ByteRange { start: lease.pos, end: lease.end };
        (left.is_empty() || !self.done.contains(left)).then_some(lease.end)
    }

    /// A connection begins to wait for a rate limit.
    pub(crate) fn pause(&mut self, id: LeaseId, limit: Limit, now: Instant) {
        if let Some(lease) = self.leases.iter_mut().find(|lease| lease.id == id) {
            lease.paused = Some((now, limit));
            lease.limited |= limit == Limit::Host;
        }
    }

    /// A connection goes on. Its wait is no silence, and that for the limit of all no slowness.
    pub(crate) fn resume(&mut self, id: LeaseId, now: Instant) {
        if let Some(lease) = self.leases.iter_mut().find(|lease| lease.id == id)
            && let Some((paused, limit)) = lease.paused.take()
        {
            let waited = now.duration_since(paused);
            lease.last_byte += waited;
            if limit == Limit::All {
                lease.since += waited;
            }
        }
    }

    /// A connection has received its piece up to `pos`.
    pub(crate) fn received(&mut self, id: LeaseId, pos: u64, now: Instant) {
        if let Some(lease) = self.leases.iter_mut().find(|lease| lease.id == id) {
            // The first bytes come after a connection was made and asked.
            if lease.pos > lease.start {
                lease.pause = lease.pause.max(now.duration_since(lease.last_byte));
            }
            lease.pos = pos;
            lease.last_byte = now;
        }
    }

    /// The part of `range` that may be written: what is in the file may have been hashed and must not change any more, and what is
    /// being written by another is not ours.
    pub(crate) fn begin_write(&mut self, range: ByteRange) -> Vec<ByteRange> {
        let mut taken = self.done.clone();
        self.writing.iter().for_each(|&other| taken.insert(other));
        let mut free = Vec::new();
        let mut from = range.start;
        while let Some(gap) = taken.first_gap(from, range.end) {
            from = gap.end;
            free.push(gap);
        }
        self.writing.extend(&free);
        free
    }

    /// A write of [`RangePlan::begin_write`] has failed.
    pub(crate) fn end_write(&mut self, range: ByteRange) {
        self.writing.retain(|&own| own != range);
    }

    /// These bytes are in the file, brought by a lane; their write is over. Returns how many of them are new.
    pub(crate) fn landed(&mut self, range: ByteRange, lane: usize) -> u64 {
        // In one step: in between, another lane could write over them.
        self.end_write(range);
        let before = self.done.total();
        self.done.insert(range);
        if self.brought.len() <= lane {
            self.brought.resize_with(lane + 1, RangeSet::default);
        }
        self.brought[lane].insert(range);
        self.done.total() - before
    }

    /// Ranges received from each lane, by lane index; trailing empty ones may be missing.
    pub(crate) fn take_brought(&mut self) -> Vec<RangeSet> {
        std::mem::take(&mut self.brought)
    }

    /// The connection is through with its piece; what has not landed can be handed out again.
    pub(crate) fn give_back(&mut self, id: LeaseId) {
        self.leases.retain(|lease| lease.id != id);
    }
}

/// Seconds that a range takes at a speed in bytes a second.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn time_for(range: ByteRange, speed: f64) -> f64 {
    range.len() as f64 / speed
}

#[cfg(test)]
mod tests;
