//! [`Source`]: where bytes come from.

use std::fmt::{Debug, Display};
use std::path::PathBuf;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;

use crate::{FileEntry, Manifest, ModelId, Result, RetryBudget, Revision, Version};

/// Bytes `start..end` of a file; `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl ByteRange {
    /// Number of bytes; 0 when the range is empty or turned around.
    #[must_use]
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Display for ByteRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

/// Options of [`Source::open`].
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Only these bytes. `None` asks for the whole file.
    pub range: Option<ByteRange>,
    /// Only if the file still has this entity tag; a changed file comes whole, from byte 0, with its new tag.
    pub if_range: Option<String>,
    /// The retries left for the file as a whole.
    pub budget: RetryBudget,
    /// Over a new connection: a retry, which must not meet again what failed on a reused one.
    pub fresh: bool,
}

impl OpenOptions {
    /// The whole file.
    #[must_use]
    pub fn whole() -> Self {
        Self::default()
    }

    /// Some bytes of the file.
    #[must_use]
    pub fn range(range: ByteRange) -> Self {
        Self { range: Some(range), ..Self::default() }
    }

    /// Only if the file still has this tag.
    #[must_use]
    pub fn if_range(mut self, etag: Option<String>) -> Self {
        self.if_range = etag;
        self
    }

    /// Draws retries from this budget.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Uses a new connection instead of an idle one.
    #[must_use]
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }
}

/// The bytes of a body, in order. Dropping it ends the request.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// A stream of bytes and what the source said of it.
pub struct Body {
    /// Offset of the first byte in the file, as the source states it: not necessarily what was asked for.
    pub start: u64,
    /// One past the last byte the source promises, if it says.
    pub end: Option<u64>,
    /// The whole file's size in bytes, if the source says.
    pub size: Option<u64>,
    /// The entity tag of these bytes, if the source says.
    pub etag: Option<String>,
    /// Whether the source can serve ranges of this file.
    pub ranges: bool,
    /// The host that sends the bytes, for people.
    pub host: String,
    /// The bytes.
    pub stream: ByteStream,
}

impl Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("start", &self.start)
            .field("end", &self.end)
            .field("size", &self.size)
            .field("etag", &self.etag)
            .field("ranges", &self.ranges)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// An opened file.
#[derive(Debug)]
pub enum Opened {
    /// A file on this machine: it can be cloned or linked instead of copied.
    File(PathBuf),
    /// The bytes come as a stream.
    Stream(Body),
}

/// A place that lists models and opens their files. It never sees the store.
///
/// Implementations are run through `cache_testkit::conformance`, one check a bullet.
#[async_trait]
pub trait Source: Debug + Display + Send + Sync + 'static {
    /// Pins a revision and lists its files.
    ///
    /// - The manifest's model is the one asked for, and its commit is pinned: resolving the commit gives the same listing.
    /// - A whole commit as revision resolves to itself.
    /// - Paths are checked, unique and sorted.
    /// - No such model or revision: [`ErrorKind::NotFound`](crate::ErrorKind::NotFound).
    /// - Retries draw on `budget`.
    /// - Dropping the future cancels.
    async fn resolve(&self, model: &ModelId, revision: &Revision, budget: &RetryBudget) -> Result<Manifest>;

    /// Whether its files lie on this machine, so that opening one gives [`Opened::File`].
    fn is_local(&self) -> bool {
        false
    }

    /// Opens one file of a version, or one range of it.
    ///
    /// - Without a range the stream starts at 0 and holds the whole file.
    /// - With a range the stream starts where `Body::start` says; a source without ranges sends the whole from 0.
    /// - With `if_range` and a changed file: the whole file, with the new tag.
    /// - No such file: [`ErrorKind::NotFound`](crate::ErrorKind::NotFound).
    /// - Only failures before the first byte are retried here; the budget is the caller's.
    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened>;
}
