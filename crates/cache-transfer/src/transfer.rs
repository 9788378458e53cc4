//! One file from its sources: opens it, spreads its ranges over connections, keeps the journal, hashes as it goes.
//!
//! With one source the first answer tells whether it serves ranges. With several, the size is known beforehand and each
//! takes pieces as fast as it can: who is slow loses the rest of its piece to who is not, and so its share.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use cache_core::{
    Body, ByteRange, DigestVerifier, Error, ErrorKind, FileEntry, Hashes, OpenOptions, Opened, Result, Source, Version,
};
use cache_store::Partial;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connection::{self, Stop};
use crate::engine::Limits;
use crate::journal::Journal;
use crate::lane::Lane;
use crate::pace::Bandwidth;
use crate::plan::Piece;
use crate::pool::{Buffer, Pool};
use crate::ranges::RangeSet;
use crate::reporter::Reporter;
use crate::sink::Sink;
use crate::slots::Slot;
use crate::steer;

/// How much the first request asks for, before it is known whether the source serves ranges.
const FIRST_PIECE: u64 = 16 << 20;

/// What a transfer needs besides the file.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    pub(crate) pool: Pool,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) hosts: Arc<BTreeMap<String, Bandwidth>>,
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
    /// All bytes are in the partial. These are their hashes, and what each lane has brought of them.
    Hashed(Hashes, Vec<RangeSet>),
    /// The source has the file on this machine; nothing was written.
    Local(PathBuf),
}

#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) what: What,
    pub(crate) lanes: Vec<Arc<Lane>>,
    means: Means,
    pub(crate) limits: Limits,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) sink: Arc<Sink>,
}

impl Transfer {
    /// The entity tag by which the authority knows the bytes we have. A mirror's means nothing to the next process.
    pub(crate) fn tag(&self) -> Option<String> {
        self.lanes.iter().find(|lane| lane.authority).and_then(|lane| lane.tag())
    }

    /// The limit of one host, if it has one.
    pub(crate) fn host_limit(&self, host: &str) -> Option<&Bandwidth> {
        host_limit(&self.means.hosts, host)
    }

    pub(crate) async fn buffer(&self) -> Result<Buffer> {
        self.means.pool.take().await.ok_or_else(Error::interrupted)
    }

    /// Whether who needs a buffer has to wait.
    pub(crate) fn lacks_buffers(&self) -> bool {
        self.means.pool.is_empty()
    }

    /// What a lane's next connection is to fetch.
    pub(crate) fn next_piece(&self, lane: &Lane) -> Option<Piece> {
        if !lane.ranges() {
            return self.sink.plan().take_rest(Instant::now());
        }
        let connections = self.lanes.iter().filter(|lane| lane.given_up().is_none()).map(|lane| lane.slots.limit());
        self.sink.next_piece(connections.sum(), lane.speed())
    }

    /// Work of a slow connection, for an idle one of this lane.
    pub(crate) fn steal(&self, lane: &Lane) -> Option<Piece> {
        self.sink.plan().steal(lane.speed(), Instant::now())
    }

    /// Checks what a lane's source says of a body.
    pub(crate) fn accept(&self, lane: &Lane, body: &Body, asked: ByteRange) -> Result<(), Stop> {
        let known = self.sink.plan().size();
        lane.accept(&self.what, body, known, asked)
    }
}

