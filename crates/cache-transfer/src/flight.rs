//! Single flight: of all tasks and processes that want one file, one fetches it and the others watch.
//!
//! The lock says which one fetches, never whether the bytes are right: where locks do nothing, several fetch, each
//! verifies what it fetched, and the first to publish wins. A leader that stands still is overtaken.

use std::sync::Arc;
use std::time::Duration;

use cache_core::failpoints::{Mutant, mutant};
use cache_core::{Error, ErrorKind, Event, FileEntry, Progress, Result, Sha256, Version};
use cache_store::{Blob, BlobAccess, Flight, FlightStatus, PartialKey, Store};

use crate::disk;
use crate::engine::Engine;
use crate::job::{FetchJob, is_single_request};
use crate::leadership::{FlightGuard, Leadership, present};

/// First time between two polls of a waiter: short, so that a small file costs no noticeable wait.
const FIRST_POLL: Duration = Duration::from_millis(10);
/// Longest time between two polls.
const LONGEST_POLL: Duration = Duration::from_millis(150);

/// Result of asking for the right to fetch.
pub(crate) enum FlightOutcome {
    /// This task fetches. `fail_fast` when a leader that it waited for has just failed on the network.
    Leader { leader: Arc<Leadership>, fail_fast: bool },
    /// The blob was in the store at the first look.
    Hit(Blob),
    /// Another task or process has fetched it meanwhile.
    Shared(Blob),
}

/// Shows the leader's progress as ours.
struct WaiterProgress<'a> {
    file: &'a FileEntry,
    progress: &'a Arc<dyn Progress>,
    shown: Option<u64>,
}

impl WaiterProgress<'_> {
    fn show(&mut self, status: &FlightStatus) {
        let shown = match self.shown {
            Some(shown) => shown,
            None => {
                self.progress.event(&Event::Waiting { path: &self.file.path });
                let size = status.total.or(self.file.size);
                self.progress.event(&Event::Started {
                    path: &self.file.path,
                    size,
                    resumed: 0,
                    source: "another process",
                });
                0
            }
        };
        let step = |to: u64| i64::try_from(to).unwrap_or(i64::MAX);
        let bytes = step(status.done) - step(shown);
        if bytes != 0 {
            self.progress.event(&Event::Advanced { path: &self.file.path, bytes });
        }
        self.shown = Some(status.done);
    }

    /// This task fetches after all: what was shown was the other leader's.
    fn take_over(&self) {
        if let Some(shown) = self.shown.filter(|&shown| shown > 0) {
            self.progress
                .event(&Event::Advanced { path: &self.file.path, bytes: -i64::try_from(shown).unwrap_or(i64::MAX) });
        }
    }
}

/// Detects a stalled leader. Time is counted in polls, so that a suspended waiter counts none.
#[derive(Default)]
struct StallDetector {
    last: FlightStatus,
    time: Duration,
}

impl StallDetector {
    /// Counts a poll, `pause` after the last one.
    fn check(&mut self, status: &FlightStatus, pause: Duration) {
        self.time = if status.is_stalled_since(&self.last) { self.time + pause } else { Duration::ZERO };
        self.last = status.clone();
    }

    /// The status of a leader that no longer leads.
    fn stopped(&self, timeout: Duration) -> Option<FlightStatus> {
        (self.time >= timeout && !mutant(Mutant::NoLeaderTimeout)).then(|| self.last.clone())
    }
}

/// Result of one poll.
enum FlightCheck {
    Leader(Arc<Leadership>),
    Arrived(Blob),
    Busy(FlightStatus),
}

/// A task that waits for a file.
#[derive(Clone)]
struct Waiter {
    key: PartialKey,
    version: Arc<Version>,
    file: FileEntry,
    /// The attempt that was seen last.
    followed: Option<String>,
    /// The attempt that had ended before the first look; `None` before that look.
    stale: Option<Option<String>>,
    /// A leader has failed on the network while this task waited.
    fail_fast: bool,
}

