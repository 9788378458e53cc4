//! Marks of contents of which clients may hold bytes that no digest has confirmed.
//!
//! A mirror streams a file before its digest is verified. Bytes of a failed transfer must not be joined to those of the
//! next one. So a mark is written before the first unverified byte is sent, and removed when exactly those bytes were
//! verified; a process that dies in between leaves it behind. Where they are kept in a partial, the mark says so: it turns
//! into one of discarded bytes as soon as the content is fetched into another file, or is there without them.
//!
//! A mark of its own says that bytes were discarded. That one is never taken back, so that no process can undo what
//! another has noted, with or without locks.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use cache_core::{Error, Result};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::fs::durable::{self, Durability};
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::layout::KEPT_SUFFIX;
use crate::fs::listing::entries;
use crate::fs::partial_key::PartialKey;
use crate::store::Store;

/// How long a mark counts: longer than interrupted downloads are usually left alone.
const POISON_AGE: Duration = Duration::from_secs(86_400);
/// How long a mark of kept bytes counts: longer than any partial is kept.
const KEPT_AGE: Duration = Duration::from_secs(9 * 86_400);
/// Largest mark that is read, in bytes.
const MAX_MARK: u64 = 4 << 10;
/// Most marks. The oldest go first.
pub(crate) const MAX_MARKS: usize = 4096;
/// Marks that a process writes before it looks whether there are too many.
const UNCOUNTED: usize = 256;

/// Why a content is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poison {
    /// Unverified bytes are being given out, or were by a process that has died.
    Streaming,
    /// Bytes that may have been given out were discarded.
    Discarded,
}

#[derive(Serialize, Deserialize)]
struct Mark {
    since: SystemTime,
}

impl Store {
    /// The mark of a content, if it has one that still counts.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be read. A torn mark counts as one.
    pub fn poison(&self, key: &PartialKey) -> Result<Option<Poison>> {
        // In this order: when the first mark goes because bytes were discarded, the other one is there.
        let streaming = self.counts(&self.layout().streaming(key))?;
        if self.counts(&self.layout().poison(key))? {
            return Ok(Some(Poison::Discarded));
        }
        if streaming {
            return Ok(Some(Poison::Streaming));
        }
        Ok(if self.are_kept_bytes_gone(key)? { Some(Poison::Discarded) } else { None })
    }

    /// Whether bytes that were given out were kept, and are no longer.
    fn are_kept_bytes_gone(&self, key: &PartialKey) -> Result<bool> {
        let mark = self.layout().kept(key);
        if fs::symlink_metadata(&mark).or_absent().context("look for a poison mark")?.is_none() {
            return Ok(false);
        }
        let arrived = key.digest().map_or(Ok(None), |name| self.blob(&name))?;
        // What arrived with them has taken the mark away.
        Ok(arrived.is_some() || !self.has_partial(key)?)
    }

