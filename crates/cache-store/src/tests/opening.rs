use std::os::unix::fs::PermissionsExt as _;

use cache_core::{ErrorKind, Revision};
use fs_err as fs;

use super::{fixture, publish, put, version};
use crate::{Flight, PartialKey, Store, StoreOptions};

#[test]
fn a_new_store_has_its_marker_and_tags() {
    let f = fixture();
    assert_eq!(fs::read_to_string(f.dir.path().join("version")).unwrap(), "1\n");
    for tag in ["CACHEDIR.TAG", "hub/CACHEDIR.TAG"] {
        let text = fs::read_to_string(f.dir.path().join(tag)).unwrap();
        assert!(text.starts_with("Signature: 8a477f597d28d172789f06886806bc55"));
    }
    assert!(f.store.read_only().is_none());
    assert!(f.store.locks_work());
}

fn all_writes_fail_and_hits_are_served(store: &Store) {
    let v = version("org/m", 'a');
    let manifest = store.manifest(&v).unwrap().unwrap();
    let name = manifest.files[0].blob_name().unwrap();
    assert!(store.read_only().is_some());
    assert_eq!(store.resolve_ref(&v.model, &Revision::main()).unwrap(), Some(v.commit.clone()));
    assert_eq!(fs::read(store.blob(&name).unwrap().unwrap().path).unwrap(), b"bytes");
    assert!(store.materialize(&manifest, None).unwrap().join("f").exists());
    store.touch(&v).unwrap();
    let lease = store.lease(&[name]).unwrap();
    assert!(lease.names().is_empty());
    let key = PartialKey::sha256(&name);
    for error in [
        store.partial(&key, None).unwrap_err(),
        store.put_manifest(&manifest).unwrap_err(),
        store.put_ref(&v.model, &Revision::main(), &v.commit).unwrap_err(),
        store.pin(&v.model, None).unwrap_err(),
        store.remove_version(&v).unwrap_err(),
        store.clean().unwrap_err(),
        store.try_flight(&key).map(|flight| assert!(matches!(flight, Flight::Busy(_)))).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains("read-only"), "{error}");
        assert!(error.hint().is_some());
    }
}

fn fill(store: &Store) {
    let v = version("org/m", 'a');
    let manifest = put(store, &v, &[("f", b"bytes")]);
    store.put_ref(&v.model, &Revision::main(), &v.commit).unwrap();
    store.materialize(&manifest, Some(&Revision::main())).unwrap();
}

#[test]
fn read_only_store_serves_hits_refuses_writes() {
    let f = fixture();
    fill(&f.store);
    all_writes_fail_and_hits_are_served(
        &Store::open(f.dir.path(), StoreOptions::default().with_read_only(true)).unwrap(),
    );
}

#[test]
fn a_store_of_a_newer_build_is_read_only() {
    let f = fixture();
    fill(&f.store);
    fs::write(f.dir.path().join("version"), "2\n").unwrap();
    let newer = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
    assert!(newer.read_only().unwrap().contains("version 2"));
    all_writes_fail_and_hits_are_served(&newer);
}

#[test]
fn invalid_version_marker_means_read_only() {
    let f = fixture();
    for text in ["", "one", "0", "-1", "99999999999999999999", "1 2"] {
        fs::write(f.dir.path().join("version"), text).unwrap();
        assert!(Store::open(f.dir.path(), StoreOptions::default()).unwrap().read_only().is_some(), "{text:?}");
    }
}

#[test]
fn a_read_only_store_that_is_not_there_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("none"), StoreOptions::default().with_read_only(true)).unwrap();
    assert!(store.blobs().unwrap().is_empty() && store.models().unwrap().is_empty());
    assert!(store.inventory().unwrap().versions.is_empty());
    assert!(!dir.path().join("none").exists());
}

