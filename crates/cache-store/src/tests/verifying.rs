use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cache_core::{BLOCK_SIZE, ByteRange, FileEntry, Revision};
use fs_err as fs;

use super::{Fixture, break_byte, fixture, hashes, publish, put, sha, version, with};
use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::hook;
use crate::{Clock, CorruptBlob, Hit, PartialKey, Store, StoreOptions, Verified, VerifyMode};

const BLOCK: usize = 4 << 20;

fn damage(found: Verified) -> CorruptBlob {
    match found {
        Verified::Corrupted(damage) => damage,
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
fn check_of_a_new_file_is_not_recorded() {
    let (seconds, clock) = ahead();
    let f = with(StoreOptions::default().with_clock(clock));
    let blob = publish(&f.store, b"bytes");
    let is_recorded = || f.store.is_recorded(&blob.name, &fs::symlink_metadata(&blob.path).unwrap());
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Intact);
    assert!(!is_recorded(), "written just now: too close to call");
    seconds.store(10, Ordering::SeqCst);
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Quick).unwrap(), Verified::Intact);
    assert!(is_recorded());
}

#[test]
fn quick_verify_trusts_record_until_file_changes() {
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
    assert!(matches!(f.store.verify(&name, VerifyMode::Quick).unwrap(), Verified::Corrupted(_)));
    assert!(!f.store.layout().record(&name).exists());
}

#[test]
fn missing_blob_is_reported_missing() {
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
        assert!(matches!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Corrupted(_)), "{at}");
        publish(&f.store, &bytes);
    }
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Intact);
}

#[test]
fn a_corrupted_blob_is_out_of_use_at_once() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("sub/f", b"bytes"), ("g", b"other")]);
    let snapshot = f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    let (file, name) = (manifest.file(&"sub/f".parse().unwrap()).unwrap(), sha(b"bytes"));
    assert_eq!(f.store.corruption(file).unwrap(), None);
    break_byte(&f.store.layout().blob(&name), 0);
    let found = damage(f.store.verify(&name, VerifyMode::Full).unwrap());
    assert!(f.store.blob(&name).unwrap().is_none());
    assert!(!snapshot.join("sub").exists() && snapshot.join("g").exists());
    assert!(!f.store.layout().hub_blob(&v.model, &name.to_string()).exists());
    assert!(!f.store.layout().hub_tree(&v).exists());
    let entry = f.store.quarantine_show(&found.quarantine.unwrap()).unwrap();
    assert_eq!(entry.record.actual.unwrap().sha256, Some(found.actual));
    assert!(f.store.corruption(file).unwrap().unwrap().contains("corrupted"));
    assert_eq!(f.store.corrupted_blobs().unwrap().len(), 1);

    publish(&f.store, b"bytes");
    f.store.materialize(&manifest, None).unwrap();
    assert_eq!(fs::read(snapshot.join("sub/f")).unwrap(), b"bytes");
    assert!(f.store.layout().hub_tree(&v).exists());
    assert!(f.store.corrupted_blobs().unwrap().is_empty());
    let kept = f.store.quarantined().unwrap();
    assert!(kept.len() == 1 && kept[0].record.reason.contains("again"), "{kept:?}");
}

#[test]
fn files_of_other_programs_stay_in_the_view() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("f", b"bytes"), ("g", b"bytes")]);
    let snapshot = f.store.materialize(&manifest, None).unwrap();
    fs::remove_file(snapshot.join("g")).unwrap();
    fs::write(snapshot.join("g"), b"theirs").unwrap();
    break_byte(&f.store.layout().blob(&sha(b"bytes")), 0);
    damage(f.store.verify(&sha(b"bytes"), VerifyMode::Full).unwrap());
    assert!(!snapshot.join("f").is_symlink());
    assert_eq!(fs::read(snapshot.join("g")).unwrap(), b"theirs");
}

#[test]
fn a_download_keeps_the_sound_blocks() {
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
    assert_eq!(found.intact, intact);
    f.store.clean().unwrap();

    let partial = f.store.partial(&PartialKey::sha256(&name), Some(whole)).unwrap();
    assert_eq!(partial.recorded(), intact);
    let (from, to) = (BLOCK, 2 * BLOCK);
    partial.file().write_all_at(&bytes[from..to], BLOCK_SIZE).unwrap();
    f.store.publish(partial, &hashes(&bytes), Some(name)).unwrap();
    assert_eq!(f.store.verify(&name, VerifyMode::Full).unwrap(), Verified::Intact);
    f.store.materialize(&manifest, None).unwrap();
    assert!(fs::read(snapshot.join("f")).unwrap() == bytes);
    assert_eq!(super::count(&f.store.layout().partials()), 0);
}

