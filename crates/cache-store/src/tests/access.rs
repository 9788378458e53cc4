//! Access rights of folders and blobs.

use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use fs_err as fs;

use crate::tests::{fixture, hashes, publish, version, with};
use crate::{Blob, BlobAccess, PartialKey, Store, StoreMode, StoreOptions, Writers};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn restricted(store: &Store, bytes: &[u8]) -> Blob {
    let hashes = hashes(bytes);
    let mut partial = store.new_partial(&PartialKey::sha256(&hashes.sha256)).unwrap();
    partial.set_access(BlobAccess::Restricted).unwrap();
    partial.file().write_all_at(bytes, 0).unwrap();
    assert_eq!(partial.file().metadata().unwrap().mode() & 0o007, 0, "it is open while it arrives");
    store.publish(partial, &hashes, Some(hashes.sha256)).unwrap()
}

#[test]
fn a_restricted_blob_is_its_owners_alone() {
    for (store_mode, shared, private) in
        [(StoreMode::Umask, 0o444, 0o400), (StoreMode::Group, 0o440, 0o440), (StoreMode::Private, 0o400, 0o400)]
    {
        let f = with(StoreOptions::default().with_mode(store_mode));
        assert_eq!(mode(&publish(&f.store, b"public").path), shared, "{store_mode:?}");
        let blob = restricted(&f.store, b"private");
        assert_eq!(mode(&blob.path), private, "{store_mode:?}");
        assert_eq!(fs::read(&blob.path).unwrap(), b"private");
    }
}

#[test]
fn quarantined_blob_comes_back_restricted() {
    let f = fixture();
    let blob = restricted(&f.store, b"private");
    crate::tests::break_byte(&blob.path, 0);
    set_mode(&blob.path, 0o400);
    let Ok(crate::Verified::Corrupted(damage)) = f.store.verify(&blob.name, crate::VerifyMode::Full) else {
        panic!("not found damaged");
    };
    let restored = f.store.quarantine_restore(&damage.quarantine.unwrap()).unwrap();
    assert_eq!(mode(&restored.path), 0o400);
}

#[test]
fn folders_are_never_writable_by_all() {
    // The umask is the process's: a child has one of its own.
    let folder = tempfile::tempdir().unwrap();
    if let Some(root) = std::env::var_os("STORE_WITHOUT_UMASK") {
        rustix::process::umask(rustix::fs::Mode::empty());
        let store = Store::open(root, StoreOptions::default()).unwrap();
        publish(&store, b"bytes");
        store
            .put_ref(&version("org/m", 'a').model, &cache_core::Revision::main(), &version("org/m", 'a').commit)
            .unwrap();
        return;
    }
    let root = folder.path().join("a/store");
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["tests::access::folders_are_never_writable_by_all", "--exact"]).env("STORE_WITHOUT_UMASK", &root);
    assert!(child.output().unwrap().status.success());
    let mut waiting = vec![folder.path().join("a")];
    let mut seen = 0;
    while let Some(at) = waiting.pop() {
        if at.is_symlink() {
            continue;
        }
        assert_eq!(mode(&at) & 0o002, 0, "{}", at.display());
        seen += 1;
        if at.is_dir() {
            waiting.extend(fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn group_store_keeps_its_mode() {
    let f = with(StoreOptions::default().with_mode(StoreMode::Group));
    let blob = publish(&f.store, b"bytes");
    assert_eq!(mode(f.store.root()), 0o2770);
    assert_eq!(mode(blob.path.parent().unwrap()), 0o2770);
    let again = Store::open(f.store.root(), StoreOptions::default().with_mode(StoreMode::Private)).unwrap();
    assert_eq!(mode(again.root()), 0o700);
}

#[test]
fn files_of_a_group_store_are_group_writable() {
    // The umask is the process's: a child has one of its own.
    if let Some(root) = std::env::var_os("STORE_OF_A_GROUP") {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let store = Store::open(root, StoreOptions::default().with_mode(StoreMode::Group)).unwrap();
        let v = version("org/m", 'a');
        crate::tests::put(&store, &v, &[("f", b"bytes")]);
        store.put_ref(&v.model, &cache_core::Revision::main(), &v.commit).unwrap();
        store.touch(&v).unwrap();
        store.totals().unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["tests::access::files_of_a_group_store_are_group_writable", "--exact"]).env("STORE_OF_A_GROUP", &root);
    assert!(child.output().unwrap().status.success());
    let (layout, v) = (crate::fs::layout::Layout::new(root), version("org/m", 'a'));
    let reference = layout.reference(&v.model, &cache_core::Revision::main());
    let lock = layout.store_lock(crate::locking::locks::MANIFESTS);
    for path in [layout.version(), layout.manifest(&v), layout.use_marker(&v), layout.totals(), reference, lock] {
        assert_eq!(mode(&path), 0o664, "{}", path.display());
    }
}

#[test]
fn writers_are_the_widest_of_all_folders() {
    let f = fixture();
    let root = f.store.root().to_path_buf();
    let group = 54_321;
    set_mode(&root, 0o755);
    assert_eq!(f.store.writers().unwrap(), Writers::Owner);
    set_mode(&root.join("refs"), 0o777);
    assert_eq!(f.store.writers().unwrap(), Writers::Everyone);
    // Nobody else comes that far.
    set_mode(&root, 0o700);
    assert_eq!(f.store.writers().unwrap(), Writers::Owner);
    set_mode(&root.join("refs"), 0o755);
    if std::os::unix::fs::chown(&root, None, Some(group)).is_ok() {
        set_mode(&root, 0o2775);
        assert_eq!(f.store.writers().unwrap(), Writers::Group(group));
    }
}
