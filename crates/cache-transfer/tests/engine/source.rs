//! A source in memory that does what each test tells it to.

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use cache_core::{
    Body, ByteRange, Commit, Digests, Error, ErrorKind, FileEntry, Hasher, Manifest, ModelId, OpenOptions, Opened,
    RepoPath, Result, Retry, RetryBudget, Revision, Source, Version,
};
use futures::StreamExt as _;
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant};

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
    /// Nothing comes until the test lets it, then all.
    Held,
    /// No answer at all, until the test lets it fail.
    Silent,
    /// One bit at this position of the file is wrong.
    Flip(u64),
    /// The whole file, whatever was asked.
    Whole,
    /// The range begins one byte late and says so.
    Shifted,
    /// The bytes asked for, of a file that is said to have another size.
    Sized(u64),
    /// No end.
    Endless,
    /// An error before the first byte.
    Fail(Error),
    /// A file of this machine.
    Local(PathBuf),
    /// Bytes of another file, under another tag.
    Other(Vec<u8>, &'static str),
}

/// A steady rate at which bytes go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// Bytes a second over each connection.
    Each(u64),
    /// Bytes a second over all connections together.
    All(u64),
}

impl Pace {
    fn rate(self) -> u64 {
        match self {
            Self::Each(rate) | Self::All(rate) => rate,
        }
    }
}

/// Bytes of a chunk where no pace is set.
const CHUNK: u64 = 60_000;

type Script = dyn Fn(usize, Option<ByteRange>) -> Answer + Send + Sync;

pub(crate) struct Scripted {
    name: &'static str,
    data: Vec<u8>,
    script: Box<Script>,
    /// What was asked for, in order.
    pub(crate) asked: Mutex<Vec<(Option<ByteRange>, Option<String>)>>,
    /// Whether each request was for a new connection.
    pub(crate) fresh: Mutex<Vec<bool>>,
    /// Bytes handed out.
    pub(crate) sent: Arc<Mutex<u64>>,
    /// Permits let stalled and held streams go on.
    pub(crate) gate: Arc<Semaphore>,
    tell_size: bool,
    tag: Option<&'static str>,
    host: &'static str,
    pace: Option<Pace>,
    /// When the next chunk may go, where all connections share a rate.
    free_at: Arc<Mutex<Instant>>,
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
            fresh: Mutex::default(),
            sent: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            tell_size: true,
            tag: Some(TAG),
            host: "test",
            pace: None,
            free_at: Arc::new(Mutex::new(Instant::now())),
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
        source.tag = Some(tag);
        Arc::new(source)
    }

    /// Its bytes come from this host.
    pub(crate) fn at(self: Arc<Self>, host: &'static str) -> Arc<Self> {
        let mut source = Arc::into_inner(self).unwrap();
        source.host = host;
        Arc::new(source)
    }

    /// Its bytes go at this pace.
    pub(crate) fn paced(self: Arc<Self>, pace: Pace) -> Arc<Self> {
        let mut source = Arc::into_inner(self).unwrap();
        source.pace = Some(pace);
        Arc::new(source)
    }

    /// Its bytes carry no tag.
    pub(crate) fn untagged(self: Arc<Self>) -> Arc<Self> {
        let mut source = Arc::into_inner(self).unwrap();
        source.tag = None;
        Arc::new(source)
    }

    /// It states no size.
    pub(crate) fn unsized_bodies(self: Arc<Self>) -> Arc<Self> {
        let mut source = Arc::into_inner(self).unwrap();
        source.tell_size = false;
        Arc::new(source)
    }

    /// The range and the tag of each request.
    pub(crate) fn asked(&self) -> Vec<(Option<ByteRange>, Option<String>)> {
        self.asked.lock().unwrap().clone()
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

/// When so many bytes may go at this rate, after those before them.
fn next_turn(free_at: &Mutex<Instant>, rate: u64, bytes: usize) -> Instant {
    let mut free_at = free_at.lock().unwrap();
    *free_at = (*free_at).max(Instant::now()) + Duration::from_micros(bytes as u64 * 1_000_000 / rate);
    *free_at
}

#[async_trait]
impl Source for Scripted {
    async fn resolve(&self, _model: &ModelId, _revision: &Revision, _budget: &RetryBudget) -> Result<Manifest> {
        Err(Error::new(ErrorKind::Unsupported, "not needed here"))
    }

    async fn open(&self, _version: &Version, _file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let nth = {
            self.fresh.lock().unwrap().push(options.fresh);
            let mut asked = self.asked.lock().unwrap();
            asked.push((options.range, options.if_range.clone()));
            asked.len() - 1
        };
        let answer = (self.script)(nth, options.range);
        if matches!(answer, Answer::Silent) {
            drop(self.gate.acquire().await);
            return Err(Error::new(ErrorKind::Network, "no answer"));
        }
        let (mut data, mut tag) = (&self.data, self.tag);
        let mut flipped = None;
        let mut range = options.range.unwrap_or(ByteRange { start: 0, end: data.len() as u64 });
        let mut ranges = true;
        match &answer {
            Answer::Fail(error) => return Err(error.clone()),
            Answer::Local(path) => return Ok(Opened::File(path.clone())),
            Answer::Whole => {
                range = ByteRange { start: 0, end: data.len() as u64 };
                ranges = false;
            }
            Answer::Flip(at) if range.start <= *at && *at < range.end => flipped = Some(at - range.start),
            Answer::Shifted => range.start += 1,
            Answer::Other(other, other_tag) => {
                data = other;
                tag = Some(other_tag);
                range = ByteRange { start: 0, end: data.len() as u64 };
                ranges = options.range.is_none();
            }
            _ => {}
        }
        let stated = if let Answer::Sized(stated) = answer { stated } else { data.len() as u64 };
        let size = self.tell_size.then_some(stated);
        let mut body = data[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec();
        if let Some(at) = flipped {
            body[usize::try_from(at).unwrap()] ^= 1;
        }
        let body = Bytes::from(body);
        // Twenty chunks a second keep a slow rate smooth.
        let step = self.pace.map_or(CHUNK, |pace| (pace.rate() / 20).clamp(1, CHUNK));
        let length = usize::try_from(step).unwrap();
        let part = |at: usize| body.slice(at..body.len().min(at + length));
        let chunks: Vec<Bytes> = (0..body.len()).step_by(length).map(part).collect();
        let pace = self.pace;
        let free_at = match pace {
            Some(Pace::All(_)) => Arc::clone(&self.free_at),
            _ => Arc::new(Mutex::new(Instant::now())),
        };
        let gate = Arc::clone(&self.gate);
        let endless = matches!(answer, Answer::Endless);
        let stalls = matches!(answer, Answer::Stall(_));
        let held = matches!(answer, Answer::Held);
        let total = chunks.len();
        let stream = futures::stream::iter(0..if endless { usize::MAX } else { total + 1 }).filter_map(move |n| {
            let chunk = chunks
                .get(n)
                .cloned()
                .unwrap_or_else(|| if endless { Bytes::from(vec![7; 60_000]) } else { Bytes::new() });
            let at = range.start + n as u64 * step;
            let bent = bend(&answer, at - range.start, &chunk);
            let gate = Arc::clone(&gate);
            let turn = pace.map(|pace| next_turn(&free_at, pace.rate(), chunk.len()));
            async move {
                if let Some(turn) = turn {
                    tokio::time::sleep_until(turn).await;
                }
                if held && n == 0 {
                    drop(gate.acquire().await);
                }
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
            etag: tag.map(str::to_owned),
            ranges,
            host: self.host.to_owned(),
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
