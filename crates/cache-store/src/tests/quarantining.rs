use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cache_core::Digest;

use super::{Fixture, count, fixture, hashes, publish, put, sha, version, with};
use crate::{Clock, EvictPolicy, PartialKey, QuarantineRecord, Store, StoreOptions, VerifyMode};

/// Puts wrong bytes away that came for a file.
fn reject(f: &Fixture, expected: &[u8], came: &[u8]) -> String {
    let partial = f.store.partial(&PartialKey::sha256(&sha(expected)), None).unwrap();
    partial.file().write_all_at(came, 0).unwrap();
    let digests = hashes(came).digests();
    let record = QuarantineRecord::new("wrong").with_digests(Some(Digest::Sha256(sha(expected))), digests);
    f.store.quarantine(partial, record).unwrap()
}

#[test]
fn the_same_wrong_bytes_are_one_entry() {
    let f = fixture();
    let ids: std::collections::HashSet<String> = (0..20).map(|_| reject(&f, b"right", b"wrong")).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(f.store.quarantined().unwrap().len(), 1);
    assert_eq!(count(&f.store.layout().quarantine()), 2, "the file and its record");
    reject(&f, b"another", b"wrong");
    assert_eq!(f.store.quarantined().unwrap().len(), 2);
}

#[test]
fn different_wrong_bytes_keep_three_entries() {
    let f = fixture();
    let ids: Vec<String> = (0..20_u8).map(|n| reject(&f, b"right", &[n; 10])).collect();
    let left: Vec<String> = f.store.quarantined().unwrap().into_iter().map(|entry| entry.id).collect();
    assert_eq!(left, ids[17..], "the newest");
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn quarantine_goes_before_any_model() {
    let f = with(StoreOptions::default().with_quota(Some(2000)));
    for (name, n) in [("org/a", 1), ("org/b", 2)] {
        put(&f.store, &version(name, 'a'), &[("x", &[n; 700])]);
    }
    reject(&f, b"first", &[1; 300]);
    let second = reject(&f, b"second", &[2; 400]);
    assert_eq!(f.store.quarantined().unwrap().len(), 1, "there is no room for both");
    assert_eq!(f.store.quarantine_show(&second).unwrap().size, 400);

    publish(&f.store, &[3; 500]);
    let policy = EvictPolicy::default().with_max_size(Some(2000));
    let plan = Store::plan(&f.store.inventory().unwrap(), &policy);
    assert!(plan.steps.is_empty() && plan.quarantine > 0, "{plan:?}");
    let report = f.store.enforce_quota(&[]).unwrap().unwrap();
    assert_eq!((report.quarantine.bytes, report.blobs), (400, 0));
    assert!(f.store.quarantined().unwrap().is_empty());
    assert!(f.store.enforce_quota(&[]).unwrap().is_none());
}

#[test]
fn entries_are_kept_for_a_week() {
    let days = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&days);
    let start = SystemTime::now();
    let clock = Clock::new(move || start + Duration::from_secs(86_400 * shared.load(Ordering::SeqCst)));
    let f = with(StoreOptions::default().with_clock(clock));
    reject(&f, b"right", b"wrong");
    days.store(6, Ordering::SeqCst);
    assert_eq!(f.store.clean().unwrap().quarantine.files, 0);
    days.store(8, Ordering::SeqCst);
    assert_eq!(f.store.clean().unwrap().quarantine.files, 1);
    assert_eq!(count(&f.store.layout().quarantine()), 0);
}

#[test]
fn a_corrupted_blob_is_missed_without_its_bytes() {
    let minutes = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&minutes);
    let start = SystemTime::now();
    let clock = Clock::new(move || start + Duration::from_secs(60 * shared.load(Ordering::SeqCst)));
    let f = with(StoreOptions::default().with_clock(clock));
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("x", b"bytes")]);
    let corrupt = || {
        let blob = f.store.blob(&sha(b"bytes")).unwrap().unwrap();
        super::break_byte(&blob.path, 0);
        f.store.verify(&blob.name, VerifyMode::Full).unwrap();
        f.store.quarantined().unwrap().pop().unwrap().id
    };
    let is_missed = || f.store.corrupted_blobs().unwrap().contains(&sha(b"bytes"));
    f.store.quarantine_remove(&corrupt()).unwrap();
    assert!(f.store.quarantined().unwrap().is_empty() && is_missed());
    minutes.store(60 * 24 * 30, Ordering::SeqCst);
    f.store.clean().unwrap();
    assert!(is_missed() && f.store.corruption(&manifest.files[0]).unwrap().unwrap().contains("removed"));
    publish(&f.store, b"bytes");
    assert!(!is_missed());
    assert_eq!(count(&f.store.layout().quarantine()), 0);

    // Bytes that are given the name they have are not those that are missed.
    let restored = f.store.quarantine_restore(&corrupt()).unwrap();
    assert_ne!(restored.name, sha(b"bytes"));
    assert!(is_missed() && f.store.blob(&sha(b"bytes")).unwrap().is_none());
    drop(restored);
    f.store.remove_version(&v).unwrap();
    minutes.fetch_add(60, Ordering::SeqCst);
    f.store.clean().unwrap();
    assert!(!is_missed(), "no model needs it any more");
    assert_eq!(count(&f.store.layout().quarantine()), 0);
}