/// Fetches a file into `partial`, going on from what it holds. There is at least one lane; several need a known size
/// and a digest.
pub(crate) async fn run(
    what: &What,
    lanes: &[Arc<Lane>],
    means: &Means,
    partial: &mut Partial,
    reporter: &Arc<Reporter>,
) -> Result<Arrived> {
    let kept = if partial.recorded().is_empty() { None } else { partial.etag().map(str::to_owned) };
    let mut tag = Tag::Expect(kept.or_else(|| what.file.etag.clone()));
    loop {
        tag.set(lanes);
        match attempt(what, lanes, means, partial, reporter).await {
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

/// What entity tag the authority's bytes must have.
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
    /// The listing's tag is the authority's; a mirror has its own.
    fn set(&self, lanes: &[Arc<Lane>]) {
        for lane in lanes {
            match self {
                _ if !lane.authority => lane.expect_tag(None),
                Self::Expect(tag) => lane.expect_tag(tag.clone()),
                Self::Again(tag) => lane.expect_tag(Some(tag.clone())),
                Self::Any => lane.expect_any_tag(),
            }
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
    lanes: &[Arc<Lane>],
    means: &Means,
    partial: &mut Partial,
    reporter: &Arc<Reporter>,
) -> Result<Arrived, Stop> {
    let mut done = RangeSet::from_untrusted(partial.recorded(), what.file.size);
    let mut first = None;
    if let [lane] = lanes {
        lane.set_ranges(true);
        let slot = lane.slots.acquire().await;
        if let Some(gap) = done.first_gap(0, what.file.size.unwrap_or(u64::MAX)) {
            match open_first(what, lane, gap).await? {
                Opened::File(path) => return Ok(Arrived::Local(path)),
                Opened::Stream(body) => first = Some(First { slot, gap, body }),
            }
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
    reporter.started(size, resumed, &names(lanes.iter()));
    let hasher = DigestVerifier::hasher(&what.file, size.unwrap_or_default());
    let hasher = if means.limits.block_hashes { hasher.with_blocks() } else { hasher };
    let live = reporter.live().begin(reader(partial), size, &done);
    let guard = live.guard();
    let sink = Arc::new(Sink::new(Arc::clone(partial.file()), size, done, hasher, Arc::clone(reporter), live)?);
    let transfer = Arc::new(Transfer {
        what: what.clone(),
        lanes: lanes.to_vec(),
        means: means.clone(),
        limits: means.limits.clone(),
        bandwidth: means.bandwidth.clone(),
        sink: Arc::clone(&sink),
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
    let brought = sink.plan().take_brought();
    let hashes = sink.finish().await?;
    guard.keep();
    Ok(Arrived::Hashed(hashes, brought))
}

/// A handle for those who read along. Without one they wait until all is there.
fn reader(partial: &Partial) -> Option<File> {
    let opened = partial.reader();
    opened.inspect_err(|error| tracing::debug!(%error, "nobody can read this file while it arrives")).ok()
}

/// The limit of a host that is named as in `Body::host`; without the port it is that of all its ports.
pub(crate) fn host_limit<'a>(hosts: &'a BTreeMap<String, Bandwidth>, host: &str) -> Option<&'a Bandwidth> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    hosts.get(host).or_else(|| hosts.get(name))
}

/// The names of lanes, for people.
pub(crate) fn names<'a>(lanes: impl Iterator<Item = &'a Arc<Lane>>) -> String {
    lanes.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The first request: it tells whether the source has a file or a stream, and whether it serves ranges.
async fn open_first(what: &What, lane: &Lane, gap: ByteRange) -> Result<Opened, Stop> {
    let end = gap.end.min(gap.start.saturating_add(FIRST_PIECE));
    // Of an unknown size everything is asked for: a range would have to end somewhere.
    let range = (gap.end != u64::MAX).then_some(ByteRange { start: gap.start, end });
    loop {
        let options: OpenOptions = connection::options(range, lane.tag());
        match lane.source.open(&what.version, &what.file, options).await {
            Ok(opened) => return Ok(opened),
            Err(error) => lane.backoff.wait(error).await?,
        }
    }
}

/// The first answer of the only source, and the right to the connection it came over.
pub(crate) struct First {
    pub(crate) slot: Slot,
    pub(crate) gap: ByteRange,
    pub(crate) body: Body,
}

/// Runs connections until the file is complete. Whatever happens, none is left afterwards.
async fn drive(transfer: &Arc<Transfer>, first: Option<First>, journal: &Journal) -> Result<(), Stop> {
    let mut connections = JoinSet::new();
    let mut entries = JoinSet::new();
    let outcome = steer::steer(transfer, first, journal, &mut connections, &mut entries).await;
    connections.shutdown().await;
    while let Some(entry) = entries.join_next().await {
        // A journal that cannot be written is a disk that cannot be trusted; what failed before says more.
        if outcome.is_ok() {
            entry.map_err(steer::lost)??;
        }
    }
    outcome
}
