//! [`FileReader`]: one file of a version, from the store or while it is fetched.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cache_core::failpoints::{Mutant, mutant};
use cache_transfer::{AvailableRange, ReaderAttempt};

use crate::open_files::in_flight::FileFetch;
use crate::open_files::open_blob::OpenBlob;
use crate::open_files::page_reads;
use crate::{Cache, Error, ErrorKind, FileEntry, Result, Sha256};

/// A file that can be read. While it lives, no process evicts its bytes. Clones are the same reader.
#[derive(Clone, Debug)]
pub struct FileReader(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: FileEntry,
    hit: bool,
    origin: ReadOrigin,
    /// Bytes may be given out from any position.
    anywhere: AtomicBool,
}

/// Where a reader takes its bytes from.
#[derive(Debug)]
pub(crate) enum ReadOrigin {
    Store(Arc<OpenBlob>),
    Fetch(InFlightReader),
}

/// A reader of a file that is being fetched.
#[derive(Debug)]
pub(crate) struct InFlightReader {
    fetch: Arc<FileFetch<Cache>>,
    attempt: ReaderAttempt,
    /// The bytes once they are in the store, and known to continue what was given out.
    blob: OnceLock<Arc<OpenBlob>>,
}

impl FileReader {
    pub(crate) fn new(file: FileEntry, origin: ReadOrigin, anywhere: bool) -> Self {
        let hit = matches!(origin, ReadOrigin::Store(_));
        Self(Arc::new(Inner { file, hit, origin, anywhere: AtomicBool::new(anywhere) }))
    }

    /// Size in bytes. Waits where only the source's first response states it, or the whole file.
    ///
    /// # Errors
    /// Why the file could not be fetched.
    pub async fn size(&self) -> Result<u64> {
        match (&self.0.origin, self.0.file.size) {
            (ReadOrigin::Store(blob), _) => Ok(blob.size),
            (ReadOrigin::Fetch(_), Some(size)) => Ok(size),
            (ReadOrigin::Fetch(reader), None) => reader.size().await,
        }
    }

    /// Whether the bytes were in the store when it was opened.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.0.hit
    }

    /// SHA-256 of the file, as far as it is known already.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        match &self.0.origin {
            ReadOrigin::Store(blob) => Some(blob.name),
            ReadOrigin::Fetch(reader) => reader.blob.get().map(|blob| blob.name).or_else(|| self.0.file.blob_name()),
        }
    }

    /// Whether unverified or wrong bytes of this content may have been given out in the last day.
    ///
    /// By an earlier reader of this process or another. Then no part held from before may be joined to other bytes: read
    /// the file from its beginning.
    #[must_use]
    pub fn must_begin_anew(&self) -> bool {
        // Its absence must be seen by the torture rig.
        !mutant(Mutant::ResumeAfterFailure)
            && match &self.0.origin {
                ReadOrigin::Store(blob) => blob.poisoned,
                ReadOrigin::Fetch(reader) => reader.is_poisoned(),
            }
    }

    /// Waits until the bytes are in the store, verified as far as a digest is known.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    pub async fn verified(&self) -> Result<()> {
        match &self.0.origin {
            ReadOrigin::Store(_) => Ok(()),
            ReadOrigin::Fetch(reader) => reader.verified().await.map(drop),
        }
    }

    /// Bytes from `at` on: at most `max`, and at least one before the end. Waits until they are received.
    ///
    /// Of a file in flight the last [`UNVERIFIED_TAIL`](crate::UNVERIFIED_TAIL) bytes are given out only after its digest
    /// was confirmed and it is in the store. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The transfer's own error. [`ErrorKind::Integrity`] also when bytes were given out of an attempt that has failed:
    /// those of the next may differ; when the file [must be read from its beginning](Self::must_begin_anew) and this
    /// reader has not begun there; and when the stored file was written to. [`ErrorKind::Storage`] when the disk cannot
    /// be read.
    pub async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        if max == 0 {
            return Ok(Bytes::new());
        }
        self.check_position(at)?;
        let bytes = match &self.0.origin {
            ReadOrigin::Store(blob) => blob.read_at(at, max).await,
            ReadOrigin::Fetch(reader) => reader.read_at(at, max).await,
        }?;
        // Meanwhile bytes that were given out may have been discarded.
        self.check_position(at)?;
        if at == 0 {
            self.0.anywhere.store(true, Ordering::Release);
        }
        Ok(bytes)
    }

    /// Whether the readers of this process hold all the memory that they share (32 MiB).
    ///
    /// Until it is given back a [`read_at`](Self::read_at) gives at most 16 KiB; read on when the last bytes of this
    /// reader are dropped.
    #[must_use]
    pub fn is_memory_short(&self) -> bool {
        page_reads::is_short()
    }

    fn check_position(&self, at: u64) -> Result<()> {
        if at == 0 || self.0.anywhere.load(Ordering::Acquire) || !self.must_begin_anew() {
            return Ok(());
        }
        let words = format!("{}: an earlier transfer failed its check, and its bytes may be in use", self.0.file.path);
        Err(Error::new(ErrorKind::Integrity, words).with_hint("read the file again from its beginning"))
    }
}

impl InFlightReader {
    pub(crate) fn new(fetch: Arc<FileFetch<Cache>>) -> Self {
        Self { fetch, attempt: ReaderAttempt::default(), blob: OnceLock::new() }
    }

    async fn size(&self) -> Result<u64> {
        tokio::select! {
            biased;
            outcome = self.fetch.finished() => outcome.map(|blob| blob.size),
            size = self.fetch.live.size() => Ok(size),
        }
    }

    fn is_poisoned(&self) -> bool {
        self.fetch.mark.is_poisoned() || self.fetch.live.is_discarded()
    }

    /// Waits until the file is in the store, with the bytes that were given out.
    async fn verified(&self) -> Result<&OpenBlob> {
        if let Some(blob) = self.blob.get() {
            return Ok(blob);
        }
        let blob = self.fetch.finished().await?;
        self.fetch.live.still(&self.attempt)?;
        Ok(self.blob.get_or_init(|| blob))
    }

    async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        if let Some(blob) = self.blob.get() {
            return blob.read_at(at, max).await;
        }
        let live = &self.fetch.live;
        loop {
            let AvailableRange { file, end, attempt, .. } = tokio::select! {
                biased;
                blob = self.verified() => return blob?.read_at(at, max).await,
                available = live.landed(at, &self.attempt) => available?,
            };
            if let Err(error) = self.fetch.mark.begin().await {
                tracing::warn!(%error, "unverified bytes are not served: the store's mark cannot be written");
                return self.verified().await?.read_at(at, max).await;
            }
            let bytes = page_reads::read(&file, at, page_reads::limited(max, end - at)).await;
            // Meanwhile the attempt may have failed, and the file been overwritten.
            if live.confirm(&self.attempt, attempt)? {
                return bytes;
            }
        }
    }
}
