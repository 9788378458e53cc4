//! [`Lane`]: one source of a file that may come from several at once.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use cache_core::{Body, ByteRange, Error, ErrorKind, OpenOptions, Opened, Result, Retry, RetryBudget, Source};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::job::{FileSpec, SourceEntry};
use crate::slots::ConnectionSlots;
use crate::stop_reason::StopReason;

/// A source of one file: how many connections it may have, which entity tag its bytes carry, and why it was given up.
pub(crate) struct Lane {
    pub(crate) source: Arc<dyn Source>,
    /// Key of its health and connection statistics.
    pub(crate) name: String,
    /// Whether its word on what exists is final.
    pub(crate) authority: bool,
    /// Lanes of the highest preference are used; the others wait until none of those is left.
    pub(crate) preference: i32,
    pub(crate) slots: ConnectionSlots,
    pub(crate) backoff: Backoff,
    tag: Mutex<Tag>,
    ranges: AtomicBool,
    /// Answers in a row that brought the whole file instead of a range, since ranges were last served.
    wholes: AtomicU32,
    /// Whether a range was ever served.
    served_ranges: AtomicBool,
    /// Whether the host that sends its bytes has a rate limit of its own.
    limited: AtomicBool,
    /// The last answer failed: the next request uses a new connection.
    failed: AtomicBool,
    given_up: OnceLock<Error>,
    /// Throughput of a connection in bytes a second: a moving average.
    speed: Mutex<Option<f64>>,
}

/// Entity tag expected of the bytes.
#[derive(Debug, Clone)]
enum Tag {
    /// This one, or the first that is seen.
    Expect(Option<String>),
    /// This one, which bytes of this run had.
    Seen(String),
    /// Any: the tags of this host mean nothing. The digest decides; without one all bytes come in one body.
    Any,
}

/// Whole bodies instead of ranges, in a row, after which a source that served ranges counts as one that does not.
const MAX_WHOLES: u32 = 2;

impl Lane {
    pub(crate) fn new(entry: SourceEntry, authority: bool, slots: ConnectionSlots, backoff: Backoff) -> Arc<Self> {
        Arc::new(Self {
            source: entry.source,
            name: entry.name,
            authority,
            preference: entry.preference,
            slots,
            backoff,
            tag: Mutex::new(Tag::Expect(None)),
            ranges: AtomicBool::new(true),
            wholes: AtomicU32::new(0),
            served_ranges: AtomicBool::new(false),
            limited: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            given_up: OnceLock::new(),
            speed: Mutex::default(),
        })
    }

    pub(crate) fn entry(&self) -> SourceEntry {
        SourceEntry { source: Arc::clone(&self.source), preference: self.preference, name: self.name.clone() }
    }

    fn lock_tag(&self) -> MutexGuard<'_, Tag> {
        self.tag.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes are to have this tag, or the first that is seen.
    pub(crate) fn expect_tag(&self, tag: Option<String>) {
        *self.lock_tag() = Tag::Expect(tag);
    }

    /// Tags mean nothing here.
    pub(crate) fn expect_any_tag(&self) {
        *self.lock_tag() = Tag::Any;
    }

    /// The entity tag of the bytes it has brought.
    pub(crate) fn tag(&self) -> Option<String> {
        match &*self.lock_tag() {
            Tag::Expect(tag) => tag.clone(),
            Tag::Seen(tag) => Some(tag.clone()),
            Tag::Any => None,
        }
    }

    /// The entity tag of bytes that came in this run.
    pub(crate) fn seen_tag(&self) -> Option<String> {
        match &*self.lock_tag() {
            Tag::Seen(tag) => Some(tag.clone()),
            Tag::Expect(_) | Tag::Any => None,
        }
    }

    pub(crate) fn set_limited(&self, limited: bool) {
        self.limited.store(limited, Ordering::Relaxed);
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.limited.load(Ordering::Relaxed)
    }

