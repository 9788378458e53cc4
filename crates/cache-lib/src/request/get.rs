//! [`Get`]: a request for a model.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cache_transfer::guard_progress;

use crate::registry::resolve::ResolvedName;
use crate::request::constraints::Constraints;
use crate::request::fallback::{Alternatives, Candidate};
use crate::request::fallback_policy::Fallback;
use crate::request::resolution::Resolution;
use crate::request::selection::Selection;
use crate::request::snapshot::Snapshot;
use crate::request::source_wait::SourceWait;
use crate::request::spec::FetchSpec;
use crate::sources::compressed::DigestOptions;
use crate::{
    Cache, Error, ErrorKind, IntoModelRef, ModelRef, NoProgress, Progress, RefText, Result, Revision, Sha256, task,
};

/// A request for a model or some of its files. Await it, or ask the store alone with [`Get::peek`].
#[must_use = "nothing is fetched until it is awaited"]
pub struct Get {
    pub(crate) cache: Cache,
    pub(crate) reference: Result<ModelRef>,
    revision: Option<Result<Revision>>,
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    with: Vec<String>,
    pub(crate) digests: DigestOptions,
    pub(crate) size: Option<u64>,
    pub(crate) alternatives: Alternatives,
    pub(crate) priority: i32,
    pub(crate) deadline: Option<Duration>,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) constraints: Constraints,
}

impl Cache {
    /// Gets a model, or some of its files: from the store if they are there, else from its source, verified.
    ///
    /// Await it, after adding options: [`Get::revision`], [`Get::include`] …
    pub fn get(&self, reference: impl IntoModelRef) -> Get {
        let text = reference.text().map(RefText::from);
        Get::from_resolved(self.clone(), text, self.resolve_name(reference))
    }

    /// The stored snapshot of a model, without the network.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when a requested file is not in the store.
    pub fn peek(&self, reference: impl IntoModelRef) -> Result<Snapshot> {
        self.get(reference).peek()
    }
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
            digests: DigestOptions::default(),
            size: None,
            alternatives: Alternatives::default(),
            priority: 0,
            deadline: None,
            progress: Arc::new(NoProgress),
            constraints: Constraints::default(),
        }
    }

    /// A request for a resolved name, with all that its registry entry pins.
    pub(crate) fn from_resolved(cache: Cache, text: Option<RefText>, resolved: Result<ResolvedName>) -> Self {
        let (reference, constraints) = Constraints::of(text, resolved);
        Self { constraints, ..Self::new(cache, reference) }
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

    /// Companion files as well: `mmproj` for the projector of a multimodal model, else a pattern as for
    /// [`Get::include`].
    pub fn with(mut self, companion: impl Into<String>) -> Self {
        self.with.push(companion.into());
        self
    }

    /// Expected SHA-256 of the one requested file. Of a file that is decompressed, that of the plain bytes.
    pub fn sha256(mut self, digest: Sha256) -> Self {
        if let Some(pinned) = self.constraints.sha256.filter(|pinned| *pinned != digest) {
            self.reference = Err(self.contradiction(digest, pinned));
        }
        self.digests.sha256 = Some(digest);
        self
    }

    /// Expected SHA-256 of the compressed bytes of the one requested file, as they are transferred.
    ///
    /// A stored file counts if its record has the same digest; else it is transferred again and checked, and offline it
    /// is an error.
    pub fn sha256_compressed(mut self, digest: Sha256) -> Self {
        self.digests.compressed = Some(digest);
        self
    }

    /// Whether a compressed file behind a plain URL is stored as it is. Otherwise `model.gguf.zst` becomes
    /// `model.gguf`; so do `.gz`, `.xz` and `.bz2`.
    pub fn keep_compressed(mut self, keep: bool) -> Self {
        self.digests.keep = keep;
        self
    }

    /// Expected size of the one requested file in bytes, checked where its source states one.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Uses another variant when the requested one is missing, fails, or does not fit.
    ///
    /// [`Snapshot::fallback_report`] says which. [`Get::peek`] uses no other variant.
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.alternatives.variants = Some(fallback);
        self
    }

    /// Downloads the file from another source when it is missing, fails, or has the wrong bytes.
    ///
    /// May be given several times. A source without a digest of its own must have the digest of [`Get::sha256`], if that
    /// is given.
    pub fn fallback_source(mut self, candidate: Candidate) -> Self {
        self.alternatives.sources.push(candidate);
        self
    }

    /// Priority among other gets: the higher goes first; 0 when not set.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Longest time from when it is awaited.
    ///
    /// After it the get fails with [`ErrorKind::TimedOut`]; what was received is kept, and the same get resumes.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// Receives progress events.
    ///
    /// If it panics, the get ends with an error that says so; what was received is kept.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// The version, its files, and how much of them is in the store. Downloads no file.
    ///
    /// Asks the network as awaiting the request does.
    ///
    /// # Errors
    /// As for getting it.
    pub async fn resolve(mut self) -> Result<Resolution> {
        task::check()?;
        guard_progress(Arc::clone(&self.progress), |progress| async move {
            self.progress = progress;
            Resolution::resolve(&self.cache, &self.spec()?).await
        })
        .await
    }

    /// The parsed and checked request.
    pub(crate) fn spec(&self) -> Result<FetchSpec> {
        let reference = self.reference.clone()?;
        if let Some(unsupported) = &self.constraints.unsupported {
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
                .only(self.constraints.only.clone());
        let source_wait = SourceWait::within(self.time_limit());
        let budget = source_wait.budget(self.cache.0.config.retries, Arc::clone(&self.progress));
        let sha256 = self.digests.sha256.or(self.constraints.sha256);
        let digests = DigestOptions { sha256, ..self.digests }.checked()?;
        let (size, priority) = (self.size, self.priority);
        let expected = self.constraints.expected.clone();
        Ok(FetchSpec { reference, revision, selection, digests, size, expected, priority, budget, source_wait })
    }

    /// Longest time of the request: its own, else that of the cache.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.deadline.or_else(|| self.cache.0.sources.deadline())
    }

    /// Digest that the one requested file must have: the caller's, or the one that the registry pins.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the two differ.
    pub(crate) fn digest(&self) -> Result<Option<Sha256>> {
        let path = self.reference.as_ref().ok().and_then(|reference| reference.path.as_ref());
        let listed = self.constraints.expected.as_ref().and_then(|expected| expected.sha256_of(path));
        let pinned = self.constraints.sha256.or(listed);
        match (self.digests.sha256, pinned) {
            (Some(given), Some(pinned)) if given != pinned => Err(self.contradiction(given, pinned)),
            (given, pinned) => Ok(given.or(pinned)),
        }
    }

    fn contradiction(&self, given: Sha256, pinned: Sha256) -> Error {
        let text =
            format!("{}: checksum mismatch: expected sha256:{given}, the registry has sha256:{pinned}", self.name());
        Error::new(ErrorKind::Integrity, text).with_hint("one of the two is wrong")
    }

    /// The request as the user wrote it, without secrets.
    pub(crate) fn name(&self) -> String {
        match (&self.constraints.text, &self.reference) {
            (Some(text), _) => text.public(),
            (None, Ok(reference)) => reference.to_string(),
            (None, Err(_)) => String::new(),
        }
    }
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
                get.run()
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
