//! Pushing a version into a bucket.
//!
//! A blob is uploaded once: an object with the right size and checksum is not sent again. Manifest and
//! ref are written only after every blob was verified.

mod local;
mod options;
#[cfg(feature = "s3")]
mod s3;
mod upload;
mod verify;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use cache_core::{
    Bucket, Commit, Error, ErrorKind, Event, FileEntry, Manifest, ModelId, Outcome, Progress, RepoPath, Result,
    RetryBudget, Revision,
};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;

use self::local::{LocalFile, Object};
use self::upload::{Upload, UploadedObject};

pub use self::options::{PushOptions, Verify};

use crate::ObjectSource;
use crate::document::{DocumentFile, FORMAT, VersionDocument};
use crate::layout::{self, DOCUMENT, SUMS, below};
use crate::store::BucketStore;

/// The smallest part that S3 takes, unless it is the last, in bytes.
const MIN_PART: u64 = 5 << 20;

/// Objects looked at side by side.
const SIDE_BY_SIDE: usize = 8;

/// Result of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushReport {
    /// The version.
    pub commit: Commit,
    /// The name that now points to it.
    pub revision: Revision,
    /// Objects that were sent.
    pub uploaded: usize,
    /// Objects that were there.
    pub present: usize,
    /// Bytes that were sent.
    pub sent_bytes: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Sends a version to `target`, below the prefix of `bucket`.
///
/// Every file of the manifest must have its `blob` and size; `blob_path` says where its bytes lie on this machine, which
/// must not change meanwhile. Killed anywhere, the next push goes on where this one was: on S3 by parts, elsewhere by
/// objects.
///
/// # Errors
/// - [`ErrorKind::NotFound`]: no such bucket.
/// - [`ErrorKind::Unauthorized`]: no, unknown, expired or too weak credentials, or a bucket that takes no writes.
/// - [`ErrorKind::Usage`]: another region, or files whose names are taken by what a push writes.
/// - [`ErrorKind::Integrity`]: the bucket or the local file does not match the manifest.
/// - [`ErrorKind::Network`], [`ErrorKind::Storage`]: as they come.
pub async fn push(
    target: &ObjectSource,
    bucket: &Bucket,
    manifest: &Manifest,
    blob_path: impl Fn(&FileEntry) -> Result<PathBuf>,
    options: PushOptions,
    progress: Arc<dyn Progress>,
) -> Result<PushReport> {
    let store = &target.store;
    if bucket.kind() != store.kind || bucket.name() != store.name {
        return Err(Error::new(ErrorKind::Usage, format!("{bucket} is not in {store}")));
    }
    let revision = options.revision.clone().unwrap_or_else(Revision::main);
    let work = PushTask { store, bucket, manifest, options: &options, revision: &revision, progress: &progress };
    let files = work.files()?;
    let objects = work.objects(&files, blob_path)?;
    let budget = work.budget();
    if options.as_files {
        work.check_free(&budget).await?;
    }
    let bytes = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size));
    progress.event(&Event::Resolved { version: &manifest.version, files: objects.len(), bytes });
    let done = work.send(objects).await?;
    work.publish(files, &budget).await?;
    let sent = done.iter().filter(|done| done.sent > 0 || done.uploaded);
    Ok(PushReport {
        commit: manifest.version.commit.clone(),
        revision: revision.clone(),
        uploaded: sent.clone().count(),
        present: done.iter().filter(|done| !done.uploaded).count(),
        sent_bytes: sent.map(|done| done.sent).fold(0, u64::saturating_add),
        bytes,
    })
}

struct PushTask<'a> {
    store: &'a BucketStore,
    bucket: &'a Bucket,
    manifest: &'a Manifest,
    options: &'a PushOptions,
    revision: &'a Revision,
    progress: &'a Arc<dyn Progress>,
}

