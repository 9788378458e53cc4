use std::time::Duration;

use cache_core::{ErrorKind, Revision};
use fs_err as fs;

use super::{count, fixture, publish, put, sha, version, with};
use crate::{Amount, EvictPolicy, Evicted, PartialKey, Store, StoreOptions};

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
fn what_is_leased_after_the_plan_was_made_is_spared() {
    for lie in [false, true] {
        let f = with(StoreOptions::default().with_lying_locks(lie));
        let v = version("org/m", 'a');
        put(&f.store, &v, &[("x", b"bytes")]);
        let plan = Store::plan(&f.store.inventory().unwrap(), &EvictPolicy::default().with_max_size(Some(0)));
        assert_eq!(plan.steps.len(), 1);
        let lease = f.store.lease(&[sha(b"bytes")]).unwrap();
        let report = f.store.apply(&plan).unwrap();
        assert_eq!(report.spared, [Evicted::Version(v.clone())]);
        assert!(f.store.blob(&sha(b"bytes")).unwrap().is_some() && f.store.manifest(&v).unwrap().is_some());
        drop(lease);
        assert_eq!(f.store.apply(&plan).unwrap().freed, 5);
    }
}

#[test]
fn a_blob_that_a_new_version_needs_survives_an_old_plan() {
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
fn single_files_leave_their_version_whole_but_for_them() {
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
fn cleaning_removes_what_the_dead_have_left_and_nothing_else() {
    let f = fixture();
    let v = version("org/m", 'a');
    put(&f.store, &v, &[("x", b"bytes")]);
    // As a killed eviction leaves it: one blob needed, one not.
    for bytes in [&b"bytes"[..], b"gone"] {
        let from = publish(&f.store, bytes).path;
        let to = f.store.layout().trashed(&sha(bytes));
        crate::durable::rename_new(&from, &to, crate::durable::Keep::Durable).unwrap();
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
fn readers_never_miss_what_they_have_leased_and_found() {
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
fn a_use_is_noted_once_a_minute_and_orders_the_eviction() {
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
    assert_eq!(plan.steps[0].what, Evicted::Version(b));
}

#[test]
fn what_outlives_its_time_goes_with_no_quota_at_all() {
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
    assert_eq!(report.done, [Evicted::Version(a)]);
    assert!(f.store.enforce_quota(&[]).unwrap().is_none());
}
