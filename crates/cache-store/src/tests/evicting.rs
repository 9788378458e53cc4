use std::time::Duration;

use cache_core::{ByteRange, ErrorKind, Manifest, Revision, Version};
use fs_err as fs;

use super::{count, entry, fixture, publish, put, sha, version, with};
use crate::{Amount, EvictPolicy, EvictTarget, PartialKey, Store, StoreOptions};

#[test]
fn removal_takes_what_only_this_version_needs() {
    let f = fixture();
    let (a, b) = (version("org/m", 'a'), version("org/m", 'b'));
    for (v, files) in [(&a, [("x", &b"shared"[..]), ("y", b"old")]), (&b, [("x", b"shared"), ("y", b"new")])] {
        let manifest = put(&f.store, v, &files);
        f.store.put_ref(&v.model, &Revision::main(), &v.commit).unwrap();
        f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
        f.store.touch(v).unwrap();
    }
    let report = f.store.remove_version(&a).unwrap();
    assert_eq!((report.blobs, report.freed), (1, 3));
    assert!(f.store.blob(&sha(b"old")).unwrap().is_none() && f.store.blob(&sha(b"shared")).unwrap().is_some());
    assert_eq!(f.store.versions(&a.model).unwrap(), std::slice::from_ref(&b));
    assert_eq!(fs::read(f.store.snapshot_path(&b).join("x")).unwrap(), b"shared");
    assert!(f.store.resolve_ref(&a.model, &Revision::main()).unwrap().is_some(), "the ref points to the other");
    f.store.remove_version(&b).unwrap();
    assert_eq!(f.store.remove_version(&b).unwrap_err().kind(), ErrorKind::NotCached);
    assert!(f.store.blobs().unwrap().is_empty() && f.store.models().unwrap().is_empty());
    assert_eq!(count(&f.store.hub_dir()), 1, "only the tag");
    assert_eq!(count(&f.store.layout().trash()), 0);
    assert!(f.store.refs(&a.model).unwrap().is_empty());
}

#[test]
fn pinned_and_leased_versions_are_not_removed() {
    let f = fixture();
    let v = version("org/m", 'a');
    put(&f.store, &v, &[("x", b"bytes")]);
    f.store.pin(&v.model, Some(&v.commit)).unwrap();
    assert!(f.store.remove_version(&v).unwrap_err().hint().unwrap().contains("unpin"));
    assert!(f.store.unpin(&v.model, Some(&v.commit)).unwrap());
    assert!(!f.store.unpin(&v.model, Some(&v.commit)).unwrap());
    f.store.pin(&v.model, None).unwrap();
    assert_eq!(f.store.remove_version(&v).unwrap_err().kind(), ErrorKind::Usage);
    f.store.unpin(&v.model, None).unwrap();
    let lease = f.store.lease(&[sha(b"bytes")]).unwrap();
    let other = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
    assert!(other.remove_version(&v).unwrap_err().message().contains("in use"));
    drop(lease);
    other.remove_version(&v).unwrap();
}

#[test]
fn version_leased_after_planning_is_spared() {
    for lie in [false, true] {
        let f = with(StoreOptions::default().with_broken_locks(lie));
        let v = version("org/m", 'a');
        put(&f.store, &v, &[("x", b"bytes")]);
        let plan = Store::plan(&f.store.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
        assert_eq!(plan.steps.len(), 1);
        let lease = f.store.lease(&[sha(b"bytes")]).unwrap();
        let report = f.store.apply(&plan).unwrap();
        assert_eq!(report.spared, [EvictTarget::Version(v.clone())]);
        assert!(f.store.blob(&sha(b"bytes")).unwrap().is_some() && f.store.manifest(&v).unwrap().is_some());
        drop(lease);
        assert_eq!(f.store.apply(&plan).unwrap().freed, 5);
    }
}

#[test]
fn blob_of_a_new_version_survives_an_old_plan() {
    let f = fixture();
    let (a, b) = (version("org/m", 'a'), version("org/m", 'b'));
    put(&f.store, &a, &[("x", b"bytes")]);
    let plan = Store::plan(&f.store.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
    put(&f.store, &b, &[("x", b"bytes")]);
    let report = f.store.apply(&plan).unwrap();
    assert_eq!((report.done.len(), report.blobs), (1, 0));
    assert!(f.store.blob(&sha(b"bytes")).unwrap().is_some());
}

#[test]
fn single_file_eviction_keeps_other_files() {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("big", &[1; 100]), ("same", &[1; 100]), ("small", b"x")]);
    let snapshot = f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    let policy = EvictPolicy::default().with_max_size(Some(50)).with_single_files(true);
    let report = f.store.apply(&Store::plan(&f.store.inventory().unwrap(), &policy)).unwrap();
    assert_eq!((report.done.len(), report.freed), (2, 100));
    assert!(
        !snapshot.join("big").is_symlink() && !snapshot.join("same").is_symlink() && snapshot.join("small").exists()
    );
    assert!(f.store.manifest(&v).unwrap().is_some() && !f.store.layout().hub_tree(&v).exists());
}

