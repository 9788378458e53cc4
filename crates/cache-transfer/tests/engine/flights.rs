//! Of all that want one file one fetches it, and one that stands still, fails or hangs stops no other.

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Digests, Error, ErrorKind, Event, FileEntry, Hasher, Manifest, Outcome, Progress, Retry};
use cache_store::{Flight, FlightStatus, PartialKey, Store, StoreOptions};
use cache_transfer::{Engine, EngineConfig, FetchJob};
use tokio::sync::Notify;

use crate::source::{Answer, Scripted, data, entry, version};
use crate::{Bench, MIB, job};

fn key(file: &FileEntry) -> PartialKey {
    Store::partial_key(&version(), file)
}

/// An engine of another process.
fn other(bench: &Bench) -> Engine {
    let store = Store::open(bench.store.root(), StoreOptions::default()).unwrap();
    Engine::new(store, EngineConfig::default())
}

fn right(bytes: &[u8]) -> Arc<Scripted> {
    Scripted::new(bytes.to_vec(), |_, _| Answer::Right)
}

fn refused() -> Error {
    Error::new(ErrorKind::Unauthorized, "the token was refused").with_hint("log in")
}

async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_leader_that_stands_still_is_overtaken() {
    for size in [1000, 3 * MIB] {
        for first in ["the stopped one", "the other"] {
            let bytes = data(size);
            let (file, source) = (entry(&bytes), right(&bytes));
            let bench = Bench::with(|config| config.leader_timeout = Duration::from_millis(200));
            let stopped = other(&bench);
            let partial = bench.store.partial(&key(&file), Some(size as u64)).unwrap();
            if size < MIB {
                partial.hold_guard(bench.store.try_small_flight(&key(&file)).unwrap().unwrap());
            } else {
                let flight = bench.store.try_flight(&key(&file)).unwrap();
                let Flight::Leader(guard) = flight else { panic!("somebody leads") };
                partial.hold_guard(guard);
            }
            partial.file().write_all_at(&bytes, 0).unwrap();
            let mut hasher = Hasher::new();
            hasher.update(&bytes);
            let hashes = hasher.finish();
            if first == "the other" {
                assert_eq!(bench.fetch(&source, &file).await.unwrap().outcome, Outcome::Fetched);
                bench.store.publish(partial, &hashes, file.digests.sha256).unwrap();
            } else {
                // It goes on while it is overtaken, and publishes first.
                let slow =
                    Scripted::new(bytes.clone(), |nth, _| if nth == 0 { Answer::Stall(0) } else { Answer::Right });
                let fetch = bench.fetch(&slow, &file);
                let publish = async {
                    until(|| slow.opens() > 0).await;
                    bench.store.publish(partial, &hashes, file.digests.sha256).unwrap();
                    slow.gate.add_permits(1);
                };
                assert!(futures::join!(fetch, publish).0.is_ok());
            }
            assert_eq!(stopped.fetch(job(&[&source], &file)).await.unwrap().outcome, Outcome::Hit);
            let files = |folder: &str| {
                let entries = fs_err::read_dir(bench.store.root().join(folder)).unwrap();
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
            };
            // The store's own locks stay, those of flights go with their status.
            until(|| files("partial").is_empty() && !files("locks").iter().any(|name| name.contains('.'))).await;
        }
    }
}

#[tokio::test]
async fn a_waiting_leader_beats_and_a_stalled_one_not() {
    let bench = Bench::with(|config| {
        config.leader_timeout = Duration::from_millis(60);
        config.stall_window = Duration::from_secs(600);
        config.files = 1;
    });
    let (first, second) = (data(3 * MIB), data(3 * MIB + 1));
    let stalled = Scripted::new(first.clone(), |_, _| Answer::Stall(MIB as u64));
    let source = right(&second);
    let (stalls, waits) = (entry(&first), entry(&second));
    let status =
        |file: &FileEntry| -> FlightStatus { bench.store.flight_status(&key(file)).unwrap().unwrap_or_default() };
    let watch = async {
        until(|| stalled.sent() > 0 && status(&waits).beat > 0).await;
        let (before, now) = (status(&stalls), status(&waits).beat);
        until(|| status(&waits).beat > now + 10).await;
        assert!(status(&stalls).beat <= before.beat + 1, "a connection that brings nothing is no excuse");
        assert_eq!(source.opens(), 0);
    };
    let second = async {
        until(|| stalled.sent() > 0).await;
        bench.fetch(&source, &waits).await
    };
    tokio::select! {
        _ = bench.fetch(&stalled, &stalls) => unreachable!("it stalls"),
        _ = second => unreachable!("it waits for its turn"),
        () = watch => {}
    }
}