#[test]
fn a_truncated_blob_is_salvaged_by_a_download() {
    let f = fixture();
    let bytes = vec![1; 2 * BLOCK];
    let blob = publish(&f.store, &bytes);
    break_byte(&blob.path, 0);
    break_byte(&blob.path, 0);
    fs::OpenOptions::new().write(true).open(&blob.path).unwrap().file().set_len(BLOCK_SIZE + 7).unwrap();
    let file = super::entry("f", &bytes);
    assert_eq!(f.store.hit(&file).unwrap(), Hit::Missing);
    assert!(f.store.corruption(&file).unwrap().unwrap().contains("wrong size"));
    let partial = f.store.partial(&PartialKey::sha256(&blob.name), Some(2 * BLOCK_SIZE)).unwrap();
    assert_eq!(partial.recorded(), [ByteRange { start: 0, end: BLOCK_SIZE }]);
    assert!(f.store.blob(&blob.name).unwrap().is_none());
}

#[test]
fn a_blob_replaced_while_verified_stays() {
    let f = fixture();
    let blob = publish(&f.store, b"bytes");
    break_byte(&blob.path, 0);
    let store = f.store.clone();
    hook::at("verify.found", move || {
        damage(store.verify(&sha(b"bytes"), VerifyMode::Full).unwrap());
        publish(&store, b"bytes");
    });
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Intact);
    assert_eq!(fs::read(&blob.path).unwrap(), b"bytes");
    let kept = f.store.quarantined().unwrap();
    assert_eq!(kept.len(), 1);
    assert_ne!(fs::read(&kept[0].data).unwrap(), b"bytes");
}

#[test]
fn a_read_only_store_reports_and_keeps() {
    let f = fixture();
    let blob = publish(&f.store, b"bytes");
    break_byte(&blob.path, 0);
    let store = Store::open(f.dir.path(), StoreOptions::default().with_read_only(true)).unwrap();
    let found = damage(store.verify(&blob.name, VerifyMode::Full).unwrap());
    assert_eq!((found.quarantine, found.path.as_path()), (None, blob.path.as_path()));
    assert!(blob.path.exists());
}

/// A file in a view, as a program has it that may write.
fn viewed(f: &Fixture, bytes: &[u8]) -> (FileEntry, std::path::PathBuf) {
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("f", bytes)]);
    let path = f.store.materialize(&manifest, None).unwrap().join("f");
    assert!(matches!(f.store.hit(&manifest.files[0]).unwrap(), Hit::Unchanged(_)));
    (manifest.files[0].clone(), fs::canonicalize(path).unwrap())
}

/// Gives a file back the times that it had, but for the change time.
fn with_old_times(path: &std::path::Path, change: impl FnOnce()) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    change();
    fs::OpenOptions::new().write(true).open(path).unwrap().file().set_modified(modified).unwrap();
}

#[test]
fn small_file_changed_through_view_is_missing() {
    let f = fixture();
    let (file, path) = viewed(&f, b"bytes");
    break_byte(&path, 0);
    assert_eq!(f.store.hit(&file).unwrap(), Hit::Missing);
    assert!(f.store.blob(&sha(b"bytes")).unwrap().is_none() && f.store.quarantined().unwrap().len() == 1);

    let (file, path) = viewed(&f, b"others");
    with_old_times(&path, || break_byte(&path, 0));
    assert_eq!(f.store.hit(&file).unwrap(), Hit::Missing, "the change time tells as well");
}

#[test]
fn a_small_file_that_was_only_touched_stays() {
    let f = fixture();
    let (file, path) = viewed(&f, b"bytes");
    break_byte(&path, 0);
    break_byte(&path, 0);
    assert!(matches!(f.store.hit(&file).unwrap(), Hit::Unchanged(_)));
    assert!(f.store.quarantined().unwrap().is_empty());
}

#[test]
fn small_files_of_a_version_share_their_records() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("f", b"bytes"), ("g", b"others"), ("h", &[7; 1 << 17])]);
    let path = |bytes: &[u8]| f.store.layout().blob(&sha(bytes));
    let (bytes, others) = (path(b"bytes"), path(b"others"));
    let is_recorded =
        |bytes: &[u8]| f.store.small_records(&v).has(&sha(bytes), &fs::symlink_metadata(path(bytes)).unwrap());
    let view = |sound: &[&[u8]]| {
        let sound = sound.iter().map(|bytes| sha(bytes)).collect();
        f.store.materialize_verified(&manifest, None, &sound, Some(&f.store.small_records(&v))).unwrap()
    };
    assert!(view(&[b"bytes", &[7; 1 << 17]]).is_empty());
    assert!(is_recorded(b"bytes") && is_recorded(&[7; 1 << 17]) && !is_recorded(b"others"), "nobody vouches for it");
    assert!(!f.store.layout().record(&sha(b"bytes")).exists(), "none of its own");
    view(&[b"others"]);
    assert!(is_recorded(b"bytes") && is_recorded(b"others"));

    let hit = |at: usize, bytes: &[u8]| {
        f.store.hit_named(&manifest.files[at], sha(bytes), &f.store.small_records(&v)).unwrap()
    };
    for touched in [&bytes, &others] {
        break_byte(touched, 0);
    }
    break_byte(&bytes, 0);
    assert!(!is_recorded(b"bytes") && matches!(hit(0, b"bytes"), Hit::Unchanged(_)), "turned back");
    assert_eq!(hit(1, b"others"), Hit::Missing);
    let absent = view(&[]);
    assert_eq!(absent.iter().map(|path| path.as_str()).collect::<Vec<_>>(), ["g"]);
    assert!(!is_recorded(b"bytes") && is_recorded(&[7; 1 << 17]));
    f.store.remove_version(&v).unwrap();
    assert!(!f.store.layout().small_records(&v).exists());
}

