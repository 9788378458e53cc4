use std::os::unix::fs::FileExt as _;
use std::sync::mpsc;

use fs_err as fs;

use super::*;
use crate::StoreOptions;
use crate::fs::boot::boot_id;
use crate::fs::durable;
use crate::fs::layout::Layout;
use crate::guards::flight::Flight;
use crate::tests::{count, fixture, hashes};

const WHOLE: [ByteRange; 1] = [ByteRange { start: 0, end: 4 }];

fn written(store: &Store, key: &PartialKey) -> Partial {
    let partial = store.partial(key, Some(4)).unwrap();
    partial.file().write_all_at(b"data", 0).unwrap();
    partial
}

/// A runtime that never runs the work.
fn never(work: Box<dyn FnOnce() + Send>) {
    let _ = Box::leak(work);
}

#[test]
fn a_dropped_partial_can_be_claimed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default().with_background(never)).unwrap();
    let other = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let key = PartialKey::for_tests("a");
    let Flight::Leader(guard) = store.try_flight(&key).unwrap() else { panic!("it is free") };
    let mut partial = written(&store, &key);
    partial.record(&WHOLE).unwrap();
    drop(partial);
    let again = store.partial(&key, None).unwrap();
    assert_eq!(again.recorded(), WHOLE);
    drop(again);
    guard.fail(&Error::interrupted());
    assert_eq!(other.partial(&key, None).unwrap().recorded(), WHOLE);
}

fn journal(partial: &Partial) -> Journal {
    Journal::read(partial.path())
}

#[test]
fn partial_after_a_failed_sync_is_discarded() {
    let f = fixture();
    let key = PartialKey::for_tests("a");
    let mut partial = written(&f.store, &key);
    let recorder = partial.recorder();
    recorder.note(&WHOLE, None).unwrap();
    durable::at_next_sync(durable::eio);
    assert!(recorder.record(&WHOLE, None).is_err());
    assert_eq!(count(&f.store.layout().partials()), 0);
    for again in [recorder.record(&WHOLE, None), recorder.note(&WHOLE, None), partial.record(&WHOLE), partial.restart()]
    {
        let error = again.unwrap_err();
        assert!(error.message().contains("could not be synced"), "{error}");
    }
    // Even a name that could not be taken away makes no blob.
    fs::write(partial.path(), b"data").unwrap();
    let error = f.store.publish(partial, &hashes(b"data"), None).unwrap_err();
    assert!(error.message().contains("could not be synced"), "{error}");
    assert!(f.store.blobs().unwrap().is_empty());
    assert!(f.store.partial(&key, None).unwrap().recorded().is_empty());
}

#[test]
fn failed_sync_after_the_drop_discards_partial() {
    let f = fixture();
    let key = PartialKey::for_tests("a");
    let partial = written(&f.store, &key);
    let recorder = partial.recorder();
    recorder.note(&WHOLE, None).unwrap();
    durable::at_next_sync(move || {
        drop(partial);
        durable::eio()
    });
    assert!(recorder.record(&WHOLE, None).is_err());
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn failed_last_sync_publishes_and_leaves_nothing() {
    let f = fixture();
    let partial = written(&f.store, &PartialKey::for_tests("a"));
    partial.recorder().record(&WHOLE, None).unwrap();
    durable::at_next_sync(durable::eio);
    assert!(f.store.publish(partial, &hashes(b"data"), None).is_err());
    assert!(f.store.blobs().unwrap().is_empty());
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn a_note_and_a_drop_wait_for_no_sync() {
    let f = fixture();
    let partial = written(&f.store, &PartialKey::for_tests("a"));
    let (recorder, other, shared) = (partial.recorder(), partial.recorder(), Arc::clone(&partial.shared));
    let path = partial.path().to_owned();
    durable::at_next_sync(move || {
        assert!(shared.state.try_lock().is_ok());
        other.note(&WHOLE, None).unwrap();
        drop(partial);
        Ok(())
    });
    recorder.record(&[ByteRange { start: 0, end: 2 }], None).unwrap();
    let left = Journal::read(&path);
    assert_eq!((left.ranges, left.unsynced), (vec![], vec![(0, 4)]), "what is closed is not recorded");
}

#[test]
fn ranges_from_before_a_restart_are_not_recorded() {
    let f = fixture();
    let partial = written(&f.store, &PartialKey::for_tests("a"));
    let before = partial.recorder();
    let (send, receive) = mpsc::channel();
    durable::at_next_sync(move || {
        let mut partial = partial;
        partial.restart().unwrap();
        send.send(partial).unwrap();
        Ok(())
    });
    before.record(&WHOLE, None).unwrap();
    let mut partial = receive.recv().unwrap();
    before.note(&WHOLE, None).unwrap();
    assert!(!Layout::journal(partial.path()).exists());
    partial.recorder().note(&WHOLE, None).unwrap();
    assert_eq!(journal(&partial).unsynced, [(0, 4)]);
    assert_eq!(journal(&partial).ranges, []);
    partial.record(&WHOLE).unwrap();
    assert_eq!(journal(&partial).ranges, [(0, 4)]);
}

#[test]
fn recorder_holds_the_file_only_while_syncing() {
    let f = fixture();
    let partial = written(&f.store, &PartialKey::for_tests("a"));
    let shared = Arc::clone(&partial.shared);
    let file = Arc::downgrade(&partial.file);
    let handle = || {
        assert!(shared.syncing.try_lock().is_err() && shared.state.try_lock().is_err());
        file.upgrade()
    };
    shared.record(handle, &WHOLE, None, 0).unwrap();
    f.store.publish(partial, &hashes(b"data"), None).unwrap();
    shared.record(|| panic!("it is closed"), &WHOLE, None, 0).unwrap();
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn ranges_beyond_a_shorter_file_are_not_claimed() {
    let f = fixture();
    let key = PartialKey::for_tests("a");
    let mut partial = f.store.partial(&key, Some(100)).unwrap();
    partial.record(&[ByteRange { start: 10, end: 90 }]).unwrap();
    partial.file().set_len(50).unwrap();
    drop(partial);
    let mut partial = f.store.partial(&key, Some(100)).unwrap();
    partial.recorder().note(&[], None).unwrap();
    assert_eq!(journal(&partial).ranges, [(10, 50)]);
    partial.set_size(20).unwrap();
    partial.set_size(100).unwrap();
    partial.recorder().note(&[], None).unwrap();
    assert_eq!(journal(&partial).ranges, [(10, 20)]);
}

#[test]
fn unsynced_ranges_count_until_the_reboot() {
    let journal =
        |boot: String| Journal { ranges: vec![(0, 10)], unsynced: vec![(5, 20), (40, 60)], boot, ..Journal::default() };
    let range = |start, end| ByteRange { start, end };
    assert_eq!(journal(boot_id()).within(50), [range(0, 20), range(40, 50)]);
    assert_eq!(journal("another boot".to_owned()).within(50), [range(0, 10)]);
    assert_eq!(journal(String::new()).within(50), [range(0, 10)]);
}
