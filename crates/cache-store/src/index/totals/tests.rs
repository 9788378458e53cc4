use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::fs::failpoints::hook;
use crate::tests::{Fixture, fixture, publish, put, version, with};
use crate::{EvictPolicy, StoreOptions};

/// A blob that no program has counted.
fn smuggle(f: &Fixture) {
    let name = cache_core::Sha256::from_bytes([9; 32]);
    let path = f.store.layout().blob(&name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, b"uncounted").unwrap();
}

fn exact(store: &Store) -> Amount {
    let mut amount = Amount::default();
    store.blobs().unwrap().iter().for_each(|blob| amount.add(blob.size));
    amount
}

#[test]
fn totals_follow_what_comes_and_goes() {
    let f = fixture();
    assert_eq!(f.store.totals().unwrap(), Amount::default());
    let v = version("org/m", 'a');
    put(&f.store, &v, &[("x", b"12345"), ("y", b"123"), ("again", b"123")]);
    assert_eq!(f.store.totals().unwrap(), Amount { files: 2, bytes: 8 });
    smuggle(&f);
    assert_eq!(f.store.totals().unwrap().bytes, 8, "the blobs were listed");
    f.store.remove_version(&v).unwrap();
    assert_eq!(f.store.totals().unwrap(), exact(&f.store), "an inventory corrects it");
    assert_eq!(f.store.disk_space().unwrap().used, 9);
}

#[test]
fn totals_are_never_too_low_after_a_kill() {
    for at in ["totals.added", "rename.done", "publish.renamed", "publish.done"] {
        let f = fixture();
        publish(&f.store, b"before");
        f.store.recount().unwrap();
        hook::at(at, || panic!("killed"));
        assert!(catch_unwind(AssertUnwindSafe(|| publish(&f.store, b"new"))).is_err(), "{at}");
        let (counted, there) = (f.store.totals().unwrap(), exact(&f.store));
        assert!(counted.bytes >= there.bytes && counted.files >= there.files, "{at}: {counted:?} {there:?}");
    }
    for at in ["evict.manifest", "evict.names", "rename.done", "evict.trashed", "evict.removed"] {
        let f = fixture();
        put(&f.store, &version("org/m", 'a'), &[("x", b"12345"), ("y", b"123")]);
        f.store.recount().unwrap();
        let plan = Store::plan(&f.store.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
        hook::at(at, || panic!("killed"));
        assert!(catch_unwind(AssertUnwindSafe(|| f.store.apply(&plan))).is_err(), "{at}");
        let other = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
        assert!(other.totals().unwrap().bytes >= exact(&other).bytes, "{at}");
        other.clean().unwrap();
        assert_eq!(other.totals().unwrap().bytes, exact(&other).bytes, "{at}");
    }
}

#[test]
fn blobs_added_during_an_inventory_are_counted() {
    let f = fixture();
    publish(&f.store, b"before");
    let recount = f.store.begin_recount().unwrap();
    let listed = exact(&f.store);
    publish(&f.store, b"meanwhile");
    f.store.end_recount(Some(recount), listed);
    smuggle(&f);
    assert_eq!(f.store.totals().unwrap(), Amount { files: 2, bytes: 15 });
}

#[test]
fn an_inventory_of_a_lost_counter_is_not_kept() {
    let f = fixture();
    let recount = f.store.begin_recount().unwrap();
    f.store.discard_counter();
    publish(&f.store, b"meanwhile");
    drop(f.store.begin_recount());
    f.store.end_recount(Some(recount), Amount::default());
    assert_eq!(f.store.totals().unwrap().bytes, 9);
}

#[test]
fn a_doubtful_counter_means_a_recount() {
    let seconds = Arc::new(AtomicU64::new(1_000_000));
    let shared = Arc::clone(&seconds);
    let clock = crate::Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(shared.load(Ordering::SeqCst)));
    let f = with(StoreOptions::default().with_clock(clock));
    let change = |change: &dyn Fn(&mut Counter)| f.store.change_counter(|counter| change(counter));
    let doubts: [&dyn Fn(); 5] = [
        &|| fs::write(f.store.layout().totals(), "{\"blobs\":17").unwrap(),
        &|| fs::remove_file(f.store.layout().totals()).unwrap(),
        &|| change(&|counter| counter.boot = "another".to_owned()),
        &|| change(&|counter| counter.counted = 0),
        &|| {
            seconds.fetch_add(86_400, Ordering::SeqCst);
        },
    ];
    for (n, doubt) in doubts.iter().enumerate() {
        f.store.recount().unwrap();
        change(&|counter| counter.blobs.bytes = 77);
        assert_eq!(f.store.totals().unwrap().bytes, 77, "{n}");
        doubt();
        assert_eq!(f.store.totals().unwrap().bytes, 0, "{n}");
    }
    let lying = Store::open(f.dir.path(), StoreOptions::default().with_broken_locks(true)).unwrap();
    change(&|counter| counter.blobs.bytes = 77);
    assert_eq!(lying.totals().unwrap().bytes, 0);
    publish(&lying, b"by one that cannot count");
    assert_eq!(f.store.totals().unwrap().bytes, 24);
}

