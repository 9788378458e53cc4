//! One connection: takes pieces of a file, streams them, writes them, until there is nothing left to take.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache_core::{Body, Error, ErrorKind, Opened, Result, Retry};
use futures::StreamExt as _;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::bandwidth::Bandwidth;
use crate::config::ConnectionLimits;
use crate::lane::Lane;
use crate::plan::{Limit, Piece};
use crate::pool::PoolBuffer;
use crate::sink::Sink;
use crate::slots::ConnectionSlot;
use crate::stop_reason::StopReason;
use crate::transfer::Transfer;

/// Time for which a buffer may fill while others wait for one.
const FILLING: Duration = Duration::from_millis(100);

/// Returns the piece to the plan on drop.
struct PieceGuard<'a> {
    sink: &'a Sink,
    piece: Piece,
}

impl Drop for PieceGuard<'_> {
    fn drop(&mut self) {
        self.sink.give_back(self.piece.id);
    }
}

/// Fetches pieces from the lane at this place until none is left, beginning with `first`, whose body may be open
/// already.
pub(crate) async fn run(
    transfer: &Arc<Transfer>,
    at: usize,
    mut slot: ConnectionSlot,
    first: (Piece, Option<Body>),
) -> Result<(), StopReason> {
    let Some(lane) = transfer.lanes.get(at) else { return Ok(()) };
    let connection = RangeConnection { transfer, lane, at };
    let (mut piece, mut body) = first;
    loop {
        let held = PieceGuard { sink: &transfer.sink, piece };
        let outcome = connection.fetch(&mut slot, piece, body.take()).await;
        if matches!(&outcome, Err(StopReason::Failed(error)) if error.is_retryable()) {
            slot.failed();
            // Before the piece can go to another connection.
            lane.note_failure();
        }
        drop(held);
        outcome?;
        if slot.is_surplus() || lane.given_up().is_some() {
            return Ok(());
        }
        match transfer.next_piece(lane) {
            Some(next) => piece = next,
            None => return Ok(()),
        }
    }
}

#[derive(Clone, Copy)]
struct RangeConnection<'a> {
    transfer: &'a Transfer,
    lane: &'a Lane,
    /// The lane's place among the lanes.
    at: usize,
}

impl RangeConnection<'_> {
    async fn fetch(self, slot: &mut ConnectionSlot, piece: Piece, body: Option<Body>) -> Result<(), StopReason> {
        let body = match body {
            Some(body) => body,
            None => match self.lane.open(&self.transfer.spec, piece.range).await? {
                Opened::Stream(body) => body,
                Opened::File(_) => {
                    return Err(
                        Error::new(ErrorKind::Unsupported, "the source turned from a stream into a file").into()
                    );
                }
            },
        };
        self.transfer.accept(self.lane, &body, piece.range)?;
        self.stream(slot, piece, body).await
    }

    /// Waits for the bandwidth limits. Returns how long the limit of all transfers took.
    async fn throttle(self, piece: Piece, host_limit: Option<&Bandwidth>, bytes: usize) -> Duration {
        let Self { transfer, .. } = self;
        let throttled = transfer.throttle(piece.id, &transfer.bandwidth, Limit::All, bytes).await;
        if let Some(limit) = host_limit {
            transfer.throttle(piece.id, limit, Limit::Host, bytes).await;
        }
        throttled
    }

    async fn stream(self, slot: &mut ConnectionSlot, piece: Piece, mut body: Body) -> Result<(), StopReason> {
        let Self { transfer, lane, at } = self;
        let mut stall_timer = StallTimer::new(&transfer.limits);
        let mut writer = BufferedWriter::new(&transfer.sink, piece.range.start, at);
        // What lies before the piece has been fetched by others; a source without ranges sends it all the same.
        let mut skip = piece.range.start - body.start.min(piece.range.start);
        let mut pos = piece.range.start;
        let began = Instant::now();
        let mut throttled = Duration::ZERO;
        let host_limit = transfer.host_limit(&body.host).cloned();
        lane.set_limited(host_limit.is_some());
        let ended: Result<(), Error> = loop {
            let Some(limit) = transfer.sink.plan().limit(piece.id) else { break Ok(()) };
            // Its lane may have been given up meanwhile: others fetch the rest.
            if pos >= limit || lane.given_up().is_some() {
                break Ok(());
            }
            let next = tokio::select! {
                biased;
                next = stall_timer.next(&mut body) => next,
                () = tokio::time::sleep_until(writer.overdue), if writer.buffer.is_some() => {
                    writer.make_room(transfer).await?;
                    continue;
                }
            };
            let chunk = match next {
                Ok(Some(chunk)) => chunk,
                // What is there already is more than the whole of this body.
                Ok(None) if skip > 0 && limit == u64::MAX => {
                    return Err(StopReason::Changed { tag: body.etag.clone() });
                }
                Ok(None) => break end_of_stream(transfer, &body, pos, limit),
                Err(error) => break Err(error),
            };
            let asked = Instant::now();
            throttled += self.throttle(piece, host_limit.as_ref(), chunk.len()).await;
            let bytes = useful_part(&chunk, &mut skip, limit - pos);
            if bytes.is_empty() {
                continue;
            }
            slot.received(bytes.len() as u64);
            pos += bytes.len() as u64;
            if limit == u64::MAX {
                transfer.check_unsized(pos, &body.host).await?;
            }
            transfer.sink.plan().received(piece.id, pos, Instant::now());
            writer.push(bytes, transfer).await?;
            stall_timer.extend(asked.elapsed());
            // Of a body that cannot be resumed nothing stays, and so nothing of it is progress.
            if transfer.is_resumable() {
                lane.backoff.progressed(bytes.len() as u64);
            }
        };
        if pos > piece.range.start {
            lane.brought(pos - piece.range.start, began.elapsed().saturating_sub(throttled));
        }
        // Also after a failure: received bytes are kept.
        writer.flush().await?;
        Ok(ended?)
    }
}

