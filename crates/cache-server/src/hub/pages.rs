//! Answers about a version, encoded once where most clients ask for them.

use bytes::Bytes;

use super::info;
use super::listing::{self, PAGE, Page, Shown};
use crate::catalog::View;

/// `GET …/revision/{rev}`, with or without `blobs`.
pub(super) fn info(view: &View, blobs: bool) -> Bytes {
    let encoded = if blobs { &view.encoded.blobs } else { &view.encoded.info };
    encoded.get().unwrap_or_else(|| {
        let bytes = Bytes::from(info::info(view, blobs).to_string());
        let len = bytes.len();
        encoded.keep(bytes, len)
    })
}

/// A page of the tree; `None` when there is no such folder.
pub(super) fn tree(view: &View, shown: Shown<'_>) -> serde_json::Result<Option<(Bytes, Option<usize>)>> {
    let usual = matches!(shown, Shown { folder: None, recursive: true, expand: false, from: 0, most: PAGE });
    if let Some(page) = view.encoded.tree.get().filter(|_| usual) {
        return Ok(Some(page));
    }
    let Some(Page { json, next }) = listing::tree(view, shown)? else { return Ok(None) };
    let len = json.len();
    let page = (Bytes::from(json), next);
    Ok(Some(if usual { view.encoded.tree.keep(page, len) } else { page }))
}
