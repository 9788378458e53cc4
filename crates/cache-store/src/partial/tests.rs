use std::os::unix::fs::FileExt as _;
use std::sync::mpsc;

use super::*;
use crate::tests::{count, fixture, hashes};

const WHOLE: [ByteRange; 1] = [ByteRange { start: 0, end: 4 }];

fn written(store: &Store, key: &PartialKey) -> Partial {
    let partial = store.partial(key, Some(4)).unwrap();
    partial.file().write_all_at(b"data", 0).unwrap();
    partial
}

fn journal(partial: &Partial) -> Journal {
    Journal::read(partial.path())
}

#[test]
fn after_a_failed_sync_nothing_of_it_is_believed() {
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
fn a_sync_that_fails_after_the_partial_was_dropped_discards_it_too() {
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
fn a_failed_last_sync_publishes_nothing_and_leaves_nothing() {
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
fn what_was_written_before_a_restart_is_not_recorded_after_it() {
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
fn a_recorder_has_the_file_only_while_a_close_would_wait_for_it() {
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
fn what_lies_beyond_a_shorter_file_is_never_claimed_again() {
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
fn what_was_not_synced_counts_only_until_the_reboot() {
    let journal =
        |boot: String| Journal { ranges: vec![(0, 10)], unsynced: vec![(5, 20), (40, 60)], boot, ..Journal::default() };
    let range = |start, end| ByteRange { start, end };
    assert_eq!(journal(boot_id()).within(50), [range(0, 20), range(40, 50)]);
    assert_eq!(journal("another boot".to_owned()).within(50), [range(0, 10)]);
    assert_eq!(journal(String::new()).within(50), [range(0, 10)]);
}