    /// The next request uses a new connection.
    pub(crate) fn note_failure(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Time of the next attempt after a failure, over a new connection.
    pub(crate) fn schedule(&self, error: Error) -> Result<Instant> {
        self.note_failure();
        self.backoff.schedule(error)
    }

    /// Whether ranges can be asked for, as far as is known.
    pub(crate) fn ranges(&self) -> bool {
        self.ranges.load(Ordering::Relaxed)
    }

    pub(crate) fn set_ranges(&self, ranges: bool) {
        self.ranges.store(ranges, Ordering::Relaxed);
    }

    /// Expected throughput of one of its connections, in bytes a second.
    pub(crate) fn speed(&self) -> Option<f64> {
        *self.speed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection has brought so many bytes in this time.
    pub(crate) fn brought(&self, bytes: u64, time: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let now = bytes as f64 / time.as_secs_f64().max(0.001);
        let mut speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
        *speed = Some(speed.map_or(now, |before| f64::midpoint(before, now)).max(1.0));
    }

    /// It is not used for this file any more.
    pub(crate) fn give_up(&self, error: Error) {
        let _ = self.given_up.set(error);
    }

    /// Whether no other source can help after this error of it.
    pub(crate) fn is_final(&self, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::Network | ErrorKind::Integrity | ErrorKind::Unsupported => false,
            // A storage host refuses what the authority has granted.
            ErrorKind::Unauthorized if error.is_unreachable() => false,
            // A mirror need not have everything, nor let everyone in.
            ErrorKind::NotFound | ErrorKind::Unauthorized => self.authority,
            // A failure of this machine concerns every lane.
            _ => true,
        }
    }

    /// The error for which it was given up.
    pub(crate) fn given_up(&self) -> Option<&Error> {
        self.given_up.get()
    }

    pub(crate) async fn open(&self, spec: &FileSpec, range: ByteRange) -> Result<Opened> {
        let range = self.ranges().then_some(range).filter(|range| range.end != u64::MAX);
        self.source.open(&spec.version, &spec.file, self.options(range)).await
    }

    /// Asks for a range of the file we began with.
    pub(crate) fn options(&self, range: Option<ByteRange>) -> OpenOptions {
        options(range, self.tag()).fresh(self.failed.load(Ordering::Relaxed))
    }

    /// Checks what the source says of a body against the size that is known and the range that was asked for.
    pub(crate) fn accept(
        &self,
        spec: &FileSpec,
        body: &Body,
        known: Option<u64>,
        asked: ByteRange,
    ) -> Result<(), StopReason> {
        let another_size = |known: Option<u64>| match (known, body.size) {
            (Some(known), Some(stated)) if known != stated => {
                Err(StopReason::Failed(self.another_size(spec, body, known, stated)))
            }
            _ => Ok(()),
        };
        // Against the listing first: an error page need not be a change of the file, whatever its tag.
        another_size(spec.file.size)?;
        self.accept_tag(spec, body)?;
        another_size(known)?;
        let part = body.start > 0 || matches!((known, body.end), (Some(size), Some(end)) if end < size);
        if body.start == asked.start && part {
            self.served_ranges.store(true, Ordering::Relaxed);
            self.wholes.store(0, Ordering::Relaxed);
        }
        // Of a whole body that was asked for, what is there already is skipped.
        let whole = body.start == 0 && (asked.end == u64::MAX || !self.ranges());
        if body.start == asked.start || whole {
            self.failed.store(false, Ordering::Relaxed);
            return Ok(());
        }
        if body.start == 0 && !body.ranges {
            let wholes = self.wholes.fetch_add(1, Ordering::Relaxed) + 1;
            if !self.served_ranges.load(Ordering::Relaxed) || wholes >= MAX_WHOLES {
                self.set_ranges(false);
                return Err(StopReason::NoRanges);
            }
        }
        Err(StopReason::Failed(
            Error::new(
                ErrorKind::Network,
                format!("{}: requested bytes {asked}, received bytes from {}", spec.file.path, body.start),
            )
            .with_host(&body.host)
            .with_retry(Retry::Backoff)
            .with_hint("the server or a proxy is faulty; add a mirror, or try again later"),
        ))
    }

    /// Without a digest only one and the same strong tag, or one body, makes one file of several bytes.
    fn accept_tag(&self, spec: &FileSpec, body: &Body) -> Result<(), StopReason> {
        let mut tag = self.lock_tag();
        let ours = match &*tag {
            Tag::Any => return Ok(()),
            Tag::Seen(ours) => Some(ours),
            Tag::Expect(ours) => ours.as_ref(),
        };
        *tag = match (ours, &body.etag) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                return Err(StopReason::Changed { tag: Some(theirs.clone()) });
            }
            (Some(_), None) if spec.needs_validator() => return Err(StopReason::Changed { tag: None }),
            (None, None) if spec.needs_validator() => {
                self.set_ranges(false);
                Tag::Any
            }
            (_, Some(theirs)) => Tag::Seen(theirs.clone()),
            (_, None) => return Ok(()),
        };
        Ok(())
    }

    fn another_size(&self, spec: &FileSpec, body: &Body, known: u64, stated: u64) -> Error {
        let hint = if self.authority {
            "the file has changed, or the server is another one; run the same command again"
        } else {
            "the mirror has another file under this name"
        };
        Error::new(
            ErrorKind::Integrity,
            format!("{}: wrong size: {known} bytes listed, the server has {stated}", spec.file.path),
        )
        .with_host(&body.host)
        .with_retry(Retry::Backoff)
        .with_hint(hint)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({self})")
    }
}

/// The names of lanes, for people.
pub(crate) fn names<'a>(lanes: impl Iterator<Item = &'a Arc<Lane>>) -> String {
    lanes.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Request options: a range, and only of the same file state. The engine owns the retries, so that
/// many connections failing together draw on the budget once.
pub(crate) fn options(range: Option<ByteRange>, tag: Option<String>) -> OpenOptions {
    let options = match range {
        Some(range) => OpenOptions::range(range),
        None => OpenOptions::whole(),
    };
    options.if_range(tag).budget(RetryBudget::none())
}
