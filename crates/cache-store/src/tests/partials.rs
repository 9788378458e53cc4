use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use cache_core::{ByteRange, ErrorKind};
use fs_err as fs;

use super::{count, fixture, hashes, with};
use crate::torture::hook;
use crate::{Clock, PartialKey, Store, StoreOptions};

fn range(start: u64, end: u64) -> ByteRange {
    ByteRange { start, end }
}

#[test]
fn what_was_recorded_is_there_for_the_next_process() {
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
fn a_journal_that_makes_no_sense_records_nothing() {
    let f = fixture();
    let key = PartialKey::for_tests("k");
    for text in ["", "{", "[]", r#"{"ranges":[[5,1],[9,9]]}"#, r#"{"ranges":[[18446744073709551615,0]]}"#] {
        let mut partial = f.store.partial(&key, Some(10)).unwrap();
        partial.record(&[range(0, 5)]).unwrap();
        let journal = crate::layout::Layout::journal(partial.path());
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
fn of_all_who_claim_one_wins() {
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
fn what_was_forgotten_before_the_claim_is_not_believed() {
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
fn of_abandoned_ones_the_fullest_is_taken_synced_or_not() {
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
fn where_locks_lie_a_claim_shares_no_bytes_with_a_living_writer() {
    let f = with(StoreOptions::default().with_lying_locks(true));
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
fn a_writer_whose_partial_was_taken_can_neither_record_nor_publish() {
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
fn a_recorder_works_from_another_thread_and_stops_with_the_partial() {
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
fn a_size_above_the_quota_is_refused_before_the_first_byte() {
    let f = with(StoreOptions::default().with_quota(Some(1000)));
    let error = f.store.partial(&PartialKey::for_tests("k"), Some(1001)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.message().contains("1001") && error.message().contains("1000"), "{error}");
    let error = f.store.partial(&PartialKey::for_tests("k"), Some(900)).unwrap().set_size(u64::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn more_than_the_disk_has_is_refused_with_both_numbers() {
    let f = fixture();
    let error = f.store.partial(&PartialKey::for_tests("k"), Some(1 << 60)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.message().contains(&(1_u64 << 60).to_string()) && error.message().contains("free"), "{error}");
}
