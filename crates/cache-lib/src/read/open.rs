//! [`Cache::open`]: one file of a version, opened for reading.

use std::fmt;
use std::sync::Arc;

use cache_store::Hit;

use crate::cache::Inner;
use crate::open_files::fetch_state::InFlight;
use crate::open_files::open_blob::OpenBlob;
use crate::read::reader::{FileReader, InFlightReader, ReadOrigin};
use crate::read::{fetch_task, file_request};
use crate::request::resolution::Resolution;
use crate::request::resolution_errors;
use crate::task::{self, blocking};
use crate::{Cache, FileEntry, Manifest, Progress, RepoPath, Result, Store};

/// Options of [`Cache::open`].
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Receives progress events of the fetch, if this call starts one.
    pub progress: Option<Arc<dyn Progress>>,
    /// The caller checks the digest of all bytes together, those of earlier readers included.
    ///
    /// Else a reader of a file that [must be read from its beginning](FileReader::must_begin_anew) gives nothing out of
    /// its middle.
    pub checks_digest: bool,
}

impl fmt::Debug for ReadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOptions").finish_non_exhaustive()
    }
}

impl Cache {
    /// Opens one file of a version for reading: from the store, else while it is fetched.
    ///
    /// A file is fetched once in this process, however many readers it has, and the fetch goes on when all readers are
    /// gone. The manifest is trusted: no source is asked for the version's files. What is fetched is recorded as by a get
    /// of that commit. A small file, one that another process is fetching, and one from this machine can be read when all
    /// of it is there. A stored file stays open, and leased, for a second after it was opened, for the next reader. Needs
    /// a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when the version has no such file;
    /// [`ErrorKind::NotCached`](crate::ErrorKind::NotCached) when it is not in the store and the cache is offline. Later
    /// failures are errors of the reader.
    pub async fn open(&self, manifest: &Arc<Manifest>, path: &RepoPath, options: ReadOptions) -> Result<FileReader> {
        task::check()?;
        let file = manifest.require(path)?.clone();
        let reader = |file, origin| Ok(FileReader::new(file, origin, options.checks_digest));
        // A failure that others have seen before is none of this reader's: it gets a transfer of its own.
        if let Some(fetch) = self.0.in_flight.join(&(manifest.version.clone(), path.clone()), self)
            && fetch.is_running().await
        {
            return reader(file, ReadOrigin::Fetch(InFlightReader::new(fetch)));
        }
        if let Some(blob) = self.0.recent.get(&manifest.version, path) {
            return reader(file, ReadOrigin::Store(blob));
        }
        let (cache, listed, entry) = (self.clone(), Arc::clone(manifest), file.clone());
        match blocking(move || find(&cache, &listed, &entry)).await? {
            Ok(blob) => {
                let blob = Arc::new(blob);
                self.0.recent.keep(&manifest.version, path, &blob);
                reader(file, ReadOrigin::Store(blob))
            }
            Err(missing) => {
                let Missing { resolution, poisoned } = *missing;
                let fetch = fetch_task::start(self, resolution, &file, poisoned, options.progress.clone());
                reader(file, ReadOrigin::Fetch(InFlightReader::new(fetch)))
            }
        }
    }

    /// The same cache with another token for the Hub; `None`: without any.
    ///
    /// Shares the store, all limits and connections, and the files in flight. Mirrors of the cache are asked with their
    /// own tokens.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the token is empty or cannot be sent.
    pub fn with_hub_token(&self, token: Option<&str>) -> Result<Self> {
        let inner = Inner::clone(&self.0);
        Ok(Self(Arc::new(Inner { sources: inner.sources.with_hub_token(token)?, ..inner })))
    }

    /// The files that [`open`](Self::open) is fetching now, sorted by version and path.
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight> {
        self.0.in_flight.sample()
    }
}

/// A file that is not in the store, resolved.
struct Missing {
    resolution: Resolution,
    poisoned: bool,
}

/// The stored file, or what is needed to fetch it. Reads the disk.
fn find(cache: &Cache, manifest: &Manifest, file: &FileEntry) -> Result<Result<OpenBlob, Box<Missing>>> {
    let store = cache.store();
    // The mark of any process: one of a fetch still running only makes clients start over.
    let poisoned = store.poison(&Store::partial_key(&manifest.version, file))?.is_some();
    let found = match store.hit(file)? {
        Hit::Missing => None,
        Hit::Unchanged(blob) | Hit::Touched(blob) => Some(blob.name),
        Hit::Changed(_) => return Err(resolution_errors::changed(&manifest.version.model, file)),
    };
    if let Some(blob) = OpenBlob::open(store, found)? {
        file_request::record_use(cache, manifest, file);
        return Ok(Ok(blob.with_poisoned(poisoned)));
    }
    let resolution = Resolution::listed(cache, &file_request::spec(cache, manifest, &file.path)?, manifest)?;
    let name = resolution.files().first().and_then(|state| state.blob.as_ref()).map(|blob| blob.name);
    Ok(match OpenBlob::open(store, name)? {
        Some(blob) => {
            file_request::record_use(cache, resolution.manifest(), file);
            Ok(blob.with_poisoned(poisoned))
        }
        None => Err(Box::new(Missing { resolution, poisoned })),
    })
}
