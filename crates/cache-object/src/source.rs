//! [`ObjectSource`]: a bucket as a source.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cache_core::{
    Bucket, ByteRange, Commit, Error, ErrorKind, FileEntry, Manifest, ModelId, OpenOptions, Opened, RepoPath, Result,
    Retry, RetryBudget, Revision, Source, Version,
};
use cache_net::{HttpClient, HttpResponse, body_of};
use http::{StatusCode, header};

use crate::document::{MAX_DOCUMENT, VersionDocument};
use crate::layout::{self, DOCUMENT, below};
use crate::listing::{self, ListedObject};
use crate::store::{BucketStore, ObjectReadOptions};
use crate::{ObjectConfig, checksum, sums};

/// Most versions whose keys are remembered. Forgetting one costs a request.
const MAX_KNOWN: usize = 64;

/// The models in one bucket, for [`ModelId::Bucket`]: each prefix is one, and so is each object.
///
/// - What a push has written is read by its manifests: revisions are its refs, and every version stays readable.
/// - Anything else is the objects as they lie there, whose only revision is `main`. The expected digests are those of
///   `SHA256SUMS` and `<file>.sha256` beside the files, else the SHA-256 that S3 keeps.
/// - Every request carries a condition where bytes of two states of an object could be mixed.
pub struct ObjectSource {
    pub(crate) store: BucketStore,
    known: Mutex<HashMap<Commit, Keys>>,
}

/// Keys of a version's files.
#[derive(Debug, Clone)]
enum Keys {
    /// Each under its own path.
    Plain,
    /// The model is one object.
    Single,
    /// As a push says.
    PushReport(Arc<HashMap<RepoPath, RepoPath>>),
}

impl ObjectSource {
    /// A source for one bucket. Cheap: reads credential files and sends no request.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for settings that cannot be used, [`ErrorKind::Unauthorized`] for credentials that are kept
    /// where they cannot be had, [`ErrorKind::Unsupported`] when this kind of bucket is not built in.
    pub fn new(bucket: &Bucket, config: &ObjectConfig, http: HttpClient) -> Result<Self> {
        Ok(Self { store: BucketStore::new(bucket, config, http)?, known: Mutex::default() })
    }

