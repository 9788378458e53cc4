//! [`Push`]: uploads a model to a bucket.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

use cache_object::{PushOptions, PushReport, Verify};
use cache_transfer::guard_progress;

use crate::registry::resolve::ResolvedName;
use crate::task::blocking;
use crate::{
    Cache, Error, ErrorKind, FileEntry, Get, IntoModelRef, Manifest, ModelId, NoProgress, Progress, RefText, Result,
    Revision, task,
};

/// A pending push of a model. Await it.
#[must_use = "nothing is pushed until it is awaited"]
pub struct Push {
    cache: Cache,
    text: Option<RefText>,
    resolved: Result<ResolvedName>,
    target: Result<ModelId>,
    options: PushOptions,
    revision: Option<Result<Revision>>,
    progress: Arc<dyn Progress>,
}

impl Cache {
    /// Pushes a model into a bucket: `s3://bucket/prefix`, `gs://…`, `az://…`. Missing files are downloaded first.
    ///
    /// Registered names are resolved, and what their entries pin is checked; fallbacks are not taken.
    ///
    /// Await it, after adding options: [`Push::revision`], [`Push::as_files`] …
    pub fn push(&self, reference: impl IntoModelRef, target: impl IntoModelRef) -> Push {
        let target = self.reference(target).map(|reference| reference.model);
        let text = reference.text().map(RefText::from);
        // Another model under this one's name would be published.
        let resolved = self.resolve_name(reference).map(|name| ResolvedName { fallbacks: Vec::new(), ..name });
        Push {
            cache: self.clone(),
            text,
            resolved,
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

    /// Receives progress events.
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    async fn run(mut self) -> Result<PushReport> {
        task::check()?;
        guard_progress(Arc::clone(&self.progress), |progress| {
            self.progress = progress;
            self.push()
        })
        .await
    }

    async fn push(mut self) -> Result<PushReport> {
        let target = match self.target? {
            ModelId::Bucket(bucket) => bucket,
            other => {
                return Err(Error::new(ErrorKind::Usage, format!("{other} is not a bucket"))
                    .with_hint("write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"));
            }
        };
        if self.cache.is_offline() {
            let message = format!("{target}: cannot upload while offline");
            return Err(Error::new(ErrorKind::NotCached, message)
                .with_hint("turn offline mode off")
                .with_reason(crate::Reason::Offline));
        }
        let source = self.cache.0.sources.bucket(&target)?;
        let revision = self.revision.transpose()?;
        let get = || {
            let get = Get::from_resolved(self.cache.clone(), self.text.clone(), self.resolved.clone());
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
    type Output = Result<PushReport>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl std::fmt::Debug for Push {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Push").field("resolved", &self.resolved).field("target", &self.target).finish_non_exhaustive()
    }
}