impl Waiter {
    /// Asks for the right to fetch, or takes it from a leader that stands still. Blocks.
    fn check(&mut self, store: &Store, stopped: Option<&FlightStatus>) -> Result<FlightCheck> {
        if let Some(blob) = present(store, &self.file)? {
            return Ok(FlightCheck::Arrived(blob));
        }
        let flight = match stopped {
            Some(stopped) => store.overtake_flight(&self.key, stopped)?,
            None => store.try_flight(&self.key)?,
        };
        match flight {
            Flight::Leader(mut guard) => {
                // Published between the look and the lock.
                if let Some(blob) = present(store, &self.file)? {
                    guard.release();
                    return Ok(FlightCheck::Arrived(blob));
                }
                let before = guard.previous_outcome().map(|(attempt, ended)| (attempt.to_owned(), ended.clone()));
                match self.answer(store, before.as_ref()).and_then(|left| self.or_listed(store, left)) {
                    Ok(None) => {}
                    answer => {
                        // Others may have waited for the same one.
                        guard.withdraw();
                        return answer?.map(FlightCheck::Arrived).ok_or_else(Error::interrupted);
                    }
                }
                guard.progress(0, self.file.size);
                Ok(FlightCheck::Leader(Leadership::new(FlightGuard::WithStatus(Box::new(guard)))))
            }
            Flight::Busy(status) => {
                if let Some(blob) = self.answer(store, status.before.as_ref())? {
                    return Ok(FlightCheck::Arrived(blob));
                }
                // Before the leader has written its first word there is no name to follow.
                if !status.generation.is_empty() {
                    self.followed = Some(status.generation.clone());
                }
                self.stale.get_or_insert_with(|| status.before.as_ref().map(|(attempt, _)| attempt.clone()));
                Ok(FlightCheck::Busy(status))
            }
        }
    }

    /// Result that the followed leader left: its blob, or an error shared by all waiters. A blob that is gone again is no
    /// answer.
    fn answer(&mut self, store: &Store, before: Option<&(String, Result<Sha256>)>) -> Result<Option<Blob>> {
        let Some((attempt, ended)) = before else { return Ok(None) };
        if self.stale.as_ref().is_some_and(|stale| stale.as_ref() != Some(attempt)) {
            self.fail_fast |= ended.as_ref().is_err_and(|error| error.kind() == ErrorKind::Network);
        }
        match ended {
            _ if self.followed.as_ref() != Some(attempt) => Ok(None),
            Ok(name) => store.lease_blob(name),
            Err(error) if error.kind() == ErrorKind::Integrity => Err(error.clone()),
            Err(_) => Ok(None),
        }
    }

    /// The blob that the manifest names, where a leader was followed that has left no word: its get has ended.
    fn or_listed(&self, store: &Store, left: Option<Blob>) -> Result<Option<Blob>> {
        if left.is_some() || self.followed.is_none() || self.file.digests.sha256.is_some() {
            return Ok(left);
        }
        let manifest = store.manifest(&self.version)?;
        match manifest.as_ref().and_then(|manifest| manifest.file(&self.file.path)) {
            Some(listed) => present(store, listed),
            None => Ok(None),
        }
    }
}

/// One look for a small file, whose leader leaves no word; with `alone` no leader is asked for. Blocks.
fn check_small(store: &Store, key: &PartialKey, file: &FileEntry, alone: bool) -> Result<FlightCheck> {
    let right = if alone { Some(store.unlocked_small_flight()) } else { store.try_small_flight(key)? };
    // Looked for with the right, so that nothing is published in between.
    match (present(store, file)?, right) {
        (Some(blob), right) => {
            right.into_iter().for_each(|mut right| right.release());
            Ok(FlightCheck::Arrived(blob))
        }
        (None, Some(right)) => Ok(FlightCheck::Leader(Leadership::new(FlightGuard::Small(right)))),
        (None, None) => Ok(FlightCheck::Busy(FlightStatus::default())),
    }
}

