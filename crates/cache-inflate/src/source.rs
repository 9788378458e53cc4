//! [`InflateSource`]: the source around a source.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cache_core::{
    Body, ByteRange, Commit, CompressedFile, Compression, Digests, Error, ErrorKind, FileEntry, Manifest, ModelId,
    OpenOptions, Opened, RepoPath, Result, RetryBudget, Revision, Source, Version,
};
use futures::StreamExt as _;
use tokio::sync::Semaphore;

use crate::compressed_stream::CompressedStream;
use crate::consistency::RepeatCheck;
use crate::decompressed_stream::DecompressedStream;
use crate::limits::MAX_DECODERS;
use crate::seek::{Footer, Frame};
use crate::{InflateLimits, listing, seek};

/// Most versions remembered. Of a forgotten one the inner source is shown the outer commit.
const MAX_KNOWN: usize = 256;

/// Many files may be fetched side by side; what their decoders hold must not grow with their number.
static DECODERS: Semaphore = Semaphore::const_new(MAX_DECODERS);

/// Digests of decompressed files, from lists beside the compressed ones.
#[async_trait]
pub trait DecompressedDigests: fmt::Debug + Send + Sync + 'static {
    /// Digests of the decompressed file `path` of a model; empty if unknown.
    ///
    /// # Errors
    /// If the lookup fails.
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
/// - A range of a zstd file in the seekable format begins where it is asked for and goes on to the end of the file: the
///   compressed bytes are read from the frame that holds its first byte. Only where the plain bytes have a digest, or
///   nothing has one and the tag is the same; where the compressed bytes alone have a digest, all of them are read.
/// - Size and digests of the compressed bytes are judged before the stream of plain bytes ends.
/// - At most four streams are unpacked at once in a process; opening another one waits.
pub struct InflateSource {
    inner: Arc<dyn Source>,
    limits: InflateLimits,
    plain: Option<Arc<dyn DecompressedDigests>>,
    resume: bool,
    /// The commits of the inner source, by model and our commit.
    known: Mutex<HashMap<Version, Commit>>,
    /// Names the plain bytes that this source has sent; see [`RepeatCheck`].
    tag: String,
    witness: Arc<RepeatCheck>,
}

impl InflateSource {
    /// Wraps a source, with the usual limits.
    #[must_use]
    pub fn new(inner: Arc<dyn Source>) -> Self {
        Self {
            inner,
            limits: InflateLimits::default(),
            plain: None,
            resume: true,
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

    /// Whether files in a seekable format are read from the middle, which leaves a digest of the compressed bytes unchecked
    /// where the plain bytes have one, too. Yes when not set.
    #[must_use]
    pub fn with_resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Asks here for the digests of plain files.
    #[must_use]
    pub fn with_decompressed_digests(mut self, plain: Arc<dyn DecompressedDigests>) -> Self {
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
        let compressed_file = listing::compressed_files(inner);
        if compressed_file.is_empty() {
            return Ok(None);
        }
        let mut files = inner.files.clone();
        for (at, compression, path) in compressed_file {
            let mut entry = listing::decompressed_entry(&inner.files[at], compression, path);
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
        let mut manifest = Manifest::new(version, files)?;
        manifest.hidden_query = inner.hidden_query;
        Ok(Some(manifest))
    }

    async fn inflate(
        &self,
        version: &Version,
        file: &FileEntry,
        compressed_file: &CompressedFile,
        options: OpenOptions,
    ) -> Result<Body> {
        let permit = DECODERS.acquire().await.map_err(|_| Error::interrupted())?;
        // With a digest of the plain bytes the reader can judge for itself whatever it has kept.
        let judged_here = file.digests.is_empty() && !compressed_file.digests.is_empty();
        let tag = match (judged_here, &compressed_file.etag) {
            (true, _) => Some(self.tag.clone()),
            (false, Some(tag)) if file.digests.is_empty() => Some(format!("unpacked {tag}")),
            (false, _) => None,
        };
        let asked = options.range.map_or(0, |range| range.start);
        let kept = match &options.if_range {
            Some(_) => options.if_range == tag,
            None => !file.digests.is_empty(),
        };
        let inner_version = self.inner_version(version);
        let frame = match asked {
            1.. if self.resume && kept && !judged_here => self.frame_at(&inner_version, compressed_file, asked).await,
            _ => None,
        };
        let (start, Frame { compressed, plain }) =
            frame.map_or((0, Frame { compressed: 0, plain: 0 }), |frame| (asked, frame));
        let verifiable = file.is_verifiable();
        let inner = Arc::clone(&self.inner);
        let feed =
            CompressedStream::open(inner, inner_version, compressed_file.clone(), verifiable, compressed, options)
                .await?;
        let host = feed.host().to_owned();
        let plain_tag = feed.tag().filter(|_| !verifiable).map(|tag| format!("unpacked {tag}"));
        let witness = judged_here.then(|| self.witness.begin(version, &file.path));
        // Without any digest the plain bytes are one state of the file as long as the compressed ones are.
        let tag = if judged_here { tag } else { plain_tag };
        let plain = DecompressedStream::new(feed, (plain, start), file.size, self.limits, witness, permit)?;
        Ok(Body { start, end: file.size, size: file.size, etag: tag, ranges: false, host, stream: plain.into_stream() })
    }
}

impl InflateSource {
    /// The frame that holds the plain byte `at`, by the seek table of a zstd file.
    async fn frame_at(&self, version: &Version, compressed_file: &CompressedFile, at: u64) -> Option<Frame> {
        let size = compressed_file.size.filter(|_| compressed_file.compression == Compression::Zstd)?;
        let footer = self.read(version, compressed_file, size.checked_sub(seek::FOOTER)?..size).await?;
        let footer = Footer::parse(&footer)?;
        let table = self.read(version, compressed_file, size.checked_sub(footer.table_size())?..size).await?;
        footer.frame_at(&table, size, at)
    }

    /// Some of the compressed bytes. `None` when the source gives others: then the file is read from its beginning, and
    /// what is wrong with the source shows there.
    async fn read(
        &self,
        version: &Version,
        compressed_file: &CompressedFile,
        range: std::ops::Range<u64>,
    ) -> Option<Vec<u8>> {
        let range = ByteRange { start: range.start, end: range.end };
        let options = OpenOptions::range(range).if_range(compressed_file.etag.clone()).budget(RetryBudget::none());
        let opened = self.inner.open(version, &listing::compressed_entry(compressed_file), options).await;
        let Ok(Opened::Stream(mut body)) = opened else { return None };
        let same = body.etag.is_none() || body.etag == compressed_file.etag || compressed_file.etag.is_none();
        if body.start != range.start || !same {
            return None;
        }
        let length = usize::try_from(range.len()).ok()?;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            bytes.extend_from_slice(&body.stream.next().await?.ok()?);
        }
        bytes.truncate(length);
        Some(bytes)
    }
}

fn no_such(model: &ModelId, revision: &Revision) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("{model}@{revision}: that is another version, or one with compressed files"),
    )
    .with_hint("leave the revision out for the current version, or keep the file compressed")
    .with_reason(cache_core::Reason::DecompressedVersion)
}

#[async_trait]
impl Source for InflateSource {
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
        match &file.compressed {
            Some(compressed_file) => self.inflate(version, file, compressed_file, options).await.map(Opened::Stream),
            None => self.inner.open(&self.inner_version(version), file, options).await,
        }
    }
}

impl fmt::Display for InflateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for InflateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InflateSource")
            .field("inner", &self.inner)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