    fn counts(&self, mark: &Path) -> Result<bool> {
        let mark = match cache_fs::read(mark, MAX_MARK).or_absent() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(true),
            other => other.context("read a poison mark")?,
        };
        let Some(bytes) = mark else { return Ok(false) };
        let mark = serde_json::from_slice::<Mark>(&bytes);
        Ok(mark.map_or(true, |mark| self.0.clock.age(mark.since) < POISON_AGE))
    }

    /// Marks a content whose bytes were given out unverified and are discarded. Durable when it returns.
    ///
    /// # Errors
    /// A storage error, also in a read-only store.
    pub fn mark_discarded(&self, key: &PartialKey) -> Result<()> {
        self.writable()?;
        self.write(&self.layout().poison(key), &self.new_mark()?, Durability::Durable)?;
        self.bound_poison();
        Ok(())
    }

    /// Marks a content before its first unverified byte is given out. What another process left behind stays a mark for
    /// good. Durable when it returns.
    ///
    /// # Errors
    /// A storage error, also in a read-only store: then no unverified byte may be given out.
    pub fn begin_streaming(&self, key: &PartialKey) -> Result<()> {
        self.writable()?;
        let path = self.layout().streaming(key);
        match durable::write_new(self.layout(), &path, &self.new_mark()?, Durability::Durable) {
            // Two share it, and the first to end takes it away.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return self.mark_discarded(key),
            other => other.context("write a poison mark")?,
        }
        self.bound_poison();
        Ok(())
    }

    /// Notes that the bytes given out are kept in a partial to go on from.
    ///
    /// # Errors
    /// A storage error, also in a read-only store.
    pub fn keep_streaming(&self, key: &PartialKey) -> Result<()> {
        self.writable()?;
        let kept = durable::rename_over(&self.layout().streaming(key), &self.layout().kept(key), Durability::Durable);
        kept.or_absent().context("write a poison mark").map(drop)
    }

    /// Whether bytes of a content may have been given out and not yet verified. A mark that cannot be looked at counts.
    pub(crate) fn may_be_given_out(&self, key: &PartialKey) -> bool {
        let is_there = |mark: &Path| !matches!(fs::symlink_metadata(mark).or_absent(), Ok(None));
        // In this order: the first becomes the second.
        is_there(&self.layout().streaming(key)) || is_there(&self.layout().kept(key))
    }

    /// Marks kept bytes as discarded before the content is fetched into another file.
    pub(crate) fn discard_kept(&self, key: &PartialKey) -> Result<()> {
        let (kept, discarded) = (self.layout().kept(key), self.layout().poison(key));
        // A rename needs no room on a full disk.
        if durable::rename_over(&kept, &discarded, Durability::Durable)
            .or_absent()
            .context("write a poison mark")?
            .is_some()
        {
            self.mark_discarded(key).unwrap_or_else(|error| tracing::debug!(%error, "a poison mark keeps its time"));
        }
        Ok(())
    }

    /// Takes back the mark of kept bytes: they have been verified.
    pub(crate) fn release_kept(&self, key: &PartialKey) {
        let _ = durable::remove(&self.layout().kept(key));
    }

    /// Takes back the mark of [`begin_streaming`](Self::begin_streaming): the bytes given out were verified. A mark for
    /// discarded bytes stays.
    ///
    /// # Errors
    /// A storage error, also in a read-only store.
    pub fn end_streaming(&self, key: &PartialKey) -> Result<()> {
        self.writable()?;
        durable::remove(&self.layout().streaming(key)).context("remove a poison mark").map(drop)
    }

    /// As [`keep_streaming`](Self::keep_streaming), where nothing may wait: behind the cleanup of guards dropped before.
    pub fn keep_streaming_at_drop(&self, key: &PartialKey) {
        let (store, key) = (self.clone(), key.clone());
        self.in_background(move || {
            if let Err(error) = store.keep_streaming(&key) {
                tracing::debug!(%error, "a poison mark stays");
            }
        });
    }

    fn new_mark(&self) -> Result<Vec<u8>> {
        let mark = serde_json::to_vec(&Mark { since: self.0.clock.now() });
        mark.map_err(|error| Error::storage("write a poison mark", error.into()))
    }

    /// Limits the marks in the background, after the first and every 256th that this process writes.
    fn bound_poison(&self) {
        if !self.0.marked.fetch_add(1, Ordering::Relaxed).is_multiple_of(UNCOUNTED) {
            return;
        }
        let store = self.clone();
        self.in_background(move || {
            if let Err(error) = store.limit_poison(MAX_MARKS) {
                tracing::debug!(%error, "old poison marks could not be removed");
            }
        });
    }

    /// Removes marks that count no more, and the oldest above `most`.
    pub(crate) fn limit_poison(&self, most: usize) -> Result<()> {
        let mut marks = Vec::new();
        for path in entries(&self.layout().poisoned(), "list the poison marks")? {
            let is_kept = path.to_string_lossy().ends_with(KEPT_SUFFIX);
            // By their times on the disk: nothing has to be read.
            let age = self.age(&path);
            marks.push((age >= if is_kept { KEPT_AGE } else { POISON_AGE }, age, path));
        }
        marks.sort();
        let young = marks.iter().take_while(|(old, ..)| !old).count();
        for (.., path) in marks.iter().skip(young.min(most)) {
            durable::remove(path).context("remove a poison mark")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use cache_core::{ByteRange, Hasher};

    use super::*;
    use crate::fs::clock::Clock;
    use crate::store::options::StoreOptions;

    fn key(name: &str) -> PartialKey {
        PartialKey::for_tests(name)
    }

    #[test]
    fn discarded_mark_outlives_a_restart_for_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let later = Arc::new(AtomicU64::new(0));
        let open = || {
            let later = Arc::clone(&later);
            let clock = Clock::new(move || SystemTime::now() + Duration::from_secs(later.load(Ordering::Relaxed)));
            Store::open(dir.path(), StoreOptions::default().with_clock(clock)).unwrap()
        };
        open().mark_discarded(&key("a")).unwrap();
        assert_eq!(open().poison(&key("a")).unwrap(), Some(Poison::Discarded));
        assert_eq!(open().poison(&key("b")).unwrap(), None);
        later.store(3600, Ordering::Relaxed);
        assert_eq!(open().poison(&key("a")).unwrap(), Some(Poison::Discarded));
        later.store(86_401, Ordering::Relaxed);
        assert_eq!(open().poison(&key("a")).unwrap(), None);
        open().clean().unwrap();
        assert!(!open().layout().poison(&key("a")).exists());
    }

    #[test]
    fn streaming_mark_left_behind_is_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        store.begin_streaming(&key("a")).unwrap();
        assert_eq!(store.poison(&key("a")).unwrap(), Some(Poison::Streaming));
        store.end_streaming(&key("a")).unwrap();
        assert_eq!(store.poison(&key("a")).unwrap(), None);
        // The process dies, and another one begins.
        store.begin_streaming(&key("a")).unwrap();
        store.begin_streaming(&key("a")).unwrap();
        store.end_streaming(&key("a")).unwrap();
        assert_eq!(store.poison(&key("a")).unwrap(), Some(Poison::Discarded));
    }

    #[test]
    fn kept_bytes_are_poison_once_they_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let bytes = b"some bytes, of which a client has the first";
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        let key = PartialKey::sha256(&hasher.finish().sha256);
        let keep = || {
            store.begin_streaming(&key).unwrap();
            let mut partial = store.partial(&key, Some(bytes.len() as u64)).unwrap();
            partial.file().write_all_at(&bytes[..9], 0).unwrap();
            partial.record(&[ByteRange { start: 0, end: 9 }]).unwrap();
            drop(partial);
            store.keep_streaming(&key).unwrap();
            store.settle_background();
        };
        keep();
        assert_eq!(store.poison(&key).unwrap(), None, "the next transfer goes on from them");
        store.clean_older_than(Duration::ZERO).unwrap();
        assert_eq!(store.poison(&key).unwrap(), Some(Poison::Discarded));
        drop(store.partial(&key, None).unwrap());
        assert!(store.layout().poison(&key).exists(), "for a day, whatever comes next");
    }

    #[test]
    fn torn_mark_counts() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        store.mark_discarded(&key("a")).unwrap();
        fs::write(store.layout().poison(&key("a")), b"{").unwrap();
        assert_eq!(store.poison(&key("a")).unwrap(), Some(Poison::Discarded));
    }

    #[test]
    fn discarded_mark_survives_another_stream_end() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(dir.path(), StoreOptions::default()).unwrap();
        let (one, other) = (open(), open());
        one.begin_streaming(&key("a")).unwrap();
        other.mark_discarded(&key("a")).unwrap();
        one.end_streaming(&key("a")).unwrap();
        assert_eq!(one.poison(&key("a")).unwrap(), Some(Poison::Discarded));
        // Neither knows of the other; each of the two must find a mark until both have ended.
        for store in [&one, &other] {
            store.begin_streaming(&key("b")).unwrap();
        }
        one.end_streaming(&key("b")).unwrap();
        assert!(one.poison(&key("b")).unwrap().is_some());
    }

    #[test]
    fn marks_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(dir.path(), StoreOptions::default()).unwrap();
        let marks = || fs::read_dir(open().layout().poisoned()).unwrap().count();
        for number in 0..5 {
            open().mark_discarded(&key(&number.to_string())).unwrap();
        }
        open().limit_poison(2).unwrap();
        assert_eq!(marks(), 2);
        let store = open();
        for number in 0..MAX_MARKS + 10 {
            fs::write(store.layout().poison(&key(&format!("more{number}"))), "{}").unwrap();
        }
        store.mark_discarded(&key("last")).unwrap();
        store.settle_background();
        assert_eq!(marks(), MAX_MARKS);
    }
}
