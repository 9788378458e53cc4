//! One file from one source: opens it, spreads its ranges over connections, keeps the journal, hashes as it goes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::{
    Body, ByteRange, DigestVerifier, Error, ErrorKind, FileEntry, Hashes, OpenOptions, Opened, Result, Retry, Source,
    Version,
};
use cache_store::Partial;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::backoff::Backoff;
use crate::connection::{self, Stop};
use crate::engine::Limits;
use crate::journal::{Journal, Schedule};
use crate::pace::Bandwidth;
use crate::plan::Piece;
use crate::pool::{Buffer, Pool};
use crate::ranges::RangeSet;
use crate::reporter::Reporter;
use crate::sink::Sink;
use crate::slots::{Slot, Slots};

/// How often it is looked whether an idle connection could help a slow one.
const HELP_INTERVAL: Duration = Duration::from_millis(250);
/// How much the first request asks for, before it is known whether the source serves ranges.
const FIRST_PIECE: u64 = 16 << 20;

/// What a transfer needs besides the file.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    pub(crate) pool: Pool,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) slots: Slots,
    pub(crate) limits: Limits,
}

/// Which file, from where.
#[derive(Debug, Clone)]
pub(crate) struct What {
    pub(crate) version: Arc<Version>,
    pub(crate) file: FileEntry,
    pub(crate) source: Arc<dyn Source>,
}

/// How a transfer ended well.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// All bytes are in the partial, and these are their hashes.
    Hashed(Hashes),
    /// The source has the file on this machine; nothing was written.
    Local(PathBuf),
}

#[derive(Debug)]
pub(crate) struct Transfer {
    what: What,
    means: Means,
    pub(crate) limits: Limits,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) sink: Arc<Sink>,
    pub(crate) backoff: Arc<Backoff>,
    /// The entity tag of the bytes we have.
    tag: Mutex<Option<String>>,
    any_tag: bool,
    ranges: AtomicBool,
}

impl Transfer {
    /// The entity tag of the bytes we have.
    pub(crate) fn tag(&self) -> Option<String> {
        self.tag.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn open(&self, range: ByteRange) -> Result<Opened> {
        let range = self.ranges.load(Ordering::Relaxed).then_some(range).filter(|range| range.end != u64::MAX);
        self.what.source.open(&self.what.version, &self.what.file, connection::options(range, self.tag())).await
    }

    pub(crate) async fn buffer(&self) -> Result<Buffer> {
        self.means.pool.take().await.ok_or_else(Error::interrupted)
    }

    pub(crate) fn next_piece(&self) -> Option<Piece> {
        if !self.ranges.load(Ordering::Relaxed) {
            return self.sink.plan().take_rest(Instant::now());
        }
        self.sink.next_piece(self.means.slots.limit())
    }

    fn steal(&self) -> Option<Piece> {
        self.sink.plan().steal(Instant::now())
    }

    /// Checks what the source says of a body against what we know and what we asked for.
    pub(crate) fn accept(&self, body: &Body, asked: ByteRange) -> Result<(), Stop> {
        let mut tag = self.tag.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*tag, &body.etag) {
            _ if self.any_tag => {}
            (Some(ours), Some(theirs)) if ours != theirs => return Err(Stop::Changed { tag: theirs.clone() }),
            (None, Some(theirs)) => *tag = Some(theirs.clone()),
            _ => {}
        }
        drop(tag);
        let known = self.sink.plan().size();
        if let (Some(known), Some(stated)) = (known, body.size)
            && known != stated
        {
            return Err(Stop::Failed(
                Error::new(
                    ErrorKind::Integrity,
                    format!("{}: the listing says {known} bytes, the server {stated}", self.what.file.path),
                )
                .with_host(&body.host)
                .with_retry(Retry::Backoff)
                .with_hint("the file changed or the server is not the one that was listed; run it again"),
            ));
        }
        if body.start == asked.start {
            return Ok(());
        }
        if body.start == 0 && (asked.end == u64::MAX || !self.ranges.load(Ordering::Relaxed)) {
            // The whole was asked for: what is there already is skipped.
            return Ok(());
        }
        if body.start == 0 && !body.ranges {
            self.ranges.store(false, Ordering::Relaxed);
            return Err(Stop::NoRanges);
        }
        Err(Stop::Failed(
            Error::new(
                ErrorKind::Network,
                format!("asked for bytes {asked}, got an answer that begins at {}", body.start),
            )
            .with_host(&body.host)
            .with_retry(Retry::Backoff),
        ))
    }
}

