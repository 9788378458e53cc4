//! The entries of a version as the tree and `paths-info` show them.

use std::collections::HashSet;

use cache_lib::{FileEntry, Manifest};
use serde::Serialize;
use serde_json::Value;

use super::file_identity::{FileIdentity, folder_id};
use crate::catalog::View;

/// Entries on one page of a listing, at most, as on the Hub.
pub(super) const PAGE: usize = 1000;

/// The Hub's value for an unknown time.
const LONG_AGO: &str = "1970-01-01T00:00:00.000Z";

/// A file or folder, not yet written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListingEntry<'a> {
    File(&'a FileEntry),
    Folder(&'a str),
}

/// An entry as JSON. There is no `xetHash`: a mirror has all of Xet or none of it.
#[derive(Debug, Serialize)]
struct WrittenEntry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    oid: String,
    size: u64,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs: Option<Pointer>,
    #[serde(rename = "lastCommit", skip_serializing_if = "Option::is_none")]
    last_commit: Option<LastCommit<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    oid: String,
    size: u64,
    pointer_size: usize,
}

/// The commit that touched an entry last. Only the version's own is known.
#[derive(Debug, Clone, Copy, Serialize)]
struct LastCommit<'a> {
    id: &'a str,
    title: &'static str,
    date: &'a str,
}

/// Writes entries of one version.
#[derive(Debug, Clone, Copy)]
struct TreeWriter<'a> {
    commit: &'a str,
    last: Option<LastCommit<'a>>,
}

impl<'a> TreeWriter<'a> {
    fn new(view: &'a View, expand: bool) -> Self {
        let date = view.info.get("lastModified").and_then(Value::as_str).unwrap_or(LONG_AGO);
        let last = LastCommit { id: &view.commit, title: "", date };
        Self { commit: &view.commit, last: expand.then_some(last) }
    }

    fn written<'b>(&'b self, entry: ListingEntry<'b>) -> WrittenEntry<'b> {
        match entry {
            ListingEntry::File(file) => {
                let (size, identity) = (file.size.unwrap_or(0), FileIdentity::of(file, self.commit));
                let lfs = identity.lfs.map(|lfs| Pointer {
                    oid: lfs.sha256.to_string(),
                    size,
                    pointer_size: lfs.pointer_size,
                });
                let path = file.path.as_str();
                WrittenEntry { kind: "file", oid: identity.oid, size, path, lfs, last_commit: self.last }
            }
            ListingEntry::Folder(path) => {
                let oid = folder_id(path, self.commit).to_string();
                WrittenEntry { kind: "directory", oid, size: 0, path, lfs: None, last_commit: self.last }
            }
        }
    }
}

/// What a listing is asked to show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// Only entries below this folder.
    pub(super) folder: Option<&'a str>,
    /// Entries of subfolders, too.
    pub(super) recursive: bool,
    /// With the last commit.
    pub(super) expand: bool,
    /// Entries to pass over.
    pub(super) from: usize,
    /// Most entries.
    pub(super) most: usize,
}

/// One page of a listing.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// A JSON list.
    pub(super) json: Vec<u8>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<usize>,
}

/// A page of the entries below a folder; `None` when there is no such folder.
pub(super) fn tree(view: &View, shown: Shown<'_>) -> serde_json::Result<Option<Page>> {
    let files = below(&view.manifest, shown.folder);
    if files.is_empty() && shown.folder.is_some() {
        return Ok(None);
    }
    let prefix = shown.folder.map_or(0, |folder| folder.len() + 1);
    let mut entries = entries(files, prefix, shown.recursive).skip(shown.from);
    let writer = TreeWriter::new(view, shown.expand);
    let page: Vec<ListingEntry<'_>> = entries.by_ref().take(shown.most).collect();
    let next = entries.next().map(|_| shown.from + page.len());
    let written: Vec<WrittenEntry<'_>> = page.into_iter().map(|entry| writer.written(entry)).collect();
    Ok(Some(Page { json: serde_json::to_vec(&written)?, next }))
}

/// The entries of the named paths; those that are not there are left out.
pub(super) fn paths_info<'a>(
    view: &View,
    paths: impl Iterator<Item = &'a str>,
    expand: bool,
) -> serde_json::Result<Vec<u8>> {
    let writer = TreeWriter::new(view, expand);
    let files = &view.manifest.files;
    // Each once: a short name many times over would make a small form a large answer.
    let mut seen = HashSet::new();
    let found: Vec<ListingEntry<'_>> = paths
        .map(|path| path.trim_matches('/'))
        .filter(|path| seen.insert(*path))
        .filter_map(|path| match files.binary_search_by(|file| file.path.as_str().cmp(path)) {
            Ok(at) => files.get(at).map(ListingEntry::File),
            Err(_) => (!path.is_empty() && !below(&view.manifest, Some(path)).is_empty())
                .then_some(ListingEntry::Folder(path)),
        })
        .collect();
    serde_json::to_vec(&found.into_iter().map(|entry| writer.written(entry)).collect::<Vec<_>>())
}

/// The files below a folder. They lie together, because a manifest is sorted by path.
fn below<'a>(manifest: &'a Manifest, folder: Option<&str>) -> &'a [FileEntry] {
    let Some(folder) = folder else { return &manifest.files };
    let prefix = format!("{folder}/");
    let start = manifest.files.partition_point(|file| file.path.as_str() < prefix.as_str());
    let rest = manifest.files.get(start..).unwrap_or_default();
    let end = rest.partition_point(|file| file.path.as_str().starts_with(&prefix));
    rest.get(..end).unwrap_or_default()
}

/// Files and the folders that hold them, each folder before its first file. `prefix` bytes of every path are above.
fn entries(files: &[FileEntry], prefix: usize, recursive: bool) -> impl Iterator<Item = ListingEntry<'_>> {
    let mut last = "";
    files.iter().flat_map(move |file| {
        let path = file.path.as_str();
        let same = common_folder(last, path).max(prefix);
        last = path;
        let depth = if recursive { usize::MAX } else { 1 };
        let slashes = path.match_indices('/').map(|(at, _)| at).filter(move |&at| at >= prefix);
        let folders = slashes.clone().take(depth).filter(move |&at| at >= same).filter_map(|at| path.get(..at));
        let shown = recursive || slashes.take(1).next().is_none();
        folders.map(ListingEntry::Folder).chain(shown.then_some(ListingEntry::File(file)))
    })
}

/// How many bytes of two paths are the folders that both lie in, with the slash at their end.
fn common_folder(one: &str, other: &str) -> usize {
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    other.as_bytes().get(..same).and_then(|same| same.iter().rposition(|&byte| byte == b'/')).map_or(0, |at| at + 1)
}

#[cfg(test)]
pub(super) mod tests;