#[tokio::test]
async fn four_gets_fetch_each_small_file_once() {
    let bench = Bench::new();
    let files: Vec<_> = (0..250).map(|nth| data(1000 + nth)).collect();
    let sources: Vec<_> = files.iter().map(|bytes| right(bytes)).collect();
    let jobs = || files.iter().zip(&sources).map(|(bytes, source)| job(&[source], &entry(bytes))).collect::<Vec<_>>();
    let gets = (0..4).map(|_| bench.engine.fetch_all(jobs()));
    let results: Vec<_> = futures::future::join_all(gets).await.into_iter().flatten().collect();
    assert!(results.len() == 1000 && results.iter().all(Result::is_ok));
    assert_eq!(sources.iter().map(|source| source.opens()).sum::<usize>(), 250);
}

#[tokio::test]
async fn many_small_files_come_in_their_order() {
    let bench = Bench::new();
    let files: Vec<_> = (0..150).map(|nth| data(1000 + nth)).collect();
    let jobs = files.iter().map(|bytes| job(&[&right(bytes)], &entry(bytes))).collect();
    let sizes: Vec<_> =
        bench.engine.fetch_all(jobs).await.into_iter().map(|result| result.unwrap().blob.size).collect();
    assert_eq!(sizes, (1000..1150).collect::<Vec<_>>());
}

#[tokio::test]
async fn two_processes_fetch_each_small_file_once() {
    let bench = Bench::new();
    let other = other(&bench);
    let files: Vec<_> = (0..40).map(|nth| data(1000 + nth)).collect();
    let sources: Vec<_> = files.iter().map(|bytes| right(bytes)).collect();
    let jobs = || files.iter().zip(&sources).map(|(bytes, source)| job(&[source], &entry(bytes))).collect::<Vec<_>>();
    let (ours, theirs) = futures::join!(bench.engine.fetch_all(jobs()), other.fetch_all(jobs()));
    assert!(ours.iter().chain(&theirs).all(Result::is_ok));
    assert_eq!(sources.iter().map(|source| source.opens()).sum::<usize>(), 40);
}

#[tokio::test]
async fn small_files_leave_no_file_of_their_flights() {
    let bench = Bench::new();
    let files: Vec<_> = (0..20).map(|nth| data(1000 + nth)).collect();
    let sources: Vec<_> = files.iter().map(|bytes| right(bytes)).collect();
    let seen = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let jobs = files.iter().zip(&sources).map(|(bytes, source)| job(&[source], &entry(bytes))).collect();
    let watch = |_, result: cache_core::Result<cache_transfer::Fetched>| {
        let names = fs_err::read_dir(bench.store.root().join("locks")).unwrap().map(|entry| entry.unwrap().file_name());
        seen.lock().unwrap().extend(names);
        async move { assert!(result.is_ok()) }
    };
    bench.engine.fetch_each(jobs, watch).await;
    assert_eq!(seen.lock().unwrap().len(), 3, "{seen:?}: the store's own");
}

#[tokio::test]
async fn a_small_file_waits_for_no_other_one() {
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(600));
    let other = other(&bench);
    let (slow, quick) = (data(2000), data(11));
    let file = entry(&slow);
    let stalled = Scripted::new(slow.clone(), |_, _| Answer::Stall(0));
    let source = right(&quick);
    tokio::select! {
        _ = bench.fetch(&stalled, &file) => unreachable!("it stalls"),
        fetched = async {
            until(|| stalled.opens() > 0).await;
            other.fetch(job(&[&source], &entry(&quick))).await
        } => assert_eq!(fetched.unwrap().outcome, Outcome::Fetched),
    }
}

/// A leader, and waiters that follow it until its second answer: the first one stalls.
fn after_a_stall(bytes: &[u8], answer: Answer) -> Arc<Scripted> {
    Scripted::new(bytes.to_vec(), move |nth, _| if nth == 0 { Answer::Stall(0) } else { answer.clone() })
}

#[tokio::test]
async fn a_waiter_is_not_refused_for_its_leader() {
    let bytes = data(3 * MIB);
    let file = entry(&bytes);
    let (theirs, ours) = (after_a_stall(&bytes, Answer::Fail(refused())), right(&bytes));
    let bench = Bench::new();
    let waiter = async {
        until(|| theirs.opens() > 0).await;
        bench.fetch(&ours, &file).await
    };
    let (leader, waiter) = futures::join!(bench.fetch(&theirs, &file), waiter);
    assert_eq!(leader.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert!(bench.read(&waiter.unwrap()) == bytes);
}

#[tokio::test]
async fn wrong_bytes_are_fetched_once_for_all_waiters() {
    let bytes = data(3 * MIB);
    let file = entry(&bytes);
    let source = after_a_stall(&bytes, Answer::Flip(7));
    let bench = Bench::new();
    let results = futures::future::join_all((0..5).map(|_| bench.fetch(&source, &file))).await;
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Integrity)));
    assert_eq!(source.opens(), 2, "the first try of the leader, and its second");
}