#[test]
fn large_file_changed_through_view_is_reported() {
    let f = fixture();
    let (file, path) = viewed(&f, &vec![7; (16 << 20) + 1]);
    let second = path.with_extension("link");
    fs::hard_link(&path, &second).unwrap();
    assert!(matches!(f.store.hit(&file).unwrap(), Hit::Touched(_)), "another program's link");
    with_old_times(&path, || break_byte(&path, 0));
    assert!(matches!(f.store.hit(&file).unwrap(), Hit::Touched(_)), "forged times");
    break_byte(&path, 0);
    assert!(matches!(f.store.hit(&file).unwrap(), Hit::Changed(_)));
    let name = file.digests.sha256.unwrap();
    assert_eq!(f.store.verify(&name, VerifyMode::Quick).unwrap(), Verified::Intact, "it was turned back");
    assert!(matches!(f.store.hit(&file).unwrap(), Hit::Unchanged(_)));
}

#[test]
fn links_of_the_store_change_no_record() {
    let f = fixture();
    let bytes = vec![7; (16 << 20) + 1];
    let (file, _) = viewed(&f, &bytes);
    let unchanged = |what| assert!(matches!(f.store.hit(&file).unwrap(), Hit::Unchanged(_)), "{what}");
    let twin = version("org/twin", 'b');
    let manifest = put(&f.store, &twin, &[("f", &bytes)]);
    f.store.materialize(&manifest, None).unwrap();
    unchanged("linked");
    f.store.remove_version(&twin).unwrap();
    unchanged("removed");
}

#[test]
fn blob_replaced_while_moved_gets_its_name_back() {
    let f = fixture();
    let blob = publish(&f.store, b"bytes");
    break_byte(&blob.path, 0);
    let (sound, path) = (f.dir.path().join("sound"), blob.path.clone());
    fs::write(&sound, b"bytes").unwrap();
    // After the look at the name and before the move.
    hook::at("write.temp", move || durable::rename_over(&sound, &path, Durability::Derived).unwrap());
    assert_eq!(f.store.verify(&blob.name, VerifyMode::Full).unwrap(), Verified::Intact);
    assert_eq!(fs::read(&blob.path).unwrap(), b"bytes");
    assert!(f.store.quarantined().unwrap().is_empty() && f.store.corrupted_blobs().unwrap().is_empty());
}

#[test]
fn own_links_and_removed_ones_touch_nothing() {
    let f = fixture();
    let bytes = vec![7; (16 << 20) + 1];
    let (file, _) = viewed(&f, &bytes);
    let hit = || f.store.hit(&file).unwrap();
    let (name, outside) = (file.digests.sha256.unwrap(), f.dir.path().join("outside"));
    let lease = f.store.lease(&[name]).unwrap();
    let path = f.store.blob(&name).unwrap().unwrap().path;
    lease.keeping_record(&name, || fs::hard_link(&path, &outside)).unwrap();
    assert!(matches!(hit(), Hit::Unchanged(_)), "linked by the store");
    fs::remove_file(&outside).unwrap();
    assert!(matches!(hit(), Hit::Unchanged(_)), "a name was removed by its owner");
    let trashed = f.store.layout().trashed(&name);
    durable::rename_new(&path, &trashed, Durability::Derived).unwrap();
    f.store.restore_trashed(&name, &trashed).unwrap();
    assert!(matches!(hit(), Hit::Unchanged(_)), "out of the trash");
    with_old_times(&path, || break_byte(&path, 0));
    assert!(matches!(hit(), Hit::Touched(_)), "forged times still show");
}

#[test]
fn a_file_whose_original_goes_is_untouched() {
    let f = fixture();
    let (bytes, original) = (vec![7; (16 << 20) + 1], f.dir.path().join("original"));
    fs::write(&original, &bytes).unwrap();
    let file = super::entry("f", &bytes);
    let options = crate::AdoptOptions::default().with_hard_link(f.dir.path());
    drop(f.store.adopt(&original, &file, options).unwrap());
    let manifest = cache_core::Manifest::new(version("org/m", 'a'), vec![file.clone()]).unwrap();
    f.store.put_manifest(&manifest).unwrap();
    f.store.materialize(&manifest, None).unwrap();
    fs::remove_file(&original).unwrap();
    assert!(matches!(f.store.hit(&file).unwrap(), Hit::Unchanged(_)));
}
