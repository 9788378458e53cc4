//! Readers of a file that is being fetched, when its sources fail or lie.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{ErrorKind, Event, FileEntry, Progress};
use cache_transfer::{FetchJob, LiveFile, ReaderAttempt};

use crate::mirrors::network;
use crate::source::{Answer, Scripted, data, entry, version};
use crate::{Bench, MIB, job, watch};

/// Reads along from the first byte on; what it got counts as given out.
async fn first_bytes(live: &LiveFile) -> ReaderAttempt {
    let seen = ReaderAttempt::default();
    let landed = live.landed(0, &seen).await.unwrap();
    assert!(live.confirm(&seen, landed.attempt).unwrap());
    seen
}

#[tokio::test]
async fn a_failover_in_turn_keeps_readers() {
    let bytes = data(9 * MIB);
    // Of unknown size: one source after the other.
    let file = FileEntry { size: None, ..entry(&bytes) };
    let dying = Scripted::without_size(bytes.clone(), |_, _| Answer::Cut(4 * MIB as u64));
    // A mirror has tags of its own.
    let next = Scripted::named("next", bytes.clone(), |_, _| Answer::Right).unsized_bodies().tagged("v2");
    let bench = Bench::new();
    let live = bench.engine.live(&version(), &file);
    let (fetched, seen) = tokio::join!(bench.engine.fetch(job(&[&dying, &next], &file)), first_bytes(&live));
    assert!(bench.read(&fetched.unwrap()) == bytes);
    assert!(dying.sent() > 0 && next.sent() > 0);
    live.still(&seen).unwrap();
}

