//! [`Get`]: what is wanted, and the way to it.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cache_core::RetryBudget;
use cache_transfer::{FetchJob, Fetched, guard_progress};

use crate::registry::expected::Expected;
use crate::request::constraints::Besides;
use crate::request::fallback::{self as instead, Instead};
use crate::request::finalize::{self as finish, Arrived, Finish};
use crate::request::partial_manifest::PartialManifest;
use crate::request::resolution::{self as look_, Look};
use crate::request::selection::Selection;
use crate::request::source_wait::Patience;
use crate::request::usage::{self as meter, Meter};
use crate::sources::compressed::Told;
use crate::sources::source_set::Sources;
use crate::task::blocking;
use crate::units::Size;
use crate::{
    Cache, Error, ErrorKind, Event, FileEntry, ModelRef, NoProgress, Outcome, Progress, Result, Revision, Sha256,
    Snapshot, task, visibility,
};

/// A wish for a model. Await it, or ask the store alone with [`Get::peek`].
#[must_use = "nothing is fetched until it is awaited"]
pub struct Get {
    pub(crate) cache: Cache,
    pub(crate) reference: Result<ModelRef>,
    revision: Option<Result<Revision>>,
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) with: Vec<String>,
    pub(crate) told: Told,
    pub(crate) size: Option<u64>,
    pub(crate) instead: Instead,
    pub(crate) priority: i32,
    pub(crate) deadline: Option<Duration>,
    pub(crate) progress: Arc<dyn Progress>,
    /// What a registry entry or a lock file says besides.
    pub(crate) besides: Besides,
}

/// A wish that was understood.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) reference: ModelRef,
    pub(crate) revision: Revision,
    pub(crate) selection: Selection,
    pub(crate) told: Told,
    /// Bytes that the one wanted file must have.
    pub(crate) size: Option<u64>,
    /// Which get goes first while files wait for their turn: the higher one.
    pub(crate) priority: i32,
    pub(crate) expected: Option<Arc<Expected>>,
    /// The retries of asking the source; those of fetching are the engine's.
    pub(crate) budget: RetryBudget,
    /// When a cached version is used instead of further retries.
    pub(crate) patience: Patience,
}

impl Get {
    pub(crate) fn new(cache: Cache, reference: Result<ModelRef>) -> Self {
        Self {
            cache,
            reference,
            revision: None,
            include: Vec::new(),
            exclude: Vec::new(),
            with: Vec::new(),
            told: Told::default(),
            size: None,
            instead: Instead::default(),
            priority: 0,
            deadline: None,
            progress: Arc::new(NoProgress),
            besides: Besides::default(),
        }
    }

    /// A branch, a tag, `refs/pr/7` or a commit; `main` when neither this nor the reference names one.
    pub fn revision(mut self, revision: impl AsRef<str>) -> Self {
        self.revision = Some(Revision::parse(revision.as_ref()).map_err(Error::from));
        self
    }

    /// Only files that match this pattern, or another one given so. `*` crosses folders; `folder/` means all in it.
    pub fn include(mut self, pattern: impl Into<String>) -> Self {
        self.include.push(pattern.into());
        self
    }

    /// No files that match this pattern.
    pub fn exclude(mut self, pattern: impl Into<String>) -> Self {
        self.exclude.push(pattern.into());
        self
    }

    /// The digest that the one wanted file must have. Of a file that is decompressed on its way, the plain bytes'.
    pub fn sha256(mut self, digest: Sha256) -> Self {
        if let Some(pinned) = self.besides.sha256.filter(|pinned| *pinned != digest) {
            self.reference = Err(self.contradiction(digest, pinned));
        }
        self.told.sha256 = Some(digest);
        self
    }

    /// The digest that the compressed bytes of the one wanted file must have as they are transferred. What is in the store
    /// counts if its record has the same digest; else it is transferred again and checked, and offline it is an error.
    pub fn sha256_compressed(mut self, digest: Sha256) -> Self {
        self.told.compressed = Some(digest);
        self
    }

