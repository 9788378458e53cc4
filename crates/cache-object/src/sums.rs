//! Digests that lie beside the files: `SHA256SUMS`, and `name.sha256`.

use std::collections::HashMap;

use cache_core::{Error, ErrorKind, RepoPath, Result, RetryBudget, Sha256, checksum_entries, is_checksum_list};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::layout::{SUMS, below};
use crate::listing::ListedObject;
use crate::store::BucketStore;

/// Longest list that is read, in bytes: some 100,000 lines.
const MAX_LIST: u64 = 16 << 20;

/// Most lists that are read.
const MAX_LISTS: usize = 1_000;

/// Concurrent reads.
const SIDE_BY_SIDE: usize = 8;

/// Gives the objects the digests that lists among them name. A list covers the files below its own folder.
pub(crate) async fn apply(
    store: &BucketStore,
    prefix: Option<&RepoPath>,
    mut found: Vec<ListedObject>,
    budget: &RetryBudget,
) -> Result<Vec<ListedObject>> {
    let lists = found.iter().filter(|object| is_checksum_list(object.path.file_name()) && object.size <= MAX_LIST);
    let lists: Vec<RepoPath> = lists.take(MAX_LISTS).map(|object| object.path.clone()).collect();
    let read = lists.into_iter().map(|list| async move {
        let key = below(prefix, list.as_str());
        let bytes = store.read(&key, usize::try_from(MAX_LIST).unwrap_or(usize::MAX), budget).await?;
        Ok::<_, Error>((list, bytes.unwrap_or_default()))
    });
    let read: Vec<_> = futures::stream::iter(read).buffered(SIDE_BY_SIDE).try_collect().await?;
    let mut known: HashMap<String, Sha256> = HashMap::new();
    for (list, bytes) in read {
        let text = String::from_utf8_lossy(&bytes);
        for (path, sha256) in checksum_entries(&list, &text) {
            if known.insert(path.clone(), sha256).is_some_and(|other| other != sha256) {
                return Err(Error::new(ErrorKind::Integrity, format!("two lists name different digests for {path}"))
                    .with_host(&*store.host)
                    .with_hint(format!("{} or another list is out of date", store.shown(&below(prefix, SUMS)))));
            }
        }
    }
    for object in &mut found {
        object.sha256 = known.get(object.path.as_str()).copied();
    }
    Ok(found)
}

/// The digest that a list beside one object names for it.
pub(crate) async fn beside(store: &BucketStore, key: &RepoPath, budget: &RetryBudget) -> Result<Option<Sha256>> {
    let folder = key.as_str().strip_suffix(key.file_name()).unwrap_or_default();
    for list in [format!("{key}.sha256"), format!("{folder}{SUMS}")] {
        let bytes = match store.read(&list, usize::try_from(MAX_LIST).unwrap_or(usize::MAX), budget).await {
            Ok(bytes) => bytes.unwrap_or_default(),
            // Who may read the object need not be let in elsewhere.
            Err(error) if error.kind() == ErrorKind::Unauthorized => continue,
            // A bad moment must not turn a verified file into an unverified one.
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&bytes);
        let named = checksum_entries(&RepoPath::parse(&list)?, &text).find(|(path, _)| path == key.as_str());
        if let Some((_, sha256)) = named {
            return Ok(Some(sha256));
        }
    }
    Ok(None)
}
