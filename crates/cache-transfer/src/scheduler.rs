//! Scheduler of one transfer: opens connections, waits after failures, gives up lanes.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Body, ByteRange, Error, ErrorKind, Result};
use futures::future::select_all;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use crate::connection;
use crate::journal::{JournalSchedule, ProgressJournal};
use crate::lane::Lane;
use crate::plan::Piece;
use crate::slots::ConnectionSlot;
use crate::stop_reason::StopReason;
use crate::transfer::{FirstResponse, Transfer};

/// Interval at which idle connections are offered work of slow ones.
const HELP_INTERVAL: Duration = Duration::from_millis(250);

/// Connections of a transfer, each with the index of its lane.
pub(crate) type Connections = JoinSet<(usize, Result<(), StopReason>)>;

/// A lane and when it may be used again.
struct LaneState {
    lane: Arc<Lane>,
    /// After a failure no connection is opened before this.
    ready_at: Instant,
}

impl LaneState {
    fn is_alive(&self) -> bool {
        self.lane.given_up().is_none()
    }
}

struct Scheduler<'a> {
    transfer: &'a Arc<Transfer>,
    lanes: Vec<LaneState>,
    connections: &'a mut Connections,
}

/// Runs connections until the file is complete or no lane is left.
pub(crate) async fn run(
    transfer: &Arc<Transfer>,
    first: Option<FirstResponse>,
    journal: &ProgressJournal,
    connections: &mut Connections,
    entries: &mut JoinSet<Result<()>>,
) -> Result<(), StopReason> {
    let now = Instant::now();
    let lanes = transfer.lanes.iter().map(|lane| LaneState { lane: Arc::clone(lane), ready_at: now }).collect();
    let mut scheduler = Scheduler { transfer, lanes, connections };
    if let Some(first) = first {
        scheduler.begin(first)?;
    }
    let mut help = tokio::time::interval(HELP_INTERVAL);
    help.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut schedule = JournalSchedule::new(transfer.sink.plan().done().total());
    while !transfer.sink.is_complete() {
        let lanes_with_room = scheduler.lanes_with_room();
        let ready_at = scheduler.next_ready_at();
        tokio::select! {
            // Failures first: another connection waits as long as the one that has failed.
            biased;
            Some(ended) = scheduler.connections.join_next(), if !scheduler.connections.is_empty() => {
                let (at, outcome) = ended.map_err(task_lost)?;
                scheduler.ended(at, outcome).await?;
            }
            (at, slot) = acquire(&lanes_with_room), if !lanes_with_room.is_empty() => scheduler.connect(at, slot, Transfer::next_piece),
            () = tokio::time::sleep_until(ready_at.unwrap_or(now)), if ready_at.is_some() => {}
            () = transfer.sink.changed() => {}
            _ = help.tick() => scheduler.help(),
            entry = entries.join_next(), if !entries.is_empty() => {
                if let Some(entry) = entry {
                    entry.map_err(task_lost)??;
                }
            }
        }
        let total = transfer.sink.plan().done().total();
        if let Some(synced) = schedule.due(total).filter(|_| entries.is_empty() && transfer.is_worth_keeping()) {
            entries.spawn_blocking(journal.entry(synced));
            schedule.written(synced, total);
        }
    }
    Ok(())
}

/// The right to a connection of whichever of the lanes has one first.
async fn acquire(lanes_with_room: &[(usize, Arc<Lane>)]) -> (usize, ConnectionSlot) {
    let rights = lanes_with_room.iter().map(|(at, lane)| Box::pin(async move { (*at, lane.slots.acquire().await) }));
    select_all(rights).await.0
}

