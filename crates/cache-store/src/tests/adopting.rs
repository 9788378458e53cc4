use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use cache_core::ErrorKind;
use fs_err as fs;

use super::{Fixture, count, entry, fixture, sha};
use crate::{AdoptOptions, Adopted, CopyReason};

fn options(f: &Fixture, hard: bool) -> AdoptOptions {
    let options = AdoptOptions::default();
    if hard { options.with_hard_link(f.dir.path()) } else { options }
}

/// Adopts `top/file` of a folder, of which hard links may be made, and copies must not.
fn adopt_of(f: &Fixture, folder: &Path, bytes: &[u8]) -> Adopted {
    let options = AdoptOptions::default().with_hard_link(folder).with_copy(false);
    f.store.adopt(&folder.join("file"), &entry("f", bytes), options).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_is_copied_or_shared_and_verified() {
    for hard in [false, true] {
        let f = fixture();
        let path = f.dir.path().join("original");
        fs::write(&path, b"bytes").unwrap();
        let adopted = f.store.adopt(&path, &entry("f", b"bytes"), options(&f, hard)).unwrap();
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
fn adopt_of_wrong_bytes_leaves_file_untouched() {
    for hard in [false, true] {
        let f = fixture();
        let path = f.dir.path().join("original");
        fs::write(&path, b"wrong").unwrap();
        let error = f.store.adopt(&path, &entry("f", b"bytes"), options(&f, hard)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        assert_eq!(fs::read(&path).unwrap(), b"wrong");
        assert!(f.store.blobs().unwrap().is_empty());
        assert_eq!(count(&f.store.layout().partials()), 0);
    }
}

#[test]
fn adopt_of_a_non_file_is_refused() {
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

#[test]
fn a_file_that_runs_is_copied_and_left_alone() {
    for bits in [0o4755, 0o2755, 0o744, 0o611] {
        let (f, top) = (fixture(), tempfile::tempdir().unwrap());
        let path = top.path().join("file");
        fs::write(&path, b"bytes").unwrap();
        set_mode(&path, bits);
        let adopted = adopt_of(&f, top.path(), b"bytes");
        assert!(adopted.linked || adopted.copy_reason == Some(CopyReason::Executable), "{bits:o}");
        assert_eq!((mode(&path), fs::metadata(&path).unwrap().nlink()), (bits, 1));
        assert_eq!(mode(&adopted.blob.path), (bits & 0o444) | 0o400);
        assert_ne!(fs::metadata(&path).unwrap().ino(), fs::metadata(&adopted.blob.path).unwrap().ino());
    }
}

#[test]
fn a_file_outside_the_folder_is_never_linked() {
    let (f, top, outside) = (fixture(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let real = outside.path().join("real");
    fs::write(&real, b"bytes").unwrap();
    set_mode(&real, 0o640);
    symlink(&real, top.path().join("file")).unwrap();
    let adopted = adopt_of(&f, top.path(), b"bytes");
    assert!(adopted.linked || adopted.copy_reason == Some(CopyReason::Outside));
    assert_eq!((mode(&real), fs::metadata(&real).unwrap().nlink()), (0o640, 1));
    assert_eq!(mode(&adopted.blob.path), 0o440);
}

#[test]
fn a_file_with_names_elsewhere_is_never_linked() {
    let (f, top, outside) = (fixture(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = top.path().join("file");
    fs::write(&path, b"bytes").unwrap();
    fs::hard_link(&path, outside.path().join("other")).unwrap();
    let adopted = adopt_of(&f, top.path(), b"bytes");
    assert!(adopted.linked || adopted.copy_reason == Some(CopyReason::LinkedElsewhere));
    assert_eq!((mode(&path) & 0o200, fs::metadata(&path).unwrap().nlink()), (0o200, 2));

    // All names of it in the folder: it is one file of that folder.
    let (f, top) = (fixture(), tempfile::tempdir().unwrap());
    let path = top.path().join("file");
    fs::write(&path, b"bytes").unwrap();
    fs::create_dir(top.path().join("sub")).unwrap();
    fs::hard_link(&path, top.path().join("sub/same")).unwrap();
    assert!(adopt_of(&f, top.path(), b"bytes").linked);
    // Of what was adopted before one name is the blob's, which is found although no digest is known.
    let bare = super::FileEntry::new(super::RepoPath::parse("f").unwrap());
    let options = AdoptOptions::default().with_hard_link(top.path()).with_copy(false);
    let again = f.store.adopt(&path, &bare, options).unwrap();
    assert_eq!((again.copy_reason, again.blob.name), (None, sha(b"bytes")));
}

#[test]
fn a_file_of_another_user_is_never_linked() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can make another user's file");
        return;
    }
    let (f, top) = (fixture(), tempfile::tempdir().unwrap());
    let path = top.path().join("file");
    fs::write(&path, b"bytes").unwrap();
    set_mode(&path, 0o600);
    std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
    let adopted = adopt_of(&f, top.path(), b"bytes");
    let (theirs, ours) = (fs::metadata(&path).unwrap(), fs::metadata(&adopted.blob.path).unwrap());
    assert!(adopted.linked || adopted.copy_reason == Some(CopyReason::OtherOwner));
    assert_eq!((theirs.uid(), theirs.nlink(), mode(&path)), (65534, 1, 0o600));
    assert_eq!((ours.uid(), mode(&adopted.blob.path)), (0, 0o400));
    assert_ne!(theirs.ino(), ours.ino());
}

#[test]
fn a_blob_keeps_what_its_file_let_be_read() {
    for (bits, kept) in [(0o600, 0o400), (0o640, 0o440), (0o644, 0o444), (0o400, 0o400)] {
        for hard in [false, true] {
            let f = fixture();
            let path = f.dir.path().join("original");
            fs::write(&path, b"bytes").unwrap();
            set_mode(&path, bits);
            let adopted = f.store.adopt(&path, &entry("f", b"bytes"), options(&f, hard)).unwrap();
            assert_eq!(mode(&adopted.blob.path), kept, "{bits:o}, hard link: {hard}");
        }
    }
}