#[tokio::test]
async fn a_failover_to_a_local_copy_ends_readers() {
    let bytes = data(9 * MIB);
    let file = FileEntry { size: None, ..entry(&bytes) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    fs_err::write(&path, &bytes).unwrap();
    // Bytes that the copy does not have.
    let lying = Scripted::without_size(vec![7; 9 * MIB], |_, _| Answer::Cut(4 * MIB as u64));
    let local = Scripted::named("local", Vec::new(), move |_, _| Answer::Local(path.clone()));
    let bench = Bench::new();
    let live = bench.engine.live(&version(), &file);
    let (fetched, seen) = tokio::join!(bench.engine.fetch(job(&[&lying, &local], &file)), first_bytes(&live));
    assert!(bench.read(&fetched.unwrap()) == bytes);
    assert_eq!(live.still(&seen).unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_failover_to_the_last_source_keeps_readers() {
    let bytes = data(40 * MIB);
    let file = entry(&bytes);
    let whole = Scripted::named("whole", bytes.clone(), |_, _| Answer::Whole);
    let dying = Scripted::named("dying", bytes.clone(), |_, range| {
        if range.is_some_and(|range| range.start == 0) { Answer::Right } else { Answer::Fail(network()) }
    });
    let bench = Bench::with(|config| config.retries = 0);
    let live = bench.engine.live(&version(), &file);
    let (fetched, seen) = tokio::join!(bench.engine.fetch(job(&[&whole, &dying], &file)), first_bytes(&live));
    assert!(bench.read(&fetched.unwrap()) == bytes);
    live.still(&seen).unwrap();
}

#[tokio::test]
async fn a_file_that_starts_over_ends_its_readers() {
    let (old, new) = (data(40 * MIB), data(40 * MIB).into_iter().rev().collect::<Vec<_>>());
    let (file, served) = (entry(&new), new.clone());
    let source =
        Scripted::new(old, move |nth, _| if nth == 0 { Answer::Right } else { Answer::Other(served.clone(), "v2") });
    let bench = Bench::new();
    let live = bench.engine.live(&version(), &file);
    let (fetched, seen) = tokio::join!(bench.fetch(&source, &file), first_bytes(&live));
    assert!(bench.read(&fetched.unwrap()) == new);
    assert_eq!(live.still(&seen).unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_cancelled_fetch_ends_its_readers() {
    let bytes = data(24 * MIB);
    let file = entry(&bytes);
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(60));
    let stalling = Scripted::new(bytes.clone(), |_, range| Answer::Stall(range.map_or(0, |range| range.len() / 2)));
    let live = bench.engine.live(&version(), &file);
    let seen = tokio::select! {
        _ = bench.fetch(&stalling, &file) => unreachable!("it stalls"),
        seen = first_bytes(&live) => seen,
    };
    // Another process may write the file now.
    assert_eq!(live.still(&seen).unwrap_err().kind(), ErrorKind::Integrity);
}

/// Notes whether a reader may still give out bytes when they are thrown away.
struct Witness {
    live: LiveFile,
    seen: Mutex<Option<ReaderAttempt>>,
    readable: Mutex<Option<bool>>,
}

impl Progress for Witness {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Advanced { bytes, .. } if *bytes < 0)
            && let Some(seen) = &*self.seen.lock().unwrap()
        {
            self.readable.lock().unwrap().get_or_insert(self.live.still(seen).is_ok());
        }
    }
}

#[tokio::test]
async fn rejected_bytes_are_withdrawn_first() {
    let bytes = data(24 * MIB);
    let file = entry(&bytes);
    for (mirrors, quarantine) in [(0, true), (0, false), (1, true)] {
        let bench = Bench::with(|config| {
            config.stall_window = Duration::from_secs(60);
            config.quarantine = quarantine;
        });
        // An earlier run leaves a wrong bit.
        let mut wrong = bytes.clone();
        wrong[77] ^= 1;
        let stall = |_, range: Option<cache_core::ByteRange>| Answer::Stall(range.map_or(0, |range| range.len() / 2));
        let enough = watch(8 * MIB as u64);
        let killed = Scripted::named("killed", wrong, stall);
        tokio::select! {
            _ = bench.engine.fetch(FetchJob { progress: Arc::clone(&enough) as _, ..job(&[&killed], &file) }) => {
                unreachable!("it stalls")
            }
            () = enough.reached.notified() => {}
        }
        let live = bench.engine.live(&version(), &file);
        let witness = Arc::new(Witness { live: live.clone(), seen: Mutex::default(), readable: Mutex::default() });
        let held =
            |name| Scripted::named(name, bytes.clone(), |nth, _| if nth == 0 { Answer::Held } else { Answer::Right });
        let sources = ["hub", "mirror"].map(held);
        let chosen: Vec<_> = sources.iter().take(1 + mirrors).collect();
        let fetch = bench.engine.fetch(FetchJob { progress: Arc::clone(&witness) as _, ..job(&chosen, &file) });
        let read = async {
            let seen = first_bytes(&live).await;
            *witness.seen.lock().unwrap() = Some(seen);
            sources.iter().for_each(|source| source.gate.add_permits(1000));
        };
        let (fetched, ()) = tokio::join!(fetch, read);
        assert!(bench.read(&fetched.unwrap()) == bytes);
        let readable = *witness.readable.lock().unwrap();
        assert_eq!(readable, Some(false), "{mirrors} mirrors, quarantine: {quarantine}");
    }
}

#[tokio::test]
async fn kept_bytes_are_read_from_a_silent_source() {
    let bytes = data(24 * MIB);
    let file = entry(&bytes);
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(60));
    let stall = |_, range: Option<cache_core::ByteRange>| Answer::Stall(range.map_or(0, |range| range.len() / 2));
    let (killed, enough) = (Scripted::named("killed", bytes.clone(), stall), watch(8 * MIB as u64));
    tokio::select! {
        _ = bench.engine.fetch(FetchJob { progress: Arc::clone(&enough) as _, ..job(&[&killed], &file) }) => {
            unreachable!("it stalls")
        }
        () = enough.reached.notified() => {}
    }
    let live = bench.engine.live(&version(), &file);
    let silent = Scripted::new(bytes.clone(), |nth, _| if nth == 0 { Answer::Silent } else { Answer::Right });
    let read = async {
        let seen = first_bytes(&live).await;
        silent.gate.add_permits(1000);
        seen
    };
    let fetching = bench.fetch(&silent, &file);
    let (fetched, seen) = tokio::join!(fetching, read);
    assert_eq!(fetched.unwrap_err().kind(), ErrorKind::Network);
    assert_eq!(live.still(&seen).unwrap_err().kind(), ErrorKind::Integrity, "others may write the file now");
    // Nobody reads on from bytes that a digest has yet to judge.
    assert!(bench.read(&bench.fetch(&silent, &file).await.unwrap()) == bytes);
}

#[tokio::test]
async fn discarded_bytes_are_marked_if_read() {
    let bytes = data(9 * MIB);
    let file = entry(&bytes);
    let key = cache_store::Store::partial_key(&version(), &file);
    let mut wrong = bytes.clone();
    wrong[77] ^= 1;
    let pause = |nth: usize, range: Option<cache_core::ByteRange>| {
        if nth == 0 { Answer::Stall(range.map_or(0, |range| range.len() / 2)) } else { Answer::Right }
    };
    for (mirrors, read) in [(0, false), (0, true), (1, false), (1, true)] {
        let bench = Bench::with(|config| config.stall_window = Duration::from_secs(60));
        let liars = ["hub", "mirror"].map(|name| Scripted::named(name, wrong.clone(), pause));
        let chosen: Vec<_> = liars.iter().take(1 + mirrors).collect();
        let live = bench.engine.live(&version(), &file);
        let reading = async {
            if read {
                first_bytes(&live).await;
            }
            liars.iter().for_each(|source| source.gate.add_permits(1000));
        };
        let (fetched, ()) = tokio::join!(bench.engine.fetch(job(&chosen, &file)), reading);
        assert_eq!(fetched.unwrap_err().kind(), ErrorKind::Integrity);
        let marked = bench.store.poison(&key).unwrap().is_some();
        assert_eq!((marked, live.is_discarded()), (read, read), "{mirrors} mirrors, read: {read}");
    }
}

/// A reader of the process before may have what it has left; a mark says whether there was one.
#[tokio::test]
async fn kept_bytes_are_marked_only_if_read() {
    let bytes = data(24 * MIB);
    let file = entry(&bytes);
    let key = cache_store::Store::partial_key(&version(), &file);
    let stall = |_, range: Option<cache_core::ByteRange>| Answer::Stall(range.map_or(0, |range| range.len() / 2));
    let mut wrong = bytes.clone();
    wrong[77] ^= 1;
    for read in [false, true] {
        let bench = Bench::with(|config| config.stall_window = Duration::from_secs(60));
        let (killed, enough) = (Scripted::named("killed", wrong.clone(), stall), watch(8 * MIB as u64));
        tokio::select! {
            _ = bench.engine.fetch(FetchJob { progress: Arc::clone(&enough) as _, ..job(&[&killed], &file) }) => {
                unreachable!("it stalls")
            }
            () = enough.reached.notified() => {}
        }
        if read {
            bench.store.begin_streaming(&key).unwrap();
            bench.store.keep_streaming(&key).unwrap();
        }
        let right = Scripted::new(bytes.clone(), |_, _| Answer::Right);
        assert!(bench.read(&bench.fetch(&right, &file).await.unwrap()) == bytes);
        assert_eq!(bench.store.poison(&key).unwrap().is_some(), read);
        let marks = fs_err::read_dir(bench.store.root().join("poisoned")).map_or(0, Iterator::count);
        assert_eq!(marks, usize::from(read));
    }
}
