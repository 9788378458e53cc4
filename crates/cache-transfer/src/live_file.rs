//! [`LiveFile`]: a file under download, for readers in this process.
//!
//! What has landed is never written again within an attempt. Another attempt may bring other bytes, even in the same file:
//! so attempts are numbered, a number is taken back before anything is written anew, and a reader compares the
//! number again after the read.
//!
//! A transfer that fails over to another source and goes on in the same file, with all that has landed, is the same
//! attempt: readers do not notice. It ends with the [`WriteSession`], which ends before another process may write the file.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cache_core::{ByteRange, Error, ErrorKind, Result};
use cache_store::PartialKey;
use tokio::sync::oneshot;

use crate::ranges::RangeSet;

/// Bytes at the end of a file that are withheld until the digest is verified: 64 KiB, or a whole smaller file.
pub const UNVERIFIED_TAIL: u64 = 64 << 10;

/// A file that this process downloads or may download, readable meanwhile. Clones share it.
///
/// Small files and downloads of other processes are never readable early.
#[derive(Debug, Clone, Default)]
pub struct LiveFile(Arc<Mutex<State>>);

/// A range of bytes that can be read now.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AvailableRange {
    /// The file that holds them.
    pub file: Arc<File>,
    /// The position behind the last of them.
    pub end: u64,
    /// The attempt they are of, for [`LiveFile::confirm`] after they were read.
    pub attempt: u64,
}

/// The attempt of the bytes that one reader has given out.
#[derive(Debug, Default)]
pub struct ReaderAttempt(AtomicU64);

impl ReaderAttempt {
    fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Acquire)).filter(|&seen| seen > 0)
    }
}

#[derive(Debug, Default)]
struct State {
    /// Grows whenever an attempt begins or fails. 0: there was none yet.
    attempt: u64,
    view: Option<LiveView>,
    /// The last attempt has failed, and no other has begun.
    withdrawn: bool,
    waiting: Vec<RangeWaiter>,
    /// Sessions under way: more than one where locks do not work, or a leader was overtaken in its own process.
    sessions: usize,
    /// Sessions have overlapped: one's success does not vouch for the other's bytes.
    overlapped: bool,
    /// Readers, also of an earlier process, may hold unverified bytes.
    given: bool,
    /// The session has opened a partial: what comes in the next one is its own.
    opened: bool,
    /// Bytes that may have been given out were thrown away: they are not those of any later attempt.
    discarded: bool,
}

/// A handle of a file that arrives, and the file's identity.
#[derive(Debug)]
pub(crate) struct PartialHandle {
    file: File,
    /// Device and inode.
    identity: (u64, u64),
}

impl PartialHandle {
    /// Asks the file system which file it is. Blocks.
    pub(crate) fn new(file: File) -> Result<Self> {
        let metadata = file.metadata().map_err(|error| Error::storage("look at a partial", error))?;
        Ok(Self { identity: (metadata.dev(), metadata.ino()), file })
    }
}

#[derive(Debug)]
struct LiveView {
    file: Arc<File>,
    identity: (u64, u64),
    size: Option<u64>,
    landed: RangeSet,
}

impl LiveView {
    /// Whether it is the same file with everything that had landed before.
    fn continues(&self, before: &Self) -> bool {
        let size = before.size.is_none() || before.size == self.size;
        self.identity == before.identity
            && size
            && before.landed.as_slice().iter().all(|&range| self.landed.contains(range))
    }
}

/// A reader that waits for the byte at a position, or for any change.
#[derive(Debug)]
struct RangeWaiter {
    at: Option<u64>,
    wake: oneshot::Sender<()>,
}

impl LiveFile {
    /// Waits for the byte at `at` and returns how far one can read from there. `seen` is the attempt of the reader's
    /// earlier bytes. Does not return for the bytes that are held back.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the attempt that was `seen` has failed.
    pub async fn landed(&self, at: u64, seen: &ReaderAttempt) -> Result<AvailableRange> {
        loop {
            let woken = {
                let mut state = self.lock();
                state.still(seen.get())?;
                if let Some(landed) = state.landed(at) {
                    return Ok(landed);
                }
                state.wait(Some(at))
            };
            // No word: woken all the same.
            let _ = woken.await;
        }
    }

    /// Checks that the bytes a reader has given out are of the attempt under way, or of the one that went well.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when it has failed: what was read of it must not be put together with other bytes.
    pub fn still(&self, seen: &ReaderAttempt) -> Result<()> {
        self.lock().still(seen.get())
    }

    /// Decides whether bytes that were just read of `attempt` may be given out, and notes that in `seen`. False when the
    /// attempt has failed meanwhile and the reader has given out nothing yet: it can read again.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the reader has given out bytes of an attempt that has failed.
    pub fn confirm(&self, seen: &ReaderAttempt, attempt: u64) -> Result<bool> {
        let mut state = self.lock();
        if state.attempt != attempt {
            return state.still(seen.get()).map(|()| false);
        }
        // What is read when no session is under way was verified.
        state.given |= state.sessions > 0;
        // Another read of the same reader may have given out bytes of an attempt before.
        match seen.0.compare_exchange(0, attempt, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(true),
            Err(earlier) => state.still(Some(earlier)).map(|()| true),
        }
    }