    /// Whether a compressed file behind a plain URL is stored as it is. Otherwise `model.gguf.zst` becomes
    /// `model.gguf`; so do `.gz`, `.xz` and `.bz2`.
    pub fn keep_compressed(mut self, keep: bool) -> Self {
        self.told.keep = keep;
        self
    }

    /// How soon it is wanted beside other gets: the higher goes first; 0 when not set.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Longest time from when it is awaited. After it the get fails with [`ErrorKind::TimedOut`]; what has arrived is
    /// kept, and the same get resumes.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// Receives progress events. If it panics, the get ends with an error that says so; what has arrived is kept.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// What the store has of it, without the network. Reads the disk.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when a wanted file is not there.
    pub fn peek(self) -> Result<Snapshot> {
        self.or_instead(self.peek_one(), Self::peek_one, Snapshot::warn)
    }

    fn peek_one(&self) -> Result<Snapshot> {
        let wanted = self.wanted()?;
        finish::retrying(|| {
            let look = Look::cached(&self.cache, &wanted)?;
            match look.missing().next() {
                None => finish::finish(&self.cache, &Finish::hit(&wanted, &look)),
                Some(_) => Err(look.not_cached(&self.cache, &wanted)),
            }
        })
    }

    /// What the store has of it if that needs no request: the revision is a commit, or the cache is offline.
    /// `None` when the network has to be asked. Reads the disk.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when a wanted file is not there and the network may not be asked.
    pub fn without_request(&self) -> Result<Option<Snapshot>> {
        let warn = |found: &mut Option<Snapshot>, text| found.iter_mut().for_each(|it| it.warn(String::clone(&text)));
        self.or_instead(self.at_once(), Self::at_once, warn)
    }

    fn at_once(&self) -> Result<Option<Snapshot>> {
        let wanted = self.wanted()?;
        let answer = finish::retrying(|| {
            let offline = self.cache.is_offline() && Sources::is_remote(&wanted.reference.model);
            if !self.instead.is_empty() {
                return Ok(None);
            }
            let Some(look) = Look::pinned(&self.cache, &wanted, offline)? else { return Ok(None) };
            if look.missing().next().is_none() && look.allowed(&self.cache).is_ok() {
                return finish::finish(&self.cache, &Finish::hit(&wanted, &look)).map(Some);
            }
            if offline { Err(look.not_cached(&self.cache, &wanted)) } else { Ok(None) }
        });
        match &answer {
            Ok(Some(snapshot)) => meter::hit(self.cache.store(), &wanted.reference, snapshot),
            Ok(None) => {}
            Err(error) => meter::refused(self.cache.store(), &wanted.reference, error),
        }
        answer
    }

    /// What it consists of and how much of it is in the store. Asks the network as [`Get`] does, but fetches no file.
    ///
    /// # Errors
    /// As for getting it.
    pub async fn look(mut self) -> Result<Look> {
        task::check()?;
        guard_progress(Arc::clone(&self.progress), |progress| async move {
            self.progress = progress;
            Look::resolve(&self.cache, &self.wanted()?).await
        })
        .await
    }