#[test]
fn the_quota_holds_after_every_fetch() {
    let f = with(StoreOptions::default().with_quota(Some(250)));
    for n in 0..10_u8 {
        let v = version(&format!("org/m{n}"), 'a');
        put(&f.store, &v, &[("x", &[n; 100])]);
        let report = f.store.enforce_quota(&[sha(&[n; 100])]).unwrap();
        assert_eq!(report.is_some(), n >= 2);
        assert!(f.store.disk_space().unwrap().used <= 250);
        assert!(f.store.blob(&sha(&[n; 100])).unwrap().is_some());
    }
    assert_eq!(f.store.evicted(), Amount { files: 8, bytes: 800 });
    assert_eq!(f.store.clone().evicted(), f.store.evicted());
    let all: Vec<_> = f.store.blobs().unwrap().into_iter().map(|blob| blob.name).collect();
    publish(&f.store, &[77; 200]);
    let report = f.store.enforce_quota(&[&all[..], &[sha(&[77; 200])]].concat()).unwrap().unwrap();
    assert_eq!((report.over, report.freed), (150, 0), "what is in use stays, and the report says by how much");
}

#[test]
fn clean_removes_only_files_of_dead_processes() {
    let f = fixture();
    let v = version("org/m", 'a');
    put(&f.store, &v, &[("x", b"bytes")]);
    // As a killed eviction leaves it: one blob needed, one not.
    for bytes in [&b"bytes"[..], b"gone"] {
        let from = publish(&f.store, bytes).path;
        let to = f.store.layout().trashed(&sha(bytes));
        crate::fs::durable::rename_new(&from, &to, crate::fs::durable::Durability::Durable).unwrap();
        assert!(f.store.blob(&sha(bytes)).unwrap().is_none());
    }
    let mut abandoned = f.store.partial(&PartialKey::for_tests("old"), Some(10)).unwrap();
    abandoned.record(&[cache_core::ByteRange { start: 0, end: 5 }]).unwrap();
    drop(abandoned);
    let living = f.store.partial(&PartialKey::for_tests("living"), Some(10)).unwrap();
    fs::write(f.store.layout().temp(), "half").unwrap();
    fs::write(f.store.layout().flight_lock(&PartialKey::for_tests("dead")), "").unwrap();
    let first = f.store.clean().unwrap();
    assert_eq!((first.restored, first.trash.files, first.locks), (1, 1, 1));
    assert_eq!(first.partial.files, 1, "the download may still be resumed");
    let second = f.store.clean_older_than(Duration::ZERO).unwrap();
    assert_eq!(second.partial.files, 2, "the download and its journal");
    assert!(living.path().exists());
    drop(living);
    assert_eq!(count(&f.store.layout().partials()), 0);
    assert_eq!(fs::read(f.store.blob(&sha(b"bytes")).unwrap().unwrap().path).unwrap(), b"bytes");
    assert_eq!(f.store.clean().unwrap(), crate::CleanReport::default());
}

#[test]
fn leased_blobs_are_never_missing_for_readers() {
    let f = fixture();
    let v = version("org/m", 'a');
    let name = sha(b"bytes");
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
                    let mut found = 0;
                    for _ in 0..300 {
                        let _lease = store.lease(&[name]).unwrap();
                        if let Some(blob) = store.blob(&name).unwrap() {
                            assert_eq!(fs::read(blob.path).unwrap(), b"bytes");
                            found += 1;
                        }
                    }
                    found
                })
            })
            .collect();
        let store = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
        while !readers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            put(&store, &v, &[("x", b"bytes")]);
            let plan = Store::plan(&store.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
            store.apply(&plan).unwrap();
        }
    });
}

