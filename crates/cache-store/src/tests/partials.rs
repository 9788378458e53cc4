use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use cache_core::{ByteRange, ErrorKind};
use fs_err as fs;

use super::{count, fixture, hashes, with};
use crate::fs::durable;
use crate::fs::failpoints::hook;
use crate::{Clock, PartialKey, Store, StoreOptions};

fn range(start: u64, end: u64) -> ByteRange {
    ByteRange { start, end }
}

#[test]
fn recorded_ranges_reach_the_next_process() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    let mut partial = f.store.partial(&key, Some(100)).unwrap();
    partial.file().write_all_at(b"hello", 10).unwrap();
    partial.set_etag(Some("tag".to_owned()));
    partial.record(&[range(50, 200), range(10, 15), range(15, 20)]).unwrap();
    drop(partial);
    let mut again = f.store.partial(&key, Some(100)).unwrap();
    assert_eq!(again.recorded(), [range(10, 20), range(50, 100)], "in order, apart, and within the file");
    assert_eq!(again.etag(), Some("tag"));
    let mut bytes = [0; 5];
    again.file().read_exact_at(&mut bytes, 10).unwrap();
    assert_eq!(&bytes, b"hello");
    assert_eq!(count(&f.store.layout().partials()), 2, "one file and one journal");
    again.restart().unwrap();
    assert!(again.recorded().is_empty() && again.etag().is_none());
    assert_eq!(again.file().metadata().unwrap().len(), 100);
    drop(again);
    assert_eq!(count(&f.store.layout().partials()), 0, "nothing recorded, nothing kept");
}

#[test]
fn invalid_journal_records_nothing() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    for text in ["", "{", "[]", r#"{"ranges":[[5,1],[9,9]]}"#, r#"{"ranges":[[18446744073709551615,0]]}"#] {
        let mut partial = f.store.partial(&key, Some(10)).unwrap();
        partial.record(&[range(0, 5)]).unwrap();
        let journal = crate::fs::layout::Layout::journal(partial.path());
        drop(partial);
        fs::write(journal, text).unwrap();
        assert!(f.store.partial(&key, Some(10)).unwrap().recorded().is_empty(), "{text}");
    }
}

#[test]
fn a_partial_in_use_is_not_taken() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    let mut first = f.store.partial(&key, Some(10)).unwrap();
    first.record(&[range(0, 5)]).unwrap();
    let other = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
    let second = other.partial(&key, Some(10)).unwrap();
    assert_ne!(first.path(), second.path());
    assert!(second.recorded().is_empty());
    first.record(&[range(0, 6)]).unwrap();
}

#[test]
fn concurrent_claims_have_one_winner() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    for _ in 0..50 {
        let mut partial = f.store.partial(&key, Some(10)).unwrap();
        partial.record(&[range(0, 5)]).unwrap();
        drop(partial);
        let (winners, barrier) = (AtomicUsize::new(0), std::sync::Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let store = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
                    barrier.wait();
                    let partial = store.partial(&key, Some(10)).unwrap();
                    winners.fetch_add(partial.recorded().len(), Ordering::SeqCst);
                    barrier.wait();
                    drop(partial);
                });
            }
        });
        assert_eq!(winners.into_inner(), 1);
        let mut rest = f.store.partial(&key, Some(10)).unwrap();
        rest.restart().unwrap();
    }
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn a_kill_while_claiming_loses_nothing() {
    let f = with(StoreOptions::default().with_clock(Clock::new(|| SystemTime::now() + Duration::from_secs(3600))));
    let key = PartialKey::for_tests("k");
    let mut partial = f.store.partial(&key, Some(10)).unwrap();
    partial.record(&[range(0, 5)]).unwrap();
    partial.recorder().note(&[range(6, 8)], Some("tag")).unwrap();
    drop(partial);
    for at in ["claim.found", "claim.locked", "claim.journal", "rename.done", "claim.renamed"] {
        hook::at(at, || panic!("killed"));
        assert!(catch_unwind(AssertUnwindSafe(|| f.store.partial(&key, Some(10)))).is_err(), "{at}");
        f.store.clean().unwrap();
        assert_eq!(count(&f.store.layout().partials()), 2, "{at}: one file and its journal");
        let partial = f.store.partial(&key, Some(10)).unwrap();
        assert_eq!(partial.recorded(), [range(0, 5), range(6, 8)], "{at}");
        assert_eq!(partial.etag(), Some("tag"));
    }
}

#[test]
fn discarded_ranges_are_not_claimed() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    let mut living = f.store.partial(&key, Some(10)).unwrap();
    living.record(&[range(0, 5)]).unwrap();
    hook::at("claim.found", move || {
        living.restart().unwrap();
        living.record(&[range(7, 8)]).unwrap();
    });
    assert_eq!(f.store.partial(&key, Some(10)).unwrap().recorded(), [range(7, 8)]);
}

