//! [`FileReader`]: one file of a version, from the store or while it arrives.

use std::fmt;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cache_store::Lease;
use cache_transfer::Landed;

use crate::cache::{Inner, blocking};
use crate::get::Wanted;
use crate::look::Look;
use crate::{Cache, Error, FileEntry, Get, Manifest, ModelRef, Progress, RepoPath, Result, Revision, Sha256};

mod flight;
mod heard;
mod pages;
mod recent;

pub(crate) use flight::Flights;
pub use heard::Arrival;
pub(crate) use recent::Recent;

use flight::Flight;

/// How a file is opened.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Who hears of the fetch, if there is one. Only the first opener's is heard.
    pub progress: Option<Arc<dyn Progress>>,
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
    _lease: Lease,
}

/// Somebody who reads along.
#[derive(Debug)]
struct Along {
    flight: Arc<Flight>,
    /// The attempt that the bytes given out so far are of; 0: none were.
    seen: AtomicU64,
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
        let file = manifest.require(path)?.clone();
        let reader = |file, hit, from| Ok(FileReader(Arc::new(Reader { file, hit, from })));
        if let Some(flight) = self.0.flights.join(self, &manifest.version, path) {
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
                let flight = self.0.flights.start(self, *look, &file, options.progress);
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
        let Inner { store, engine, config, sources, flights, recent } = &*self.0;
        Ok(Self(Arc::new(Inner {
            store: store.clone(),
            engine: engine.clone(),
            config: config.clone(),
            sources: sources.with_hub_token(token)?,
            flights: Arc::clone(flights),
            recent: Arc::clone(recent),
        })))
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

    /// Bytes from `at` on: at most `max`, and at least one unless `at` is the end or beyond. Waits until they are there.
    /// Of a file that is still arriving the last [`HOLD_BACK`](crate::HOLD_BACK) bytes are given out only after its
    /// digest was confirmed and it is in the store. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The transfer's own error. [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) also when bytes were given out of an attempt that has failed:
    /// those of the next may be others. [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the disk cannot be read.
    pub async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        if max == 0 {
            return Ok(Bytes::new());
        }
        match &self.0.from {
            From::Store(held) => held.read_at(at, max).await,
            From::Flight(along) => along.read_at(at, max).await,
        }
    }
}

impl Held {
    /// The file's bytes, if they are in the store, or what there is to know to fetch them. Reads the disk.
    fn find(cache: &Cache, manifest: &Manifest, file: &FileEntry) -> Result<Result<Self, Box<Look>>> {
        let store = cache.store();
        if let Some(held) = Self::of(cache, store.find(file)?.map(|blob| blob.name))? {
            record(cache, manifest, file);
            return Ok(Ok(held));
        }
        let look = Look::listed(cache, &wanted(cache, manifest, &file.path)?, manifest)?;
        let name = look.files().first().and_then(|state| state.blob.as_ref()).map(|blob| blob.name);
        Ok(match Self::of(cache, name)? {
            Some(held) => {
                record(cache, look.manifest(), file);
                Ok(held)
            }
            None => Err(Box::new(look)),
        })
    }

    /// A blob, leased before it is looked for: what is found stays.
    fn of(cache: &Cache, name: Option<Sha256>) -> Result<Option<Self>> {
        let Some(name) = name else { return Ok(None) };
        let lease = cache.store().lease(&[name])?;
        let Some(blob) = cache.store().blob(&name)? else { return Ok(None) };
        let file = match fs_err::File::open(&blob.path) {
            Ok(file) => file.into_file(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::storage("open a stored file", error)),
        };
        Ok(Some(Self { file: Arc::new(file), size: blob.size, name, _lease: lease }))
    }

    async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        pages::read(&self.file, at, limited(max, self.size.saturating_sub(at))).await
    }
}

impl Along {
    fn new(flight: Arc<Flight>) -> Self {
        Self { flight, seen: AtomicU64::new(0), held: OnceLock::new() }
    }

    fn seen(&self) -> Option<u64> {
        Some(self.seen.load(Ordering::Acquire)).filter(|&seen| seen > 0)
    }

    async fn size(&self) -> Result<u64> {
        tokio::select! {
            biased;
            landed = self.flight.landed() => landed.map(|held| held.size),
            size = self.flight.live.size() => Ok(size),
        }
    }

    async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        if let Some(held) = self.held.get() {
            return held.read_at(at, max).await;
        }
        let live = &self.flight.live;
        loop {
            let Landed { file, end, attempt, .. } = tokio::select! {
                biased;
                ended = self.flight.landed() => {
                    let held = ended?;
                    live.still(self.seen())?;
                    return self.held.get_or_init(|| held).read_at(at, max).await;
                }
                landed = live.landed(at, self.seen()) => landed?,
            };
            let bytes = pages::read(&file, at, limited(max, end - at)).await;
            // Meanwhile the attempt may have failed, and the file be written anew.
            match live.still(Some(attempt)) {
                Err(error) if self.seen().is_some() => return Err(error),
                Err(_) => {}
                Ok(()) => {
                    let first = self.seen.compare_exchange(0, attempt, Ordering::AcqRel, Ordering::Acquire);
                    // Another read of this reader may have got bytes of another attempt: the older of two has failed.
                    live.still(Some(attempt.min(first.err().unwrap_or(attempt))))?;
                    return bytes;
                }
            }
        }
    }
}

fn limited(max: usize, there: u64) -> usize {
    usize::try_from(there).map_or(max, |there| there.min(max))
}

/// The wish for one file of one commit.
fn wanted(cache: &Cache, manifest: &Manifest, path: &RepoPath) -> Result<Wanted> {
    get(cache, manifest, path)?.wanted()
}

fn get(cache: &Cache, manifest: &Manifest, path: &RepoPath) -> Result<Get> {
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
            crate::finish::finish(cache, &crate::finish::Finish::hit(&wanted, &look)).map(drop)
        })
    };
    if let Err(error) = noted {
        tracing::debug!(%error, %version, path = %file.path, "the use of a file could not be noted");
    }
}