#[tokio::test]
async fn a_line_of_waiters_tries_a_dead_host_once_each() {
    let bytes = data(3 * MIB);
    let file = entry(&bytes);
    let down = Error::new(ErrorKind::Network, "connection refused").with_host("test").with_retry(Retry::Backoff);
    let source = after_a_stall(&bytes, Answer::Fail(down));
    let bench = Bench::with(|config| config.retries = 3);
    let results = futures::future::join_all((0..5).map(|_| bench.fetch(&source, &file))).await;
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Network)));
    assert!(source.opens() <= 4 + 4 * 2, "{}: four tries of the leader, two of each waiter", source.opens());
}

#[tokio::test]
async fn a_hung_file_blocks_no_runtime_thread() {
    let bench = Bench::new();
    let (waiting, quick) = (data(3 * MIB), data(MIB));
    let file = entry(&waiting);
    let Flight::Leader(guard) = bench.store.try_flight(&key(&file)).unwrap() else { panic!("somebody leads") };
    let status = bench.store.root().join("locks").join(format!("{}.status", key(&file)));
    fs_err::write(&status, "").unwrap();
    let hang = cache_testkit::Hang::of(&status).unwrap();
    let source = right(&waiting);
    let hung = bench.fetch(&source, &file);
    let rest = async {
        // The only thread of this runtime has to be free for it.
        assert!(bench.fetch(&right(&quick), &entry(&quick)).await.is_ok());
        fs_err::remove_file(&status).unwrap();
        drop((hang, guard));
    };
    assert!(futures::join!(hung, rest).0.is_ok());
}

#[tokio::test]
async fn without_locks_the_count_shows_each_transfer() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = data(3 * MIB);
    let source = right(&bytes);
    let fetch = |_| {
        let store = Store::open(folder.path(), StoreOptions::default().with_broken_locks(true)).unwrap();
        let engine = Engine::new(store, EngineConfig::default());
        let job = job(&[&source], &entry(&bytes));
        async move { engine.fetch(job).await }
    };
    assert!(futures::future::join_all((0..4).map(fetch)).await.iter().all(Result::is_ok));
    let whole = |(range, _): &&(Option<cache_core::ByteRange>, Option<String>)| {
        range.is_some_and(|range| range.start == 0 && range.end == bytes.len() as u64)
    };
    assert!(source.asked.lock().unwrap().iter().filter(whole).count() > 1);
}

/// Tells when another's download is waited for.
#[derive(Default)]
struct Waits(Notify);

impl Progress for Waits {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Waiting { .. }) {
            self.0.notify_one();
        }
    }
}

#[tokio::test]
async fn a_waiter_finds_what_only_the_manifest_names() {
    let bytes = data(3 * MIB);
    let file = FileEntry { digests: Digests::default(), ..entry(&bytes) };
    let bench = Bench::new();
    let Flight::Leader(mut guard) = bench.store.try_flight(&key(&file)).unwrap() else { panic!("somebody leads") };
    guard.progress(0, None);
    let (source, waits) = (right(&bytes), Arc::new(Waits::default()));
    let waiter = bench.engine.fetch(FetchJob { progress: Arc::clone(&waits) as _, ..job(&[&source], &file) });
    let leader = async {
        waits.0.notified().await;
        // The whole get of the leader ends between two looks of the waiter.
        let partial = bench.store.partial(&key(&file), Some(bytes.len() as u64)).unwrap();
        partial.file().write_all_at(&bytes, 0).unwrap();
        let mut hasher = Hasher::new();
        hasher.update(&bytes);
        let blob = bench.store.publish(partial, &hasher.finish(), None).unwrap();
        let listed = FileEntry { blob: Some(blob.name), ..file.clone() };
        bench.store.put_manifest(&Manifest::new((*version()).clone(), vec![listed]).unwrap()).unwrap();
        guard.arrived(&blob.name);
        bench.store.forget_ended(&key(&file)).unwrap();
        blob
    };
    let (fetched, blob) = futures::join!(waiter, leader);
    let fetched = fetched.unwrap();
    assert_eq!((fetched.outcome, fetched.blob.name, source.opens()), (Outcome::Shared, blob.name, 0));
}
