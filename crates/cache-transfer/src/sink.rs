//! The sink of one download: the partial's file, the plan, the hash and the reporter.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{ByteRange, Error, ErrorKind, Hasher, Hashes, Result};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::leadership::OpenConnection;
use crate::live_file::Attempt;
use crate::plan::{LeaseId, Piece, RangePlan};
use crate::pool::PoolBuffer;
use crate::prefix_hasher::PrefixHasher;
use crate::ranges::RangeSet;
use crate::reporter::Reporter;

/// More writes than can be under way at once: taking all of them means that none is.
const ALL_WRITES: u32 = 1 << 16;

#[derive(Debug)]
pub(crate) struct Sink {
    file: Arc<File>,
    plan: Mutex<RangePlan>,
    prefix_hasher: PrefixHasher,
    reporter: Arc<Reporter>,
    live: Attempt,
    /// One permit a write under way. A write runs on a blocking thread and outlives its cancelled connection: the
    /// file is handed on only after all are back.
    writes: Arc<Semaphore>,
    /// Rung when bytes landed or a piece was given back.
    changed: Notify,
}

impl Sink {
    pub(crate) fn new(
        file: Arc<File>,
        size: Option<u64>,
        done: RangeSet,
        hasher: Hasher,
        reporter: Arc<Reporter>,
        live: Attempt,
    ) -> Result<Self> {
        // The reporter holds the right to fetch: whoever gets it next finds the file free to claim.
        let prefix_hasher = PrefixHasher::start(Arc::clone(&file), hasher, Arc::clone(&reporter))?;
        prefix_hasher.advance(done.prefix());
        Ok(Self {
            file,
            plan: Mutex::new(RangePlan::new(size, done)),
            prefix_hasher,
            reporter,
            live,
            writes: Arc::new(Semaphore::new(ALL_WRITES as usize)),
            changed: Notify::new(),
        })
    }

    /// Counts an open connection until the result is dropped.
    pub(crate) fn connected(&self) -> OpenConnection {
        self.reporter.connected()
    }

    pub(crate) fn plan(&self) -> MutexGuard<'_, RangePlan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a buffer of a lane at `at`, on a blocking thread. Dropping the handle does not cancel the write.
    pub(crate) fn write(self: &Arc<Self>, buffer: PoolBuffer, at: u64, lane: usize) -> Result<JoinHandle<Result<()>>> {
        let closed = || Error::new(ErrorKind::Interrupted, "the transfer has ended");
        let permit = Arc::clone(&self.writes).try_acquire_owned().map_err(|_| closed())?;
        let sink = Arc::clone(self);
        Ok(tokio::task::spawn_blocking(move || {
            let written = sink.write_now(buffer.as_slice(), at, lane);
            // The permit goes last: whoever holds all of them relies on nobody else holding the file.
            drop(buffer);
            drop(sink);
            drop(permit);
            written
        }))
    }

    /// Writes what is not there yet. A byte that has landed may have been hashed: it must not change any more, even if
    /// a slower connection brings another.
    fn write_now(&self, bytes: &[u8], at: u64, lane: usize) -> Result<()> {
        let free = self.plan().begin_write(ByteRange { start: at, end: at + bytes.len() as u64 });
        let mut result = Ok(());
        for range in free {
            let part = |pos: u64| usize::try_from(pos - at).unwrap_or(usize::MAX);
            if result.is_ok() {
                result = self.file.write_all_at(&bytes[part(range.start)..part(range.end)], range.start);
            }
            match result {
                Ok(()) => self.landed(range, lane),
                Err(_) => self.plan().end_write(range),
            }
        }
        result.map_err(|error| Error::storage("write what was fetched", error))
    }

    fn landed(&self, range: ByteRange, lane: usize) {
        let (new, prefix, total) = {
            let mut plan = self.plan();
            let new = plan.landed(range, lane);
            (new, plan.done().prefix(), plan.done().total())
        };
        self.prefix_hasher.advance(prefix);
        self.live.landed(range);
        self.reporter.landed(new, total);
        self.changed.notify_one();
    }

    /// The piece that comes next from the front.
    pub(crate) fn next_piece(&self, connections: usize) -> Option<Piece> {
        self.plan().take(connections, Instant::now())
    }

    pub(crate) fn give_back(&self, id: LeaseId) {
        self.plan().give_back(id);
        self.changed.notify_one();
    }

    /// Resolves when the plan may have changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.plan().is_complete()
    }

    pub(crate) fn done(&self) -> Vec<ByteRange> {
        self.plan().done().as_slice().to_vec()
    }

    /// Waits until no write is under way. No connection may be left that could begin another.
    pub(crate) async fn quiesce(&self) {
        drop(self.writes.acquire_many(ALL_WRITES).await);
    }

    /// Ends the hashing and waits until the file is let go.
    pub(crate) async fn abandon(self: Arc<Self>) {
        if let Some(sink) = Arc::into_inner(self) {
            let Self { file, prefix_hasher, .. } = sink;
            drop(file);
            prefix_hasher.abandon().await;
        }
    }

    /// The hashes of the complete file. No connection may be left.
    pub(crate) async fn finish(self: Arc<Self>) -> Result<Hashes> {
        let size = self.plan().size().unwrap_or_default();
        let sink = Arc::into_inner(self)
            .ok_or_else(|| Error::new(ErrorKind::Storage, "a connection still holds the file it has finished"))?;
        sink.prefix_hasher.finish(size).await
    }
}

#[cfg(test)]
mod tests;