    fn bucket<'a>(&self, model: &'a ModelId) -> Result<&'a Bucket> {
        match model {
            ModelId::Bucket(bucket) if bucket.kind() == self.store.kind && bucket.name() == self.store.name => {
                Ok(bucket)
            }
            other => Err(Error::new(ErrorKind::Unsupported, format!("{other} is not in {}", self.store))),
        }
    }

    fn remember(&self, commit: &Commit, keys: Keys) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(commit.clone(), keys);
    }

    /// Document that a push wrote under this name, below the prefix.
    async fn document(&self, bucket: &Bucket, name: &str, budget: &RetryBudget) -> Result<Option<VersionDocument>> {
        let key = below(bucket.prefix(), name);
        match self.store.read(&key, MAX_DOCUMENT, budget).await {
            Ok(Some(bytes)) => VersionDocument::parse(&bytes, &self.store.shown(&key)),
            Ok(None) => Ok(None),
            // S3 says no more of what is not there to those who may not list; the list will tell.
            Err(error) if error.kind() == ErrorKind::Unauthorized => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The pushed version that a revision names. `None` where nothing was pushed.
    async fn pushed(
        &self,
        bucket: &Bucket,
        revision: &Revision,
        budget: &RetryBudget,
    ) -> Result<Option<VersionDocument>> {
        let commit = match revision.as_commit() {
            Some(commit) => Some(commit),
            None => self.reference(bucket, revision, budget).await?,
        };
        if let Some(commit) = commit {
            let name = layout::manifest(&commit);
            if let Some(document) = self.document(bucket, &name, budget).await? {
                if document.commit != commit {
                    let shown = self.store.shown(&below(bucket.prefix(), &name));
                    let message = format!("{shown} is of another commit, {}", document.commit);
                    return Err(Error::new(ErrorKind::Integrity, message).with_hint("push the model again"));
                }
                return Ok(Some(document));
            }
        }
        let Some(document) = self.document(bucket, DOCUMENT, budget).await? else { return Ok(None) };
        let named =
            document.revision.as_ref() == Some(revision) || revision.as_commit().as_ref() == Some(&document.commit);
        if named {
            return Ok(Some(document));
        }
        let newest = document.revision.as_ref().map_or(document.commit.as_str(), Revision::as_str);
        Err(Error::new(ErrorKind::NotFound, format!("{bucket} has no revision {revision}"))
            .with_host(&*self.store.host)
            .with_hint(format!("the newest that was pushed there is {newest}")))
    }

    async fn reference(&self, bucket: &Bucket, revision: &Revision, budget: &RetryBudget) -> Result<Option<Commit>> {
        let key = below(bucket.prefix(), &layout::reference(revision));
        let bytes = match self.store.read(&key, 4096, budget).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Unauthorized => return Ok(None),
            Err(error) => return Err(error),
        };
        // An object of somebody else's that only lies there names no commit.
        Ok(std::str::from_utf8(&bytes).ok().and_then(|text| Commit::parse(text.trim()).ok()))
    }

    /// The objects as they lie there.
    async fn plain(&self, bucket: &Bucket, budget: &RetryBudget) -> Result<(Vec<FileEntry>, Keys)> {
        let prefix = bucket.prefix();
        let found = listing::list(&self.store, prefix, budget).await?;
        if found.is_empty() {
            return match prefix {
                Some(prefix) => self.single(bucket, prefix, budget).await.map(|file| (vec![file], Keys::Single)),
                None => Err(self.nothing(bucket)),
            };
        }
        let found = sums::apply(&self.store, prefix, found, budget).await?;
        let found = listing::ask_checksums(&self.store, prefix, found, budget).await?;
        if found.is_empty() {
            return Err(self.nothing(bucket));
        }
        Ok((found.into_iter().map(file).collect(), Keys::Plain))
    }

    async fn single(&self, bucket: &Bucket, key: &RepoPath, budget: &RetryBudget) -> Result<FileEntry> {
        let answer = self
            .store
            .ask(key.as_str(), ObjectReadOptions { head: true, ..ObjectReadOptions::default() }, budget)
            .await?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(self.nothing(bucket)),
            _ => return Err(self.store.refusal(key.as_str(), answer).await),
        }
        let path = RepoPath::parse(key.file_name())?;
        let size = answer.content_length();
        let sha256 = checksum::of_object(answer.headers());
        let etag = tag_of(&answer);
        let mut entry = FileEntry::new(path);
        (entry.size, entry.etag, entry.digests.sha256) = (size, etag, sha256);
        if sha256.is_none() {
            entry.digests.sha256 = sums::beside(&self.store, key, budget).await?;
        }
        Ok(entry)
    }

    fn nothing(&self, bucket: &Bucket) -> Error {
        Error::new(ErrorKind::NotFound, format!("{bucket}: no object of this name, and none below it"))
            .with_host(&*self.store.host)
            .with_hint("check the bucket, the prefix and the endpoint")
    }

    async fn keys(&self, bucket: &Bucket, commit: &Commit, budget: &RetryBudget) -> Result<Keys> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(commit).cloned();
        if let Some(keys) = known {
            return Ok(keys);
        }
        let mut document = self.document(bucket, &layout::manifest(commit), budget).await?;
        if document.is_none() {
            document = self.document(bucket, DOCUMENT, budget).await?.filter(|document| document.commit == *commit);
        }
        let keys = document.map_or(Keys::Plain, |document| Keys::PushReport(Arc::new(document.keys())));
        self.remember(commit, keys.clone());
        Ok(keys)
    }

    /// Key of a file, and the fallback key.
    async fn places(
        &self,
        version: &Version,
        path: &RepoPath,
        budget: &RetryBudget,
    ) -> Result<(String, Option<String>)> {
        let bucket = self.bucket(&version.model)?;
        let prefix = bucket.prefix();
        let own = || below(prefix, path.as_str());
        let absent =
            || Error::new(ErrorKind::NotFound, format!("{version} has no file {path}")).with_host(&*self.store.host);
        let lone = prefix.filter(|prefix| prefix.file_name() == path.as_str()).map(ToString::to_string);
        match self.keys(bucket, &version.commit, budget).await? {
            Keys::Plain => Ok((own(), lone)),
            Keys::Single => Ok((lone.ok_or_else(absent)?, None)),
            Keys::PushReport(keys) => {
                let key = keys.get(path).ok_or_else(absent)?;
                Ok((below(prefix, key.as_str()), None))
            }
        }
    }

    /// Asks for some bytes of an object, on condition that it is still the same.
    async fn reach(&self, key: &str, range: Option<ByteRange>, options: &OpenOptions) -> Result<Option<HttpResponse>> {
        let tag = options.if_range.as_deref().filter(|_| range.is_some());
        let quoted = tag.map(|tag| format!("\"{tag}\""));
        let answer = self
            .store
            .ask(key, ObjectReadOptions { range, tag: quoted, head: false, fresh: options.fresh }, &options.budget)
            .await?;
        // A server that ignores the condition may still tell by its tag that this is another object.
        let another =
            answer.status() == StatusCode::PARTIAL_CONTENT && tag.is_some() && tag_of(&answer).as_deref() != tag;
        let gone = tag.is_some() && answer.status() == StatusCode::RANGE_NOT_SATISFIABLE;
        let changed = answer.status() == StatusCode::PRECONDITION_FAILED || another || gone;
        Ok(if changed { None } else { Some(answer) })
    }
}

