//! A file arrives as long as one honest source is left, whoever lies, dies or serves no ranges beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache_core::{Digests, Error, ErrorKind, Event, Progress, Source};
use cache_transfer::{FetchJob, SourceEntry};

use crate::mirrors::{fetch, network};
use crate::source::{Answer, Scripted, TAG, data, entry};
use crate::{Bench, MIB, job, watch};

fn honest(name: &'static str, bytes: &[u8]) -> Arc<Scripted> {
    Scripted::named(name, bytes.to_vec(), |_, _| Answer::Right)
}

fn liar(name: &'static str, bytes: &[u8]) -> Arc<Scripted> {
    Scripted::named(name, bytes.to_vec(), |_, range| Answer::Flip(range.map_or(77, |range| range.end - 3)))
}

fn dead(name: &'static str, bytes: &[u8]) -> Arc<Scripted> {
    Scripted::named(name, bytes.to_vec(), |_, _| Answer::Fail(network()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cleared_suspect_is_used_again() {
    let bytes = data(64 * MIB);
    for (hub, first, second, lied) in [
        // Whose bytes are taken out first is chance: the honest one's may be.
        (dead("hub", &bytes), honest("first", &bytes), liar("second", &bytes), "second"),
        (dead("hub", &bytes), liar("first", &bytes), honest("second", &bytes), "first"),
        (liar("hub", &bytes), honest("first", &bytes), honest("second", &bytes), "hub"),
    ] {
        let bench = Bench::with(|config| config.retries = 0);
        let (fetched, words) = fetch(&bench, &[&hub, &first, &second], &entry(&bytes)).await;
        assert!(bench.read(&fetched) == bytes);
        assert!(words.len() == 1 && words[0].contains(lied), "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_authority_bytes_are_refetched() {
    let bytes = data(64 * MIB);
    // Its first answers are wrong, and then it dies.
    let hub = Scripted::named("hub", bytes.clone(), |nth, range| match range {
        Some(range) if nth < 2 => Answer::Flip(range.start),
        _ => Answer::Fail(network()),
    });
    let mirror = honest("mirror", &bytes);
    let bench = Bench::with(|config| config.retries = 0);
    let (fetched, words) = fetch(&bench, &[&hub, &mirror], &entry(&bytes)).await;
    assert!(bench.read(&fetched) == bytes);
    assert!(!words.iter().any(|words| words.contains("mirror")), "{words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_source_without_ranges_still_serves() {
    let bytes = data(40 * MIB);
    let whole = || Scripted::named("whole", bytes.clone(), |_, _| Answer::Whole);
    for (hub, mirror) in
        [(whole(), dead("mirror", &bytes)), (whole(), liar("mirror", &bytes)), (dead("hub", &bytes), whole())]
    {
        let bench = Bench::with(|config| config.retries = 0);
        let (fetched, _) = fetch(&bench, &[&hub, &mirror], &entry(&bytes)).await;
        assert!(bench.read(&fetched) == bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_error_is_that_of_the_authority() {
    let bytes = data(20 * MIB);
    let hub = Scripted::named("hub", bytes.clone(), |_, _| Answer::Fail(network()));
    let absent = Error::new(ErrorKind::NotFound, "the mirror has no such file");
    let mirror = Scripted::named("mirror", bytes.clone(), move |_, _| Answer::Fail(absent.clone()));
    let bench = Bench::with(|config| config.retries = 0);
    let mut job = job(&[&hub], &entry(&bytes));
    job.sources.push(SourceEntry::from(Arc::clone(&mirror) as Arc<dyn Source>).preferred(1));
    let error = bench.engine.fetch(job).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
}

#[tokio::test]
async fn mirror_bytes_are_kept_for_the_authority() {
    let bytes = data(24 * MIB);
    let file = entry(&bytes);
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(60));
    let stall = |_, range: Option<cache_core::ByteRange>| Answer::Stall(range.map_or(0, |range| range.len() / 2));
    let near = Scripted::named("near", bytes.clone(), stall).tagged("the mirror's");
    let hub = honest("hub", &bytes);
    let seen = watch(8 * MIB as u64);
    {
        let mut job = FetchJob { progress: Arc::clone(&seen) as _, ..job(&[&hub], &file) };
        job.sources.push(SourceEntry::from(near as Arc<dyn Source>).preferred(1));
        tokio::select! {
            _ = bench.engine.fetch(job) => unreachable!("it stalls"),
            () = seen.reached.notified() => {}
        }
    }
    let fetched = bench.engine.fetch(job(&[&hub], &file)).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
    assert!(hub.sent() <= 17 * MIB as u64, "{}", hub.sent());
    assert!(hub.asked.lock().unwrap().iter().all(|(_, tag)| tag.as_deref() == Some(TAG)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomparable_bytes_are_not_verified() {
    let bytes = data(20 * MIB);
    let (hub, mirror) = (honest("hub", &bytes), liar("mirror", &bytes));
    let mut file = entry(&bytes);
    let blake3 = cache_core::Blake3::from_bytes([7; 32]);
    file.digests = Digests { blake3: Some(blake3), ..Digests::default() };
    let bench = Bench::new();
    let fetched = bench.engine.fetch(job(&[&hub, &mirror], &file)).await.unwrap();
    assert!(!fetched.verified && bench.read(&fetched) == bytes);
    assert_eq!(mirror.opens(), 0);
}

#[tokio::test]
async fn slow_connections_do_not_starve_buffers() {
    let bench = Bench::with(|config| {
        config.stall_window = Duration::from_secs(600);
        config.files = 100;
    });
    // More connections than there are buffers, each with a little in one.
    let files: Vec<Vec<u8>> = (0..60).map(|nth| data((256 << 10) + nth)).collect();
    let stall = |(nth, bytes): (usize, &Vec<u8>)| {
        Scripted::named(format!("stalled {nth}").leak(), bytes.clone(), |_, _| Answer::Stall(1000))
    };
    let stalled: Vec<_> = files.iter().enumerate().map(stall).collect();
    let bench = &bench;
    let stuck = files.iter().enumerate().map(|(nth, bytes)| {
        let sources = &stalled;
        async move { bench.fetch(&sources[nth], &entry(bytes)).await }
    });
    let fetch = async {
        while stalled.iter().filter(|source| source.sent() > 0).count() < 48 {
            tokio::task::yield_now().await;
        }
        for size in [1000, 9 * MIB] {
            let bytes = data(size);
            let fetched = bench.fetch(&honest("hub", &bytes), &entry(&bytes)).await.unwrap();
            assert!(bench.read(&fetched) == bytes);
        }
    };
    tokio::select! {
        _ = futures::future::join_all(stuck) => unreachable!("they stall"),
        () = fetch => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_liar_is_not_asked_for_a_repair_either() {
    let bytes = data(20 * MIB);
    let (hub, false_one) = (honest("hub", &bytes), liar("liar", &bytes));
    let bench = Bench::new();
    let file = entry(&bytes);
    // Preferred, it brings the whole and is found out for sure.
    let mut first = job(&[&hub], &file);
    first.sources.push(SourceEntry::from(Arc::clone(&false_one) as Arc<dyn Source>).preferred(1));
    let fetched = bench.engine.fetch(first).await.unwrap();
    assert_eq!(fetched.warnings.len(), 1, "{:?}", fetched.warnings);
    crate::flip(&fetched.blob.path, 9);
    let verified = bench.store.verify(&fetched.blob.name, cache_store::VerifyMode::Full).unwrap();
    assert!(matches!(verified, cache_store::Verified::Corrupted(_)));
    let asked = false_one.opens();
    let down = Scripted::named("hub", bytes.clone(), |_, _| Answer::Fail(Error::new(ErrorKind::Network, "down")));
    bench.engine.fetch(job(&[&down, &false_one], &file)).await.unwrap_err();
    assert_eq!(false_one.opens(), asked);
}

/// Counts the retries.
#[derive(Debug, Default)]
struct Retries(AtomicUsize);

impl Progress for Retries {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Retrying { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_preferred_source_is_left_soon() {
    let bytes = data(20 * MIB);
    let (hub, near) = (honest("hub", &bytes), dead("near", &bytes));
    let bench = Bench::new();
    let mut job = job(&[&hub], &entry(&bytes));
    job.sources.push(SourceEntry::from(Arc::clone(&near) as Arc<dyn Source>).preferred(1));
    let heard = Arc::new(Retries::default());
    job.progress = Arc::clone(&heard) as _;
    bench.engine.fetch(job).await.unwrap();
    assert!(near.opens() > 0);
    assert!(heard.0.load(Ordering::Relaxed) <= 1, "{heard:?}");
}
