//! The engine against a source that does what each test tells it to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod flights;
mod malformed;
mod mirrors;
mod open_files;
mod outlasting;
mod readers;
mod repairs;
mod room;
mod source;
mod throttled;
mod validators;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{
    ByteRange, Compression, ErrorKind, Event, FileEntry, NoProgress, Outcome, Progress, Result, Retry, Source,
};
use cache_store::{Store, StoreOptions};
use cache_transfer::{Engine, EngineConfig, FetchJob, Fetched, SourceEntry};
use source::{Answer, Scripted, TAG, data, entry, version};

const MIB: usize = 1 << 20;

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    engine: Engine,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        Self::of(StoreOptions::default(), change)
    }

    fn of(options: StoreOptions, change: impl FnOnce(&mut EngineConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = options.with_background(cache_transfer::in_background);
        let store = Store::open(folder.path().join("store"), options).unwrap();
        let mut config = EngineConfig::default();
        config.stall_window = Duration::from_millis(200);
        change(&mut config);
        Self { engine: Engine::new(store.clone(), config), store, _folder: folder }
    }

    async fn fetch(&self, source: &Arc<Scripted>, file: &FileEntry) -> Result<Fetched> {
        self.engine.fetch(job(&[source], file)).await
    }

    #[expect(clippy::unused_self, reason = "reads as what it is")]
    fn read(&self, fetched: &Fetched) -> Vec<u8> {
        fs_err::read(&fetched.blob.path).unwrap()
    }
}

fn job(sources: &[&Arc<Scripted>], file: &FileEntry) -> FetchJob {
    let sources = sources.iter().map(|&source| SourceEntry::from(Arc::clone(source) as Arc<dyn Source>)).collect();
    FetchJob {
        version: version(),
        file: file.clone(),
        sources,
        progress: Arc::new(NoProgress),
        priority: 0,
        access: Default::default(),
    }
}

#[tokio::test]
async fn files_of_all_sizes_arrive_whole() {
    let bench = Bench::new();
    for size in [0, 1, 255, 4096, 256 << 10, (256 << 10) + 1, MIB, 4 * MIB - 1, 5 * MIB, 37 * MIB + 11] {
        let bytes = data(size);
        let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
        let fetched = bench.fetch(&source, &entry(&bytes)).await.unwrap();
        assert!(fetched.verified);
        assert!(bench.read(&fetched) == bytes, "{size}");
        assert_eq!(bench.fetch(&source, &entry(&bytes)).await.unwrap().outcome, Outcome::Hit);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_is_fetched_in_ranges_and_once() {
    let bytes = data(96 * MIB);
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &entry(&bytes)).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
    assert!(source.opens() > 1);
    assert!(source.sent() < bytes.len() as u64 * 103 / 100, "{} of {}", source.sent(), bytes.len());
}

#[tokio::test]
async fn source_without_ranges_sends_file_once() {
    let bytes = data(20 * MIB);
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Whole);
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &entry(&bytes)).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
    assert_eq!(source.opens(), 1);
}

#[tokio::test]
async fn ranges_that_stop_working_midway_do_no_harm() {
    let bytes = data(48 * MIB);
    let source = Scripted::new(bytes.clone(), |nth, _| if nth == 0 { Answer::Right } else { Answer::Whole });
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &entry(&bytes)).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
}

#[tokio::test]
async fn an_unknown_size_is_found_at_the_end() {
    for size in [0, 100, 3 * MIB + 5] {
        let bytes = data(size);
        let source = Scripted::without_size(bytes.clone(), |_, _| Answer::Whole);
        let mut file = entry(&bytes);
        file.size = None;
        let bench = Bench::new();
        let fetched = bench.fetch(&source, &file).await.unwrap();
        assert!(bench.read(&fetched) == bytes);
        assert_eq!(fetched.blob.size, size as u64);
    }
}

#[tokio::test]
async fn a_cut_connection_goes_on_from_where_it_was() {
    let bytes = data(30 * MIB);
    let source =
        Scripted::new(bytes.clone(), |nth, _| if nth % 3 == 0 { Answer::Cut(3 * MIB as u64) } else { Answer::Right });
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &entry(&bytes)).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
}

#[tokio::test]
async fn failing_source_error_counts_attempts() {
    let bytes = data(5 * MIB);
    let refused =
        cache_core::Error::new(ErrorKind::Network, "connection refused").with_host("test").with_retry(Retry::Backoff);
    let source = Scripted::new(bytes.clone(), move |_, _| Answer::Fail(refused.clone()));
    let bench = Bench::with(|config| config.retries = 2);
    let error = bench.fetch(&source, &entry(&bytes)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), source.opens()), (ErrorKind::Network, 3, 3));
    assert!(error.to_string().contains("test") && error.to_string().contains("3 times"), "{error}");
}

