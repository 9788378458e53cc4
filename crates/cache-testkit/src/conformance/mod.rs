//! What every source must do: one check a bullet of the documentation of [`Source::resolve`] and [`Source::open`].
//!
//! [`source`] runs them all, each on a subject of its own. The checks panic with what they expected and what they got.

use std::fmt;
use std::io;
use std::sync::Arc;

use cache_core::{
    Body, ByteRange, Error, ErrorKind, FileEntry, Manifest, ModelId, OpenOptions, Opened, RepoPath, RetryBudget,
    Revision, Source, check_collisions,
};
use futures::StreamExt as _;

use crate::Content;
use crate::seeded::to_usize;

#[cfg(test)]
mod tests;

/// A source, and what is known of what it serves.
pub struct SourceUnderTest {
    source: Arc<dyn Source>,
    model: ModelId,
    revision: Revision,
    files: Vec<(String, Content)>,
    missing: Vec<ModelId>,
    ranges: bool,
    fail: Option<Hook>,
    cut: Option<Hook>,
    keep: Vec<Box<dyn Send + Sync>>,
}

type Hook = Box<dyn Fn(usize) + Send + Sync>;

impl SourceUnderTest {
    /// A source that serves exactly these files as this model at `main`.
    pub fn new<P: Into<String>>(
        source: impl Source,
        model: ModelId,
        files: impl IntoIterator<Item = (P, Content)>,
    ) -> Self {
        Self {
            source: Arc::new(source),
            model,
            revision: Revision::main(),
            files: files.into_iter().map(|(path, content)| (path.into(), content)).collect(),
            missing: Vec::new(),
            ranges: false,
            fail: None,
            cut: None,
            keep: Vec::new(),
        }
    }

    /// The files are those of this revision.
    #[must_use]
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// A model that the source could have and has not.
    #[must_use]
    pub fn missing(mut self, model: ModelId) -> Self {
        self.missing.push(model);
        self
    }

    /// The server behind the source serves ranges: asked for some bytes, it is to send those and no others.
    #[must_use]
    pub fn serves_ranges(mut self) -> Self {
        self.ranges = true;
        self
    }

    /// Makes the next `n` requests for bytes fail before the first byte, in a way that a retry mends.
    #[must_use]
    pub fn fails(mut self, fail: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.fail = Some(Box::new(fail));
        self
    }

    /// Makes the next `n` bodies break off somewhere in the middle of the largest file.
    #[must_use]
    pub fn cuts(mut self, cut: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.cut = Some(Box::new(cut));
        self
    }

    /// Keeps a server or a folder alive as long as the subject.
    #[must_use]
    pub fn keep(mut self, kept: impl Send + Sync + 'static) -> Self {
        self.keep.push(Box::new(kept));
        self
    }

    async fn manifest(&self) -> Manifest {
        must("resolve", self.source.resolve(&self.model, &self.revision, &RetryBudget::default()).await)
    }

    fn largest(&self) -> (&str, &Content) {
        let largest = self.files.iter().max_by_key(|(_, content)| content.size());
        let (path, content) = must("a subject with files", largest.ok_or("it has none"));
        (path, content)
    }

    async fn open(&self, manifest: &Manifest, path: &str, options: OpenOptions) -> Result<Opened, Error> {
        self.source.open(&manifest.version, entry(manifest, path), options).await
    }
}

impl fmt::Debug for SourceUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceUnderTest({} with {} of {} files)", self.source, self.model, self.files.len())
    }
}

/// Runs every check on a fresh subject each.
pub async fn source(make: impl Fn() -> SourceUnderTest) {
    names_itself(&make());
    commit_is_pinned(&make()).await;
    commit_resolves_to_itself(&make()).await;
    listing_is_complete_sorted_and_unique(&make()).await;
    missing_is_not_found(&make()).await;
    dropping_cancels(&make()).await;
    whole_file_starts_at_zero(&make()).await;
    range_starts_where_it_says(&make()).await;
    if_range_with_another_tag_is_the_whole_file(&make()).await;
    missing_file_is_not_found(&make()).await;
    retries_come_from_the_budget(&make()).await;
    broken_body_is_not_retried(&make()).await;
}

