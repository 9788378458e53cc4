//! Who fetches which bytes of one file. Pure: no clock of its own, no I/O.
//!
//! Work is handed out from the front, so that the hash, which needs the bytes in order, keeps up. When nothing is left
//! to hand out, an idle connection takes the second half of the range that would be finished last; a range too short
//! to split whose connection has gone slow is fetched a second time, and the first to finish wins.

use std::time::Duration;

use cache_core::ByteRange;
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

pub(crate) type LeaseId = u64;

/// A range handed to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: LeaseId,
    pub(crate) range: ByteRange,
}

#[derive(Debug)]
struct Lease {
    id: LeaseId,
    start: u64,
    /// One past the last byte received, which may not be written yet.
    pos: u64,
    end: u64,
    since: Instant,
    last_byte: Instant,
    raced: bool,
}

impl Lease {
    fn remaining(&self) -> u64 {
        self.end.saturating_sub(self.pos)
    }

    /// Whether nothing has come for so long that it counts as stopped.
    fn is_silent(&self, now: Instant) -> bool {
        now.duration_since(self.last_byte) > SILENT
    }

    /// How long the rest will take at the rate so far.
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
pub(crate) struct Plan {
    size: Option<u64>,
    done: RangeSet,
    /// What each lane has brought, by its place among them.
    brought: Vec<RangeSet>,
    leases: Vec<Lease>,
    /// Ranges that are being written now.
    writing: Vec<ByteRange>,
    next_id: LeaseId,
}

impl Plan {
    /// A plan for a file of which `done` is there already. Without a size there is one piece, the whole.
    pub(crate) fn new(size: Option<u64>, done: RangeSet) -> Self {
        Self { size, done, brought: Vec::new(), leases: Vec::new(), writing: Vec::new(), next_id: 0 }
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

    /// Whether nobody has yet been given some of the missing bytes.
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

    /// Hands out the first missing bytes nobody fetches, in a length that suits `connections` of them.
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
    /// is what the taker is likely to bring, in bytes a second: who would be slower yet takes nothing.
    pub(crate) fn steal(&mut self, speed: Option<f64>, now: Instant) -> Option<Piece> {
        self.size?;
        let (victim, left) = (0..self.leases.len())
            .filter_map(|at| Some((at, self.left(&self.leases[at], now)?)))
            .filter(|(at, left)| !self.is_raced(&self.leases[*at], *left, now))
            .max_by_key(|(at, _)| self.leases[*at].estimate(now))?;
        let victim = &mut self.leases[victim];
        let estimate = victim.estimate(now);
        if estimate <= SOON {
            return None;
        }
        let split = left.len() >= MIN_SPLIT;
        let range = if split { ByteRange { start: left.start + left.len() / 2, end: left.end } } else { left };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        if speed.is_some_and(|speed| range.len() as f64 / speed > estimate.as_secs_f64()) {
            return None;
        }
        if split {
            victim.end = range.start;
        } else {
            victim.raced = true;
        }
        let raced = victim.raced;
        let piece = self.lease(range, now);
        if let Some(own) = self.leases.last_mut() {
            own.raced = raced;
        }
        Some(piece)
    }

    /// What a connection has yet to bring. What a silent one has received may still wait in its buffer, so there only
    /// what has landed counts. `None` when others have brought it.
    fn left(&self, lease: &Lease, now: Instant) -> Option<ByteRange> {
        let from = if lease.is_silent(now) { lease.start } else { lease.pos };
        let gap = self.done.first_gap(from, lease.end)?;
        Some(ByteRange { start: gap.start, end: lease.end })
    }

    /// Whether another connection is fetching this short rest already, and has not fallen silent itself.
    fn is_raced(&self, lease: &Lease, left: ByteRange, now: Instant) -> bool {
        let rival = |other: &Lease| {
            other.id != lease.id && other.start <= left.start && left.end <= other.end && !other.is_silent(now)
        };
        lease.raced && left.len() < MIN_SPLIT && self.leases.iter().any(rival)
    }

    fn lease(&mut self, range: ByteRange, now: Instant) -> Piece {
        let id = self.next_id;
        self.next_id += 1;
        let ByteRange { start, end } = range;
        self.leases.push(Lease { id, start, pos: start, end, since: now, last_byte: now, raced: false });
        Piece { id, range }
    }

    /// Where the piece ends now; it may have been cut. `None` once others have fetched all of it.
    pub(crate) fn limit(&self, id: LeaseId) -> Option<u64> {
        let lease = self.leases.iter().find(|lease| lease.id == id)?;
        let left = ByteRange { start: lease.pos, end: lease.end };
        (left.is_empty() || !self.done.contains(left)).then_some(lease.end)
    }

    /// A connection has received its piece up to `pos`.
    pub(crate) fn received(&mut self, id: LeaseId, pos: u64, now: Instant) {
        if let Some(lease) = self.leases.iter_mut().find(|lease| lease.id == id) {
            lease.pos = pos;
            lease.last_byte = now;
        }
    }

    /// What of `range` may be written: what is in the file may have been hashed and must not change any more, and what is
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

    /// A write of [`Plan::begin_write`] has failed.
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

    /// What each lane has brought, by its place among them; lanes at the end that brought nothing may be left out.
    pub(crate) fn take_brought(&mut self) -> Vec<RangeSet> {
        std::mem::take(&mut self.brought)
    }

    /// The connection is through with its piece; what has not landed can be handed out again.
    pub(crate) fn give_back(&mut self, id: LeaseId) {
        self.leases.retain(|lease| lease.id != id);
    }
}

#[cfg(test)]
mod tests;
