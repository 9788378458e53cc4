//! What the parts of the store do together.

mod access;
mod adopting;
mod disk;
mod evicting;
mod machine;
mod opening;
mod partials;
mod publishing;
mod quarantining;
mod verifying;
mod views;

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use cache_core::{Commit, FileEntry, Hasher, Hashes, Manifest, ModelId, RepoPath, Sha256, Version};
use fs_err as fs;

use crate::{Blob, PartialKey, Store, StoreOptions};

pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
}

pub(crate) fn fixture() -> Fixture {
    with(StoreOptions::default())
}

pub(crate) fn with(options: StoreOptions) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options).unwrap();
    Fixture { dir, store }
}

pub(crate) fn hashes(bytes: &[u8]) -> Hashes {
    let mut hasher = Hasher::new().with_git_sha1(bytes.len() as u64).with_blocks();
    hasher.update(bytes);
    hasher.finish()
}

pub(crate) fn sha(bytes: &[u8]) -> Sha256 {
    hashes(bytes).sha256
}

pub(crate) fn publish(store: &Store, bytes: &[u8]) -> Blob {
    let hashes = hashes(bytes);
    let partial = store.partial(&PartialKey::sha256(&hashes.sha256), Some(hashes.length)).unwrap();
    partial.file().write_all_at(bytes, 0).unwrap();
    store.publish(partial, &hashes, Some(hashes.sha256)).unwrap()
}

pub(crate) fn version(model: &str, commit: char) -> Version {
    Version { model: ModelId::hub(model).unwrap(), commit: Commit::parse(&commit.to_string().repeat(40)).unwrap() }
}

/// A large file of a listing.
pub(crate) fn entry(path: &str, bytes: &[u8]) -> FileEntry {
    let mut file = FileEntry::new(RepoPath::parse(path).unwrap());
    file.size = Some(bytes.len() as u64);
    file.digests.sha256 = Some(sha(bytes));
    file
}

/// Publishes files and their manifest.
pub(crate) fn put(store: &Store, version: &Version, files: &[(&str, &[u8])]) -> Manifest {
    for (_, bytes) in files {
        publish(store, bytes);
    }
    let entries = files.iter().map(|(path, bytes)| entry(path, bytes)).collect();
    let manifest = Manifest::new(version.clone(), entries).unwrap();
    store.put_manifest(&manifest).unwrap();
    manifest
}

/// Changes one byte of a file that may not be written.
pub(crate) fn break_byte(path: &Path, at: u64) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap().into_file();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

pub(crate) fn count(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}
