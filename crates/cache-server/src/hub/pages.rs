//! [`Pages`]: answers about a version, written once.

use std::sync::OnceLock;

use bytes::Bytes;

use super::info;
use super::listing::{self, PAGE, Page, Shown};
use crate::catalog::View;

/// Longest answer that is kept, in bytes. The few longer ones are written anew each time.
const KEPT: usize = 1 << 20;

/// What most clients ask about a version, as it is sent. Lives as long as the version is remembered.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    info: OnceLock<Bytes>,
    blobs: OnceLock<Bytes>,
    /// The first page of all files, and where the next one begins.
    tree: OnceLock<(Bytes, Option<usize>)>,
}

impl Pages {
    /// `GET …/revision/{rev}`, with or without `blobs`.
    pub(super) fn info(view: &View, blobs: bool) -> Bytes {
        let kept = if blobs { &view.pages.blobs } else { &view.pages.info };
        if let Some(bytes) = kept.get() {
            return bytes.clone();
        }
        let bytes = Bytes::from(info::info(view, blobs).to_string());
        if bytes.len() <= KEPT {
            return kept.get_or_init(|| bytes).clone();
        }
        bytes
    }

    /// A page of the tree; `None` when there is no such folder.
    pub(super) fn tree(view: &View, shown: Shown<'_>) -> serde_json::Result<Option<(Bytes, Option<usize>)>> {
        let usual = matches!(shown, Shown { folder: None, recursive: true, expand: false, from: 0, most: PAGE });
        if let (true, Some((bytes, next))) = (usual, view.pages.tree.get()) {
            return Ok(Some((bytes.clone(), *next)));
        }
        let Some(Page { json, next }) = listing::tree(view, shown)? else { return Ok(None) };
        let page = (Bytes::from(json), next);
        if usual && page.0.len() <= KEPT {
            return Ok(Some(view.pages.tree.get_or_init(|| page).clone()));
        }
        Ok(Some(page))
    }
}
