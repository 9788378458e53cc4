//! One file from its lanes: opens it, runs its connections, and starts over where it must.

use std::path::PathBuf;
use std::sync::Arc;

use cache_core::{ByteRange, DigestVerifier, Error, ErrorKind, FileEntry, Hasher, Hashes, Opened, Result};
use cache_store::Partial;
use tokio::task::JoinSet;

use crate::body_limit::BodyLimit;
use crate::context::TransferContext;
use crate::job::FileSpec;
use crate::journal::ProgressJournal;
use crate::lane::{Lane, names};
use crate::live_file::PartialHandle;
use crate::ranges::RangeSet;
use crate::reporter::Reporter;
use crate::sink::Sink;
use crate::stop_reason::StopReason;
use crate::transfer::{FirstResponse, Transfer};
use crate::{disk, scheduler};

/// Length of the first request, before range support is known.
const FIRST_PIECE: u64 = 16 << 20;

/// Result of a successful transfer.
#[derive(Debug)]
pub(crate) enum TransferOutcome {
    /// All bytes are in the partial. These are their hashes, and what each lane has brought of them.
    Hashed(Hashes, Vec<RangeSet>),
    /// The source has the file on this machine; nothing was written.
    Local(PathBuf),
}

/// Fetches a file into `partial`, going on from what it holds. There is at least one lane; several need a known size
/// and a digest.
pub(crate) async fn run(
    spec: &FileSpec,
    lanes: &[Arc<Lane>],
    context: &TransferContext,
    partial: &mut Partial,
    reporter: &Arc<Reporter>,
) -> Result<TransferOutcome> {
    let kept = if partial.recorded().is_empty() { None } else { partial.etag().map(str::to_owned) };
    if kept.is_none() && spec.needs_validator() && !partial.recorded().is_empty() {
        start_over(partial, reporter).await?;
    }
    let mut tag = AuthorityTag::Expect(kept.or_else(|| spec.file.etag.clone()));
    loop {
        tag.set(lanes);
        match attempt(spec, lanes, context, partial, reporter).await {
            Ok(arrived) => return Ok(arrived),
            Err(StopReason::Failed(error)) => return Err(error),
            Err(StopReason::StartOver) => start_over(partial, reporter).await?,
            Err(StopReason::Changed { tag: new }) => {
                let seen = lanes.iter().find(|lane| lane.authority).and_then(|lane| lane.seen_tag());
                tag = tag.after_change(&spec.file, seen.as_ref(), new).ok_or_else(|| changed(&spec.file))?;
                start_over(partial, reporter).await?;
            }
            Err(StopReason::NoRanges) => {
                return Err(Error::new(ErrorKind::Network, "the source serves ranges only at times"));
            }
        }
    }
}

/// Empties the partial. Readers first: what they were given is written over.
async fn start_over(partial: &mut Partial, reporter: &Reporter) -> Result<()> {
    reporter.discard().await;
    disk::blocking(partial.restart_task()).await
}

/// Entity tag expected of the authority's bytes.
#[derive(Debug, Clone)]
enum AuthorityTag {
    /// This one, or the first that is seen.
    Expect(Option<String>),
    /// The one of a file that had changed, or the first that is seen.
    Again(Option<String>),
    /// Any: the tags of this host mean nothing. The digest decides; without one all bytes come in one body.
    Any,
}

impl AuthorityTag {
    /// The listing's tag is the authority's; a mirror has its own.
    fn set(&self, lanes: &[Arc<Lane>]) {
        for lane in lanes {
            match self {
                Self::Any if lane.authority || lanes.len() == 1 => lane.expect_any_tag(),
                Self::Expect(tag) | Self::Again(tag) if lane.authority => lane.expect_tag(tag.clone()),
                _ => lane.expect_tag(None),
            }
        }
    }

