//! What a listing becomes when the compressed files in it are shown as what they hold.

use std::collections::HashSet;

use cache_core::{Commit, CompressedFile, Compression, FileEntry, Manifest, RepoPath};

/// The entries that are shown plain: where they are in the listing, how they are packed, their plain names.
pub(crate) fn compressed_files(manifest: &Manifest) -> Vec<(usize, Compression, RepoPath)> {
    // A plain name that is there wins, and of two packings of one file the first.
    let mut taken: HashSet<RepoPath> = manifest.files.iter().map(|file| file.path.clone()).collect();
    let compressed = manifest.files.iter().enumerate().filter_map(|(at, file)| {
        let (compression, plain) = Compression::of(&file.path)?;
        taken.insert(plain.clone()).then_some((at, compression, plain))
    });
    compressed.collect()
}

/// The entry of the plain file.
pub(crate) fn decompressed_entry(file: &FileEntry, compression: Compression, plain: RepoPath) -> FileEntry {
    let mut entry = FileEntry::new(plain);
    entry.compressed = Some(CompressedFile {
        path: file.path.clone(),
        compression,
        size: file.size,
        digests: file.digests,
        etag: file.etag.clone(),
    });
    entry
}

/// The entry of the compressed file, as the inner source lists it.
pub(crate) fn compressed_entry(compressed: &CompressedFile) -> FileEntry {
    let mut entry = FileEntry::new(compressed.path.clone());
    entry.size = compressed.size;
    entry.digests = compressed.digests;
    entry.etag = compressed.etag.clone();
    entry
}

/// The commit of a listing in which something is shown plain: neither the inner one, nor the same for another.
pub(crate) fn commit(inner: &Commit, files: &[FileEntry]) -> Commit {
    let identities: Vec<FileEntry> = files
        .iter()
        .map(|file| {
            let mut identity = FileEntry::new(file.path.clone());
            let compression =
                file.compressed.as_ref().map_or_else(String::new, |compressed| compressed.compression.to_string());
            let digest = file.digests.strongest().map_or_else(String::new, |digest| digest.to_string());
            identity.size = file.size;
            identity.etag = Some(format!("{inner} {compression} {digest}"));
            identity
        })
        .collect();
    Commit::of_listing(&identities)
}