    pub(crate) fn wanted(&self) -> Result<Wanted> {
        let reference = self.reference.clone()?;
        if let Some(unsupported) = &self.besides.unsupported {
            return Err(unsupported.clone());
        }
        let revision = match (&self.revision, &reference.revision) {
            (Some(given), Some(written)) if given.clone()? != *written => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{reference} and the option name different revisions"),
                )
                .with_hint("give the revision once"));
            }
            (Some(given), _) => given.clone()?,
            (None, _) => reference.revision_or_main(),
        };
        let selection =
            Selection::new(reference.path.clone(), reference.variant.clone(), &self.include, &self.exclude)?
                .with(&self.with)?
                .only(self.besides.only.clone());
        let patience = Patience::within(self.time_limit());
        let budget = patience.budget(self.cache.0.config.retries, Arc::clone(&self.progress));
        let told = Told { sha256: self.told.sha256.or(self.besides.sha256), ..self.told }.checked()?;
        let (size, priority) = (self.size, self.priority);
        let expected = self.besides.expected.clone();
        Ok(Wanted { reference, revision, selection, told, size, expected, priority, budget, patience })
    }

    /// Gets it, and notes for the statistics what that took.
    pub(crate) async fn run(mut self) -> Result<Snapshot> {
        let mut meter = Meter::new(self.cache.store(), &self.reference, Arc::clone(&self.progress));
        self.progress = meter.progress();
        let result = meter.within(self.time_limit(), self.get()).await;
        meter.ended(&result);
        blocking(move || {
            meter.record();
            result
        })
        .await
    }

    /// Gets it of a version that was looked at before, and notes for the statistics what that took.
    pub(crate) async fn run_of(mut self, wanted: Wanted, look: &Look) -> Result<Snapshot> {
        let mut meter = Meter::new(self.cache.store(), &self.reference, Arc::clone(&self.progress));
        let limit = self.time_limit();
        let get = guard_progress(meter.progress(), |progress| async move {
            self.progress = progress;
            self.run_for(wanted, Some(look)).await
        });
        let result = meter.within(limit, get).await;
        meter.ended(&result);
        blocking(move || {
            meter.record();
            result
        })
        .await
    }

    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.deadline.or_else(|| self.cache.0.sources.deadline())
    }

    async fn get(self) -> Result<Snapshot> {
        let wanted = self.wanted()?;
        if self.instead.is_empty() { self.run_for(wanted, None).await } else { instead::run(&self, wanted).await }
    }

    /// Gets what is wanted of a version that was looked at before, or of the one that the source names now.
    pub(crate) async fn run_for(&self, wanted: Wanted, version: Option<&Look>) -> Result<Snapshot> {
        let wanted = Arc::new(wanted);
        let cache = self.cache.clone();
        // What is wanted is leased from the look on. Something is gone all the same where locks do not work, or when files
        // of the store are removed by hand.
        let mut tries = 0;
        loop {
            tries += 1;
            let (look, arrived) = self.fetch(&wanted, version).await?;
            let (cache, wanted, progress) = (cache.clone(), Arc::clone(&wanted), Arc::clone(&self.progress));
            let done = blocking(move || {
                let finish = Finish::fetched(&wanted, &look, arrived).telling(&*progress);
                finish::finish(&cache, &finish)
            })
            .await;
            match done {
                Err(error) if finish::vanished(&error) && tries < 3 => {}
                other => return other,
            }
        }
    }

    async fn fetch(&self, wanted: &Arc<Wanted>, version: Option<&Look>) -> Result<(Look, Vec<Arrived>)> {
        let look = match version.cloned() {
            None => Look::resolve(&self.cache, wanted).await?,
            Some(version) => {
                let (cache, wanted) = (self.cache.clone(), Arc::clone(wanted));
                blocking(move || version.narrow(&cache, &wanted)).await?
            }
        };
        look.warnings().iter().for_each(|warning| self.progress.event(&Event::Warning(warning)));
        let bytes = look.files().iter().filter_map(|state| state.file.size).fold(0, u64::saturating_add);
        self.progress.event(&Event::Resolved { version: look.version(), files: look.files().len(), bytes });
        look.allowed(&self.cache)?;
        for state in look.files() {
            if let Some(blob) = &state.blob {
                self.progress.event(&Event::Finished {
                    path: &state.file.path,
                    size: blob.size,
                    outcome: Outcome::Hit,
                    verified: state.file.is_verifiable(),
                });
            }
        }
        let missing: Vec<FileEntry> = look.missing().cloned().collect();
        if missing.is_empty() {
            return Ok((look, Vec::new()));
        }
        self.preflight(&missing).await?;
        visibility::ensure_recorded(&self.cache, &wanted.reference.model).await;
        let sources = self.cache.0.sources.entries(&wanted.reference.model, wanted.told)?;
        let version = Arc::new(look.version().clone());
        let access = self.cache.blob_access(&version.model).await;
        let jobs: Vec<FetchJob> = missing
            .iter()
            .map(|file| FetchJob {
                version: Arc::clone(&version),
                file: file.clone(),
                sources: sources.clone(),
                progress: Arc::clone(&self.progress),
                priority: wanted.priority,
                access,
            })
            .collect();
        let under_way = PartialManifest::new(self.cache.store(), look.manifest().clone(), missing.len());
        let (noted, files) = (&under_way, &missing);
        let then = |at: usize, result: Result<Fetched>| async move {
            let file: &FileEntry = &files[at];
            noted.ended(&file.path, result.as_ref().ok().map(|fetched| &fetched.blob)).await;
            result
        };
        let results = self.cache.0.engine.fetch_each(jobs, then).await;
        let mut arrived = Vec::with_capacity(results.len());
        let mut failed = Vec::new();
        let unchecked = look.unchecked_files();
        for (file, result) in missing.into_iter().zip(results) {
            let expected = unchecked.get(&file.path).copied();
            match result.and_then(|fetched| look_::confirm(&file.path, expected, fetched)) {
                Ok(fetched) => arrived.push(Arrived::new(file.path, fetched)),
                Err(error) => failed.push((file, error)),
            }
        }
        if failed.is_empty() {
            return Ok((look, arrived));
        }
        let all = arrived.len() + failed.len();
        if let Some((_, error)) = failed.iter().find(|(_, error)| error.is_denied()) {
            visibility::record_refusal(&self.cache, &wanted.reference.model, error).await?;
        }
        // What did arrive is remembered, so that the next run starts from there.
        let store = self.cache.store().clone();
        let noted = blocking(move || {
            under_way.flush()?;
            finish::forget_flights(&store, look.manifest(), arrived.iter().map(Arrived::path));
            Ok(())
        });
        let _ = noted.await;
        Err(worst(&failed, all))
    }

    /// Refuses what cannot fit before the first byte is asked for.
    async fn preflight(&self, missing: &[FileEntry]) -> Result<()> {
        let needed = missing.iter().filter_map(|file| file.size).fold(0, u64::saturating_add);
        if let Some(quota) = self.cache.quota().filter(|&quota| needed > quota) {
            return Err(Error::new(
                ErrorKind::NoSpace,
                format!("quota exceeded: {} needed, the quota is {}", Size(needed), Size(quota)),
            )
            .with_hint("raise MODEL_CACHE_QUOTA, or download fewer files")
            .with_reason(crate::Reason::QuotaExceeded));
        }
        let cache = self.cache.clone();
        let missing = missing.to_vec();
        blocking(move || finish::preflight(&cache, &missing)).await
    }
}

