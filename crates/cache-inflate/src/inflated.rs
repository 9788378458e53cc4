//! [`Inflated`]: the source around a source.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cache_core::{
    Body, Commit, Digests, Error, ErrorKind, FileEntry, Manifest, ModelId, OpenOptions, Opened, Packed, RepoPath,
    Result, RetryBudget, Revision, Source, Version,
};
use tokio::sync::Semaphore;

use crate::consistency::Witness;
use crate::feed::Feed;
use crate::limits::MAX_DECODERS;
use crate::plain::Plain;
use crate::{InflateLimits, listing};

/// Most versions remembered. Of a forgotten one the inner source is shown the outer commit.
const MAX_KNOWN: usize = 256;

/// Many files may be fetched side by side; what their decoders hold must not grow with their number.
static DECODERS: Semaphore = Semaphore::const_new(MAX_DECODERS);

/// Digests of plain files, where what lies beside the compressed ones tells them.
#[async_trait]
pub trait PlainDigests: fmt::Debug + Send + Sync + 'static {
    /// What is known of the plain file `path` of a model; empty when nothing is.
    ///
    /// # Errors
    /// When it cannot be found out whether something is known.
    async fn digests(&self, model: &ModelId, path: &RepoPath, budget: &RetryBudget) -> Result<Digests>;
}

/// A source whose compressed files (`model.gguf.zst`) are listed and opened as what they hold (`model.gguf`).
///
/// - The name tells the packing: gzip, zstd, xz or bzip2, never an archive. Where the plain name is listed as well, both
///   entries stay as they are, and so do all others.
/// - Concatenated members, frames and streams are one file. Anything else behind the end is an error, and so are more
///   plain bytes than [`InflateLimits`] allows.
/// - Plain bytes have no ranges. A compressed body that breaks off is continued where it broke off, by a range, and fed
///   to the same decoder.
/// - Size and digests of the compressed bytes are judged before the stream of plain bytes ends.
/// - At most four streams are unpacked at once in a process; opening another one waits.
pub struct Inflated {
    inner: Arc<dyn Source>,
    limits: InflateLimits,
    plain: Option<Arc<dyn PlainDigests>>,
    /// The commits of the inner source, by model and our commit.
    known: Mutex<HashMap<Version, Commit>>,
    /// Names the plain bytes that this source has sent; see [`Witness`].
    tag: String,
    witness: Arc<Witness>,
}

impl Inflated {
    /// Wraps a source, with the usual limits.
    #[must_use]
    pub fn new(inner: Arc<dyn Source>) -> Self {
        Self {
            inner,
            limits: InflateLimits::default(),
            plain: None,
            known: Mutex::default(),
            tag: format!("unpacked-{:016x}", RandomState::new().hash_one(0)),
            witness: Arc::default(),
        }
    }

    /// With these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: InflateLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Asks here for the digests of plain files.
    #[must_use]
    pub fn with_plain_digests(mut self, plain: Arc<dyn PlainDigests>) -> Self {
        self.plain = Some(plain);
        self
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Version, Commit>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The inner source's version. Sources whose commits are digests of their listing open by model and name, and need
    /// no more than the model where a version was resolved elsewhere.
    fn inner_version(&self, version: &Version) -> Version {
        let commit = self.known().get(version).cloned();
        commit.map_or_else(|| version.clone(), |commit| Version { model: version.model.clone(), commit })
    }

    /// The listing with plain names; `None` when nothing in it is packed.
    async fn shown(&self, inner: &Manifest, budget: &RetryBudget) -> Result<Option<Manifest>> {
        let packed = listing::packed(inner);
        if packed.is_empty() {
            return Ok(None);
        }
        let mut files = inner.files.clone();
        for (at, packing, path) in packed {
            let mut entry = listing::plain(&inner.files[at], packing, path);
            if let Some(plain) = &self.plain {
                entry.digests = plain.digests(&inner.version.model, &entry.path, budget).await?;
            }
            files[at] = entry;
        }
        let commit = listing::commit(&inner.version.commit, &files);
        let version = Version { model: inner.version.model.clone(), commit };
        let mut known = self.known();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(version.clone(), inner.version.commit.clone());
        drop(known);
        Manifest::new(version, files).map(Some)
    }

    async fn inflate(
        &self,
        version: &Version,
        file: &FileEntry,
        packed: &Packed,
        options: OpenOptions,
    ) -> Result<Body> {
        let permit = DECODERS.acquire().await.map_err(|_| Error::interrupted())?;
        let verifiable = file.is_verifiable();
        let inner = Arc::clone(&self.inner);
        let feed = Feed::open(inner, self.inner_version(version), packed.clone(), verifiable, options.budget).await?;
        let host = feed.host().to_owned();
        // With a digest of the plain bytes the reader can judge for itself whatever it has kept.
        let judged_here = file.digests.is_empty() && !packed.digests.is_empty();
        let witness = judged_here.then(|| self.witness.begin(version, &file.path));
        let plain = Plain::new(feed, file.size, self.limits, witness, permit)?;
        Ok(Body {
            start: 0,
            end: file.size,
            size: file.size,
            etag: judged_here.then(|| self.tag.clone()),
            ranges: false,
            host,
            stream: plain.into_stream(),
        })
    }
}

fn no_such(model: &ModelId, revision: &Revision) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("{model}@{revision}: that is another version, or one with compressed files"),
    )
    .with_hint("leave the revision out for the present version, or add --keep-compressed")
}

#[async_trait]
impl Source for Inflated {
    async fn resolve(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Manifest> {
        let Some(pinned) = revision.as_commit() else {
            let inner = self.inner.resolve(model, revision, budget).await?;
            return Ok(self.shown(&inner, budget).await?.unwrap_or(inner));
        };
        let version = Version { model: model.clone(), commit: pinned.clone() };
        let known = self.known().get(&version).cloned();
        let asked = match &known {
            Some(commit) => commit.as_str().parse()?,
            None => revision.clone(),
        };
        let inner = match self.inner.resolve(model, &asked, budget).await {
            // Resolved elsewhere, it can still be what the source has now.
            Err(error) if error.kind() == ErrorKind::NotFound && known.is_none() => {
                self.inner.resolve(model, &Revision::main(), budget).await.map_err(|_| error)?
            }
            answer => answer?,
        };
        let manifest = self.shown(&inner, budget).await?.unwrap_or(inner);
        if manifest.version.commit == pinned { Ok(manifest) } else { Err(no_such(model, revision)) }
    }

    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        match &file.packed {
            Some(packed) => self.inflate(version, file, packed, options).await.map(Opened::Stream),
            None => self.inner.open(&self.inner_version(version), file, options).await,
        }
    }
}

impl fmt::Display for Inflated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for Inflated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflated").field("inner", &self.inner).field("limits", &self.limits).finish_non_exhaustive()
    }
}