#[tokio::test]
async fn lies_about_the_range_are_not_written() {
    let bytes = data(9 * MIB);
    for lie in [Answer::Shifted, Answer::Short(1000), Answer::Endless, Answer::Cut(0)] {
        let told = lie.clone();
        let source = Scripted::new(bytes.clone(), move |nth, _| if nth == 0 { told.clone() } else { Answer::Right });
        let bench = Bench::new();
        match bench.fetch(&source, &entry(&bytes)).await {
            Ok(fetched) => assert!(bench.read(&fetched) == bytes, "{lie:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Integrity, "{lie:?}"),
        }
    }
}

#[tokio::test]
async fn a_wrong_bit_is_found_quarantined_and_named() {
    for size in [1000, 9 * MIB] {
        let bytes = data(size);
        let source = Scripted::named("liar", bytes.clone(), |_, _| Answer::Flip(77));
        let bench = Bench::new();
        let file = entry(&bytes);
        let error = bench.fetch(&source, &file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        let expected = file.digests.sha256.unwrap();
        assert!(error.to_string().contains(&expected.to_string()) && error.to_string().contains("liar"), "{error}");
        assert_eq!(bench.store.quarantined().unwrap().len(), 1);
        assert!(bench.store.blobs().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_lying_source_does_not_fill_the_quarantine() {
    let bench = Bench::new();
    for size in [1000, 5 * MIB] {
        let bytes = data(size);
        let file = entry(&bytes);
        let liar = Scripted::new(bytes.clone(), |nth, _| Answer::Flip(10 + nth as u64));
        for _ in 0..8 {
            assert_eq!(bench.fetch(&liar, &file).await.unwrap_err().kind(), ErrorKind::Integrity);
        }
        let same = Scripted::new(bytes, |_, _| Answer::Flip(7));
        for _ in 0..8 {
            assert_eq!(bench.fetch(&same, &file).await.unwrap_err().kind(), ErrorKind::Integrity);
        }
    }
    let kept = bench.store.quarantined().unwrap();
    assert_eq!(kept.len(), 6, "three of each file, whatever came: {kept:?}");
}

#[tokio::test]
async fn a_fetch_without_a_byte_keeps_no_room() {
    let bytes = data(5 * MIB);
    let refused = cache_core::Error::new(ErrorKind::Network, "connection refused").with_retry(Retry::Backoff);
    for answer in [Answer::Fail(refused), Answer::Cut(0)] {
        let source = Scripted::new(bytes.clone(), move |_, _| answer.clone());
        let bench = Bench::with(|config| config.retries = 1);
        bench.fetch(&source, &entry(&bytes)).await.unwrap_err();
        assert_eq!(bench.store.inventory().unwrap().debris.partial, cache_store::Amount::default());
    }
}

#[tokio::test]
async fn authority_decides_what_exists() {
    let bytes = data(1000);
    let gone = cache_core::Error::new(ErrorKind::NotFound, "no such file");
    let authority = Scripted::new(bytes.clone(), move |_, _| Answer::Fail(gone.clone()));
    let mirror = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    let error = Bench::new().engine.fetch(job(&[&authority, &mirror], &entry(&bytes))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(mirror.opens(), 0);
}

#[tokio::test]
async fn a_stalled_connection_is_given_up() {
    let bytes = data(9 * MIB);
    let source =
        Scripted::new(bytes.clone(), |nth, _| if nth == 0 { Answer::Stall(MIB as u64) } else { Answer::Right });
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &entry(&bytes)).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
}

#[tokio::test]
async fn a_file_that_changes_midway_starts_afresh() {
    let (old, new) = (data(40 * MIB), data(40 * MIB).into_iter().rev().collect::<Vec<_>>());
    let served = new.clone();
    let source =
        Scripted::new(old, move |nth, _| if nth == 0 { Answer::Right } else { Answer::Other(served.clone(), "v2") });
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &entry(&new)).await.unwrap();
    assert!(bench.read(&fetched) == new);
}

#[tokio::test]
async fn a_change_nobody_can_check_is_an_error() {
    let old = data(40 * MIB);
    let new: Vec<u8> = old.iter().rev().copied().collect();
    let source = Scripted::new(
        old.clone(),
        move |nth, _| if nth == 0 { Answer::Right } else { Answer::Other(new.clone(), "v2") },
    );
    let mut file = entry(&old);
    file.digests = cache_core::Digests::default();
    let bench = Bench::new();
    assert_eq!(bench.fetch(&source, &file).await.unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn without_a_digest_it_is_unverified_or_refused() {
    let bytes = data(1000);
    let mut file = entry(&bytes);
    file.digests = cache_core::Digests::default();
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    assert!(!Bench::new().fetch(&source, &file).await.unwrap().verified);
    let strict = Bench::with(|config| config.require_digest = true);
    assert_eq!(strict.fetch(&source, &file).await.unwrap_err().kind(), ErrorKind::Integrity);
}

/// Tells the test when enough bytes have landed.
struct Watch {
    bytes: AtomicU64,
    enough: u64,
    reached: tokio::sync::Notify,
    resumed: Mutex<Vec<u64>>,
}

impl Progress for Watch {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Advanced { bytes, .. } => {
                let total = self.bytes.fetch_add(bytes.unsigned_abs(), Ordering::Relaxed) + bytes.unsigned_abs();
                if total >= self.enough {
                    self.reached.notify_one();
                }
            }
            Event::Started { resumed, .. } => self.resumed.lock().unwrap().push(*resumed),
            _ => {}
        }
    }
}

fn watch(enough: u64) -> Arc<Watch> {
    Arc::new(Watch { bytes: AtomicU64::new(0), enough, reached: tokio::sync::Notify::new(), resumed: Mutex::default() })
}

#[tokio::test]
async fn what_has_arrived_survives_a_cancelled_fetch() {
    let bytes = data(24 * MIB);
    let file = entry(&bytes);
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(60));
    let stalling = Scripted::new(bytes.clone(), |_, range| Answer::Stall(range.map_or(0, |range| range.len() / 2)));
    let seen = watch(8 * MIB as u64);
    {
        let job = FetchJob { progress: Arc::clone(&seen) as _, ..job(&[&stalling], &file) };
        tokio::select! {
            _ = bench.engine.fetch(job) => unreachable!("it stalls"),
            () = seen.reached.notified() => {}
        }
    }
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    let again = watch(u64::MAX);
    let job = FetchJob { progress: Arc::clone(&again) as _, ..job(&[&source], &file) };
    let fetched = bench.engine.fetch(job).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
    let resumed = again.resumed.lock().unwrap().last().copied();
    assert!(resumed >= Some(7 * MIB as u64), "{resumed:?}");
    assert!(source.sent() <= 17 * MIB as u64, "{}", source.sent());
    let asked = source.asked.lock().unwrap();
    assert!(
        asked.iter().all(|(range, tag)| range.is_some_and(|range| !range.is_empty()) && tag.as_deref() == Some(TAG))
    );
}

#[tokio::test]
async fn what_cannot_be_resumed_is_not_kept() {
    let bytes = data(24 * MIB);
    let compressed = cache_core::CompressedFile {
        path: cache_core::RepoPath::parse("weights.bin.gz").unwrap(),
        compression: Compression::Gzip,
        size: None,
        digests: cache_core::Digests::default(),
        etag: None,
    };
    let sizeless = FileEntry { size: None, ..entry(&bytes) };
    for (file, kept) in [
        (entry(&bytes), true),
        (sizeless.clone(), false),
        (FileEntry { compressed: Some(compressed), ..sizeless }, false),
    ] {
        let bench = Bench::with(|config| config.stall_window = Duration::from_secs(60));
        let source = |script: fn(usize, Option<ByteRange>) -> Answer| match file.size {
            Some(_) => Scripted::new(bytes.clone(), script),
            None => Scripted::without_size(bytes.clone(), script),
        };
        let stalling = source(|_, _| Answer::Stall(8 * MIB as u64));
        let seen = watch(4 * MIB as u64);
        tokio::select! {
            _ = bench.engine.fetch(FetchJob { progress: Arc::clone(&seen) as _, ..job(&[&stalling], &file) }) => {
                unreachable!("it stalls")
            }
            () = seen.reached.notified() => {}
        }
        let (source, again) = (source(|_, _| Answer::Right), watch(u64::MAX));
        let job = FetchJob { progress: Arc::clone(&again) as _, ..job(&[&source], &file) };
        assert!(bench.read(&bench.engine.fetch(job).await.unwrap()) == bytes);
        let resumed = again.resumed.lock().unwrap().last().copied();
        assert_eq!(resumed > Some(0), kept, "{file:?}");
    }
}

#[tokio::test]
async fn many_tasks_and_engines_fetch_one_file_once() {
    let bytes = data(10 * MIB);
    let file = entry(&bytes);
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    let bench = Bench::new();
    let other = Engine::new(Store::open(bench.store.root(), StoreOptions::default()).unwrap(), EngineConfig::default());
    let fetches = (0..20)
        .map(|n| if n % 2 == 0 { &bench.engine } else { &other })
        .map(|engine| engine.fetch(job(&[&source], &file)));
    let results = futures::future::join_all(fetches).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(results.iter().filter(|result| result.as_ref().is_ok_and(|f| f.outcome == Outcome::Fetched)).count(), 1);
    // On a loaded machine an idle connection may race a slow tail; what must not happen is a second download.
    assert!(source.sent() < bytes.len() as u64 * 3 / 2, "{}", source.sent());
}

#[tokio::test]
async fn a_batch_goes_on_after_a_failure() {
    let bench = Bench::new();
    let fine = data(1000);
    let good = Scripted::new(fine.clone(), |_, _| Answer::Right);
    let bad = Scripted::new(data(2000), |_, _| Answer::Flip(3));
    let jobs = vec![job(&[&bad], &entry(&data(2000))), job(&[&good], &entry(&fine))];
    let results = bench.engine.fetch_all(jobs).await;
    assert!(results[0].is_err() && results[1].is_ok());
}

#[tokio::test]
async fn damaged_blob_refetches_broken_range_only() {
    let bytes = data(24 * MIB);
    let file = entry(&bytes);
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &file).await.unwrap();
    flip(&fetched.blob.path, 9 * MIB as u64);
    let verified = bench.store.verify(&fetched.blob.name, cache_store::VerifyMode::Full).unwrap();
    assert!(matches!(verified, cache_store::Verified::Corrupted(_)));
    let mender = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    let mended = bench.engine.fetch(job(&[&mender], &file)).await.unwrap();
    assert!(bench.read(&mended) == bytes);
    assert_eq!(mender.sent(), 4 * MIB as u64, "one block");
}

pub(crate) fn flip(path: &std::path::Path, at: u64) {
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs_err::OpenOptions::new().read(true).write(true).open(path).unwrap().into_file();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[tokio::test]
async fn requested_range_is_within_the_file() {
    let bytes = data(33 * MIB + 7);
    let source =
        Scripted::new(bytes.clone(), |nth, _| if nth % 4 == 1 { Answer::Cut(1_000_000) } else { Answer::Right });
    let bench = Bench::new();
    bench.fetch(&source, &entry(&bytes)).await.unwrap();
    let inside = |range: &ByteRange| !range.is_empty() && range.end <= bytes.len() as u64;
    assert!(source.asked.lock().unwrap().iter().all(|(range, _)| range.as_ref().is_some_and(inside)));
}

#[tokio::test]
async fn a_file_of_unknown_size_survives_a_cut() {
    let bytes = data(9 * MIB);
    // It announces ranges, which nobody can ask for without a size.
    let source =
        Scripted::without_size(
            bytes.clone(),
            |nth, _| if nth == 0 { Answer::Cut(4 * MIB as u64) } else { Answer::Right },
        );
    let mut file = entry(&bytes);
    file.size = None;
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &file).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
}

#[tokio::test]
async fn a_damaged_file_known_by_git_alone_is_mended() {
    let bytes = data(1000);
    let mut hasher = cache_core::Hasher::new().with_git_sha1(1000);
    hasher.update(&bytes);
    let mut file = entry(&bytes);
    file.digests = cache_core::Digests { git_sha1: hasher.finish().git_sha1, ..cache_core::Digests::default() };
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
    let bench = Bench::new();
    let fetched = bench.fetch(&source, &file).await.unwrap();
    assert!(fetched.verified);
    flip(&fetched.blob.path, 5);
    let verified = bench.store.verify(&fetched.blob.name, cache_store::VerifyMode::Full).unwrap();
    assert!(matches!(verified, cache_store::Verified::Corrupted(_)));
    bench.engine.fetch(job(&[&source], &file)).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn next_source_resumes_the_partial() {
    let bytes = data(40 * MIB);
    let gone = cache_core::Error::new(ErrorKind::Network, "gone");
    let dying = Scripted::named("dying", bytes.clone(), move |_, range| {
        let near_the_end = range.is_some_and(|range| range.end >= 36 * MIB as u64);
        if near_the_end { Answer::Fail(gone.clone()) } else { Answer::Right }
    });
    let healthy = Scripted::named("healthy", bytes.clone(), |_, _| Answer::Right);
    let bench = Bench::new();
    let fetched = bench.engine.fetch(job(&[&dying, &healthy], &entry(&bytes))).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
    let sent = dying.sent() + healthy.sent();
    assert!(sent <= bytes.len() as u64 * 11 / 10, "{} and {}", dying.sent(), healthy.sent());
}
