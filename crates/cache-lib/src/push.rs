//! [`Push`]: a model on its way into a bucket.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

use cache_object::{PushOptions, Pushed, Verify};

use crate::cache::blocking;
use crate::{
    Cache, Error, ErrorKind, FileEntry, Get, IntoModelRef, Manifest, ModelId, ModelRef, NoProgress, Progress, Result,
    Revision,
};

/// A wish to push a model. Await it.
#[must_use = "nothing is pushed until it is awaited"]
pub struct Push {
    cache: Cache,
    reference: Result<ModelRef>,
    target: Result<ModelId>,
    options: PushOptions,
    revision: Option<Result<Revision>>,
    progress: Arc<dyn Progress>,
}

impl Cache {
    /// Pushes a model into a bucket: `s3://bucket/prefix`, `gs://…`, `az://…`. What is not in the store is got first.
    ///
    /// Await it, after adding what is wanted: [`Push::revision`], [`Push::as_files`] …
    pub fn push(&self, reference: impl IntoModelRef, target: impl IntoModelRef) -> Push {
        let target = target.into_model_ref().map(|reference| reference.model);
        Push {
            cache: self.clone(),
            reference: reference.into_model_ref(),
            target,
            options: PushOptions::default(),
            revision: None,
            progress: Arc::new(NoProgress),
        }
    }
}

impl Push {
    /// The revision to push, and its name in the bucket; `main` when neither this nor the reference names one.
    pub fn revision(mut self, revision: impl AsRef<str>) -> Self {
        self.revision = Some(Revision::parse(revision.as_ref()).map_err(Error::from));
        self
    }

    /// Objects under the names of the files, for people who read the bucket with other tools.
    pub fn as_files(mut self, as_files: bool) -> Self {
        self.options.as_files = as_files;
        self
    }

    /// Reads everything back after it was sent, whatever checksums the server keeps.
    pub fn read_back(mut self, read_back: bool) -> Self {
        self.options.verify = if read_back { Verify::ReadBack } else { Verify::Checksums };
        self
    }

    /// Who hears of progress.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    async fn run(mut self) -> Result<Pushed> {
        let target = match self.target? {
            ModelId::Bucket(bucket) => bucket,
            other => {
                return Err(Error::new(ErrorKind::Usage, format!("{other} is no bucket to push to"))
                    .with_hint("write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"));
            }
        };
        if self.cache.is_offline() {
            let message = format!("{target}: nothing can be pushed while offline");
            return Err(Error::new(ErrorKind::NotCached, message).with_hint("leave out --offline"));
        }
        let source = self.cache.0.sources.bucket(&target)?;
        let revision = self.revision.transpose()?;
        let get = || {
            let get = Get::new(self.cache.clone(), self.reference.clone());
            match &revision {
                Some(revision) => get.revision(revision.as_str()),
                None => get,
            }
        };
        // Files that are here already would be counted twice.
        let here = {
            let get = get();
            blocking(move || Ok(get.peek().is_ok())).await?
        };
        let get = if here { get() } else { get().progress(Arc::clone(&self.progress)) };
        // The lease keeps the blobs until the end.
        let snapshot = get.await?;
        let revision = snapshot.revision();
        // A commit is no name.
        self.options.revision = Some(if revision.as_commit().is_some() { Revision::main() } else { revision.clone() });
        let files = snapshot.files().iter().map(|file| {
            let mut entry = FileEntry::new(file.path.clone());
            (entry.size, entry.blob) = (Some(file.size), Some(file.blob.name));
            entry.digests.sha256 = Some(file.blob.name);
            entry
        });
        let manifest = Manifest::new(snapshot.version().clone(), files.collect())?;
        let paths: HashMap<_, _> = snapshot.files().iter().map(|file| (file.blob.name, &file.blob.path)).collect();
        let path_of = |entry: &FileEntry| {
            let path = entry.blob.and_then(|name| paths.get(&name));
            path.map(|path| path.to_path_buf())
                .ok_or_else(|| Error::new(ErrorKind::Storage, format!("{} is not in the store", entry.path)))
        };
        cache_object::push(&source, &target, &manifest, path_of, self.options, self.progress).await
    }
}

impl IntoFuture for Push {
    type Output = Result<Pushed>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl std::fmt::Debug for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Push").field("reference", &self.reference).field("target", &self.target).finish_non_exhaustive()
    }
}