/// Fetches a file into `partial`, going on from what it holds.
pub(crate) async fn run(
    what: &What,
    means: &Means,
    backoff: &Arc<Backoff>,
    partial: &mut Partial,
    reporter: &Arc<Reporter>,
) -> Result<Arrived> {
    let kept = if partial.recorded().is_empty() { None } else { partial.etag().map(str::to_owned) };
    let mut tag = Tag::Expect(kept.or_else(|| what.file.etag.clone()));
    loop {
        match attempt(what, means, backoff, partial, reporter, tag.clone()).await {
            Ok(arrived) => return Ok(arrived),
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Changed { tag: new }) => {
                tag = tag.after_change(&what.file, new).ok_or_else(|| changed(&what.file))?;
                partial.restart()?;
            }
            Err(Stop::NoRanges) => {
                return Err(Error::new(ErrorKind::Network, "the source serves ranges only at times"));
            }
        }
    }
}

/// What entity tag the bytes must have.
#[derive(Debug, Clone)]
enum Tag {
    /// This one, or the first that is seen.
    Expect(Option<String>),
    /// This one: the file had changed before.
    Again(String),
    /// Any: the tags of this host mean nothing, and the digest decides.
    Any,
}

impl Tag {
    fn expected(&self) -> Option<String> {
        match self {
            Self::Expect(tag) => tag.clone(),
            Self::Again(tag) => Some(tag.clone()),
            Self::Any => None,
        }
    }

    /// How to go on after another tag was seen. A file that no digest can tell apart gets no second chance, unless the
    /// new tag is the very one that was listed.
    fn after_change(&self, file: &FileEntry, new: String) -> Option<Self> {
        match self {
            Self::Expect(_) if file.is_verifiable() || file.etag.as_ref() == Some(&new) => Some(Self::Again(new)),
            // Some farms give each of their machines its own tags.
            Self::Again(_) if file.is_verifiable() => Some(Self::Any),
            _ => None,
        }
    }
}

fn changed(file: &FileEntry) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: the file at the source changed while it was fetched", file.path))
        .with_hint("run it again to fetch the new one")
}

async fn attempt(
    what: &What,
    means: &Means,
    backoff: &Arc<Backoff>,
    partial: &mut Partial,
    reporter: &Arc<Reporter>,
    tag: Tag,
) -> Result<Arrived, Stop> {
    let mut done = RangeSet::from_untrusted(partial.recorded(), what.file.size);
    let slot = means.slots.acquire().await;
    let mut first = None;
    if let Some(gap) = done.first_gap(0, what.file.size.unwrap_or(u64::MAX)) {
        match open_first(what, backoff, gap, tag.expected()).await? {
            Opened::File(path) => return Ok(Arrived::Local(path)),
            Opened::Stream(body) => first = Some(First { slot, gap, body }),
        }
    }
    let size = what.file.size.or(first.as_ref().and_then(|first| first.body.size));
    if let Some(size) = size {
        if done.end() > size {
            // More was recorded than there is: nothing of it can be believed.
            partial.restart()?;
            done = RangeSet::default();
            first = None;
        }
        partial.set_size(size)?;
    }
    let resumed = done.total();
    reporter.started(size, resumed, &what.source.to_string());
    let hasher = DigestVerifier::hasher(&what.file, size.unwrap_or_default());
    let hasher = if means.limits.block_hashes { hasher.with_blocks() } else { hasher };
    let sink = Sink::new(Arc::clone(partial.file()), size, done, hasher, Arc::clone(reporter))?;
    let sink = Arc::new(sink);
    let transfer = Arc::new(Transfer {
        what: what.clone(),
        means: means.clone(),
        limits: means.limits.clone(),
        bandwidth: means.bandwidth.clone(),
        sink: Arc::clone(&sink),
        backoff: Arc::clone(backoff),
        any_tag: matches!(tag, Tag::Any),
        tag: Mutex::new(tag.expected()),
        ranges: AtomicBool::new(true),
    });
    let mut journal = Journal::new(partial.recorder(), &transfer);
    let outcome = drive(&transfer, first, &journal).await;
    sink.quiesce().await;
    journal.close(outcome.is_ok()).await;
    drop(journal);
    drop(transfer);
    if let Err(stop) = outcome {
        let landed = sink.plan().done().total();
        sink.abandon().await;
        if matches!(stop, Stop::Changed { .. }) {
            reporter.restarted(landed);
        }
        return Err(stop);
    }
    if size.is_none() {
        let size = sink.plan().size().unwrap_or_default();
        partial.set_size(size)?;
    }
    Ok(Arrived::Hashed(sink.finish().await?))
}

/// The first request: it tells whether the source has a file or a stream, and whether it serves ranges.
async fn open_first(what: &What, backoff: &Backoff, gap: ByteRange, tag: Option<String>) -> Result<Opened, Stop> {
    let end = gap.end.min(gap.start.saturating_add(FIRST_PIECE));
    // Of an unknown size everything is asked for: a range would have to end somewhere.
    let range = (gap.end != u64::MAX).then_some(ByteRange { start: gap.start, end });
    loop {
        let options: OpenOptions = connection::options(range, tag.clone());
        match what.source.open(&what.version, &what.file, options).await {
            Ok(opened) => return Ok(opened),
            Err(error) => backoff.wait(error).await?,
        }
    }
}