#[test]
fn counter_held_by_another_process_is_dropped() {
    let f = fixture();
    f.store.recount().unwrap();
    let other = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
    let held = other.locked_counter(false).unwrap().unwrap();
    publish(&f.store, b"bytes");
    assert_eq!(f.store.totals().unwrap().bytes, 5);
    drop(held);
    assert_eq!(f.store.totals().unwrap().bytes, 5);
}

#[test]
fn threads_and_processes_count_every_blob() {
    let f = fixture();
    f.store.recount().unwrap();
    let other = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
    std::thread::scope(|scope| {
        for (nth, store) in [f.store.clone(), f.store.clone(), other].into_iter().enumerate() {
            scope.spawn(move || (0..40).for_each(|blob| drop(publish(&store, format!("{nth} {blob:02}").as_bytes()))));
        }
    });
    let blobs = f.store.blobs().unwrap();
    assert_eq!((blobs.len(), f.store.totals().unwrap()), (120, Amount { files: 120, bytes: 480 }));
}

#[test]
fn a_full_store_of_many_blobs_makes_room_ahead() {
    let f = with(StoreOptions::default().with_quota(Some(12_800)));
    for nth in 0..128 {
        let v = version(&format!("org/m{nth:03}"), 'a');
        put(&f.store, &v, &[("x", format!("{nth:0100}").as_bytes())]);
        f.store.touch(&v).unwrap();
    }
    assert!(f.store.enforce_quota(&[]).unwrap().is_none());
    let one_more = |nth: u8| {
        put(&f.store, &version(&format!("org/n{nth}"), 'a'), &[("x", &[nth; 100])]);
        f.store.enforce_quota(&[]).unwrap().map_or(0, |report| report.freed)
    };
    // A 64th of the quota, and the byte too much.
    assert_eq!((one_more(1), one_more(2), one_more(3), one_more(4)), (300, 0, 0, 300));
}

#[test]
fn a_quota_that_holds_lists_no_blobs() {
    let f = with(StoreOptions::default().with_quota(Some(100)));
    publish(&f.store, b"12345");
    assert!(f.store.enforce_quota(&[]).unwrap().is_none());
    // Were the blobs listed, this one would be over.
    let name = cache_core::Sha256::from_bytes([9; 32]);
    let path = f.store.layout().blob(&name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, [0; 200]).unwrap();
    assert!(f.store.enforce_quota(&[]).unwrap().is_none());
    publish(&f.store, &[1; 99]);
    assert!(f.store.enforce_quota(&[]).unwrap().is_some());
    assert!(!path.exists());
}

#[test]
fn a_time_to_live_is_applied_now_and_then() {
    let seconds = Arc::new(AtomicU64::new(1_000_000));
    let shared = Arc::clone(&seconds);
    let clock = crate::Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(shared.load(Ordering::SeqCst)));
    let day = Duration::from_secs(86_400);
    let f = with(StoreOptions::default().with_clock(clock).with_ttl(Some(day)));
    let v = version("org/m", 'a');
    put(&f.store, &v, &[("x", b"12345")]);
    f.store.touch(&v).unwrap();
    seconds.fetch_add(86_000, Ordering::SeqCst);
    assert!(f.store.enforce_quota(&[]).unwrap().is_none());
    seconds.fetch_add(1000, Ordering::SeqCst);
    assert!(f.store.enforce_quota(&[]).unwrap().is_none(), "looked for a quarter of an hour ago");
    seconds.fetch_add(2600, Ordering::SeqCst);
    assert_eq!(f.store.enforce_quota(&[]).unwrap().unwrap().freed, 5);
}

#[test]
fn an_inventory_beside_a_change_is_not_kept() {
    let f = fixture();
    publish(&f.store, b"before");
    f.store.recount().unwrap();
    let change = f.store.count_added(9, f.store.share_gc(Duration::MAX).unwrap());
    assert!(f.store.begin_recount().is_none(), "the blob was counted and has no name yet");
    drop(change);
    let recount = f.store.begin_recount();
    assert!(recount.is_some());
    let change = f.store.count_added(9, f.store.share_gc(Duration::MAX).unwrap());
    let before = f.store.counter().unwrap().blobs;
    f.store.end_recount(recount, Amount::default());
    assert_eq!(f.store.counter().unwrap().blobs, before, "it may be a blob that was found, or not");
    drop(change);
}

#[test]
fn a_blob_put_back_is_counted_again() {
    let f = fixture();
    let blob = publish(&f.store, b"bytes");
    f.store.recount().unwrap();
    let trashed = f.store.layout().trashed(&blob.name);
    durable::rename_new(&blob.path, &trashed, durable::Durability::Derived).unwrap();
    let recount = f.store.begin_recount();
    let listed = exact(&f.store);
    // Between the list of the blobs and that of the trash.
    f.store.restore_trashed(&blob.name, &trashed).unwrap();
    f.store.end_recount(recount, listed);
    assert_eq!(f.store.totals().unwrap(), exact(&f.store));
    assert_eq!(exact(&f.store).files, 1);
}
