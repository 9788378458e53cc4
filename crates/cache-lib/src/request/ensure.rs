//! One file at one place, for programs that want no more than that.

use std::path::Path;
use std::sync::Arc;

use crate::cache::Inner;
use crate::request::fallback::{check_size, goes_on, none_left};
use crate::sources::compressed::is_packed;
use crate::task::blocking;
use crate::{Cache, Candidate, Error, ErrorKind, Get, IntoModelRef, NoProgress, Progress, Result, Sha256, place, task};

/// How [`Cache::ensure`] found the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was fetched, or taken from the store, and placed.
    Downloaded,
    /// It was there with the right bytes.
    AlreadyPresent,
}

/// How [`Cache::ensure_any`] found the file, and where.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EnsuredAny {
    /// How.
    pub ensured: Ensured,
    /// The candidate whose file it is, by its place in the list.
    pub taken: usize,
    /// Why none of those before it, by their places in the list.
    pub passed: Vec<(usize, Error)>,
}

impl Cache {
    /// Makes sure that the right file lies at `target`.
    ///
    /// A target that is there is checked against `sha256` and `size`, as far as they are given, and kept when it is
    /// right. Otherwise the file is fetched into the store, going on from what an earlier run has left, checked, and
    /// placed in one step: the target is never half-written. `url` may be any reference to one file; a compressed one is
    /// kept as it is if the target's name says so too. All that a registered name pins is checked, also on a target that
    /// is there; its fallbacks are taken when it is absent.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the source's file has another digest or size, or the registry pins another digest;
    /// and as for [`Cache::get`].
    pub async fn ensure(
        &self,
        url: impl IntoModelRef,
        sha256: Option<Sha256>,
        size: Option<u64>,
        target: impl AsRef<Path>,
        retries: u32,
    ) -> Result<Ensured> {
        self.ensure_watched(url, sha256, size, target, retries, Arc::new(NoProgress)).await
    }

    /// [`Cache::ensure`], with somebody to hear of progress.
    ///
    /// # Errors
    /// As for [`Cache::ensure`].
    pub async fn ensure_watched(
        &self,
        url: impl IntoModelRef,
        sha256: Option<Sha256>,
        size: Option<u64>,
        target: impl AsRef<Path>,
        retries: u32,
        progress: Arc<dyn Progress>,
    ) -> Result<Ensured> {
        task::check()?;
        let mut get = self.with_retries(retries).get(url).progress(progress);
        get.told.sha256 = sha256;
        get.size = size;
        get.wanted()?;
        let (there, digest) = (target.as_ref().to_path_buf(), get.digest()?);
        if blocking(move || is_right(&there, digest, size)).await? {
            return Ok(Ensured::AlreadyPresent);
        }
        place(get, target.as_ref()).await.map(|()| Ensured::Downloaded)
    }

    /// [`Cache::ensure`] with several places to take the file from, each with its own digest and size. They are tried
    /// in turn: the next when one is absent, fails, or has the wrong bytes.
    ///
    /// A target that is there and right for one of them is kept, and nobody is asked; but right for another than the
    /// first is only what has its digest.
    ///
    /// # Errors
    /// When none can be had, an error that names each with its reason, of the kind of the first that is more than
    /// absent. At once, without trying the others, what another place cannot help: [`ErrorKind::Unauthorized`],
    /// [`ErrorKind::Storage`], [`ErrorKind::Usage`], [`ErrorKind::Interrupted`].
    pub async fn ensure_any(
        &self,
        candidates: &[Candidate],
        target: impl AsRef<Path>,
        retries: u32,
        progress: Arc<dyn Progress>,
    ) -> Result<EnsuredAny> {
        task::check()?;
        let target = target.as_ref();
        let (there, all) = (target.to_path_buf(), candidates.to_vec());
        if let Some(taken) = blocking(move || right_for(&there, &all)).await? {
            return Ok(EnsuredAny { ensured: Ensured::AlreadyPresent, taken, passed: Vec::new() });
        }
        let cache = self.with_retries(retries);
        let mut passed = Vec::new();
        for (taken, candidate) in candidates.iter().enumerate() {
            let mut get = cache.get(&candidate.reference).progress(Arc::clone(&progress));
            get.told.sha256 = candidate.sha256;
            get.size = candidate.size;
            match place(get, target).await {
                Ok(()) => return Ok(EnsuredAny { ensured: Ensured::Downloaded, taken, passed }),
                Err(error) if goes_on(&error) && candidates.len() > 1 => passed.push((taken, error)),
                Err(error) => return Err(error),
            }
        }
        let named = |(at, error): (usize, Error)| (candidates[at].reference.to_string(), error);
        let reasons: Vec<(String, Error)> = passed.into_iter().map(named).collect();
        Err(none_left("the file is not available from any source", &reasons))
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

/// Fetches one file, checks it, and places it in one step.
async fn place(get: Get, target: &Path) -> Result<()> {
    // A target that is named as compressed is to be so.
    let keep = target.file_name().and_then(|name| name.to_str()).is_some_and(is_packed);
    let (name, size) = (get.name(), get.size);
    let snapshot = get.keep_compressed(keep).await?;
    let [file] = snapshot.files() else {
        return Err(Error::new(ErrorKind::Usage, format!("{name} has {} files, expected one", snapshot.files().len()))
            .with_hint("name the file: org/name/path, or a URL"));
    };
    check_size(&snapshot, &name, size)?;
    let (blob, target) = (file.blob.clone(), target.to_path_buf());
    blocking(move || place::place_one(&blob, &target)).await?;
    drop(snapshot);
    Ok(())
}

/// The candidate that the target is right for.
fn right_for(target: &Path, candidates: &[Candidate]) -> Result<Option<usize>> {
    for (at, candidate) in candidates.iter().enumerate() {
        if (at == 0 || candidate.sha256.is_some()) && is_right(target, candidate.sha256, candidate.size)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn is_right(target: &Path, sha256: Option<Sha256>, size: Option<u64>) -> Result<bool> {
    let Ok(metadata) = fs_err::metadata(target) else { return Ok(false) };
    if !metadata.is_file() || size.is_some_and(|size| size != metadata.len()) {
        return Ok(false);
    }
    match sha256 {
        Some(sha256) => Ok(place::hash(target)? == sha256),
        None => Ok(true),
    }
}