#[test]
fn use_is_recorded_once_a_minute_orders_eviction() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;
    let seconds = Arc::new(AtomicU64::new(1000));
    let shared = Arc::clone(&seconds);
    let clock = crate::Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(shared.load(Ordering::SeqCst)));
    let f = with(StoreOptions::default().with_clock(clock));
    let (a, b) = (version("org/a", 'a'), version("org/b", 'b'));
    put(&f.store, &a, &[("x", b"aaaaa")]);
    put(&f.store, &b, &[("x", b"bbbbb")]);
    let noted = |v| f.store.last_use(v).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    f.store.touch(&a).unwrap();
    seconds.store(1059, Ordering::SeqCst);
    f.store.touch(&a).unwrap();
    f.store.touch(&b).unwrap();
    assert_eq!((noted(&a), noted(&b)), (1000, 1059));
    seconds.store(1060, Ordering::SeqCst);
    f.store.touch(&a).unwrap();
    assert_eq!(noted(&a), 1060);
    let plan = Store::plan(&f.store.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(5)));
    assert_eq!(plan.steps[0].what, EvictTarget::Version(b));
}

#[test]
fn expired_version_is_evicted_without_a_quota() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;
    let seconds = Arc::new(AtomicU64::new(1000));
    let shared = Arc::clone(&seconds);
    let clock = crate::Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(shared.load(Ordering::SeqCst)));
    let f = with(StoreOptions::default().with_clock(clock).with_ttl(Some(Duration::from_secs(3600))));
    let (a, b) = (version("org/a", 'a'), version("org/b", 'b'));
    put(&f.store, &a, &[("x", b"aaaaa")]);
    put(&f.store, &b, &[("x", b"bbbbb")]);
    f.store.touch(&a).unwrap();
    f.store.touch(&b).unwrap();
    assert!(f.store.enforce_quota(&[]).unwrap().is_none());
    seconds.store(5000, Ordering::SeqCst);
    f.store.touch(&b).unwrap();
    let report = f.store.enforce_quota(&[]).unwrap().unwrap();
    assert_eq!(report.done.iter().map(|step| &step.what).collect::<Vec<_>>(), [&EvictTarget::Version(a)]);
    assert!(f.store.enforce_quota(&[]).unwrap().is_none());
}

#[test]
fn published_blob_is_leased_until_drop() {
    let f = fixture();
    let other = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
    let all = EvictPolicy::default().with_max_size(Some(0));
    let (first, second) = (publish(&f.store, b"bytes"), publish(&f.store, b"bytes"));
    drop(first);
    assert_eq!(other.apply(&Store::plan(&other.inventory().unwrap(), &all)).unwrap().freed, 0);
    drop(second);
    let found = f.store.lease_file(&entry("x", b"bytes")).unwrap().unwrap();
    assert!(Store::plan(&other.inventory().unwrap(), &all).steps.is_empty());
    drop(found);
    assert_eq!(other.apply(&Store::plan(&other.inventory().unwrap(), &all)).unwrap().freed, 5);
}

