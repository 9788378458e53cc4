//! One file at one place, for programs that want no more than that.

use std::path::Path;
use std::sync::Arc;

use crate::cache::{Inner, blocking};
use crate::{Cache, Error, ErrorKind, IntoModelRef, NoProgress, Progress, Result, Sha256, compressed, export};

/// How [`Cache::ensure`] found the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was fetched, or taken from the store, and placed.
    Downloaded,
    /// It was there with the right bytes.
    AlreadyPresent,
}

impl Cache {
    /// Makes sure that the right file lies at `target`.
    ///
    /// A target that is there is checked against `sha256` and `size`, as far as they are given, and kept when it is
    /// right. Otherwise the file is fetched into the store, going on from what an earlier run has left, checked, and
    /// placed in one step: the target is never half-written. `url` may be any reference to one file; a compressed one is
    /// kept as it is if the target's name says so too.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the source's file has another digest or size; and as for [`Cache::get`].
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
        let reference = url.into_model_ref()?;
        let target = target.as_ref().to_path_buf();
        let name = target.file_name().and_then(|name| name.to_str());
        let keep = name.is_some_and(compressed::is_packed);
        let there = target.clone();
        if blocking(move || is_right(&there, sha256, size)).await? {
            return Ok(Ensured::AlreadyPresent);
        }
        let mut get = self.with_retries(retries).get(&reference).keep_compressed(keep).progress(progress);
        if let Some(sha256) = sha256 {
            get = get.sha256(sha256);
        }
        let snapshot = get.await?;
        let [file] = snapshot.files() else {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{reference} is {} files, and one is wanted", snapshot.files().len()),
            )
            .with_hint("name the file: org/name/path, or a URL"));
        };
        if let Some(size) = size.filter(|&size| size != file.size) {
            return Err(Error::new(
                ErrorKind::Integrity,
                format!("{reference}: expected {size} bytes, and the source has {}", file.size),
            ));
        }
        let blob = file.blob.clone();
        blocking(move || export::place_one(&blob, &target)).await?;
        drop(snapshot);
        Ok(Ensured::Downloaded)
    }

    /// This cache with another patience. Store, sources and all limits are shared.
    fn with_retries(&self, retries: u32) -> Self {
        if retries == self.0.config.retries {
            return self.clone();
        }
        let mut config = self.0.config.clone();
        config.retries = retries;
        let engine = self.0.engine.with_retries(retries);
        let Inner { store, sources, .. } = &*self.0;
        Self(Arc::new(Inner { store: store.clone(), engine, config, sources: sources.clone() }))
    }
}

fn is_right(target: &Path, sha256: Option<Sha256>, size: Option<u64>) -> Result<bool> {
    let Ok(metadata) = fs_err::metadata(target) else { return Ok(false) };
    if !metadata.is_file() || size.is_some_and(|size| size != metadata.len()) {
        return Ok(false);
    }
    match sha256 {
        Some(sha256) => Ok(export::hash(target)? == sha256),
        None => Ok(true),
    }
}