/// A source prints what it is, for people.
pub fn names_itself(subject: &SourceUnderTest) {
    let name = subject.source.to_string();
    assert!(!name.is_empty() && !name.contains('\n'), "a source's name is one line, got {name:?}");
}

/// The manifest's model is the one asked for, and its commit is pinned: resolving the commit gives the same listing.
pub async fn commit_is_pinned(subject: &SourceUnderTest) {
    let manifest = subject.manifest().await;
    assert_eq!(manifest.version.model, subject.model, "the manifest is of another model");
    let commit = must("a commit is a revision", Revision::parse(manifest.version.commit.as_str()));
    let again =
        must("resolve the commit", subject.source.resolve(&subject.model, &commit, &RetryBudget::default()).await);
    assert_eq!(again, manifest, "the commit does not pin the listing");
}

/// A whole commit as revision resolves to itself.
pub async fn commit_resolves_to_itself(subject: &SourceUnderTest) {
    let manifest = subject.manifest().await;
    let commit = must("a commit is a revision", Revision::parse(manifest.version.commit.as_str()));
    let again =
        must("resolve the commit", subject.source.resolve(&subject.model, &commit, &RetryBudget::default()).await);
    assert_eq!(again.version.commit, manifest.version.commit);
}

/// Paths are checked, unique and sorted; every file is listed, and what is said of it is true.
pub async fn listing_is_complete_sorted_and_unique(subject: &SourceUnderTest) {
    let manifest = subject.manifest().await;
    assert!(manifest.files.is_sorted_by(|a, b| a.path < b.path), "paths are not sorted, or not unique");
    must("no paths collide", check_collisions(manifest.files.iter().map(|file| &file.path)));
    let mut expected: Vec<_> = subject.files.iter().map(|(path, _)| path.as_str()).collect();
    expected.sort_unstable();
    let listed: Vec<_> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(listed, expected, "the listing is not the files that are there");
    for (path, content) in &subject.files {
        let file = entry(&manifest, path);
        let hashes = content.hashes();
        assert!(file.size.is_none_or(|size| size == content.size()), "{path} has another size than listed");
        assert!(file.digests.sha256.is_none_or(|sha256| sha256 == hashes.sha256), "{path}: the sha256 is wrong");
        let git_sha1 = file.digests.git_sha1.filter(|_| hashes.git_sha1.is_some());
        assert!(git_sha1.is_none_or(|sha1| Some(sha1) == hashes.git_sha1), "{path}: the git-sha1 is wrong");
    }
}

/// No such model or revision: `NotFound`.
pub async fn missing_is_not_found(subject: &SourceUnderTest) {
    for revision in ["no-such-revision".to_owned(), "0".repeat(40), "0".repeat(64)] {
        let revision = must("a revision", Revision::parse(&revision));
        let result = subject.source.resolve(&subject.model, &revision, &RetryBudget::default()).await;
        not_found(&format!("revision {revision}"), result);
    }
    for model in &subject.missing {
        let result = subject.source.resolve(model, &subject.revision, &RetryBudget::default()).await;
        not_found(&format!("model {model}"), result);
    }
}

