use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use cache_core::{ErrorKind, Sha256};
use fs_err as fs;

use super::{count, fixture, hashes, publish, sha};
use crate::{PartialKey, QuarantineRecord, Store, StoreOptions};

#[test]
fn wrong_bytes_never_get_a_name() {
    let f = fixture();
    let partial = |length| f.store.partial(&PartialKey::for_tests("k"), Some(length)).unwrap();
    let one = partial(5);
    one.file().write_all_at(b"bytes", 0).unwrap();
    let error = f.store.publish(one, &hashes(b"bytes"), Some(sha(b"other"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(
        error.message().contains(&sha(b"other").to_string()) && error.message().contains(&sha(b"bytes").to_string())
    );
    let error = f.store.publish(partial(6), &hashes(b"bytes"), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(f.store.blobs().unwrap().is_empty());
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn a_blob_that_is_there_already_stays() {
    let f = fixture();
    let first = publish(&f.store, b"bytes");
    let inode = fs::metadata(&first.path).unwrap().ino();
    assert_eq!(publish(&f.store, b"bytes"), first);
    assert_eq!(fs::metadata(&first.path).unwrap().ino(), inode);
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn file_of_another_length_goes_to_quarantine() {
    let f = fixture();
    let path = f.store.layout().blob(&sha(b"bytes"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, b"cut").unwrap();
    assert_eq!(fs::read(publish(&f.store, b"bytes").path).unwrap(), b"bytes");
    let kept = f.store.quarantined().unwrap();
    assert_eq!((kept.len(), kept[0].size), (1, 3));
}

#[test]
fn many_publish_one_blob() {
    let f = fixture();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = Store::open(f.dir.path(), StoreOptions::default()).unwrap();
                for n in 0..20_u8 {
                    publish(&store, &[n; 100]);
                }
            });
        }
    });
    assert_eq!(f.store.blobs().unwrap().len(), 20);
    assert_eq!(count(&f.store.layout().partials()), 0);
}

#[test]
fn partial_with_an_open_writer_is_not_published() {
    let f = fixture();
    let partial = f.store.partial(&PartialKey::for_tests("k"), Some(5)).unwrap();
    let clone = std::sync::Arc::clone(partial.file());
    assert_eq!(f.store.publish(partial, &hashes(b"bytes"), None).unwrap_err().kind(), ErrorKind::Storage);
    drop(clone);
}

#[test]
fn quarantine_restores_under_the_actual_digest() {
    let f = fixture();
    let partial = f.store.partial(&PartialKey::for_tests("k"), Some(5)).unwrap();
    partial.file().write_all_at(b"wrong", 0).unwrap();
    let v = super::version("org/m", 'a');
    let path = super::RepoPath::parse("f").unwrap();
    let record = QuarantineRecord::new("digest mismatch")
        .with_file(&v, &path)
        .with_source("cdn.example")
        .with_digests(Some(cache_core::Digest::Sha256(sha(b"right"))), hashes(b"wrong").digests());
    let id = f.store.quarantine(partial, record.clone()).unwrap();
    assert_eq!(count(&f.store.layout().partials()), 0);
    let shown = f.store.quarantine_show(&id).unwrap();
    assert_eq!((shown.size, &shown.record), (5, &record));
    assert_eq!(f.store.quarantined().unwrap().len(), 1);
    let blob = f.store.quarantine_restore(&id).unwrap();
    assert_eq!(blob.name, sha(b"wrong"));
    assert!(f.store.blob(&sha(b"right")).unwrap().is_none());
    assert!(f.store.quarantined().unwrap().is_empty());
    assert_eq!(fs::read(blob.path).unwrap(), b"wrong");
    for id in [id.as_str(), "", "../../x", "0000000000000000", "é"] {
        assert_eq!(f.store.quarantine_show(id).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(f.store.quarantine_remove(id).is_err() && f.store.quarantine_restore(id).is_err());
    }
}

#[test]
fn blob_is_found_by_its_git_id() {
    let f = fixture();
    publish(&f.store, b"bytes");
    let mut file = super::FileEntry::new(super::RepoPath::parse("f").unwrap());
    file.digests.git_sha1 = hashes(b"bytes").git_sha1;
    assert_eq!(f.store.find(&file).unwrap().unwrap().name, sha(b"bytes"));
    file.size = Some(6);
    assert!(f.store.find(&file).unwrap().is_none(), "another size is another file");
    file.digests.git_sha1 = None;
    assert!(f.store.find(&file).unwrap().is_none());
    assert!(f.store.blob(&Sha256::from_bytes([0; 32])).unwrap().is_none());
}