    /// Whether bytes that readers may hold were discarded. They must not be joined with later bytes.
    #[must_use]
    pub fn is_discarded(&self) -> bool {
        self.lock().discarded
    }

    /// Drops the received bytes of an earlier transfer, which may have been overwritten since. Readers keep theirs.
    pub fn forget_received(&self) {
        let mut state = self.lock();
        if state.sessions == 0 {
            state.view = None;
            state.withdrawn = false;
        }
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

    /// Waits while the last attempt has failed and no other has begun. Returns at once before the first one.
    pub async fn resumed(&self) {
        loop {
            let woken = {
                let mut state = self.lock();
                if !state.withdrawn {
                    return;
                }
                state.wait(None)
            };
            let _ = woken.await;
        }
    }

    /// Begins to fetch: these ranges of the file are there. Without a file nothing can be seen of it. It is another
    /// attempt unless all that had landed in the last one is there, in the same file.
    pub(crate) fn begin(&self, file: Option<PartialHandle>, size: Option<u64>, landed: &RangeSet) -> Attempt {
        let mut state = self.lock();
        let view = file.map(|PartialHandle { file, identity }| {
            let file = Arc::new(file);
            LiveView { file, identity, size, landed: landed.clone() }
        });
        let goes_on = matches!((&state.view, &view), (Some(before), Some(now)) if now.continues(before));
        if !goes_on {
            state.attempt += 1;
        }
        state.view = view;
        state.withdrawn = false;
        state.wake(|_| true);
        Attempt { live: self.clone(), number: state.attempt }
    }

    /// Lets attempts follow each other in one file until it is dropped.
    pub(crate) fn session(&self) -> WriteSession {
        let mut state = self.lock();
        state.opened &= state.sessions > 0;
        state.sessions += 1;
        state.overlapped |= state.sessions > 1;
        drop(state);
        WriteSession { live: self.clone(), kept: false }
    }

    /// A partial was opened. What the first one of a session holds may be with readers of an earlier process.
    pub(crate) fn opened(&self, given_out: bool) {
        let mut state = self.lock();
        let first = !std::mem::replace(&mut state.opened, true);
        state.given |= first && given_out;
    }

    /// Discards the bytes of a failed attempt. Returns whether readers may hold some of them.
    pub(crate) fn discard(&self) -> bool {
        let mut state = self.lock();
        let given = std::mem::take(&mut state.given);
        state.discarded |= given;
        state.withdraw();
        given
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
                "the download failed after some of it was read, and another may differ",
            )
            .with_hint("read the file again from its beginning")),
            _ => Ok(()),
        }
    }

    fn withdraw(&mut self) {
        self.attempt += 1;
        self.view = None;
        self.withdrawn = true;
        self.wake(|_| true);
    }

    fn landed(&self, at: u64) -> Option<AvailableRange> {
        let view = self.view.as_ref()?;
        // Of an unknown size: what has landed last may be the end.
        let end = view.size.unwrap_or(view.landed.end()).saturating_sub(UNVERIFIED_TAIL);
        let end = view.landed.run(at)?.min(end);
        (at < end).then(|| AvailableRange { file: Arc::clone(&view.file), end, attempt: self.attempt })
    }

    fn wait(&mut self, at: Option<u64>) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.waiting.retain(|waiting| !waiting.wake.is_closed());
        self.waiting.push(RangeWaiter { at, wake });
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
    live: LiveFile,
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
}

/// The time in which only this transfer writes the file. Dropped, it withdraws the attempt.
#[derive(Debug)]
pub(crate) struct WriteSession {
    live: LiveFile,
    kept: bool,
}

impl WriteSession {
    /// The file has arrived: its bytes stay readable, unless they may be those of another session.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }

    /// The file has arrived otherwise: its bytes here are not those that were verified.
    pub(crate) fn abandon(self) {
        self.live.discard();
    }
}

impl Drop for WriteSession {
    fn drop(&mut self) {
        let mut state = self.live.lock();
        if !self.kept || state.overlapped {
            state.discarded |= self.kept;
            state.withdraw();
        } else {
            state.given = false;
        }
        state.sessions -= 1;
        state.overlapped &= state.sessions > 0;
    }
}

/// All live files by content.
#[derive(Debug, Default)]
pub(crate) struct LiveFiles(Mutex<HashMap<PartialKey, Weak<Mutex<State>>>>);

impl LiveFiles {
    /// The one of a content.
    pub(crate) fn of(&self, key: &PartialKey) -> LiveFile {
        let mut live_files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = live_files.get(key).and_then(Weak::upgrade) {
            return LiveFile(live);
        }
        live_files.retain(|_, live| live.strong_count() > 0);
        let live = LiveFile::default();
        live_files.insert(key.clone(), Arc::downgrade(&live.0));
        live
    }
}

#[cfg(test)]
mod tests;