/// A strong tag that can stand between quotes.
fn is_quotable(tag: &str) -> bool {
    !tag.is_empty() && !tag.starts_with("W/") && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
}

fn tag_of(answer: &HttpResponse) -> Option<String> {
    let tag = answer.headers().get(header::ETAG)?.to_str().ok()?.trim();
    let bare = tag.trim_matches('"');
    (!tag.starts_with("W/") && !bare.is_empty()).then(|| bare.to_owned())
}

fn file(found: ListedObject) -> FileEntry {
    let mut entry = FileEntry::new(found.path);
    entry.size = Some(found.size);
    entry.etag = found.etag;
    entry.digests.sha256 = found.sha256;
    entry
}

#[async_trait]
impl Source for ObjectSource {
    async fn resolve(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Manifest> {
        let bucket = self.bucket(model)?;
        if let Some(document) = self.pushed(bucket, revision, budget).await? {
            let manifest = document.manifest(model)?;
            self.remember(&manifest.version.commit, Keys::PushReport(Arc::new(document.keys())));
            return Ok(manifest);
        }
        let absent = |why: &str| {
            Error::new(ErrorKind::NotFound, format!("{model}@{revision}: {why}"))
                .with_host(&*self.store.host)
                .with_hint("objects that were not pushed have only their current version: leave out the revision")
        };
        let pinned = revision.as_commit();
        if pinned.is_none() && *revision != Revision::main() {
            return Err(absent("there are no revisions"));
        }
        let (files, keys) = self.plain(bucket, budget).await?;
        let commit = Commit::of_listing(&files);
        if pinned.is_some_and(|pinned| pinned != commit) {
            return Err(absent("the objects have changed"));
        }
        self.remember(&commit, keys);
        Manifest::new(Version { model: model.clone(), commit }, files)
    }

    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let (mut key, mut other) = self.places(version, &file.path, &options.budget).await?;
        let vouched = options.if_range.as_deref().is_none_or(is_quotable);
        let mut range = options.range.filter(|range| !range.is_empty() && vouched);
        loop {
            let Some(answer) = self.reach(&key, range, &options).await? else {
                range = None;
                continue;
            };
            match (answer.status(), other.take()) {
                (StatusCode::OK | StatusCode::PARTIAL_CONTENT, _) => {
                    return body_of(answer, range).map(Opened::Stream);
                }
                (StatusCode::NOT_FOUND, Some(next)) => key = next,
                (StatusCode::RANGE_NOT_SATISFIABLE, _) => {
                    // One faulty answer or a shorter object: the next answer tells.
                    return Err(self.store.refusal(&key, answer).await.with_retry(Retry::Backoff));
                }
                _ => return Err(self.store.refusal(&key, answer).await),
            }
        }
    }
}

/// `s3(bucket at host)`.
impl fmt::Display for ObjectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl fmt::Debug for ObjectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectSource({})", self.store)
    }
}