/// Dropping the future cancels: at whatever point it is dropped, the source works as before.
pub async fn dropping_cancels(subject: &SourceUnderTest) {
    for polls in 1..4 {
        let budget = RetryBudget::default();
        let mut resolve = subject.source.resolve(&subject.model, &subject.revision, &budget);
        for _ in 0..polls {
            if futures::poll!(resolve.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    subject.manifest().await;
}

/// Without a range the stream starts at 0 and holds the whole file.
pub async fn whole_file_starts_at_zero(subject: &SourceUnderTest) {
    let manifest = subject.manifest().await;
    for (path, content) in &subject.files {
        let opened = must(path, subject.open(&manifest, path, OpenOptions::whole()).await);
        let part = Part::read(path, opened, content).await;
        assert_eq!((part.start, part.end), (0, content.size()), "{path}: not the whole file");
    }
}

/// With a range the stream starts where `Body::start` says; a source without ranges sends the whole from 0.
pub async fn range_starts_where_it_says(subject: &SourceUnderTest) {
    let manifest = subject.manifest().await;
    for (path, content) in &subject.files {
        let size = content.size();
        let ranges = [(0, 1), (0, size), (size.saturating_sub(1), size), (size / 3, size * 2 / 3), (1, size)];
        for (start, end) in ranges {
            let range = ByteRange { start, end };
            if range.is_empty() || end > size {
                continue;
            }
            let opened = must(path, subject.open(&manifest, path, OpenOptions::range(range)).await);
            let announced = match &opened {
                Opened::Stream(body) => body.ranges,
                Opened::File(_) => false,
            };
            assert!(announced || !subject.ranges, "{path}: {range} is not served as a range");
            let part = Part::read(path, opened, content).await;
            assert!(part.start <= start && part.end >= end, "{path}: asked for {range}, got {part:?}");
            if announced {
                assert_eq!((part.start, part.end), (start, end), "{path}: ranges are announced and not kept");
            }
        }
    }
}

/// With `if_range` and a changed file: the whole file, with the new tag. Unchanged: what was asked for.
pub async fn if_range_with_another_tag_is_the_whole_file(subject: &SourceUnderTest) {
    let manifest = subject.manifest().await;
    let (path, content) = subject.largest();
    let range = ByteRange { start: content.size() / 2, end: content.size() };
    let stale = "a-tag-that-no-server-gives";
    let options = OpenOptions::range(range).if_range(Some(stale.to_owned()));
    let opened = must(path, subject.open(&manifest, path, options).await);
    let Some(part) = Part::read_stream(path, opened, content).await else { return };
    assert_eq!((part.start, part.end), (0, content.size()), "{path}: a changed file must come whole");
    assert_ne!(part.etag.as_deref(), Some(stale), "{path}: the old tag is given for the new file");
    if let Some(etag) = part.etag {
        let options = OpenOptions::range(range).if_range(Some(etag.clone()));
        let opened = must(path, subject.open(&manifest, path, options).await);
        let part = Part::read(path, opened, content).await;
        assert!(part.start <= range.start && part.end >= range.end, "{path}: asked for {range}, got {part:?}");
        assert_eq!(part.etag, Some(etag), "{path}: the tag of an unchanged file changed");
    }
}

/// No such file: `NotFound`.
pub async fn missing_file_is_not_found(subject: &SourceUnderTest) {
    let manifest = subject.manifest().await;
    let path = must("a path", RepoPath::parse("no/such/file.bin"));
    let opened = subject.source.open(&manifest.version, &FileEntry::new(path), OpenOptions::whole()).await;
    match opened {
        // A source may open lazily; the refusal then comes instead of the first bytes.
        Ok(Opened::Stream(mut body)) => {
            not_found("a file that is not there", body.stream.next().await.unwrap_or(Ok(Default::default())));
        }
        other => not_found("a file that is not there", other),
    }
}

/// Failures before the first byte are retried from the caller's budget, and from no other.
pub async fn retries_come_from_the_budget(subject: &SourceUnderTest) {
    let manifest = subject.manifest().await;
    let (path, content) = subject.largest();
    let budget = RetryBudget::new(0);
    let options = OpenOptions::whole().budget(budget.clone());
    let opened = must("open without retries", subject.open(&manifest, path, options).await);
    Part::read(path, opened, content).await;
    assert_eq!(budget.attempts(), 1, "a retry was taken where nothing failed");
    let Some(fail) = &subject.fail else { return };

    fail(1);
    let options = OpenOptions::whole().budget(RetryBudget::new(0));
    let result = subject.open(&manifest, path, options).await;
    assert!(result.is_err(), "a failure was retried with an empty budget");

    fail(2);
    let budget = RetryBudget::new(2);
    let options = OpenOptions::whole().budget(budget.clone());
    let opened = must("open with two retries", subject.open(&manifest, path, options).await);
    Part::read(path, opened, content).await;
    assert_eq!(budget.attempts(), 3, "the retries were not drawn from the budget");
}

/// Only failures before the first byte are retried by the source: a body that breaks off is an error for its reader.
pub async fn broken_body_is_not_retried(subject: &SourceUnderTest) {
    let Some(cut) = &subject.cut else { return };
    let manifest = subject.manifest().await;
    let (path, content) = subject.largest();
    cut(1);
    let budget = RetryBudget::new(5);
    let options = OpenOptions::whole().budget(budget.clone());
    let opened = must("open", subject.open(&manifest, path, options).await);
    let Opened::Stream(mut body) = opened else { return };
    let mut length = 0;
    let mut failed = None;
    while let Some(bytes) = body.stream.next().await {
        match bytes {
            Ok(bytes) => length += bytes.len() as u64,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    assert!(length < content.size(), "{path}: the whole body came although it was cut");
    assert_eq!(budget.attempts(), 1, "the source retried a body");
    let error = must("an error for a body that broke off", failed.ok_or("the stream ended as if it were whole"));
    assert!(error.is_retryable(), "a broken body can be asked for again: {error:?}");
}

/// Some bytes of a file that were compared with what they should be.
#[derive(Debug)]
struct Part {
    start: u64,
    end: u64,
    etag: Option<String>,
}

impl Part {
    async fn read(path: &str, opened: Opened, content: &Content) -> Self {
        match opened {
            Opened::Stream(body) => Self::of_body(path, body, content).await,
            Opened::File(file) => {
                assert!(file.is_absolute(), "{path}: {} is not absolute", file.display());
                must(path, compare(&must(path, fs_err::read(&file)), content, 0, path));
                Self { start: 0, end: content.size(), etag: None }
            }
        }
    }

    /// `None` for a file: conditions are for streams.
    async fn read_stream(path: &str, opened: Opened, content: &Content) -> Option<Self> {
        match opened {
            Opened::Stream(body) => Some(Self::of_body(path, body, content).await),
            Opened::File(_) => None,
        }
    }

    async fn of_body(path: &str, mut body: Body, content: &Content) -> Self {
        let mut at = body.start;
        while let Some(bytes) = body.stream.next().await {
            let bytes = must(path, bytes);
            must(path, compare(&bytes, content, at, path));
            at += bytes.len() as u64;
        }
        assert!(body.end.is_none_or(|end| end == at), "{path}: promised up to {:?}, ended at {at}", body.end);
        assert!(body.size.is_none_or(|size| size == content.size()), "{path}: the size is wrong: {:?}", body.size);
        assert!(!body.host.is_empty(), "{path}: a body says where it comes from");
        Self { start: body.start, end: at, etag: body.etag }
    }
}

fn compare(bytes: &[u8], content: &Content, start: u64, path: &str) -> io::Result<()> {
    let mut at = 0;
    while at < bytes.len() {
        let expected = content.read(start + at as u64, (bytes.len() - at) as u64)?;
        assert!(!expected.is_empty(), "{path}: more bytes than the file has");
        let end = at + to_usize(expected.len() as u64);
        assert!(bytes[at..end] == expected, "{path}: wrong bytes in {}..{}", start + at as u64, start + end as u64);
        at = end;
    }
    Ok(())
}

#[track_caller]
fn entry<'a>(manifest: &'a Manifest, path: &str) -> &'a FileEntry {
    must("the file is listed", manifest.files.iter().find(|file| file.path.as_str() == path).ok_or(path))
}

#[track_caller]
fn not_found<T: fmt::Debug>(what: &str, result: Result<T, Error>) {
    match result {
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{what}: {error:?}"),
        Ok(found) => fail(format_args!("{what} was found: {found:?}")),
    }
}

#[track_caller]
fn must<T, E: fmt::Debug>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => fail(format_args!("{what}: {error:?}")),
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a failed check is a failed test")]
fn fail(what: fmt::Arguments<'_>) -> ! {
    panic!("{what}")
}
