//! [`Lane`]: one source of a file that may come from several at once.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cache_core::{Body, ByteRange, Error, ErrorKind, Opened, Result, Retry, Source};

use crate::backoff::Backoff;
use crate::connection::{self, Stop};
use crate::engine::Place;
use crate::slots::Slots;
use crate::transfer::What;

/// A source of one file: how many connections it may have, which entity tag its bytes carry, and why it was given up.
pub(crate) struct Lane {
    pub(crate) source: Arc<dyn Source>,
    /// What is learned of it is kept under this name.
    pub(crate) name: String,
    /// Whether its word on what exists is final.
    pub(crate) authority: bool,
    /// Lanes of the highest preference are used; the others wait until none of those is left.
    pub(crate) preference: i32,
    pub(crate) slots: Slots,
    pub(crate) backoff: Backoff,
    tag: Mutex<Tag>,
    ranges: AtomicBool,
    given_up: OnceLock<Error>,
    /// What a connection brings, in bytes a second: of late, and averaged.
    speed: Mutex<Option<f64>>,
}

/// What entity tag the bytes must have.
#[derive(Debug, Clone)]
enum Tag {
    /// This one, or the first that is seen.
    Expect(Option<String>),
    /// Any: the tags of this host mean nothing, and the digest decides.
    Any,
}

impl Lane {
    pub(crate) fn new(place: Place, authority: bool, slots: Slots, backoff: Backoff) -> Arc<Self> {
        Arc::new(Self {
            source: place.source,
            name: place.name,
            authority,
            preference: place.preference,
            slots,
            backoff,
            tag: Mutex::new(Tag::Expect(None)),
            ranges: AtomicBool::new(true),
            given_up: OnceLock::new(),
            speed: Mutex::default(),
        })
    }

    pub(crate) fn place(&self) -> Place {
        Place { source: Arc::clone(&self.source), preference: self.preference, name: self.name.clone() }
    }

    /// Bytes are to have this tag, or the first that is seen.
    pub(crate) fn expect_tag(&self, tag: Option<String>) {
        *self.tag.lock().unwrap_or_else(PoisonError::into_inner) = Tag::Expect(tag);
    }

    /// Tags mean nothing here.
    pub(crate) fn expect_any_tag(&self) {
        *self.tag.lock().unwrap_or_else(PoisonError::into_inner) = Tag::Any;
    }

    /// The entity tag of the bytes it has brought.
    pub(crate) fn tag(&self) -> Option<String> {
        match &*self.tag.lock().unwrap_or_else(PoisonError::into_inner) {
            Tag::Expect(tag) => tag.clone(),
            Tag::Any => None,
        }
    }

    /// Whether ranges can be asked for, as far as is known.
    pub(crate) fn ranges(&self) -> bool {
        self.ranges.load(Ordering::Relaxed)
    }

    pub(crate) fn set_ranges(&self, ranges: bool) {
        self.ranges.store(ranges, Ordering::Relaxed);
    }

    /// What one of its connections is likely to bring, in bytes a second.
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
            // A mirror need not have everything, nor let everyone in.
            ErrorKind::NotFound | ErrorKind::Unauthorized => self.authority,
            // Trouble on this machine is everybody's.
            _ => true,
        }
    }

    /// Why it is not used for this file any more.
    pub(crate) fn given_up(&self) -> Option<&Error> {
        self.given_up.get()
    }

    pub(crate) async fn open(&self, what: &What, range: ByteRange) -> Result<Opened> {
        let range = self.ranges().then_some(range).filter(|range| range.end != u64::MAX);
        self.source.open(&what.version, &what.file, connection::options(range, self.tag())).await
    }

    /// Checks what the source says of a body against the size that is known and the range that was asked for.
    pub(crate) fn accept(&self, what: &What, body: &Body, known: Option<u64>, asked: ByteRange) -> Result<(), Stop> {
        self.accept_tag(body)?;
        if let (Some(known), Some(stated)) = (known, body.size)
            && known != stated
        {
            return Err(Stop::Failed(self.another_size(what, body, known, stated)));
        }
        if body.start == asked.start {
            return Ok(());
        }
        if body.start == 0 && (asked.end == u64::MAX || !self.ranges()) {
            // The whole was asked for: what is there already is skipped.
            return Ok(());
        }
        if body.start == 0 && !body.ranges {
            self.set_ranges(false);
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

    fn accept_tag(&self, body: &Body) -> Result<(), Stop> {
        match &mut *self.tag.lock().unwrap_or_else(PoisonError::into_inner) {
            Tag::Any => Ok(()),
            Tag::Expect(tag) => match (&tag, &body.etag) {
                (Some(ours), Some(theirs)) if ours != theirs => Err(Stop::Changed { tag: theirs.clone() }),
                (None, Some(theirs)) => {
                    *tag = Some(theirs.clone());
                    Ok(())
                }
                _ => Ok(()),
            },
        }
    }

    fn another_size(&self, what: &What, body: &Body, known: u64, stated: u64) -> Error {
        let error = Error::new(
            ErrorKind::Integrity,
            format!("{}: the listing says {known} bytes, the server {stated}", what.file.path),
        )
        .with_host(&body.host);
        if self.authority {
            error
                .with_retry(Retry::Backoff)
                .with_hint("the file changed or the server is not the one that was listed; run it again")
        } else {
            error.with_hint("the mirror has another file under this name")
        }
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