impl PushTask<'_> {
    fn budget(&self) -> RetryBudget {
        RetryBudget::with_progress(self.options.retries, Arc::clone(self.progress))
    }

    fn key(&self, name: &str) -> String {
        below(self.bucket.prefix(), name)
    }

    /// The files as the document will name them.
    fn files(&self) -> Result<Vec<DocumentFile>> {
        let taken = |path: &RepoPath| path.as_str() == DOCUMENT || path.as_str() == SUMS;
        let files = self.manifest.files.iter().map(|file| {
            let (Some(sha256), Some(size)) = (file.blob, file.size) else {
                return Err(Error::new(ErrorKind::Usage, format!("{}: not in the store", file.path)));
            };
            if self.options.as_files && taken(&file.path) {
                let message = format!("{}: the upload writes an object of this name itself", file.path);
                return Err(Error::new(ErrorKind::Usage, message)
                    .with_hint("upload blobs instead of files")
                    .with_reason(cache_core::Reason::ObjectNameTaken));
            }
            let key = if self.options.as_files { file.path.clone() } else { RepoPath::parse(&layout::blob(sha256))? };
            Ok(DocumentFile { path: file.path.clone(), size, sha256, git_sha1: file.digests.git_sha1, key })
        });
        files.collect()
    }

    /// The objects, each once however many files have the same bytes.
    fn objects(
        &self,
        files: &[DocumentFile],
        blob_path: impl Fn(&FileEntry) -> Result<PathBuf>,
    ) -> Result<Vec<Object>> {
        let mut objects = HashMap::new();
        for (file, entry) in files.iter().zip(&self.manifest.files) {
            let key = self.key(file.key.as_str());
            if let Entry::Vacant(vacant) = objects.entry(key) {
                let (path, key, local) = (file.path.clone(), vacant.key().clone(), blob_path(entry)?);
                vacant.insert(Object { path, key, sha256: file.sha256, size: file.size, local });
            }
        }
        let mut objects: Vec<Object> = objects.into_values().collect();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// Files under their own names are not put beside versions that lie there as blobs: readers would take the latter.
    async fn check_free(&self, budget: &RetryBudget) -> Result<()> {
        let key = self.key(&layout::reference(self.revision));
        match self.store.read(&key, 4096, budget).await? {
            None => Ok(()),
            Some(_) => {
                Err(Error::new(ErrorKind::Usage, format!("{}: it already holds versions as blobs", self.bucket))
                    .with_host(&*self.store.host)
                    .with_hint("choose another prefix, or upload blobs instead of files")
                    .with_reason(cache_core::Reason::PrefixHoldsBlobs))
            }
        }
    }

    async fn send(&self, objects: Vec<Object>) -> Result<Vec<UploadedObject>> {
        let concurrency = self.options.concurrency.clamp(1, 64);
        let parts = Arc::new(Semaphore::new(concurrency));
        let name = self.store.to_string();
        let (parts, name) = (&parts, name.as_str());
        let sent = objects.into_iter().map(|object| async move {
            let upload = Upload {
                store: self.store,
                local: LocalFile::new(&object),
                part_size: part_size(object.size, self.options.part_size),
                object: &object,
                options: self.options,
                places: Arc::clone(parts),
                budget: self.budget(),
                progress: self.progress.as_ref(),
                name,
            };
            let done = upload.run().await;
            match &done {
                Ok(done) => self.progress.event(&Event::Finished {
                    path: &object.path,
                    size: object.size,
                    outcome: if done.uploaded { Outcome::Fetched } else { Outcome::Hit },
                    verified: true,
                }),
                Err(error) => self.progress.event(&Event::Failed { path: &object.path, error }),
            }
            done
        });
        futures::stream::iter(sent).buffer_unordered(SIDE_BY_SIDE.min(concurrency)).try_collect().await
    }

    /// Writes what makes the blobs a version, the name last.
    async fn publish(&self, files: Vec<DocumentFile>, budget: &RetryBudget) -> Result<()> {
        let commit = &self.manifest.version.commit;
        if self.options.as_files {
            let sums: String = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.path)).collect();
            self.store.write(&self.key(SUMS), sums.into(), budget).await?;
        }
        let document = VersionDocument {
            format: FORMAT.to_owned(),
            model: model_name(&self.manifest.version.model),
            commit: commit.clone(),
            revision: Some(self.revision.clone()),
            files,
        };
        let text = serde_json::to_vec_pretty(&document)
            .map_err(|error| Error::new(ErrorKind::Storage, format!("the manifest cannot be written: {error}")))?;
        let text = Bytes::from(text);
        if !self.options.as_files {
            self.store.write(&self.key(&layout::manifest(commit)), text.clone(), budget).await?;
            let name = Bytes::from(format!("{commit}\n"));
            self.store.write(&self.key(&layout::reference(self.revision)), name, budget).await?;
        }
        self.store.write(&self.key(DOCUMENT), text, budget).await?;
        Ok(())
    }
}

/// Model name in the document. The path of a local folder stays private.
fn model_name(model: &ModelId) -> String {
    match model {
        ModelId::Folder(folder) => {
            folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        }
        other => other.to_string(),
    }
}

/// S3 takes 10,000 parts; the size depends on nothing else, so the next push cuts in the same places.
fn part_size(size: u64, wanted: u64) -> u64 {
    let least = size.div_ceil(10_000).next_multiple_of(1 << 20);
    wanted.max(MIN_PART).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_neither_too_small_nor_too_many() {
        assert_eq!(part_size(0, 1), MIN_PART);
        assert_eq!(part_size(100 << 20, 8 << 20), 8 << 20);
        let huge = 1 << 40;
        assert!(huge / part_size(huge, 8 << 20) < 10_000);
    }

    #[test]
    fn a_folder_keeps_its_place_to_itself() {
        let model = ModelId::Folder("/home/me/models/mine".into());
        assert_eq!(model_name(&model), "mine");
    }
}