    /// State after another tag than `self` was received; `seen` is the tag of bytes of this run. `None` when the
    /// listed file itself was replaced and no digest tells its bytes.
    fn after_change(&self, file: &FileEntry, seen: Option<&String>, new: Option<String>) -> Option<Self> {
        match self {
            Self::Expect(_) if !file.is_verifiable() && seen.is_some() && seen == file.etag.as_ref() => None,
            Self::Expect(_) => Some(Self::Again(new)),
            // Some farms give each of their machines its own tags.
            Self::Again(_) => Some(Self::Any),
            Self::Any => None,
        }
    }
}

fn changed(file: &FileEntry) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: the file at the source changed during the download", file.path))
        .with_hint("run the same command again to download the new one")
}

/// The answer to the first request of a single source.
enum FirstAnswer {
    /// A file on this machine.
    Local(PathBuf),
    /// A stream.
    Stream(FirstResponse),
}

/// Asks the only source for the first missing bytes; `None` when none is missing.
async fn first_response(
    spec: &FileSpec,
    lane: &Arc<Lane>,
    partial: &Partial,
    done: &RangeSet,
    reporter: &Arc<Reporter>,
) -> Result<Option<FirstAnswer>, StopReason> {
    lane.set_ranges(true);
    let shown = done.total() > 0 && spec.file.size.is_some_and(|size| done.end() <= size);
    if shown && !spec.needs_validator() {
        // Readers need not wait for a source that is slow to answer, or silent: the digest judges these bytes anyway.
        reporter.live().begin(reader(partial).await, spec.file.size, done);
    }
    let slot = lane.slots.acquire().await;
    let Some(mut gap) = done.first_gap(0, spec.file.size.unwrap_or(u64::MAX)) else { return Ok(None) };
    if spec.needs_validator() && lane.tag().is_none() {
        // A first part could turn out to have nothing by which the second is known to belong to it.
        lane.set_ranges(false);
        gap.end = u64::MAX;
    }
    match open_first(spec, lane, gap, reporter).await? {
        Opened::File(path) => {
            // What another source brought before is not part of it.
            reporter.discard().await;
            Ok(Some(FirstAnswer::Local(path)))
        }
        Opened::Stream(body) => Ok(Some(FirstAnswer::Stream(FirstResponse { slot, gap, body }))),
    }
}

async fn attempt(
    spec: &FileSpec,
    lanes: &[Arc<Lane>],
    context: &TransferContext,
    partial: &mut Partial,
    reporter: &Arc<Reporter>,
) -> Result<TransferOutcome, StopReason> {
    let mut done = RangeSet::from_untrusted(partial.recorded(), spec.file.size);
    let answer = match lanes {
        [lane] => first_response(spec, lane, partial, &done, reporter).await?,
        _ => None,
    };
    let mut first = match answer {
        Some(FirstAnswer::Local(path)) => return Ok(TransferOutcome::Local(path)),
        Some(FirstAnswer::Stream(response)) => Some(response),
        None => None,
    };
    let size = spec.file.size.or(first.as_ref().and_then(|first| first.body.size));
    if size.is_some_and(|size| done.end() > size) {
        // More was recorded than there is: nothing of it can be believed.
        start_over(partial, reporter).await?;
        done = RangeSet::default();
        first = None;
    }
    let resumed = done.total();
    let body_limit = body_limit(size, context, resumed).await?;
    if let Some(first) = first.as_ref().filter(|first| first.body.start < first.gap.start) {
        reporter.restarts(&spec.file, first.gap.start);
    }
    reporter.started(size, resumed, &names(lanes.iter()));
    let hasher = hasher(spec, size.unwrap_or_default(), context);
    // Before the file gets its length: readers rely on what had landed.
    let live = reporter.live().begin(reader(partial).await, size, &done);
    if let Some(size) = size {
        disk::blocking(partial.set_size_task(size)).await?;
    }
    let sink = Arc::new(Sink::new(Arc::clone(partial.file()), size, done, hasher, Arc::clone(reporter), live)?);
    let transfer = new_transfer(spec, lanes, context, &sink, body_limit);
    let mut journal = ProgressJournal::new(partial.recorder(), &transfer);
    let outcome = drive(&transfer, first, &journal).await;
    sink.quiesce().await;
    journal.close(outcome.is_ok()).await;
    drop(journal);
    drop(transfer);
    if let Err(stop) = outcome {
        abandon(sink, &stop, reporter).await;
        return Err(stop);
    }
    if size.is_none() {
        let size = sink.plan().size().unwrap_or_default();
        disk::blocking(partial.set_size_task(size)).await?;
    }
    let brought = sink.plan().take_brought();
    let hashes = sink.finish().await?;
    Ok(TransferOutcome::Hashed(hashes, brought))
}