#[test]
fn a_blob_is_leased_before_it_has_its_name() {
    let f = fixture();
    let other = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
    let evict = move || {
        let plan = Store::plan(&other.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
        assert!(plan.steps.is_empty(), "{plan:?}");
    };
    crate::fs::failpoints::hook::at("publish.renamed", evict);
    publish(&f.store, b"bytes");
    assert_eq!(f.store.blobs().unwrap().len(), 1);
}

#[test]
fn blob_of_a_killed_get_is_evicted_last() {
    let f = with(StoreOptions::default().with_ttl(Some(Duration::ZERO)));
    let (killed, other) = (version("org/killed", 'a'), version("org/other", 'a'));
    let files = vec![entry("1", &[1; 90]), entry("2", &[2; 200])];
    f.store.put_manifest(&Manifest::new(killed.clone(), files.clone()).unwrap()).unwrap();
    publish(&f.store, &[1; 90]);
    let mut partial = f.store.partial(&Store::partial_key(&killed, &files[1]), Some(200)).unwrap();
    partial.record(&[ByteRange { start: 0, end: 50 }]).unwrap();
    drop(partial);
    put(&f.store, &other, &[("x", &[3; 50])]);
    let plan = |policy: &EvictPolicy| {
        let plan = Store::plan(&f.store.inventory().unwrap(), policy);
        plan.steps.into_iter().map(|step| step.what).collect::<Vec<_>>()
    };
    // The download that was broken off goes first.
    let stock = f.store.inventory().unwrap();
    let journal = stock.debris.partial.bytes - stock.dead_partials;
    for order in [crate::EvictOrder::LeastRecentlyUsed, crate::EvictOrder::Largest] {
        let policy = EvictPolicy::default().with_max_size(Some(100 + journal)).with_order(order);
        assert_eq!(plan(&policy), [EvictTarget::Version(other.clone())]);
    }
    let all = EvictPolicy::default().with_max_size(Some(0));
    assert_eq!(plan(&all).len(), 2, "a quota holds all the same");
    let old = EvictPolicy::default().with_older_than(Some(Duration::ZERO));
    f.store.touch(&killed).unwrap();
    assert_eq!(plan(&old), [EvictTarget::Version(other)]);
    f.store.clean_older_than(Duration::ZERO).unwrap();
    assert!(plan(&old).contains(&EvictTarget::Version(killed)), "as long as its partial");
}

#[test]
fn stopped_collector_blocks_no_other() {
    let f = fixture();
    let stopped = f.store.lock(crate::locking::locks::GC, true).unwrap();
    let other = Store::open(f.store.root(), StoreOptions::default()).unwrap();
    let name = publish(&other, b"bytes").name;
    let plan = Store::plan(&other.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
    let lease = other.lease(&[name]).unwrap();
    assert_eq!(other.apply(&plan).unwrap().spared.len(), 1, "a lease counts without the lock");
    assert!(other.blob(&name).unwrap().is_some());
    drop(lease);
    assert_eq!(other.apply(&plan).unwrap().blobs, 1);
    drop(stopped);
}

/// A version with names of all kinds.
fn named() -> (super::Fixture, Version, std::path::PathBuf) {
    let f = fixture();
    let v = version("org/m", 'a');
    let manifest = put(&f.store, &v, &[("x", b"bytes"), ("y", b"others")]);
    f.store.put_ref(&v.model, &Revision::main(), &v.commit).unwrap();
    let view = f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    (f, v, view)
}

/// Takes a lease at a step, as after a stop of the collector that outlasts the wait for its lock.
fn lease_at(step: &'static str, store: &Store) {
    let other = Store::open(store.root(), StoreOptions::default()).unwrap();
    crate::fs::failpoints::hook::at(step, move || std::mem::forget(other.lease(&[sha(b"bytes")]).unwrap()));
}

#[test]
fn version_leased_meanwhile_keeps_its_names() {
    for step in ["evict.unnamed", "evict.names", "evict.trashed"] {
        for by_hand in [false, true] {
            let (f, v, view) = named();
            lease_at(step, &f.store);
            if by_hand {
                let error = f.store.remove_version(&v).unwrap_err();
                assert!(error.message().contains("in use"), "{step}: {error}");
            } else {
                let all = EvictPolicy::default().with_max_size(Some(0));
                let report = f.store.apply(&Store::plan(&f.store.inventory().unwrap(), &all)).unwrap();
                assert_eq!((report.spared.len(), report.done.len(), report.blobs), (1, 0, 0), "{step}");
            }
            assert_eq!(f.store.resolve_ref(&v.model, &Revision::main()).unwrap(), Some(v.commit.clone()), "{step}");
            let shown = ["x", "y"].iter().all(|name| view.join(name).exists());
            assert!(f.store.manifest(&v).unwrap().is_some() && shown, "{step}");
        }
    }
}

#[test]
fn an_orphan_leased_meanwhile_is_put_back() {
    for step in ["evict.names", "evict.trashed"] {
        let f = fixture();
        drop(publish(&f.store, b"bytes"));
        let all = EvictPolicy::default().with_max_size(Some(0));
        let plan = Store::plan(&f.store.inventory().unwrap(), &all);
        assert_eq!(plan.steps.len(), 1);
        lease_at(step, &f.store);
        assert_eq!(f.store.apply(&plan).unwrap().blobs, 0, "{step}");
        assert!(f.store.blob(&sha(b"bytes")).unwrap().is_some(), "{step}");
    }
}

#[test]
fn a_quota_holds_with_partial_downloads() {
    let f = with(StoreOptions::default().with_quota(Some(100_000)));
    let broken_off = |key: &str| {
        let mut partial = f.store.partial(&PartialKey::for_tests(key), Some(60_000)).unwrap();
        partial.record(&[ByteRange { start: 0, end: 50 }]).unwrap();
        partial
    };
    let running = broken_off("running");
    put(&f.store, &version("org/m", 'a'), &[("x", &[1; 30_000])]);
    assert!(f.store.enforce_quota(&[]).unwrap().is_none(), "all fits");
    drop(broken_off("dead"));
    let report = f.store.enforce_quota(&[]).unwrap().unwrap();
    assert_eq!((report.freed, report.partial.files), (0, 1), "what was broken off goes before models");
    assert!(report.over == 0 && f.store.inventory().unwrap().debris.partial.bytes < 100_000);
    put(&f.store, &version("org/n", 'a'), &[("x", &[2; 30_000])]);
    let report = f.store.enforce_quota(&[]).unwrap().unwrap();
    assert_eq!((report.freed, report.partial.files), (30_000, 0), "a download under way stays and counts");
    drop(running);
}
