//! [`Live`]: a file while it arrives, for those in this process who read along.
//!
//! What has landed is never written again within an attempt. Another attempt may bring other bytes, even in the same file:
//! so attempts are numbered, a number is taken back before anything is written anew, and who reads looks at the number
//! again after the read.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cache_core::{ByteRange, Error, ErrorKind, Result};
use cache_store::PartialKey;
use tokio::sync::oneshot;

use crate::ranges::RangeSet;

/// Bytes at the end of a file that nobody is given before its digest is confirmed: 64 KiB, or the whole of a smaller file.
pub const HOLD_BACK: u64 = 64 << 10;

/// A content that is or may be fetched by this process, to be read while it arrives. Clones are the same one.
///
/// There is nothing to see of small files, which come in one piece, nor of what another process fetches.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Mutex<State>>);

/// Bytes that can be read now.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Landed {
    /// The file they lie in.
    pub file: Arc<File>,
    /// The position behind the last of them.
    pub end: u64,
    /// The attempt they are of: ask [`Live::still`] after they were read.
    pub attempt: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Grows whenever an attempt begins or fails. 0: there was none yet.
    attempt: u64,
    view: Option<View>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct View {
    file: Arc<File>,
    size: Option<u64>,
    landed: RangeSet,
}

/// Somebody who waits for the byte at a position, or for any news.
#[derive(Debug)]
struct Waiting {
    at: Option<u64>,
    wake: oneshot::Sender<()>,
}

impl Live {
    /// Waits for the byte at `at` and tells how far one can read from there. `seen` is the attempt that earlier bytes
    /// were of. Does not return for the bytes that are held back.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the attempt that was `seen` has failed.
    pub async fn landed(&self, at: u64, seen: Option<u64>) -> Result<Landed> {
        loop {
            let woken = {
                let mut state = self.lock();
                state.still(seen)?;
                if let Some(landed) = state.landed(at) {
                    return Ok(landed);
                }
                state.wait(Some(at))
            };
            // No word: woken all the same.
            let _ = woken.await;
        }
    }

    /// Whether an attempt is the one under way or the one that went well.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when it has failed: what was read of it must not be put together with other bytes.
    pub fn still(&self, seen: Option<u64>) -> Result<()> {
        self.lock().still(seen)
    }

    /// Waits until the size of the file is known, in bytes.
    pub async fn size(&self) -> u64 {
        loop {
            let woken = {
                let mut state = self.lock();
                if let Some(size) = state.view.as_ref().and_then(|view| view.size) {
                    return size;
                }
                state.wait(None)
            };
            let _ = woken.await;
        }
    }

    /// A new attempt: these ranges of the file are there. Without a file nothing can be seen of it.
    pub(crate) fn begin(&self, file: Option<File>, size: Option<u64>, landed: &RangeSet) -> Attempt {
        let mut state = self.lock();
        state.attempt += 1;
        state.view = file.map(|file| View { file: Arc::new(file), size, landed: landed.clone() });
        state.wake(|_| true);
        Attempt { live: self.clone(), number: state.attempt }
    }

    /// The attempt has failed: nothing of it is given out any more.
    pub(crate) fn withdraw(&self) {
        self.lock().withdraw();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn still(&self, seen: Option<u64>) -> Result<()> {
        match seen {
            Some(seen) if seen != self.attempt => Err(Error::new(
                ErrorKind::Integrity,
                "the transfer that the bytes read so far are of has failed, and another may bring other bytes",
            )
            .with_hint("read the file again from its beginning")),
            _ => Ok(()),
        }
    }

    fn withdraw(&mut self) {
        self.attempt += 1;
        self.view = None;
        self.wake(|_| true);
    }

    fn landed(&self, at: u64) -> Option<Landed> {
        let view = self.view.as_ref()?;
        // Of an unknown size: what has landed last may be the end.
        let end = view.size.unwrap_or(view.landed.end()).saturating_sub(HOLD_BACK);
        let end = view.landed.run(at)?.min(end);
        (at < end).then(|| Landed { file: Arc::clone(&view.file), end, attempt: self.attempt })
    }

    fn wait(&mut self, at: Option<u64>) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.waiting.retain(|waiting| !waiting.wake.is_closed());
        self.waiting.push(Waiting { at, wake });
        woken
    }

    fn wake(&mut self, whom: impl Fn(Option<u64>) -> bool) {
        for woken in self.waiting.extract_if(.., |waiting| whom(waiting.at)) {
            let _ = woken.wake.send(());
        }
    }
}

/// The writing half: one attempt.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    live: Live,
    number: u64,
}

impl Attempt {
    /// A range is in the file and will not be written again. A write that outlived its attempt says nothing.
    pub(crate) fn landed(&self, range: ByteRange) {
        let mut state = self.live.lock();
        if state.attempt != self.number {
            return;
        }
        let Some(view) = &mut state.view else { return };
        view.landed.insert(range);
        // Of an unknown size the end moves, and with it what is held back.
        let (end, all) = (view.landed.run(range.start).unwrap_or(range.end), view.size.is_none());
        state.wake(|at| at.is_some_and(|at| all || (range.start <= at && at < end)));
    }

    /// Takes it back when it is dropped, unless told otherwise: an attempt that ends in any way but well may be written over.
    pub(crate) fn guard(&self) -> Guard {
        Guard(Some(self.clone()))
    }
}

/// See [`Attempt::guard`].
#[derive(Debug)]
pub(crate) struct Guard(Option<Attempt>);

impl Guard {
    /// All bytes are there: it is judged next.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(Attempt { live, number }) = self.0.take() else { return };
        let mut state = live.lock();
        if state.attempt == number {
            state.withdraw();
        }
    }
}

/// All contents that somebody fetches or reads along.
#[derive(Debug, Default)]
pub(crate) struct Lives(Mutex<HashMap<PartialKey, Weak<Mutex<State>>>>);

impl Lives {
    /// The one of a content.
    pub(crate) fn of(&self, key: &PartialKey) -> Live {
        let mut lives = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = lives.get(key).and_then(Weak::upgrade) {
            return Live(live);
        }
        lives.retain(|_, live| live.strong_count() > 0);
        let live = Live::default();
        lives.insert(key.clone(), Arc::downgrade(&live.0));
        live
    }
}

#[cfg(test)]
mod tests;
