//! A full disk. Mounts a small tmpfs, so it needs root, as CI has it.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use cache_core::ErrorKind;
use fs_err as fs;

use super::{count, hashes, publish, put, version};
use crate::{PartialKey, Store, StoreOptions};

struct Mounted(tempfile::TempDir);

impl Mounted {
    /// `None` for a user who may not mount. As root, and in CI, failing to mount fails the test.
    fn new(options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir.path()).output().unwrap();
        if mount.status.success() {
            return Some(Self(dir));
        }
        let why = String::from_utf8_lossy(&mount.stderr).into_owned();
        assert!(!rustix::process::geteuid().is_root() && std::env::var_os("CI").is_none(), "cannot mount: {why}");
        eprintln!("NOT TESTED: a small disk needs root ({why})");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn full_disk_is_reported_before_and_on_write() {
    let Some(disk) = Mounted::new("size=8m") else { return };
    let store = Store::open(disk.path(), StoreOptions::default()).unwrap();
    let error = store.partial(&PartialKey::for_tests("big"), Some(20 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.message().contains("21.0 MB needed"), "{error}");
    assert_eq!(count(&store.layout().partials()), 0);

    let kept = store.partial(&PartialKey::for_tests("fits"), Some(5 << 20)).unwrap();
    let error = store.partial(&PartialKey::for_tests("both"), Some(5 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "the room is taken, not only promised");
    drop(kept);

    publish(&store, &[1; 1000]);
    let filler = disk.path().join("filler");
    let file = fs::File::create(&filler).unwrap().into_file();
    let mut at = 0;
    while file.write_all_at(&[0; 4096], at).is_ok() {
        at += 4096;
    }
    let v = version("org/m", 'a');
    let manifest = super::Manifest::new(v.clone(), vec![super::entry("x", &[1; 1000])]).unwrap();
    assert_eq!(store.put_manifest(&manifest).unwrap_err().kind(), ErrorKind::NoSpace);
    assert!(store.manifest(&v).unwrap().is_none());
    assert_eq!(count(&store.layout().partials()), 0, "nothing half-written stays");
    let partial = store.partial(&PartialKey::for_tests("x"), None).unwrap();
    assert!(partial.file().write_all_at(&[2; 10_000], 0).is_err());
    assert_eq!(store.publish(partial, &hashes(&[2; 10_000]), None).unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(store.blobs().unwrap().len(), 1);

    drop(file);
    fs::remove_file(filler).unwrap();
    put(&store, &v, &[("x", &[1; 1000])]);
    assert!(store.materialize(&manifest, None).unwrap().join("x").exists());
}

#[test]
fn out_of_inodes_is_an_error_and_no_harm() {
    let Some(disk) = Mounted::new("size=8m,nr_inodes=40") else { return };
    let store = Store::open(disk.path(), StoreOptions::default()).unwrap();
    let mut published = 0_usize;
    let error = loop {
        let bytes = [u8::try_from(published).unwrap(); 10];
        let hashes = hashes(&bytes);
        let attempt = store.partial(&PartialKey::for_tests("k"), Some(10)).and_then(|partial| {
            partial.file().write_all_at(&bytes, 0).unwrap();
            store.publish(partial, &hashes, Some(hashes.sha256))
        });
        match attempt {
            Ok(_) => published += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert_eq!(store.blobs().unwrap().len(), published);
    assert_eq!(count(&store.layout().partials()), 0);
}

#[test]
fn a_read_only_mount_serves_hits() {
    let Some(disk) = Mounted::new("size=8m") else { return };
    let v = version("org/m", 'a');
    put(&Store::open(disk.path(), StoreOptions::default()).unwrap(), &v, &[("x", b"bytes")]);
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.path()).status().unwrap();
    assert!(remount.success());
    let store = Store::open(disk.path(), StoreOptions::default()).unwrap();
    assert!(store.read_only().is_some());
    assert_eq!(store.manifest(&v).unwrap().unwrap().files.len(), 1);
    assert_eq!(store.verify(&super::sha(b"bytes"), crate::VerifyMode::Full).unwrap(), crate::Verified::Intact);
    assert_eq!(store.lease(&[super::sha(b"bytes")]).unwrap().names().len(), 0);
}

#[test]
fn a_full_disk_takes_no_hit_away() {
    let Some(disk) = Mounted::new("size=8m") else { return };
    let store = Store::open(disk.path(), StoreOptions::default()).unwrap();
    let v = version("org/m", 'a');
    let manifest = put(&store, &v, &[("x", &[1; 1000])]);
    store.materialize(&manifest, None).unwrap();
    drop(store);
    let filler = fs::File::create(disk.path().join("filler")).unwrap().into_file();
    let mut at = 0;
    while filler.write_all_at(&[0; 4096], at).is_ok() {
        at += 4096;
    }
    // As another process, which has no lease file yet.
    let store = Store::open(disk.path(), StoreOptions::default()).unwrap();
    let blob = store.lease_file(&manifest.files[0]).unwrap();
    assert_eq!(blob.map(|blob| blob.size), Some(1000));
    assert!(store.lease(&[manifest.files[0].digests.sha256.unwrap()]).unwrap().names().is_empty(), "there was room");
}
