//! [`Cache::ensure`]: one verified file at one path.

use std::path::Path;
use std::sync::Arc;

use crate::cache::Inner;
use crate::request::fallback::{Attempts, Candidate, FallbackReport};
use crate::request::get::Get;
use crate::sources::compressed;
use crate::task::{self, blocking};
use crate::{Cache, Error, IntoModelRef, Progress, Result, Sha256, place};

/// Result of [`Cache::ensure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnsureOutcome {
    /// The file was downloaded, or taken from the store, and placed.
    Downloaded,
    /// The target had the right bytes.
    AlreadyPresent,
}

/// Result of [`Cache::ensure_any`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EnsureReport {
    /// Whether the file was placed or already present.
    pub outcome: EnsureOutcome,
    /// Position of the candidate that was used.
    pub candidate: usize,
    /// Positions of the candidates before it, and their errors.
    pub skipped: Vec<(usize, Error)>,
}

impl Cache {
    /// Ensures that `target` is the right file.
    ///
    /// An existing target is checked against `sha256` and `size`, as far as they are given, and kept if it matches.
    /// Otherwise the file is downloaded into the store, resuming an earlier run, verified, and placed in one step: the
    /// target is never half-written. `url` may be any reference to one file; a compressed one is kept as it is if the
    /// target's name says so too. All that a registered name pins is checked, also on an existing target; its fallbacks
    /// are used when it is not available.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`](crate::ErrorKind::Integrity) when the source's file has another digest or size, or the
    /// registry pins another digest; and as for [`Cache::get`].
    pub async fn ensure(
        &self,
        url: impl IntoModelRef,
        sha256: Option<Sha256>,
        size: Option<u64>,
        target: impl AsRef<Path>,
        retries: u32,
    ) -> Result<EnsureOutcome> {
        let mut get = self.with_retries(retries).get(url);
        get.digests.sha256 = sha256;
        get.size = size;
        get.ensure_at(target).await
    }

    /// [`Cache::ensure`] with several candidates, each with its own digest and size.
    ///
    /// They are used in turn: the next when one is missing, out of reach, denied, too large, or has the wrong bytes. A
    /// target that matches one of them is kept, and no source is asked; but one without a digest counts only if it is the
    /// first.
    ///
    /// # Errors
    /// When none is available, an error that names each with its reason, of the kind of the first that is more than
    /// missing. At once what another candidate cannot help: [`ErrorKind::Storage`](crate::ErrorKind::Storage),
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage), [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted).
    pub async fn ensure_any(
        &self,
        candidates: &[Candidate],
        target: impl AsRef<Path>,
        retries: u32,
        progress: Arc<dyn Progress>,
    ) -> Result<EnsureReport> {
        task::check()?;
        let target = target.as_ref();
        let (path, all) = (target.to_path_buf(), candidates.to_vec());
        if let Some(candidate) = blocking(move || matching(&path, &all)).await? {
            return Ok(EnsureReport { outcome: EnsureOutcome::AlreadyPresent, candidate, skipped: Vec::new() });
        }
        let cache = self.with_retries(retries);
        let mut attempts = Attempts::new("the file is not available from any source");
        for (position, candidate) in candidates.iter().enumerate() {
            let mut get = cache.get(&candidate.reference).progress(Arc::clone(&progress));
            get.digests.sha256 = candidate.sha256;
            get.size = candidate.size;
            match get.place(target).await {
                Ok(()) => {
                    let skipped = attempts.into_errors().into_iter().enumerate().collect();
                    return Ok(EnsureReport { outcome: EnsureOutcome::Downloaded, candidate: position, skipped });
                }
                Err(error) => attempts.skip(candidate.reference.to_string(), error)?,
            };
        }
        Err(attempts.into_error())
    }

    /// The same cache with another number of retries. Store, sources, connections and all limits are shared.
    fn with_retries(&self, retries: u32) -> Self {
        if retries == self.0.config.retries {
            return self.clone();
        }
        let mut inner = Inner::clone(&self.0);
        inner.config.retries = retries;
        inner.engine = inner.engine.with_retries(retries);
        Self(Arc::new(inner))
    }
}

impl Get {
    /// [`Cache::ensure`] for a request with options, such as [`Get::progress`].
    ///
    /// # Errors
    /// As for [`Cache::ensure`].
    pub async fn ensure_at(self, target: impl AsRef<Path>) -> Result<EnsureOutcome> {
        task::check()?;
        self.spec()?;
        let (path, digest, size) = (target.as_ref().to_path_buf(), self.digest()?, self.size);
        if blocking(move || matches(&path, digest, size)).await? {
            return Ok(EnsureOutcome::AlreadyPresent);
        }
        self.place(target.as_ref()).await.map(|()| EnsureOutcome::Downloaded)
    }

    /// Gets one file, checks it, and places it in one step.
    async fn place(self, target: &Path) -> Result<()> {
        // A target with a compressed file's name keeps the compressed bytes.
        let keep = target.file_name().and_then(|name| name.to_str()).is_some_and(compressed::is_compressed);
        let (name, size) = (self.name(), self.size);
        let snapshot = self.keep_compressed(keep).await?;
        // A fallback has a size of its own, which was checked.
        let size = size.filter(|_| !snapshot.fallback_report().is_some_and(FallbackReport::is_fallback));
        let (blob, target) = (snapshot.single_file(&name, size)?.blob.clone(), target.to_path_buf());
        blocking(move || place::place_one(&blob, &target)).await?;
        drop(snapshot);
        Ok(())
    }
}

/// The position of the candidate that the target matches.
fn matching(target: &Path, candidates: &[Candidate]) -> Result<Option<usize>> {
    for (at, candidate) in candidates.iter().enumerate() {
        if (at == 0 || candidate.sha256.is_some()) && matches(target, candidate.sha256, candidate.size)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn matches(target: &Path, sha256: Option<Sha256>, size: Option<u64>) -> Result<bool> {
    let Ok(metadata) = fs_err::metadata(target) else { return Ok(false) };
    if !metadata.is_file() || size.is_some_and(|size| size != metadata.len()) {
        return Ok(false);
    }
    match sha256 {
        Some(sha256) => Ok(place::hash(target)? == sha256),
        None => Ok(true),
    }
}