#[test]
fn fullest_abandoned_partial_is_claimed() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    let mut partials: Vec<_> = (0..9).map(|_| f.store.partial(&key, Some(100)).unwrap()).collect();
    for (partial, end) in partials.iter_mut().zip(1..) {
        partial.record(&[range(0, end)]).unwrap();
    }
    partials[4].recorder().note(&[range(0, 50)], None).unwrap();
    drop(partials);
    assert_eq!(f.store.partial(&key, Some(100)).unwrap().recorded(), [range(0, 50)]);
}

#[test]
fn claim_without_locks_copies_a_living_partial() {
    let f = with(StoreOptions::default().with_broken_locks(true));
    let key = PartialKey::for_tests("k");
    assert!(!f.store.locks_work());
    let mut living = f.store.partial(&key, Some(10)).unwrap();
    living.file().write_all_at(b"abcde", 0).unwrap();
    living.record(&[range(0, 5)]).unwrap();
    let mut claimed = f.store.partial(&key, Some(10)).unwrap();
    assert_eq!(claimed.recorded(), [range(0, 5)]);
    living.file().write_all_at(b"XXXXX", 0).unwrap();
    let mut bytes = [0; 5];
    claimed.file().read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"abcde");
    living.record(&[range(0, 5)]).unwrap();
    claimed.record(&[range(0, 5)]).unwrap();
}

#[test]
fn taken_partial_is_not_recorded_or_published() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    let mut partial = f.store.partial(&key, Some(5)).unwrap();
    partial.file().write_all_at(b"bytes", 0).unwrap();
    fs::remove_file(partial.path()).unwrap();
    assert_eq!(partial.record(&[range(0, 5)]).unwrap_err().kind(), ErrorKind::Storage);
    let error = f.store.publish(partial, &hashes(b"bytes"), None).unwrap_err();
    assert!(error.message().contains("taken over"), "{error}");
    assert!(f.store.blobs().unwrap().is_empty());
}