/// The hasher of a file, with a digest for each block where those are kept.
fn hasher(spec: &FileSpec, size: u64, context: &TransferContext) -> Hasher {
    let hasher = DigestVerifier::hasher(&spec.file, size);
    if context.limits.block_hashes { hasher.with_blocks() } else { hasher }
}

fn new_transfer(
    spec: &FileSpec,
    lanes: &[Arc<Lane>],
    context: &TransferContext,
    sink: &Arc<Sink>,
    body_limit: Option<BodyLimit>,
) -> Arc<Transfer> {
    Arc::new(Transfer {
        spec: spec.clone(),
        lanes: lanes.to_vec(),
        context: context.clone(),
        limits: context.limits.clone(),
        bandwidth: context.bandwidth.clone(),
        sink: Arc::clone(sink),
        body_limit,
    })
}

/// Ends an attempt that stopped, and withdraws its progress where it begins anew.
async fn abandon(sink: Arc<Sink>, stop: &StopReason, reporter: &Reporter) {
    let landed = sink.plan().done().total();
    sink.abandon().await;
    if matches!(stop, StopReason::Changed { .. } | StopReason::StartOver) {
        reporter.restarted(landed);
    }
}

/// The limit of a body of unknown size; `None` for another.
async fn body_limit(
    size: Option<u64>,
    context: &TransferContext,
    resumed: u64,
) -> Result<Option<BodyLimit>, StopReason> {
    if size.is_some() {
        return Ok(None);
    }
    let store = context.store.clone();
    Ok(Some(disk::blocking(move || BodyLimit::of(&store, resumed)).await?))
}

/// A handle for concurrent readers. Without one they wait for the whole file.
async fn reader(partial: &Partial) -> Option<PartialHandle> {
    let open = partial.reader_task();
    let opened = disk::blocking(move || PartialHandle::new(open()?)).await;
    opened.inspect_err(|error| tracing::debug!(%error, "this file cannot be read while it arrives")).ok()
}

/// The first request: it tells whether the source has a file or a stream, and whether it serves ranges.
async fn open_first(spec: &FileSpec, lane: &Lane, gap: ByteRange, reporter: &Reporter) -> Result<Opened, StopReason> {
    let end = gap.end.min(gap.start.saturating_add(FIRST_PIECE));
    // Of an unknown size everything is asked for: a range would have to end somewhere. What is decompressed on its way
    // has no known end, and may be decompressed from the middle.
    let from_middle = spec.file.compressed.is_some() && gap.start > 0;
    let range = (gap.end != u64::MAX || from_middle).then_some(ByteRange { start: gap.start, end });
    loop {
        let connected = reporter.connected();
        let answer = lane.source.open(&spec.version, &spec.file, lane.options(range)).await;
        drop(connected);
        match answer {
            Ok(opened) => return Ok(opened),
            Err(error) => tokio::time::sleep_until(lane.schedule(error)?).await,
        }
    }
}

/// Runs connections until the file is complete. Whatever happens, none is left afterwards.
async fn drive(
    transfer: &Arc<Transfer>,
    first: Option<FirstResponse>,
    journal: &ProgressJournal,
) -> Result<(), StopReason> {
    let mut connections = JoinSet::new();
    let mut entries = JoinSet::new();
    let outcome = scheduler::run(transfer, first, journal, &mut connections, &mut entries).await;
    connections.shutdown().await;
    while let Some(entry) = entries.join_next().await {
        // A journal that cannot be written is a disk that cannot be trusted; what failed before says more.
        if outcome.is_ok() {
            entry.map_err(scheduler::task_lost)??;
        }
    }
    outcome
}
