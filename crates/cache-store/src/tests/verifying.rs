use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cache_core::{BLOCK_SIZE, ByteRange, ErrorKind, Revision};
use fs_err as fs;

use super::{Fixture, break_byte, fixture, hashes, publish, put, sha, version, with};
use crate::torture::hook;
use crate::{Clock, Damage, Partial, PartialKey, StoreOptions, Verified, VerifyMode};

const BLOCK: usize = 4 << 20;

fn damage(found: Verified) -> Damage {
    match found {
        Verified::Damaged(damage) => damage,
        other => panic!("{other:?}"),
    }
}

/// A clock that runs this many seconds ahead.
fn ahead() -> (Arc<AtomicU64>, Clock) {
    let seconds = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&seconds);
    (seconds, Clock::new(move || SystemTime::now() + Duration::from_secs(shared.load(Ordering::SeqCst))))
}

#[test]
fn a_check_is_recorded_only_when_the_file_is_old_enough() {
    let (seconds, clock) = ahead();
    let f = with(StoreOptions::default().with_clock(clock));
    let blob = publish(&f.store, b"bytes");
    let record = f.store.layout().record(&blob.name);
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Intact);
    assert!(!record.exists(), "written just now: too close to call");
    seconds.store(10, Ordering::SeqCst);
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Quick).unwrap(), Verified::Intact);
    assert!(record.exists());
}

#[test]
fn quick_believes_the_record_until_the_file_changes() {
    let (seconds, clock) = ahead();
    let f = with(StoreOptions::default().with_clock(clock));
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("f", b"bytes")]);
    let name = sha(b"bytes");
    seconds.store(10, Ordering::SeqCst);
    f.store.verify(&name, VerifyMode::Full).unwrap();
    let read_by = |name| f.store.is_recorded(name, &fs::symlink_metadata(f.store.layout().blob(name)).unwrap());
    assert!(read_by(&name));
    f.store.materialize(&manifest, None).unwrap();
    assert!(read_by(&name), "a link of our own makes no check necessary");
    break_byte(&f.store.layout().blob(&name), 2);
    assert!(!read_by(&name));
    assert!(matches!(f.store.verify(&name, VerifyMode::Quick).unwrap(), Verified::Damaged(_)));
    assert!(!f.store.layout().record(&name).exists());
}

#[test]
fn a_missing_blob_is_missing() {
    let f = fixture();
    assert_eq!(f.store.verify(&sha(b"x"), VerifyMode::Full).unwrap(), Verified::Missing);
}

#[test]
fn every_flipped_byte_is_found() {
    let f = fixture();
    let bytes: Vec<u8> = (0..999_u32).map(|n| (n % 251) as u8).collect();
    let blob = publish(&f.store, &bytes);
    for at in (0..bytes.len() as u64).step_by(7) {
        break_byte(&blob.path, at);
        assert!(matches!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Damaged(_)), "{at}");
        break_byte(&blob.path, at);
    }
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Intact);
}

#[test]
fn repair_keeps_the_intact_blocks_and_heals_the_views() {
    let f = fixture();
    let v = version("org/m", 'a');
    let mut bytes = vec![1; 2 * BLOCK + 100];
    bytes[BLOCK] = 2;
    let manifest = put(&f.store, &v, &[("f", &bytes)]);
    let name = sha(&bytes);
    let snapshot = f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    break_byte(&f.store.layout().blob(&name), BLOCK_SIZE + 5);
    let found = damage(f.store.verify(&name, VerifyMode::Full).unwrap());
    let whole = 2 * BLOCK_SIZE + 100;
    let intact = [ByteRange { start: 0, end: BLOCK_SIZE }, ByteRange { start: 2 * BLOCK_SIZE, end: whole }];
    assert_eq!((found.intact.as_slice(), found.expected_size), (&intact[..], Some(whole)));

    let partial = f.store.repair_partial(&found).unwrap();
    assert_eq!(partial.recorded(), intact);
    let (from, to) = (BLOCK, 2 * BLOCK);
    partial.file().write_all_at(&bytes[from..to], BLOCK_SIZE).unwrap();
    f.store.publish_repair(&found, partial, &hashes(&bytes)).unwrap();
    assert_eq!(f.store.verify(&name, VerifyMode::Full).unwrap(), Verified::Intact);
    assert!(fs::read(snapshot.join("f")).unwrap() == bytes);
    assert_eq!(f.store.quarantined().unwrap().len(), 1);
    assert_eq!(super::count(&f.store.layout().partials()), 0);
}