#[test]
fn a_store_cannot_be_made_below_a_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "x").unwrap();
    let error = Store::open(dir.path().join("file/store"), StoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[test]
fn foreign_files_are_ignored_or_moved_away() {
    let f = fixture();
    let root = f.dir.path();
    let name = super::sha(b"bytes").to_string();
    for folder in ["blobs/zz", "blobs/ab/cd", "manifests/hf/x", "refs/hf", "pins/hf/x", "verified/ab", "locks/a.lock"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    // A folder, then a link to elsewhere, at the name of a blob.
    fs::create_dir_all(root.join(format!("blobs/{}/{name}/x", &name[..2]))).unwrap();
    for (path, text) in [
        ("blobs/stray", "x"),
        ("blobs/ab/nothex", "x"),
        ("manifests/hf/x/bad.json", "{"),
        ("manifests/hf/stray", "x"),
        ("pins/hf/x/bad", "not json"),
        ("leases/not-a-lease", "short"),
        ("partial/stray", "x"),
        ("trash/stray", "x"),
        ("quarantine/stray.json", "{}"),
        ("locks/stray.status", "x"),
        ("verified/ab/stray", "x"),
    ] {
        fs::write(root.join(path), text).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", root.join("blobs/ab").join("ab".repeat(32))).unwrap();
    let manifest = super::Manifest::new(version("org/m", 'a'), vec![super::entry("f", b"bytes")]).unwrap();
    assert!(f.store.blob(&"ab".repeat(32).parse().unwrap()).unwrap().is_none(), "a link is no blob");
    assert!(f.store.blobs().unwrap().is_empty());
    assert!(f.store.manifests().unwrap().is_empty() && f.store.pins().unwrap().is_empty());
    assert!(f.store.quarantined().unwrap().is_empty());
    assert_eq!(publish(&f.store, b"bytes").size, 5);
    f.store.put_manifest(&manifest).unwrap();
    f.store.materialize(&manifest, Some(&Revision::main())).unwrap();
    f.store.inventory().unwrap();
    f.store.clean_older_than(std::time::Duration::ZERO).unwrap();
    assert_eq!(super::count(&root.join("trash")) + super::count(&root.join("partial")), 0);
    assert_eq!(f.store.blobs().unwrap().len(), 1);
}

#[test]
fn manifest_of_another_model_is_ignored() {
    let f = fixture();
    let (a, b) = (version("org/a", 'a'), version("org/b", 'a'));
    put(&f.store, &a, &[("f", b"bytes")]);
    let (from, to) = (f.store.layout().manifest(&a), f.store.layout().manifest(&b));
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
    assert!(f.store.manifest(&b).unwrap().is_none());
    assert!(f.store.manifest(&a).unwrap().is_some());
}

#[test]
fn published_blob_is_readable_by_another_user() {
    let f = fixture();
    fill(&f.store);
    let mode = |path: &str| fs::metadata(f.dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    let blob = f.store.blobs().unwrap().remove(0);
    assert_eq!(fs::metadata(&blob.path).unwrap().permissions().mode() & 0o777, 0o444);
    assert_eq!(mode("version") & 0o444, 0o444);
}

#[test]
fn refs_move_nest_and_displace_conflicting_ones() {
    let f = fixture();
    let (a, b) = (version("org/m", 'a'), version("org/m", 'b'));
    let rev = |text: &str| Revision::parse(text).unwrap();
    f.store.put_ref(&a.model, &rev("x"), &a.commit).unwrap();
    f.store.put_ref(&a.model, &rev("x/y/z"), &b.commit).unwrap();
    assert_eq!(f.store.resolve_ref(&a.model, &rev("x")).unwrap(), None);
    assert_eq!(f.store.resolve_ref(&a.model, &rev("x/y/z")).unwrap(), Some(b.commit.clone()));
    f.store.put_ref(&a.model, &rev("x/y"), &a.commit).unwrap();
    f.store.put_ref(&a.model, &rev("main"), &b.commit).unwrap();
    assert_eq!(f.store.refs(&a.model).unwrap(), [(rev("main"), b.commit), (rev("x/y"), a.commit.clone())]);
    let whole = rev(a.commit.as_str());
    assert_eq!(f.store.resolve_ref(&a.model, &whole).unwrap(), None, "no manifest, no commit");
    put(&f.store, &a, &[("f", b"bytes")]);
    assert_eq!(f.store.resolve_ref(&a.model, &whole).unwrap(), Some(a.commit));
}

#[test]
fn manifests_of_two_fetches_merge_their_blobs() {
    let f = fixture();
    let v = version("org/m", 'a');
    let bare = |path: &str| super::FileEntry::new(super::RepoPath::parse(path).unwrap());
    let mut first = super::Manifest::new(v.clone(), vec![bare("a"), bare("b")]).unwrap();
    let mut second = first.clone();
    first.files[0].blob = Some(super::sha(b"a"));
    second.files[1].blob = Some(super::sha(b"b"));
    f.store.put_manifest(&first).unwrap();
    f.store.put_manifest(&second).unwrap();
    let kept = f.store.manifest(&v).unwrap().unwrap();
    assert!(kept.files.iter().all(|file| file.blob.is_some()));
}

#[test]
fn check_matches_the_opening_mode() {
    let f = fixture();
    f.store.check().unwrap();
    let reader = Store::open(f.store.root(), StoreOptions::default().with_read_only(true)).unwrap();
    reader.check().unwrap();
    fs::write(f.store.layout().version(), "2\n").unwrap();
    let newer = Store::open(f.store.root(), StoreOptions::default()).unwrap();
    assert_eq!(newer.check().unwrap_err().kind(), ErrorKind::Storage);
    fs::remove_dir_all(f.store.root()).unwrap();
    for store in [&f.store, &reader] {
        assert_eq!(store.check().unwrap_err().kind(), ErrorKind::Storage);
    }
}