impl Scheduler<'_> {
    /// Whether there is but one source, so that its failure is the transfer's.
    fn is_alone(&self) -> bool {
        self.lanes.len() == 1
    }

    /// The lanes in use: those of the highest preference among the living.
    fn in_use(&self) -> impl Iterator<Item = (usize, &LaneState)> {
        let best = self.lanes.iter().filter(|one| one.is_alive()).map(|one| one.lane.preference).max();
        let used = move |one: &LaneState| one.is_alive() && Some(one.lane.preference) == best;
        self.lanes.iter().enumerate().filter(move |(_, one)| used(one))
    }

    /// The lanes that could open another connection now.
    fn lanes_with_room(&self) -> Vec<(usize, Arc<Lane>)> {
        if !self.transfer.sink.plan().has_unassigned() {
            return Vec::new();
        }
        let now = Instant::now();
        self.in_use()
            .filter(|(_, one)| now >= one.ready_at && (one.lane.ranges() || self.connections.is_empty()))
            .map(|(at, one)| (at, Arc::clone(&one.lane)))
            .collect()
    }

    fn next_ready_at(&self) -> Option<Instant> {
        let now = Instant::now();
        self.in_use().map(|(_, one)| one.ready_at).filter(|&ready_at| ready_at > now).min()
    }

    fn connect(&mut self, at: usize, slot: ConnectionSlot, piece: impl FnOnce(&Transfer, &Lane) -> Option<Piece>) {
        let Some(standing) = self.lanes.get(at) else { return };
        if let Some(piece) = piece(self.transfer, &standing.lane) {
            self.spawn(at, slot, (piece, None));
        }
    }

    fn spawn(&mut self, at: usize, slot: ConnectionSlot, first: (Piece, Option<Body>)) {
        let transfer = Arc::clone(self.transfer);
        let connected = transfer.sink.connected();
        self.connections.spawn(async move {
            let outcome = connection::run(&transfer, at, slot, first).await;
            drop(connected);
            (at, outcome)
        });
    }

    /// Lets idle connections take over work of slow ones.
    fn help(&mut self) {
        let now = Instant::now();
        if self.transfer.sink.plan().has_unassigned() {
            return;
        }
        let idle: Vec<usize> =
            self.in_use().filter(|(_, one)| one.lane.ranges() && now >= one.ready_at).map(|(at, _)| at).collect();
        for at in idle {
            let slot = self.lanes.get(at).and_then(|one| one.lane.slots.try_acquire());
            if let Some(slot) = slot {
                self.connect(at, slot, Transfer::steal);
            }
        }
    }

    /// Takes the only source's first answer.
    fn begin(&mut self, first: FirstResponse) -> Result<(), StopReason> {
        let FirstResponse { slot, gap, body } = first;
        let Some(standing) = self.lanes.first_mut() else { return Ok(()) };
        match first_piece(self.transfer, &standing.lane, gap, body) {
            Ok(piece) => self.spawn(0, slot, piece),
            Err(StopReason::Failed(error)) => standing.ready_at = standing.lane.schedule(error)?,
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// A connection has ended.
    async fn ended(&mut self, at: usize, outcome: Result<(), StopReason>) -> Result<(), StopReason> {
        let alone = self.is_alone();
        let Some(standing) = self.lanes.get_mut(at) else { return Ok(()) };
        match outcome {
            Ok(()) => Ok(()),
            Err(StopReason::NoRanges) if alone => {
                self.connections.shutdown().await;
                self.transfer.sink.quiesce().await;
                Ok(())
            }
            Err(StopReason::NoRanges) => self.give_up(at, Error::new(ErrorKind::Network, "it serves no ranges")),
            Err(StopReason::Changed { tag }) if alone || standing.lane.authority => Err(StopReason::Changed { tag }),
            Err(StopReason::StartOver) => Err(StopReason::StartOver),
            Err(StopReason::Changed { .. }) => {
                self.give_up(at, Error::new(ErrorKind::Integrity, "its file changed while it was fetched"))
            }
            Err(StopReason::Failed(error)) => match standing.lane.schedule(error) {
                Ok(ready_at) if !self.transfer.is_resumable() => {
                    tokio::time::sleep_until(ready_at).await;
                    Err(StopReason::StartOver)
                }
                Ok(ready_at) => {
                    standing.ready_at = ready_at;
                    Ok(())
                }
                Err(error) => self.give_up(at, error),
            },
        }
    }

    /// Goes on without a lane, if that helps.
    fn give_up(&mut self, at: usize, error: Error) -> Result<(), StopReason> {
        let Some(lane) = self.lanes.get(at).map(|one| Arc::clone(&one.lane)) else { return Err(error.into()) };
        let final_word = lane.is_final(&error);
        if lane.given_up().is_some() && !final_word {
            return Ok(());
        }
        tracing::debug!(source = %lane, %error, "not used any more for this file");
        lane.give_up(error.clone());
        if final_word || !self.lanes.iter().any(LaneState::is_alive) {
            // What the authority said is the reason, else what the first one said.
            let authority = self.lanes.iter().find(|one| one.lane.authority).or(self.lanes.first());
            let reason = authority.and_then(|one| one.lane.given_up().cloned());
            return Err(reason.filter(|_| !final_word).unwrap_or(error).into());
        }
        Ok(())
    }
}

/// The piece that the first body serves: all of the rest if the source serves no ranges, or was not asked for one.
fn first_piece(
    transfer: &Transfer,
    lane: &Lane,
    gap: ByteRange,
    body: Body,
) -> Result<(Piece, Option<Body>), StopReason> {
    let now = Instant::now();
    match transfer.accept(lane, &body, gap) {
        Ok(()) | Err(StopReason::NoRanges) => {}
        Err(stop) => return Err(stop),
    }
    let mut plan = transfer.sink.plan();
    let asked_whole = gap.end == u64::MAX;
    let piece = if body.ranges && !asked_whole {
        plan.take_exact(ByteRange { start: gap.start, end: body.end.unwrap_or(u64::MAX).min(gap.end) }, now)
    } else {
        // Of a source that told its size only now, ranges can be asked for from here on.
        lane.set_ranges(body.ranges && plan.size().is_some() && transfer.is_resumable());
        plan.take_rest(now)
    };
    drop(plan);
    let piece = piece.ok_or_else(|| Error::new(ErrorKind::Storage, "the plan lost its first piece"))?;
    Ok((piece, Some(body)))
}

pub(crate) fn task_lost(error: JoinError) -> Error {
    Error::new(ErrorKind::Storage, "a transfer task was lost").with_source(error)
}