/// The bytes of a chunk that belong to the piece: after `skip` bytes of others, and at most `room`.
fn useful_part<'a>(chunk: &'a [u8], skip: &mut u64, room: u64) -> &'a [u8] {
    let skipped = chunk.len().min(usize::try_from(*skip).unwrap_or(usize::MAX));
    *skip -= skipped as u64;
    // A server that sends more than it was asked for is not listened to.
    let bytes = &chunk[skipped..];
    &bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))]
}

/// A stall window beyond this is none.
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// Detects a stalled body: too few bytes within a window.
pub(crate) struct StallTimer {
    least: u64,
    window: Duration,
    deadline: Instant,
    seen: u64,
}

impl StallTimer {
    pub(crate) fn new(limits: &ConnectionLimits) -> Self {
        let window = limits.stall_window.min(LONGEST_WINDOW);
        Self { least: limits.stall_bytes, window, deadline: Instant::now() + window, seen: 0 }
    }

    /// The next chunk of a body, if it comes while enough comes at all.
    pub(crate) async fn next(&mut self, body: &mut Body) -> Result<Option<Bytes>> {
        loop {
            match tokio::time::timeout_at(self.deadline, body.stream.next()).await {
                Err(_) => self.record(0, &body.host)?,
                Ok(Some(chunk)) => {
                    let chunk = chunk?;
                    self.record(chunk.len() as u64, &body.host)?;
                    return Ok(Some(chunk));
                }
                Ok(None) => return Ok(None),
            }
        }
    }

    fn record(&mut self, bytes: u64, host: &str) -> Result<()> {
        self.seen += bytes;
        if Instant::now() < self.deadline {
            return Ok(());
        }
        if self.seen < self.least {
            return Err(self.stalled(host));
        }
        self.seen = 0;
        self.deadline = Instant::now() + self.window;
        Ok(())
    }

    fn stalled(&self, host: &str) -> Error {
        let message = format!("{} bytes in {:.1} s: stalled", self.seen, self.window.as_secs_f64());
        Error::new(ErrorKind::Network, message)
            .with_host(host)
            .with_retry(Retry::Backoff)
            .with_hint("the connection is very slow; try again later, or use another mirror")
    }

    /// Time spent waiting for the bandwidth limit, a buffer or the disk is not the server's fault.
    pub(crate) fn extend(&mut self, waited: Duration) {
        self.deadline += waited;
    }
}

/// The stream has ended: early, or, for a file of unknown size, just where it should.
fn end_of_stream(transfer: &Transfer, body: &Body, pos: u64, limit: u64) -> Result<()> {
    let promised = body.end.unwrap_or(pos);
    if limit == u64::MAX && pos >= promised {
        transfer.sink.plan().set_size(pos);
        return Ok(());
    }
    if pos >= limit {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Network, format!("download ended early at byte {pos} of {limit}"))
        .with_host(&body.host)
        .with_retry(Retry::Backoff)
        .with_hint("the connection was closed early; run the same command again to resume"))
}

/// Collects small chunks into buffers and writes them, one write under way while the next buffer fills.
struct BufferedWriter<'a> {
    sink: &'a Arc<Sink>,
    buffer: Option<PoolBuffer>,
    /// Time at which the buffer is handed over to waiters.
    overdue: Instant,
    at: u64,
    lane: usize,
    under_way: Option<JoinHandle<Result<()>>>,
}

impl<'a> BufferedWriter<'a> {
    fn new(sink: &'a Arc<Sink>, at: u64, lane: usize) -> Self {
        Self { sink, buffer: None, overdue: Instant::now(), at, lane, under_way: None }
    }

    async fn push(&mut self, mut bytes: &[u8], transfer: &Transfer) -> Result<()> {
        while !bytes.is_empty() {
            let buffer = match &mut self.buffer {
                Some(buffer) => buffer,
                empty => {
                    let buffer = transfer.buffer().await?;
                    self.overdue = Instant::now() + FILLING;
                    empty.insert(buffer)
                }
            };
            let taken = buffer.fill(bytes);
            bytes = &bytes[taken..];
            if buffer.is_full() {
                self.write().await?;
            }
        }
        Ok(())
    }

    /// Hands over a buffer that hardly fills, if others wait for one.
    async fn make_room(&mut self, transfer: &Transfer) -> Result<()> {
        self.overdue = Instant::now() + FILLING;
        if transfer.lacks_buffers() { self.flush().await } else { Ok(()) }
    }

    async fn write(&mut self) -> Result<()> {
        self.settle().await?;
        if let Some(buffer) = self.buffer.take().filter(|buffer| !buffer.is_empty()) {
            let length = buffer.as_slice().len() as u64;
            self.under_way = Some(self.sink.write(buffer, self.at, self.lane)?);
            self.at += length;
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        match self.under_way.take() {
            Some(write) => {
                write.await.map_err(|error| Error::new(ErrorKind::Storage, "a write was lost").with_source(error))?
            }
            None => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<()> {
        self.write().await?;
        self.settle().await
    }
}