#[test]
fn a_repair_with_other_bytes_is_refused_and_changes_nothing() {
    let f = fixture();
    let blob = publish(&f.store, b"bytes");
    break_byte(&blob.path, 0);
    let found = damage(f.store.verify(&blob.name, VerifyMode::Full).unwrap());
    assert!(found.intact.is_empty());
    let partial = f.store.partial(&PartialKey::for_tests("k"), Some(5)).unwrap();
    partial.file().write_all_at(b"wrong", 0).unwrap();
    let error = f.store.publish_repair(&found, partial, &hashes(b"wrong")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(blob.path.exists() && f.store.quarantined().unwrap().is_empty());
}

/// A damaged blob that somebody else mends after it was found.
fn mended_meanwhile(f: &Fixture) -> Damage {
    let blob = publish(&f.store, b"bytes");
    break_byte(&blob.path, 0);
    let found = damage(f.store.verify(&blob.name, VerifyMode::Full).unwrap());
    f.store.publish_repair(&found, mending(f, b"bytes"), &hashes(b"bytes")).unwrap();
    found
}

fn mending(f: &Fixture, bytes: &[u8]) -> Partial {
    let mut partial = f.store.partial(&PartialKey::for_tests("k"), Some(bytes.len() as u64)).unwrap();
    partial.file().write_all_at(bytes, 0).unwrap();
    partial.record(&[ByteRange { start: 0, end: bytes.len() as u64 }]).unwrap();
    partial
}

#[test]
fn a_stale_damage_harms_no_good_blob() {
    let f = fixture();
    let found = mended_meanwhile(&f);
    let there = fs::symlink_metadata(&found.path).unwrap();
    let blob = f.store.publish_repair(&found, mending(&f, b"bytes"), &hashes(b"bytes")).unwrap();
    assert_eq!((blob.path.as_path(), blob.size), (found.path.as_path(), 5));
    let error = f.store.discard_damaged(&found, "damaged").unwrap_err();
    assert!(error.message().contains("mended"), "{error}");
    assert_eq!(fs::symlink_metadata(&found.path).unwrap().ino(), there.ino(), "it stayed where it was");
    assert_eq!(f.store.quarantined().unwrap().len(), 1, "only what was damaged");
    assert_eq!(super::count(&f.store.layout().partials()), 0);
}

#[test]
fn who_mends_at_the_last_moment_finds_no_good_blob_in_quarantine() {
    let f = fixture();
    let blob = publish(&f.store, b"bytes");
    break_byte(&blob.path, 0);
    let found = damage(f.store.verify(&blob.name, VerifyMode::Full).unwrap());
    let (store, other, theirs) = (f.store.clone(), mending(&f, b"bytes"), found.clone());
    hook::at("publish.mode", move || {
        store.publish_repair(&theirs, other, &hashes(b"bytes")).unwrap();
    });
    f.store.publish_repair(&found, mending(&f, b"bytes"), &hashes(b"bytes")).unwrap();
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Intact);
    let put_away = f.store.quarantined().unwrap();
    assert_eq!(put_away.len(), 1);
    assert_ne!(fs::read(&put_away[0].data).unwrap(), b"bytes");
    assert_eq!(super::count(&f.store.layout().partials()), 0);
}

#[test]
fn what_was_damaged_anew_is_mended_all_the_same() {
    let f = fixture();
    let found = mended_meanwhile(&f);
    break_byte(&found.path, 3);
    f.store.publish_repair(&found, mending(&f, b"bytes"), &hashes(b"bytes")).unwrap();
    assert_eq!(f.store.verify(&found.name, VerifyMode::Full).unwrap(), Verified::Intact);
    assert_eq!(f.store.quarantined().unwrap().len(), 2);
    fs::remove_file(&found.path).unwrap();
    f.store.discard_damaged(&found, "damaged").unwrap_err();
    f.store.publish_repair(&found, mending(&f, b"bytes"), &hashes(b"bytes")).unwrap();
    assert_eq!(f.store.verify(&found.name, VerifyMode::Full).unwrap(), Verified::Intact);
}

#[test]
fn a_discarded_blob_is_gone_from_every_view() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("sub/f", b"bytes"), ("g", b"other")]);
    let snapshot = f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    break_byte(&f.store.layout().blob(&sha(b"bytes")), 0);
    let found = damage(f.store.verify(&sha(b"bytes"), VerifyMode::Full).unwrap());
    let id = f.store.discard_damaged(&found, "damaged").unwrap();
    assert!(!snapshot.join("sub").exists() && snapshot.join("g").exists());
    assert!(!f.store.layout().hub_blob(&v.model, &sha(b"bytes").to_string()).exists());
    assert!(!f.store.layout().hub_tree(&v).exists());
    assert_eq!(f.store.quarantine_show(&id).unwrap().record.actual.unwrap().sha256, Some(found.actual));
    publish(&f.store, b"bytes");
    f.store.materialize(&manifest, None).unwrap();
    assert_eq!(fs::read(snapshot.join("sub/f")).unwrap(), b"bytes");
    assert!(f.store.layout().hub_tree(&v).exists());
}
