//! [`FileReader`]: one file of a version, from the store or while it arrives.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cache_core::failpoints::{Mutant, mutant};
use cache_store::{Hit, Lease};
use cache_transfer::{AvailableRange, ReaderAttempt};

use crate::cache::Inner;
use crate::open_files::fetch_state::Arrival;
use crate::open_files::in_flight::Flight;
use crate::open_files::page_reads as pages;
use crate::request::get::Wanted;
use crate::request::resolution::{Look, changed};
use crate::task::blocking;
use crate::{
    Cache, Error, ErrorKind, FileEntry, Get, Manifest, ModelRef, Progress, RepoPath, Result, Revision, Sha256, Store,
    task,
};

/// How a file is opened.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Who hears of the fetch, if there is one. Only the first opener's is heard.
    pub progress: Option<Arc<dyn Progress>>,
    /// The caller checks the digest of all bytes together, those of earlier readers included. Else a reader of a file
    /// that [must be read from its beginning](FileReader::must_begin_anew) gives nothing out of its middle.
    pub checks_digest: bool,
}

impl fmt::Debug for ReadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOptions").finish_non_exhaustive()
    }
}

/// A file that can be read. While it lives, no process evicts its bytes. Clones are the same reader.
#[derive(Clone, Debug)]
pub struct FileReader(Arc<Reader>);

#[derive(Debug)]
struct Reader {
    file: FileEntry,
    hit: bool,
    from: From,
    /// Bytes may be given out from any position.
    anywhere: AtomicBool,
}

#[derive(Debug)]
enum From {
    Store(Arc<Held>),
    Flight(Along),
}

/// Bytes in the store, open and leased.
#[derive(Debug)]
pub(crate) struct Held {
    file: Arc<File>,
    size: u64,
    name: Sha256,
    /// Its modification time when it was opened, in nanoseconds.
    modified: i128,
    /// Whether discarded bytes of this content may have been given out.
    poisoned: bool,
    _lease: Lease,
}

/// Somebody who reads along.
#[derive(Debug)]
struct Along {
    flight: Arc<Flight>,
    seen: ReaderAttempt,
    /// The bytes once they are in the store, and known to go on from what was given out.
    held: OnceLock<Arc<Held>>,
}

impl Cache {
    /// Opens one file of a version for reading: from the store if it is there, else it is fetched — once in this process,
    /// whoever and however many ask — and can be read while it arrives. The fetch goes on when all readers are gone.
    ///
    /// The manifest is believed: nobody is asked what the version consists of. What is fetched is recorded as by a get of
    /// that commit. A small file, one that another process is fetching, and one that lies on this machine can be read
    /// when all of it has arrived. What lies in the store stays open, and leased, for a second after it was opened, for the
    /// next who asks. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when the version has no such file; [`ErrorKind::NotCached`](crate::ErrorKind::NotCached) when it is not in the store
    /// and the network may not be asked. What fails later is told to who reads.
    pub async fn open(&self, manifest: &Arc<Manifest>, path: &RepoPath, options: ReadOptions) -> Result<FileReader> {
        task::check()?;
        let file = manifest.require(path)?.clone();
        let anywhere = options.checks_digest;
        let reader =
            |file, hit, from| Ok(FileReader(Arc::new(Reader { file, hit, from, anywhere: AtomicBool::new(anywhere) })));
        // A failure that others have seen before is none of this reader's: it gets a transfer of its own.
        if let Some(flight) = self.0.flights.join(self, &manifest.version, path)
            && flight.goes_on().await
        {
            return reader(file, false, From::Flight(Along::new(flight)));
        }
        if let Some(held) = self.0.recent.get(&manifest.version, path) {
            return reader(file, true, From::Store(held));
        }
        let (cache, listed, entry) = (self.clone(), Arc::clone(manifest), file.clone());
        let found = blocking(move || Held::find(&cache, &listed, &entry)).await?;
        match found {
            Ok(held) => {
                let held = Arc::new(held);
                self.0.recent.keep(&manifest.version, path, &held);
                reader(file, true, From::Store(held))
            }
            Err(look) => {
                let Missing { look, poisoned } = *look;
                let flight = self.0.flights.start(self, look, &file, poisoned, options.progress);
                reader(file, false, From::Flight(Along::new(flight)))
            }
        }
    }

    /// The same cache asking the Hub with another token; `None`: without any. Shares the store, all limits and
    /// connections, and what [`open`](Self::open) is fetching. Mirrors of the cache are asked with their own tokens.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the token is empty or cannot be sent.
    pub fn with_hub_token(&self, token: Option<&str>) -> Result<Self> {
        let inner = Inner::clone(&self.0);
        Ok(Self(Arc::new(Inner { sources: inner.sources.with_hub_token(token)?, ..inner })))
    }