/// The first answer, and the right to the connection it came over.
struct First {
    slot: Slot,
    gap: ByteRange,
    body: Body,
}

/// Runs connections until the file is complete. Whatever happens, none is left afterwards.
async fn drive(transfer: &Arc<Transfer>, first: Option<First>, journal: &Journal) -> Result<(), Stop> {
    let mut connections = JoinSet::new();
    let mut entries = JoinSet::new();
    let outcome = steer(transfer, first, journal, &mut connections, &mut entries).await;
    connections.shutdown().await;
    while let Some(entry) = entries.join_next().await {
        // A journal that cannot be written is a disk that cannot be trusted; what failed before says more.
        if outcome.is_ok() {
            entry.map_err(lost)??;
        }
    }
    outcome
}

async fn steer(
    transfer: &Arc<Transfer>,
    first: Option<First>,
    journal: &Journal,
    connections: &mut JoinSet<Result<(), Stop>>,
    entries: &mut JoinSet<Result<()>>,
) -> Result<(), Stop> {
    let slots = &transfer.means.slots;
    // After a failure no connection is opened before this.
    let mut rested = Instant::now();
    if let Some(First { slot, gap, body }) = first {
        match first_piece(transfer, gap, body) {
            Ok(piece) => {
                connections.spawn(connection::run(Arc::clone(transfer), slot, piece));
            }
            Err(Stop::Failed(error)) => rested = transfer.backoff.schedule(error)?,
            Err(stop) => return Err(stop),
        }
    }
    let mut help = tokio::time::interval(HELP_INTERVAL);
    help.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut schedule = Schedule::new(transfer.sink.plan().done().total());
    while !transfer.sink.is_complete() {
        let ranges = transfer.ranges.load(Ordering::Relaxed);
        let resting = Instant::now() < rested;
        let more = !resting && transfer.sink.plan().has_unassigned() && (ranges || connections.is_empty());
        tokio::select! {
            ended = connections.join_next(), if !connections.is_empty() => match ended {
                Some(Ok(Err(Stop::NoRanges))) => {
                    connections.shutdown().await;
                    transfer.sink.quiesce().await;
                }
                Some(Ok(Err(Stop::Failed(error)))) => rested = transfer.backoff.schedule(error)?,
                Some(Ok(ended)) => ended?,
                Some(Err(error)) => return Err(lost(error).into()),
                None => {}
            },
            slot = slots.acquire(), if more => {
                if let Some(piece) = transfer.next_piece() {
                    connections.spawn(connection::run(Arc::clone(transfer), slot, (piece, None)));
                }
            }
            () = tokio::time::sleep_until(rested), if resting => {}
            () = transfer.sink.changed() => {}
            _ = help.tick() => {
                if ranges && !more && !resting
                    && let Some(slot) = slots.try_acquire()
                    && let Some(piece) = transfer.steal()
                {
                    connections.spawn(connection::run(Arc::clone(transfer), slot, (piece, None)));
                }
            }
            entry = entries.join_next(), if !entries.is_empty() => {
                if let Some(entry) = entry {
                    entry.map_err(lost)??;
                }
            }
        }
        let total = transfer.sink.plan().done().total();
        if let Some(synced) = schedule.due(total).filter(|_| entries.is_empty()) {
            entries.spawn_blocking(journal.entry(synced));
            schedule.written(synced, total);
        }
    }
    Ok(())
}

/// The piece that the first body serves: all of the rest if the source serves no ranges, or was not asked for one.
fn first_piece(transfer: &Transfer, gap: ByteRange, body: Body) -> Result<(Piece, Option<Body>), Stop> {
    let now = Instant::now();
    match transfer.accept(&body, gap) {
        Ok(()) | Err(Stop::NoRanges) => {}
        Err(stop) => return Err(stop),
    }
    let mut plan = transfer.sink.plan();
    let asked_whole = gap.end == u64::MAX;
    let piece = if body.ranges && !asked_whole {
        plan.take_exact(ByteRange { start: gap.start, end: body.end.unwrap_or(u64::MAX).min(gap.end) }, now)
    } else {
        // Of a source that told its size only now, ranges can be asked for from here on.
        transfer.ranges.store(body.ranges && plan.size().is_some(), Ordering::Relaxed);
        plan.take_rest(now)
    };
    drop(plan);
    let piece = piece.ok_or_else(|| Error::new(ErrorKind::Storage, "the plan lost its first piece"))?;
    Ok((piece, Some(body)))
}

fn lost(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Storage, "a transfer task was lost").with_source(error)
}
