//! Listing of the objects below a prefix.

use cache_core::{Error, ErrorKind, ListingSize, RepoPath, Result, RetryBudget};
use futures::{StreamExt as _, TryStreamExt as _};
use http::Extensions;
use object_store::ObjectMeta;
use object_store::list::PaginatedListOptions;

use crate::checksum;
use crate::error::CloudErrorResponse;
use crate::layout::below;
use crate::store::{BucketStore, ObjectReadOptions};

/// Most objects that are asked for their checksums one by one.
const MAX_ASKED: usize = 1_000;

/// Concurrent requests.
const SIDE_BY_SIDE: usize = 16;

/// An object below the prefix.
#[derive(Debug, Clone)]
pub(crate) struct ListedObject {
    pub(crate) path: RepoPath,
    pub(crate) size: u64,
    pub(crate) etag: Option<String>,
    pub(crate) sha256: Option<cache_core::Sha256>,
}

/// All objects below the prefix, sorted; none when there is nothing.
pub(crate) async fn list(
    store: &BucketStore,
    prefix: Option<&RepoPath>,
    budget: &RetryBudget,
) -> Result<Vec<ListedObject>> {
    let folder = prefix.map(|prefix| format!("{prefix}/"));
    let mut found = Vec::new();
    let mut size = ListingSize::default();
    let mut token: Option<String> = None;
    loop {
        let mut extensions = Extensions::new();
        extensions.insert(budget.clone());
        let options = PaginatedListOptions { page_token: token.clone(), extensions, ..PaginatedListOptions::default() };
        let page = store.cloud.list_paginated(folder.as_deref(), options).await;
        let page = page.map_err(|error| store.explain(&error))?;
        for object in page.result.objects {
            let Some(object) = entry(&object, folder.as_deref())? else { continue };
            size.add(&object.path).map_err(|error| {
                let shown = store.shown(folder.as_deref().unwrap_or(""));
                Error::new(ErrorKind::Unsupported, format!("{shown}: {error}")).with_hint("name a longer prefix")
            })?;
            found.push(object);
        }
        match page.page_token {
            None => break,
            next if next == token => {
                return Err(Error::new(ErrorKind::Network, "the object store's listing repeats itself")
                    .with_host(&*store.host)
                    .with_hint("check the endpoint: its server is faulty"));
            }
            next => token = next,
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(without_folders(found))
}

/// An object as an entry; `None` for the marker of the prefix itself.
fn entry(object: &ObjectMeta, folder: Option<&str>) -> Result<Option<ListedObject>> {
    let key = object.location.as_ref();
    let Some(name) = folder.map_or(Some(key), |folder| key.strip_prefix(folder)) else { return Ok(None) };
    if name.is_empty() {
        return Ok(None);
    }
    let path = RepoPath::parse(name)?;
    Ok(Some(ListedObject { path, size: object.size, etag: object.e_tag.as_deref().and_then(bare), sha256: None }))
}

/// A strong tag without its quotes.
fn bare(tag: &str) -> Option<String> {
    let tag = tag.trim();
    let bare = tag.trim_matches('"');
    (!tag.starts_with("W/") && !bare.is_empty()).then(|| bare.to_owned())
}

/// Without the empty objects that consoles make to show a folder. The objects are sorted by path.
fn without_folders(found: Vec<ListedObject>) -> Vec<ListedObject> {
    let holds_some = |folder: &RepoPath| {
        let prefix = format!("{folder}/");
        let first = found.partition_point(|object| object.path.as_str() < prefix.as_str());
        found.get(first).is_some_and(|object| object.path.as_str().starts_with(&prefix))
    };
    let kept: Vec<bool> = found.iter().map(|object| object.size > 0 || !holds_some(&object.path)).collect();
    found.into_iter().zip(kept).filter_map(|(object, kept)| kept.then_some(object)).collect()
}

/// Adds the checksums that S3 keeps, to those objects that have none, and drops the markers of empty folders.
pub(crate) async fn ask_checksums(
    store: &BucketStore,
    prefix: Option<&RepoPath>,
    found: Vec<ListedObject>,
    budget: &RetryBudget,
) -> Result<Vec<ListedObject>> {
    let s3 = store.kind == cache_core::BucketKind::S3;
    let wanted = |object: &ListedObject| object.size == 0 || (s3 && object.sha256.is_none());
    if found.iter().filter(|object| wanted(object)).count() > MAX_ASKED {
        tracing::debug!(objects = found.len(), "too many objects to ask each for its checksum");
        return Ok(found);
    }
    let asked = found.into_iter().map(|mut object| async move {
        if !wanted(&object) {
            return Ok::<_, Error>(Some(object));
        }
        let key = below(prefix, object.path.as_str());
        let answer = store.ask(&key, ObjectReadOptions { head: true, ..ObjectReadOptions::default() }, budget).await?;
        if answer.status().is_success() {
            object.sha256 = object.sha256.or_else(|| checksum::of_object(answer.headers()));
            return Ok(Some(object));
        }
        match CloudErrorResponse::of(answer).await {
            reply if reply.is_absent() && object.size == 0 => Ok(None),
            // Whether it can be read will show when it is.
            _ => Ok(Some(object)),
        }
    });
    let asked: Vec<Option<ListedObject>> = futures::stream::iter(asked).buffered(SIDE_BY_SIDE).try_collect().await?;
    Ok(asked.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, size: u64) -> ListedObject {
        ListedObject { path: RepoPath::parse(path).unwrap(), size, etag: None, sha256: None }
    }

    #[test]
    fn markers_of_folders_are_no_files() {
        let objects = vec![found("a", 0), found("a/b", 0), found("a/b/c", 1), found("empty", 0)];
        let left: Vec<_> = without_folders(objects).into_iter().map(|object| object.path.to_string()).collect();
        assert_eq!(left, ["a/b/c", "empty"]);
    }

    #[test]
    fn tags_are_bare_and_strong() {
        assert_eq!(bare("\"abc-2\"").as_deref(), Some("abc-2"));
        assert_eq!(bare("0x8D").as_deref(), Some("0x8D"));
        assert_eq!(bare("W/\"abc\""), None);
        assert_eq!(bare("\"\""), None);
    }
}
