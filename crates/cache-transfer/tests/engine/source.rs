//! A source in memory that does what each test tells it to.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use cache_core::{
    Body, ByteRange, Commit, Digests, Error, ErrorKind, FileEntry, Hasher, Manifest, ModelId, OpenOptions, Opened,
    RepoPath, Result, Retry, RetryBudget, Revision, Source, Version,
};
use futures::StreamExt as _;
use tokio::sync::Semaphore;

/// How one open is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// As asked.
    Right,
    /// The stream breaks after so many bytes.
    Cut(u64),
    /// The stream ends without an error after so many bytes.
    Short(u64),
    /// After so many bytes nothing comes any more, until the test lets it.
    Stall(u64),
    /// One bit at this position of the file is wrong.
    Flip(u64),
    /// The whole file, whatever was asked.
    Whole,
    /// The range begins one byte late and says so.
    Shifted,
    /// No end.
    Endless,
    /// An error before the first byte.
    Fail(Error),
    /// Bytes of another file, under another tag.
    Other(Vec<u8>, &'static str),
}

type Script = dyn Fn(usize, Option<ByteRange>) -> Answer + Send + Sync;

pub(crate) struct Scripted {
    name: &'static str,
    data: Vec<u8>,
    script: Box<Script>,
    /// What was asked for, in order.
    pub(crate) asked: Mutex<Vec<(Option<ByteRange>, Option<String>)>>,
    /// Bytes handed out.
    pub(crate) sent: Arc<Mutex<u64>>,
    /// Permits let stalled and held streams go on.
    pub(crate) gate: Arc<Semaphore>,
    tell_size: bool,
    tag: &'static str,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scripted({})", self.name)
    }
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

pub(crate) const TAG: &str = "v1";

impl Scripted {
    pub(crate) fn new(
        data: Vec<u8>,
        script: impl Fn(usize, Option<ByteRange>) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::named("scripted", data, script)
    }

    pub(crate) fn named(
        name: &'static str,
        data: Vec<u8>,
        script: impl Fn(usize, Option<ByteRange>) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            data,
            script: Box::new(script),
            asked: Mutex::default(),
            sent: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            tell_size: true,
            tag: TAG,
        })
    }

    pub(crate) fn without_size(
        data: Vec<u8>,
        script: impl Fn(usize, Option<ByteRange>) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        let mut source = Arc::into_inner(Self::new(data, script)).unwrap();
        source.tell_size = false;
        Arc::new(source)
    }

    /// Its bytes carry this tag.
    pub(crate) fn tagged(self: Arc<Self>, tag: &'static str) -> Arc<Self> {
        let mut source = Arc::into_inner(self).unwrap();
        source.tag = tag;
        Arc::new(source)
    }

    pub(crate) fn opens(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn sent(&self) -> u64 {
        *self.sent.lock().unwrap()
    }
}

/// What happens to one chunk on its way.
fn bend(answer: &Answer, at: u64, chunk: &[u8]) -> ControlFlow<Result<Bytes>, Bytes> {
    let left = |cut: u64| usize::try_from(cut.saturating_sub(at)).unwrap();
    match answer {
        Answer::Cut(cut) if left(*cut) == 0 => {
            ControlFlow::Break(Err(Error::new(ErrorKind::Network, "connection reset")
                .with_host("test")
                .with_retry(Retry::Backoff)))
        }
        Answer::Cut(cut) | Answer::Short(cut) | Answer::Stall(cut) => {
            ControlFlow::Continue(Bytes::copy_from_slice(&chunk[..chunk.len().min(left(*cut))]))
        }
        _ => ControlFlow::Continue(Bytes::copy_from_slice(chunk)),
    }
}

#[async_trait]
impl Source for Scripted {
    async fn resolve(&self, _model: &ModelId, _revision: &Revision, _budget: &RetryBudget) -> Result<Manifest> {
        Err(Error::new(ErrorKind::Unsupported, "not needed here"))
    }

    async fn open(&self, _version: &Version, _file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let nth = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((options.range, options.if_range.clone()));
            asked.len() - 1
        };
        let answer = (self.script)(nth, options.range);
        let (mut data, mut tag) = (&self.data, self.tag);
        let mut flipped = None;
        let mut range = options.range.unwrap_or(ByteRange { start: 0, end: data.len() as u64 });
        let mut ranges = true;
        match &answer {
            Answer::Fail(error) => return Err(error.clone()),
            Answer::Whole => {
                range = ByteRange { start: 0, end: data.len() as u64 };
                ranges = false;
            }
            Answer::Flip(at) if range.start <= *at && *at < range.end => flipped = Some(at - range.start),
            Answer::Shifted => range.start += 1,
            Answer::Other(other, other_tag) => {
                data = other;
                tag = other_tag;
                range = ByteRange { start: 0, end: data.len() as u64 };
                ranges = options.range.is_none();
            }
            _ => {}
        }
        let size = self.tell_size.then_some(data.len() as u64);
        let mut body = data[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec();
        if let Some(at) = flipped {
            body[usize::try_from(at).unwrap()] ^= 1;
        }
        let body = Bytes::from(body);
        let part = |at: usize| body.slice(at..body.len().min(at + 60_000));
        let chunks: Vec<Bytes> = (0..body.len()).step_by(60_000).map(part).collect();
        let gate = Arc::clone(&self.gate);
        let endless = matches!(answer, Answer::Endless);
        let stalls = matches!(answer, Answer::Stall(_));
        let total = chunks.len();
        let stream = futures::stream::iter(0..if endless { usize::MAX } else { total + 1 }).filter_map(move |n| {
            let chunk = chunks
                .get(n)
                .cloned()
                .unwrap_or_else(|| if endless { Bytes::from(vec![7; 60_000]) } else { Bytes::new() });
            let at = range.start + n as u64 * 60_000;
            let bent = bend(&answer, at - range.start, &chunk);
            let gate = Arc::clone(&gate);
            async move {
                match bent {
                    ControlFlow::Break(end) => Some(end),
                    ControlFlow::Continue(bytes) if bytes.is_empty() => {
                        if stalls {
                            drop(gate.acquire().await);
                        }
                        None
                    }
                    ControlFlow::Continue(bytes) => Some(Ok(bytes)),
                }
            }
        });
        let sent = Arc::clone(&self.sent);
        let stream = stream.inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                *sent.lock().unwrap() += chunk.len() as u64;
            }
        });
        Ok(Opened::Stream(Body {
            start: range.start,
            end: self.tell_size.then_some(range.end),
            size,
            etag: Some(tag.to_owned()),
            ranges,
            host: "test".to_owned(),
            stream: Box::pin(stream),
        }))
    }
}

/// Bytes that differ at every position that matters.
pub(crate) fn data(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) fn version() -> Arc<Version> {
    Arc::new(Version { model: ModelId::hub("org/model").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() })
}

/// The entry of a file with its SHA-256 known.
pub(crate) fn entry(data: &[u8]) -> FileEntry {
    let mut hasher = Hasher::new();
    hasher.update(data);
    FileEntry {
        size: Some(data.len() as u64),
        digests: Digests { sha256: Some(hasher.finish().sha256), ..Digests::default() },
        etag: Some(TAG.to_owned()),
        ..FileEntry::new(RepoPath::parse("weights.bin").unwrap())
    }
}