    /// The files that [`open`](Self::open) is fetching now, sorted by version and path.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.0.flights.arrivals()
    }
}

impl FileReader {
    /// The size in bytes. Waits where only the first answer of the source tells it, or all of the file.
    ///
    /// # Errors
    /// Why the file could not be had.
    pub async fn size(&self) -> Result<u64> {
        match (&self.0.from, self.0.file.size) {
            (From::Store(held), _) => Ok(held.size),
            (From::Flight(_), Some(size)) => Ok(size),
            (From::Flight(along), None) => along.size().await,
        }
    }

    /// Whether the bytes lay in the store when it was opened.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.0.hit
    }

    /// The SHA-256 of the file, as far as it is known already.
    #[must_use]
    pub fn sha256(&self) -> Option<Sha256> {
        match &self.0.from {
            From::Store(held) => Some(held.name),
            From::Flight(along) => along.held.get().map(|held| held.name).or_else(|| self.0.file.blob_name()),
        }
    }

    /// Whether bytes of this content that proved wrong, or were never verified, may have been given out by an earlier reader,
    /// of this process or another, within the last day. Then no part held from before may be joined to other bytes:
    /// read it from its beginning.
    #[must_use]
    pub fn must_begin_anew(&self) -> bool {
        // Its absence must be seen by the torture rig.
        !mutant(Mutant::ResumeAfterFailure)
            && match &self.0.from {
                From::Store(held) => held.poisoned,
                From::Flight(along) => along.is_poisoned(),
            }
    }

    /// Waits until the bytes are in the store, verified as far as anything tells what they should be.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    pub async fn verified(&self) -> Result<()> {
        match &self.0.from {
            From::Store(_) => Ok(()),
            From::Flight(along) => along.verified().await.map(drop),
        }
    }

    /// Bytes from `at` on: at most `max`, and at least one unless `at` is the end or beyond. Waits until they are there.
    /// Of a file that is still arriving the last [`UNVERIFIED_TAIL`](crate::UNVERIFIED_TAIL) bytes are given out only after its
    /// digest was confirmed and it is in the store. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The transfer's own error. [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) also when bytes were given out of an attempt that has failed:
    /// those of the next may be others; when the file [must be read from its beginning](Self::must_begin_anew) and this reader
    /// has not begun there; and when the stored file was written to. [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the
    /// disk cannot be read.
    pub async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        if max == 0 {
            return Ok(Bytes::new());
        }
        self.check_position(at)?;
        let bytes = match &self.0.from {
            From::Store(held) => held.read_at(at, max).await,
            From::Flight(along) => along.read_at(at, max).await,
        }?;
        // Meanwhile bytes that somebody has may have been discarded.
        self.check_position(at)?;
        if at == 0 {
            self.0.anywhere.store(true, Ordering::Release);
        }
        Ok(bytes)
    }

    /// Whether the readers of this process hold all the memory that they share (32 MiB). Until it is given back a
    /// [`read_at`](Self::read_at) gives at most 16 KiB; read on when the last bytes of this reader are dropped.
    #[must_use]
    pub fn is_memory_short(&self) -> bool {
        pages::is_short()
    }

    fn check_position(&self, at: u64) -> Result<()> {
        if at == 0 || self.0.anywhere.load(Ordering::Acquire) || !self.must_begin_anew() {
            return Ok(());
        }
        let words = format!("{}: an earlier transfer failed its check, and its bytes may be in use", self.0.file.path);
        Err(Error::new(ErrorKind::Integrity, words).with_hint("read the file again from its beginning"))
    }
}

impl Held {
    /// The file's bytes, if they are in the store, or what there is to know to fetch them. Reads the disk.
    fn find(cache: &Cache, manifest: &Manifest, file: &FileEntry) -> Result<Result<Self, Box<Missing>>> {
        let store = cache.store();
        // Of whichever process: a mark that a living one has set only makes clients begin anew.
        let poisoned = store.poison(&Store::partial_key(&manifest.version, file))?.is_some();
        let with_mark = |held: Self| Self { poisoned, ..held };
        let found = match store.hit(file)? {
            Hit::Missing => None,
            Hit::Unchanged(blob) | Hit::Touched(blob) => Some(blob.name),
            Hit::Changed(_) => return Err(changed(&manifest.version.model, file)),
        };
        if let Some(held) = Self::of(cache, found)? {
            record(cache, manifest, file);
            return Ok(Ok(with_mark(held)));
        }
        let look = Look::listed(cache, &wanted(cache, manifest, &file.path)?, manifest)?;
        let name = look.files().first().and_then(|state| state.blob.as_ref()).map(|blob| blob.name);
        Ok(match Self::of(cache, name)? {
            Some(held) => {
                record(cache, look.manifest(), file);
                Ok(with_mark(held))
            }
            None => Err(Box::new(Missing { look, poisoned })),
        })
    }