/// One error for several failed files: the one that most needs a person.
fn worst(failed: &[(FileEntry, Error)], all: usize) -> Error {
    let weight = |kind: ErrorKind| match kind {
        ErrorKind::Interrupted => 0,
        ErrorKind::NoSpace => 1,
        ErrorKind::Integrity => 2,
        ErrorKind::Unauthorized => 3,
        ErrorKind::Storage => 4,
        ErrorKind::NotFound => 5,
        _ => 6,
    };
    let first = failed.iter().min_by_key(|(_, error)| weight(error.kind()));
    let Some((file, error)) = first else { return Error::new(ErrorKind::Storage, "nothing failed") };
    let named = error.message().contains(file.path.as_str());
    let error = if named { error.clone() } else { error.clone().context(&file.path) };
    if failed.len() > 1 { error.context(format!("{} of {all} files failed; first", failed.len())) } else { error }
}

impl IntoFuture for Get {
    type Output = Result<Snapshot>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            task::check()?;
            let mut get = self;
            let progress = Arc::clone(&get.progress);
            guard_progress(progress, |progress| {
                get.progress = progress;
                get.run_or_instead()
            })
            .await
        })
    }
}

impl std::fmt::Debug for Get {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Get")
            .field("reference", &self.reference)
            .field("revision", &self.revision)
            .field("include", &self.include)
            .field("exclude", &self.exclude)
            .finish_non_exhaustive()
    }
}