#[test]
fn recorder_on_a_thread_stops_with_its_partial() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    let partial = f.store.partial(&key, Some(5)).unwrap();
    partial.file().write_all_at(b"bytes", 0).unwrap();
    let recorder = partial.recorder();
    let recorder = std::thread::spawn(move || {
        recorder.record(&[range(0, 5)], Some("tag")).unwrap();
        recorder
    });
    let recorder = recorder.join().unwrap();
    f.store.publish(partial, &hashes(b"bytes"), None).unwrap();
    recorder.record(&[range(0, 5)], None).unwrap();
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn size_above_the_quota_is_refused_at_once() {
    let f = with(StoreOptions::default().with_quota(Some(1000)));
    let error = f.store.partial(&PartialKey::for_tests("k"), Some(1001)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.message().contains("quota exceeded: 1.0 kB needed"), "{error}");
    let error = f.store.partial(&PartialKey::for_tests("k"), Some(900)).unwrap().set_size(u64::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn size_above_free_space_names_both_numbers() {
    let f = fixture();
    let error = f.store.partial(&PartialKey::for_tests("k"), Some(1 << 60)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.message().contains("1.2 EB needed") && error.message().contains("free"), "{error}");
}

#[test]
fn a_partial_in_a_sync_keeps_its_flight() {
    use std::sync::mpsc;

    use crate::Flight;

    let f = fixture();
    let key = PartialKey::for_tests("k");
    let Flight::Leader(guard) = f.store.try_flight(&key).unwrap() else { panic!("someone leads") };
    let partial = f.store.partial(&key, Some(100)).unwrap();
    partial.hold_guard(guard);
    let recorder = partial.recorder();
    let (syncing, (entered, is_entered), (release, released)) = (recorder.clone(), mpsc::channel(), mpsc::channel());
    let sync = std::thread::spawn(move || {
        crate::fs::durable::at_next_sync(move || {
            entered.send(()).unwrap();
            released.recv().unwrap();
            Ok(())
        });
        syncing.record(&[range(0, 10)], None)
    });
    is_entered.recv().unwrap();
    recorder.note_at_drop(vec![range(0, 50)], None);
    drop((partial, recorder));
    assert!(matches!(f.store.try_flight(&key).unwrap(), Flight::Busy(_)), "its file cannot be claimed yet");
    release.send(()).unwrap();
    sync.join().unwrap().unwrap();
    assert!(matches!(f.store.try_flight(&key).unwrap(), Flight::Leader(_)));
    assert_eq!(f.store.partial(&key, Some(100)).unwrap().recorded(), [range(0, 50)]);
}

#[test]
fn a_publish_removes_abandoned_partials_alone() {
    let f = fixture();
    let bytes = vec![7; 200_000];
    let hashes = hashes(&bytes);
    let key = PartialKey::sha256(&hashes.sha256);
    let living = f.store.partial(&key, Some(200_000)).unwrap();
    let mut abandoned = f.store.partial(&key, Some(200_000)).unwrap();
    abandoned.record(&[range(0, 3)]).unwrap();
    let partial = f.store.new_partial(&key).unwrap();
    drop(abandoned);
    partial.file().write_all_at(&bytes, 0).unwrap();
    f.store.publish(partial, &hashes, None).unwrap();
    assert!(count(&f.store.layout().partials()) == 1 && living.path().exists());
    // And what is stored already is not kept a second time.
    living.recorder().note(&[range(0, 3)], None).unwrap();
    drop(living);
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn a_partial_without_bytes_goes_when_dropped() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    let mut partial = f.store.partial(&key, Some(10)).unwrap();
    // As a transfer ends that was refused, failed or canceled before its first byte.
    partial.record(&[]).unwrap();
    partial.recorder().note(&[], Some("tag")).unwrap();
    partial.recorder().record(&[], Some("tag")).unwrap();
    drop(partial);
    assert_eq!(count(&f.store.layout().partials()), 0, "its room is free again");
}

/// As a process leaves it that was killed after its room was taken.
fn killed(f: &super::Fixture, key: &PartialKey, journal: &str) -> std::path::PathBuf {
    let path = f.store.layout().partial(key);
    fs::write(&path, [0; 10]).unwrap();
    if !journal.is_empty() {
        fs::write(crate::fs::layout::Layout::journal(&path), journal).unwrap();
    }
    path
}

#[test]
fn empty_partial_of_a_killed_process_is_removed() {
    let f = fixture();
    let (key, other) = (PartialKey::for_tests("k"), PartialKey::for_tests("other"));
    for journal in ["", r#"{"size":10,"etag":"tag","ranges":[]}"#] {
        let (first, second) = (killed(&f, &key, journal), killed(&f, &key, journal));
        let unrelated = killed(&f, &other, journal);
        let partial = f.store.partial(&key, Some(10)).unwrap();
        assert!(!first.exists() && !second.exists() && unrelated.exists(), "the next claim of the same file");
        drop(partial);
        let living = f.store.partial(&key, Some(10)).unwrap();
        f.store.clean().unwrap();
        assert!(!unrelated.exists() && living.path().exists(), "else the next gc");
        drop(living);
        assert_eq!(count(&f.store.layout().partials()), 0);
    }
}

#[test]
fn removable_partials_are_those_without_owner() {
    let f = fixture();
    let (key, other) = (PartialKey::for_tests("k"), PartialKey::for_tests("other"));
    let mut partials = [&key, &other].map(|key| f.store.partial(key, Some(10)).unwrap());
    partials.iter_mut().for_each(|partial| partial.record(&[range(0, 5)]).unwrap());
    let [abandoned, living] = partials;
    drop(abandoned);
    let day = Duration::from_secs(86_400);
    assert_eq!(f.store.removable_partials(day).unwrap(), crate::Amount::default(), "it may still be resumed");
    let amount = f.store.removable_partials(Duration::ZERO).unwrap();
    assert_eq!((amount.files, amount.bytes), (2, 10), "the download and its journal");
    assert_eq!(f.store.clean_older_than(Duration::ZERO).unwrap().partial, amount);
    assert!(living.path().exists());
    assert_eq!(count(&f.store.layout().partials()), 2);
}

#[test]
fn without_locks_partials_age_out() {
    let days = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let shared = std::sync::Arc::clone(&days);
    let clock = Clock::new(move || SystemTime::now() + Duration::from_secs(86_400 * shared.load(Ordering::SeqCst)));
    let f = with(StoreOptions::default().with_broken_locks(true).with_clock(clock));
    let mut partial = f.store.partial(&PartialKey::for_tests("k"), Some(10)).unwrap();
    partial.record(&[range(0, 5)]).unwrap();
    drop(partial);
    for (age, left) in [(0, 2), (6, 2), (8, 0)] {
        days.store(age, Ordering::SeqCst);
        f.store.clean().unwrap();
        assert_eq!(count(&f.store.layout().partials()), left, "after {age} days");
    }
}

#[test]
fn full_disk_leaves_the_older_journal() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    let full = || Err(std::io::ErrorKind::StorageFull.into());
    let mut partial = f.store.partial(&key, Some(100)).unwrap();
    durable::at_next_write(full);
    partial.record(&[range(0, 5)]).unwrap();
    drop(partial);
    f.store.settle_background();
    assert_eq!(count(&f.store.layout().partials()), 0, "nothing recorded, nothing kept");
    let mut partial = f.store.partial(&key, Some(100)).unwrap();
    partial.record(&[range(0, 10)]).unwrap();
    durable::at_next_write(full);
    partial.record(&[range(0, 20)]).unwrap();
    durable::at_next_write(full);
    partial.recorder().note(&[range(0, 30)], None).unwrap();
    drop(partial);
    durable::at_next_write(full);
    let mut partial = f.store.partial(&key, Some(100)).unwrap();
    assert_eq!(partial.recorded(), [range(0, 10)]);
    assert_eq!(count(&f.store.layout().partials()), 2, "one file and its journal");
    durable::at_next_write(full);
    partial.keep_task(vec![range(0, 4)])().unwrap();
    drop(partial);
    f.store.settle_background();
    assert_eq!(count(&f.store.layout().partials()), 0, "no journal names bytes that may be written again");
}