    /// A blob, leased before it is looked for: what is found stays.
    pub(crate) fn of(cache: &Cache, name: Option<Sha256>) -> Result<Option<Self>> {
        let Some(name) = name else { return Ok(None) };
        let lease = cache.store().lease(&[name])?;
        let Some(blob) = cache.store().blob(&name)? else { return Ok(None) };
        let file = match fs_err::File::open(&blob.path) {
            Ok(file) => file.into_file(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::storage("open a stored file", error)),
        };
        let modified = modified(&file.metadata().map_err(|error| Error::storage("look at a stored file", error))?);
        let file = Arc::new(file);
        Ok(Some(Self { file, size: blob.size, name, modified, poisoned: false, _lease: lease }))
    }

    /// Whether the file was not written to since it was opened.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|now| now.len() == self.size && modified(&now) == self.modified)
    }

    async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        let bytes = pages::read(&self.file, at, limited(max, self.size.saturating_sub(at))).await?;
        // After the read: what was written later is not among the bytes.
        if self.is_unchanged() {
            return Ok(bytes);
        }
        let words = format!("the stored file {} changed while it was read", self.name);
        Err(Error::new(ErrorKind::Integrity, words)
            .with_hint("repair the store to download it again")
            .with_reason(crate::Reason::Corrupted))
    }
}

impl Along {
    fn new(flight: Arc<Flight>) -> Self {
        Self { flight, seen: ReaderAttempt::default(), held: OnceLock::new() }
    }

    async fn size(&self) -> Result<u64> {
        tokio::select! {
            biased;
            landed = self.flight.landed() => landed.map(|held| held.size),
            size = self.flight.live.size() => Ok(size),
        }
    }

    fn is_poisoned(&self) -> bool {
        self.flight.streaming.is_poisoned() || self.flight.live.is_discarded()
    }

    /// Waits until the file is in the store, with the bytes that were given out.
    async fn verified(&self) -> Result<&Held> {
        if let Some(held) = self.held.get() {
            return Ok(held);
        }
        let held = self.flight.landed().await?;
        self.flight.live.still(&self.seen)?;
        Ok(self.held.get_or_init(|| held))
    }

    async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        if let Some(held) = self.held.get() {
            return held.read_at(at, max).await;
        }
        let live = &self.flight.live;
        loop {
            let AvailableRange { file, end, attempt, .. } = tokio::select! {
                biased;
                held = self.verified() => return held?.read_at(at, max).await,
                landed = live.landed(at, &self.seen) => landed?,
            };
            if let Err(error) = self.flight.streaming.begin().await {
                tracing::warn!(%error, "unverified bytes are not given out, because that could not be noted");
                return self.verified().await?.read_at(at, max).await;
            }
            let bytes = pages::read(&file, at, limited(max, end - at)).await;
            // Meanwhile the attempt may have failed, and the file be written anew.
            if live.confirm(&self.seen, attempt)? {
                return bytes;
            }
        }
    }
}

/// What there is to know to fetch a file that is not in the store.
struct Missing {
    look: Look,
    poisoned: bool,
}

fn modified(metadata: &std::fs::Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

fn limited(max: usize, there: u64) -> usize {
    usize::try_from(there).map_or(max, |there| there.min(max))
}

/// The wish for one file of one commit.
fn wanted(cache: &Cache, manifest: &Manifest, path: &RepoPath) -> Result<Wanted> {
    get(cache, manifest, path)?.wanted()
}

pub(crate) fn get(cache: &Cache, manifest: &Manifest, path: &RepoPath) -> Result<Get> {
    let version = &manifest.version;
    let revision: Revision = version.commit.as_str().parse()?;
    let reference =
        ModelRef { revision: Some(revision), path: Some(path.clone()), ..ModelRef::of(version.model.clone()) };
    Ok(Get::new(cache.clone(), Ok(reference)))
}

/// Notes the use. Content that came with another version is recorded as this one's, too. What cannot be noted keeps
/// nobody from reading.
fn record(cache: &Cache, manifest: &Manifest, file: &FileEntry) {
    if cache.store().read_only().is_some() {
        return;
    }
    let version = &manifest.version;
    let link = file.path.below(&cache.store().snapshot_path(version));
    let known = fs_err::symlink_metadata(link).is_ok();
    let noted = if known {
        cache.store().touch(version)
    } else {
        wanted(cache, manifest, &file.path).and_then(|wanted| {
            let look = Look::listed(cache, &wanted, manifest)?;
            crate::request::finalize::finish(cache, &crate::request::finalize::Finish::hit(&wanted, &look)).map(drop)
        })
    };
    if let Err(error) = noted {
        tracing::debug!(%error, %version, path = %file.path, "the use of a file could not be noted");
    }
}
