//! The suite passes a right source, and every flaw is found by its check: a suite that cannot fail proves nothing.

use async_trait::async_trait;
use bytes::Bytes;
use cache_core::{Commit, Digests, Result, Retry, Version};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::fixtures;

/// What is wrong with a source in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoName,
    FloatingCommit,
    CommitUnknown,
    Unsorted,
    WrongSize,
    WrongDigest,
    AnyRevision,
    AnyModel,
    AnyFile,
    ShortBody,
    WrongBytes,
    LiesAboutStart,
    IgnoresRange,
    IgnoresIfRange,
    OwnBudget,
    IgnoresBudget,
    SilentCut,
    RetriesBody,
}

#[derive(Debug)]
struct Memory {
    flaw: Flaw,
    files: Vec<(String, Content)>,
    fail: Arc<AtomicUsize>,
    cut: Arc<AtomicUsize>,
    calls: AtomicUsize,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.flaw == Flaw::NoName { "" } else { "memory" })
    }
}

impl Memory {
    fn version(&self, model: &ModelId) -> Version {
        let call = if self.flaw == Flaw::FloatingCommit { self.calls.fetch_add(1, Ordering::Relaxed) } else { 0 };
        Version { model: model.clone(), commit: Commit::parse(&format!("{:040}", call + 1)).unwrap() }
    }

    fn not_found<T>() -> Result<T> {
        Err(Error::new(ErrorKind::NotFound, "not there"))
    }
}

#[async_trait]
impl Source for Memory {
    async fn resolve(&self, model: &ModelId, revision: &Revision, _budget: &RetryBudget) -> Result<Manifest> {
        tokio::task::yield_now().await;
        let version = self.version(model);
        let known = revision == &Revision::main()
            || (self.flaw != Flaw::CommitUnknown && revision.as_str() == version.commit.as_str())
            || (self.flaw == Flaw::FloatingCommit && revision.as_str().starts_with("00000"));
        if self.flaw != Flaw::AnyRevision && !known || self.flaw != Flaw::AnyModel && model != &subject_model() {
            return Self::not_found();
        }
        let mut files: Vec<_> = self
            .files
            .iter()
            .map(|(path, content)| {
                let mut file = FileEntry::new(RepoPath::parse(path).unwrap());
                file.size = Some(content.size() + u64::from(self.flaw == Flaw::WrongSize));
                let other = Content::from("other").sha256();
                let sha256 = if self.flaw == Flaw::WrongDigest { other } else { content.sha256() };
                file.digests = Digests { sha256: Some(sha256), ..Digests::default() };
                file
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if self.flaw == Flaw::Unsorted {
            files.reverse();
        }
        Ok(Manifest { version, files, partial: false, hidden_query: None })
    }

    async fn open(&self, _: &Version, file: &FileEntry, options: OpenOptions) -> Result<Opened> {
        let found = self.files.iter().find(|(path, _)| path == file.path.as_str());
        let found = found.or(self.files.first().filter(|_| self.flaw == Flaw::AnyFile));
        let Some((_, content)) = found else { return Self::not_found() };
        let take = |counter: &AtomicUsize| {
            counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        };
        let own = RetryBudget::new(9);
        while take(&self.fail) {
            let budget = if self.flaw == Flaw::OwnBudget { &own } else { &options.budget };
            if budget.take().is_none() && self.flaw != Flaw::IgnoresBudget {
                return Err(Error::new(ErrorKind::Network, "503").with_retry(Retry::Backoff));
            }
        }
        let unchanged = options.if_range.as_deref().is_none_or(|tag| tag == "tag") || self.flaw == Flaw::IgnoresIfRange;
        let ranges = self.flaw != Flaw::IgnoresRange;
        let range =
            options.range.filter(|_| unchanged && ranges).unwrap_or(ByteRange { start: 0, end: content.size() });
        let mut bytes = content.to_vec().unwrap()[to_usize(range.start)..to_usize(range.end)].to_vec();
        let mut chunks = Vec::new();
        let mut end = Some(range.end);
        match self.flaw {
            Flaw::ShortBody => {
                bytes.pop();
                end = None;
            }
            Flaw::WrongBytes => {
                if let Some(byte) = bytes.first_mut() {
                    *byte ^= 1;
                }
            }
            _ => {}
        }
        if take(&self.cut) && self.flaw != Flaw::RetriesBody {
            chunks.push(Ok(Bytes::from(bytes[..bytes.len() / 2].to_vec())));
            if self.flaw != Flaw::SilentCut {
                chunks.push(Err(Error::new(ErrorKind::Network, "cut").with_retry(Retry::Backoff)));
            }
        } else {
            chunks.push(Ok(Bytes::from(bytes)));
        }
        Ok(Opened::Stream(Body {
            start: if self.flaw == Flaw::LiesAboutStart { 0 } else { range.start },
            end: end.filter(|_| self.flaw != Flaw::LiesAboutStart),
            size: Some(content.size()),
            etag: Some("tag".to_owned()),
            ranges,
            host: "memory".to_owned(),
            stream: Box::pin(futures::stream::iter(chunks)),
        }))
    }
}

fn subject_model() -> ModelId {
    ModelId::hub("o/n").unwrap()
}

fn subject(flaw: Flaw) -> SourceUnderTest {
    let files: Vec<(String, Content)> = vec![
        ("a/b.txt".to_owned(), "hello".into()),
        ("empty".to_owned(), "".into()),
        ("large.bin".to_owned(), fixtures::bytes(1, 300_000).into()),
    ];
    let (fail, cut) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let memory = Memory {
        flaw,
        files: files.clone(),
        fail: Arc::clone(&fail),
        cut: Arc::clone(&cut),
        calls: AtomicUsize::new(0),
    };
    SourceUnderTest::new(memory, subject_model(), files)
        .missing(ModelId::hub("o/other").unwrap())
        .serves_ranges()
        .fails(move |n| fail.store(n, Ordering::Relaxed))
        .cuts(move |n| cut.store(n, Ordering::Relaxed))
}

#[tokio::test]
async fn a_right_source_passes() {
    source(|| subject(Flaw::None)).await;
}

#[tokio::test]
async fn every_flaw_is_found() {
    use Flaw as F;
    for flaw in [
        F::NoName,
        F::FloatingCommit,
        F::CommitUnknown,
        F::Unsorted,
        F::WrongSize,
        F::WrongDigest,
        F::AnyRevision,
        F::AnyModel,
        F::AnyFile,
        F::ShortBody,
        F::WrongBytes,
        F::LiesAboutStart,
        F::IgnoresRange,
        F::IgnoresIfRange,
        F::OwnBudget,
        F::IgnoresBudget,
        F::SilentCut,
        F::RetriesBody,
    ] {
        let outcome = tokio::spawn(source(move || subject(flaw))).await;
        assert!(outcome.is_err_and(|error| error.is_panic()), "{flaw:?} was not found");
    }
}
