//! What a listing becomes when the compressed files in it are shown as what they hold.

use std::collections::HashSet;

use cache_core::{Commit, FileEntry, Manifest, Packed, Packing, RepoPath};

/// The entries that are shown plain: where they are in the listing, how they are packed, their plain names.
pub(crate) fn packed(manifest: &Manifest) -> Vec<(usize, Packing, RepoPath)> {
    // A plain name that is there wins, and of two packings of one file the first.
    let mut taken: HashSet<RepoPath> = manifest.files.iter().map(|file| file.path.clone()).collect();
    let packed = manifest.files.iter().enumerate().filter_map(|(at, file)| {
        let (packing, plain) = Packing::of(&file.path)?;
        taken.insert(plain.clone()).then_some((at, packing, plain))
    });
    packed.collect()
}

/// The entry of the plain file.
pub(crate) fn plain(file: &FileEntry, packing: Packing, plain: RepoPath) -> FileEntry {
    let mut entry = FileEntry::new(plain);
    entry.packed = Some(Packed {
        path: file.path.clone(),
        packing,
        size: file.size,
        digests: file.digests,
        etag: file.etag.clone(),
    });
    entry
}

/// The entry of the compressed file, as the inner source lists it.
pub(crate) fn compressed(packed: &Packed) -> FileEntry {
    let mut entry = FileEntry::new(packed.path.clone());
    entry.size = packed.size;
    entry.digests = packed.digests;
    entry.etag = packed.etag.clone();
    entry
}

/// The commit of a listing in which something is shown plain: neither the inner one, nor the same for another.
pub(crate) fn commit(inner: &Commit, files: &[FileEntry]) -> Commit {
    let identities: Vec<FileEntry> = files
        .iter()
        .map(|file| {
            let mut identity = FileEntry::new(file.path.clone());
            let packing = file.packed.as_ref().map_or_else(String::new, |packed| packed.packing.to_string());
            let digest = file.digests.strongest().map_or_else(String::new, |digest| digest.to_string());
            identity.size = file.size;
            identity.etag = Some(format!("{inner} {packing} {digest}"));
            identity
        })
        .collect();
    Commit::of_listing(&identities)
}