/// Becomes the leader for `key`, or waits for the one there is. With a `refusal` nothing is fetched that is not there.
///
/// # Errors
/// The refusal; the leader's own error, if it failed on wrong bytes while this task waited for it.
pub(crate) async fn lead(
    engine: &Engine,
    key: &PartialKey,
    job: &FetchJob,
    refusal: Option<Error>,
) -> Result<FlightOutcome> {
    let FetchJob { version, file, progress, .. } = job;
    let mut watch = WaiterProgress { file, progress, shown: None };
    let (mut slept, mut pause) = (Duration::ZERO, FIRST_POLL);
    let mut stall = StallDetector::default();
    let small = is_single_request(file);
    let mut wait = Waiter {
        key: key.clone(),
        version: Arc::clone(version),
        file: file.clone(),
        followed: None,
        stale: None,
        fail_fast: false,
    };
    if let Some(refusal) = refusal {
        let found = engine.blocking(move |store| present(store, &wait.file)).await?;
        return found.map(FlightOutcome::Hit).ok_or(refusal);
    }
    if small && let Some(right) = engine.store.try_small_flight_nonblocking(key, file) {
        return Ok(FlightOutcome::Leader { leader: Leadership::new(FlightGuard::Small(right)), fail_fast: false });
    }
    let mut first = true;
    loop {
        let stopped = stall.stopped(engine.config.leader_timeout);
        let (seen, check) = engine
            .blocking(move |store| {
                let check = match small {
                    true => check_small(store, &wait.key, &wait.file, stopped.is_some())?,
                    false => wait.check(store, stopped.as_ref())?,
                };
                Ok((wait, check))
            })
            .await?;
        wait = seen;
        match check {
            FlightCheck::Arrived(blob) if first => return Ok(FlightOutcome::Hit(blob)),
            FlightCheck::Arrived(blob) => return Ok(FlightOutcome::Shared(blob)),
            FlightCheck::Leader(leader) => {
                watch.take_over();
                return Ok(FlightOutcome::Leader { leader, fail_fast: wait.fail_fast });
            }
            FlightCheck::Busy(status) => {
                stall.check(&status, slept);
                watch.show(&status);
            }
        }
        first = false;
        tokio::time::sleep(pause).await;
        slept = pause;
        pause = (pause * 2).min(LONGEST_POLL);
    }
}

impl Engine {
    /// Shows waiting processes that the leader is alive while it makes no progress for a good reason. Returns when
    /// another leads and has stored the blob.
    pub(crate) async fn keep_leading(&self, leader: &Arc<Leadership>, file: &FileEntry) -> Blob {
        let interval = self.config.leader_timeout / 6;
        if leader.is_small() {
            // There is no status file; a waiter whose patience ends fetches for itself.
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(interval.max(FIRST_POLL)).await;
            // Of an open connection the bytes that come are sign enough.
            let excused = !leader.is_connected() || self.is_limited();
            let (leader, file) = (Arc::clone(leader), file.clone());
            let overtaken = self
                .blocking(move |store| if leader.still_leads(excused) { Ok(None) } else { present(store, &file) })
                .await;
            if let Ok(Some(blob)) = overtaken {
                return blob;
            }
        }
    }

    /// Takes a partial that keeps the right to fetch as long as anything of this process has its file open.
    pub(crate) async fn partial(
        &self,
        leader: &Arc<Leadership>,
        access: BlobAccess,
        make: impl FnOnce(&Store) -> Result<cache_store::Partial> + Send + 'static,
    ) -> Result<cache_store::Partial> {
        let (leader, store) = (Arc::clone(leader), self.store.clone());
        disk::blocking(move || {
            let mut partial = make(&store)?;
            partial.set_access(access)?;
            partial.hold_guard(leader);
            Ok(partial)
        })
        .await
    }
}
