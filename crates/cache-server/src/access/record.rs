//! Whether a repository is public, as upstream last said it, kept in the store: it is served while upstream is down,
//! also after a restart.

use cache_lib::{RepoPath, Result, Store};
use serde::{Deserialize, Serialize};

use crate::repo::Repo;

/// Name of the document.
const NAME: &str = "visibility.json";

/// By upstream's last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Visibility {
    Public,
    /// Private, gated, or gone.
    Restricted,
}

#[derive(Serialize, Deserialize)]
struct Document {
    visibility: Visibility,
}

/// What is recorded. What cannot be read is as not there.
pub(crate) fn read(store: &Store, repo: &Repo) -> Option<Visibility> {
    let bytes = store.document(&repo.model(), &RepoPath::parse(NAME).ok()?).ok()??;
    serde_json::from_slice::<Document>(&bytes).ok().map(|document| document.visibility)
}

/// Records it, unless that is what is recorded.
///
/// # Errors
/// A storage error, also in a read-only store.
pub(crate) fn write(store: &Store, repo: &Repo, visibility: Visibility) -> Result<()> {
    if read(store, repo) == Some(visibility) {
        return Ok(());
    }
    // A struct of one word is always JSON.
    let bytes = serde_json::to_vec(&Document { visibility }).unwrap_or_default();
    store.put_document(&repo.model(), &RepoPath::parse(NAME)?, &bytes)
}
