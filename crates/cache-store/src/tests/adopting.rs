use std::os::unix::fs::MetadataExt as _;

use cache_core::ErrorKind;
use fs_err as fs;

use super::{count, entry, fixture, sha};
use crate::AdoptOptions;

#[test]
fn a_file_is_copied_or_shared_and_verified() {
    for hard in [false, true] {
        let f = fixture();
        let path = f.dir.path().join("original");
        fs::write(&path, b"bytes").unwrap();
        let adopted =
            f.store.adopt(&path, &entry("f", b"bytes"), AdoptOptions::default().with_hard_link(hard)).unwrap();
        assert!(adopted.verified);
        assert_eq!(adopted.blob.name, sha(b"bytes"));
        assert_eq!(fs::read(&adopted.blob.path).unwrap(), b"bytes");
        if hard {
            assert!(adopted.linked);
        }
        let shared = fs::metadata(&path).unwrap().ino() == fs::metadata(&adopted.blob.path).unwrap().ino();
        assert!(hard || !shared, "no second name without leave");
        let again = f.store.adopt(&path, &entry("f", b"bytes"), AdoptOptions::default()).unwrap();
        assert!(again.hashes.is_none() && again.verified);
        assert_eq!(count(&f.store.layout().partials()), 0);
    }
}

#[test]
fn a_file_with_other_bytes_is_refused_and_left_alone() {
    for hard in [false, true] {
        let f = fixture();
        let path = f.dir.path().join("original");
        fs::write(&path, b"wrong").unwrap();
        let error =
            f.store.adopt(&path, &entry("f", b"bytes"), AdoptOptions::default().with_hard_link(hard)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert_eq!(fs::read(&path).unwrap(), b"wrong");
        assert!(f.store.blobs().unwrap().is_empty());
        assert_eq!(count(&f.store.layout().partials()), 0);
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let f = fixture();
    let adopt = |name: &str| f.store.adopt(&f.dir.path().join(name), &entry("f", b"x"), AdoptOptions::default());
    assert_eq!(adopt("none").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(adopt("hub").unwrap_err().kind(), ErrorKind::Usage);
    fs::write(f.dir.path().join("nameless"), b"x").unwrap();
    let bare = super::FileEntry::new(super::RepoPath::parse("f").unwrap());
    let adopted = f.store.adopt(&f.dir.path().join("nameless"), &bare, AdoptOptions::default()).unwrap();
    assert!(!adopted.verified);
    assert_eq!(adopted.blob.name, sha(b"x"));
}
