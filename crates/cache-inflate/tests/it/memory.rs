//! A source of one file in memory, that can be made to fail.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use cache_core::{
    Body, ByteRange, Commit, Digests, Error, ErrorKind, FileEntry, Manifest, ModelId, ModelUrl, OpenOptions, Opened,
    RepoPath, Result, Retry, RetryBudget, Revision, Source, Version,
};
use cache_inflate::InflateSource;
use futures::{StreamExt as _, stream};

/// One file, given as parts and how often each is repeated, and beside it whatever else the listing names.
pub(crate) struct Memory {
    pub(crate) file: FileEntry,
    pub(crate) others: Vec<FileEntry>,
    pub(crate) parts: Vec<(Bytes, u64)>,
    /// Most bytes of a chunk.
    pub(crate) chunk: usize,
    pub(crate) ranges: bool,
    /// The tag that each opening has; the last one stays.
    pub(crate) tags: Mutex<VecDeque<String>>,
    /// Where each of the next bodies breaks off.
    pub(crate) cuts: Mutex<VecDeque<u64>>,
    /// The ranges that were asked for.
    pub(crate) opened: Arc<Mutex<Vec<Option<ByteRange>>>>,
}

impl Memory {
    pub(crate) fn new(name: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let mut memory = Self::parts(name, vec![(bytes.clone(), 1)]);
        memory.file.size = Some(bytes.len() as u64);
        memory
    }

    pub(crate) fn parts(name: &str, parts: Vec<(Bytes, u64)>) -> Self {
        Self {
            file: FileEntry::new(RepoPath::parse(name).unwrap()),
            others: Vec::new(),
            parts,
            chunk: 64 << 10,
            ranges: true,
            tags: Mutex::default(),
            cuts: Mutex::default(),
            opened: Arc::default(),
        }
    }

    pub(crate) fn cuts(self, cuts: &[u64]) -> Self {
        *self.cuts.lock().unwrap() = cuts.iter().copied().collect();
        self
    }

    pub(crate) fn tags(mut self, tags: &[&str]) -> Self {
        self.file.etag = tags.first().map(|tag| (*tag).to_owned());
        *self.tags.lock().unwrap() = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self
    }

    pub(crate) fn digests(mut self, digests: Digests) -> Self {
        self.file.digests = digests;
        self
    }

    fn commit(&self) -> Commit {
        let files: Vec<FileEntry> = std::iter::once(&self.file).chain(&self.others).cloned().collect();
        Commit::of_listing(&files)
    }
}

/// The model that memory holds.
pub(crate) fn model() -> ModelId {
    ModelId::Url(ModelUrl::parse("http://memory/file").unwrap())
}

/// What [`InflateSource`] makes of it.
pub(crate) async fn listed(source: &InflateSource) -> Manifest {
    source.resolve(&model(), &Revision::main(), &RetryBudget::none()).await.unwrap()
}

/// All plain bytes of its first file.
pub(crate) async fn read(memory: Memory) -> Result<Vec<u8>> {
    read_from(&InflateSource::new(Arc::new(memory))).await
}

/// All plain bytes of the first file.
pub(crate) async fn read_from(source: &InflateSource) -> Result<Vec<u8>> {
    let manifest = listed(source).await;
    drain(open(source, &manifest.version, &manifest.files[0]).await?).await
}

pub(crate) async fn open(source: &InflateSource, version: &Version, file: &FileEntry) -> Result<Body> {
    match source.open(version, file, OpenOptions::whole().budget(RetryBudget::none())).await? {
        Opened::Stream(body) => Ok(body),
        Opened::File(path) => panic!("{}", path.display()),
    }
}

pub(crate) async fn drain(mut body: Body) -> Result<Vec<u8>> {
    assert_eq!(body.start, 0);
    let mut all = Vec::new();
    while let Some(bytes) = body.stream.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(all)
}

#[async_trait]
impl Source for Memory {
    async fn resolve(&self, model: &ModelId, revision: &Revision, _budget: &RetryBudget) -> Result<Manifest> {
        let commit = self.commit();
        if *revision != Revision::main() && revision.as_commit().as_ref() != Some(&commit) {
            return Err(Error::new(ErrorKind::NotFound, format!("{model}@{revision}")));
        }
        let files = std::iter::once(&self.file).chain(&self.others).cloned().collect();
        Manifest::new(Version { model: model.clone(), commit }, files)
    }

    async fn open(&self, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        self.opened.lock().unwrap().push(options.range);
        if file.path != self.file.path || version.commit != self.commit() {
            return Err(Error::new(ErrorKind::NotFound, format!("{version} {}", file.path)));
        }
        let tag = {
            let mut tags = self.tags.lock().unwrap();
            if tags.len() > 1 { tags.pop_front() } else { tags.front().cloned() }
        };
        let changed = options.if_range.is_some() && options.if_range != tag;
        let range = options.range.filter(|_| self.ranges && !changed);
        let (start, end) = range.map_or((0, u64::MAX), |range| (range.start, range.end));
        let cut = self.cuts.lock().unwrap().pop_front();
        let repeated: Vec<(Bytes, u64)> = self.parts.clone();
        let chunk = self.chunk;
        let chunks = repeated.into_iter().flat_map(|(part, times)| (0..times).map(move |_| part.clone())).flat_map(
            move |part| {
                let count = part.len().div_ceil(chunk);
                (0..count).map(move |at| part.slice(at * chunk..part.len().min((at + 1) * chunk)))
            },
        );
        let mut position = 0;
        let chunks = chunks.filter_map(move |bytes| {
            let before = position;
            position += bytes.len() as u64;
            let skip = usize::try_from(start.saturating_sub(before)).unwrap();
            let most = bytes.len().min(usize::try_from(end.saturating_sub(before)).unwrap());
            (skip < most).then(|| (before.max(start), bytes.slice(skip..most)))
        });
        let chunks = chunks.flat_map(move |(at, bytes)| match cut {
            Some(cut) if at >= cut => vec![Err(broken())],
            Some(cut) if at + bytes.len() as u64 > cut => {
                vec![Ok(bytes.slice(..usize::try_from(cut - at).unwrap())), Err(broken())]
            }
            _ => vec![Ok(bytes)],
        });
        Ok(Opened::Stream(Body {
            start,
            end: range.map(|range| range.end).or(self.file.size),
            size: self.file.size,
            etag: tag,
            ranges: self.ranges,
            host: "memory".to_owned(),
            stream: Box::pin(stream::iter(chunks)),
        }))
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::Network, "connection reset").with_retry(Retry::Backoff)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({})", self.file.path)
    }
}
