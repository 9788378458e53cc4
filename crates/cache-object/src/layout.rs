//! Where things lie below a prefix. What a push writes:
//!
//! ```text
//! blobs/ab/<sha256>         the bytes
//! manifests/<commit>.json   what a version consists of
//! refs/<revision>           the commit that a moving name points to
//! manifest.json             the newest version
//! ```
//!
//! They are written in this order and read in reverse, so no reader sees half a model.

use cache_core::{Commit, RepoPath, Revision, Sha256};

/// The newest version, and the only one where files lie under their own names.
pub(crate) const DOCUMENT: &str = "manifest.json";

/// The list of digests, as `sha256sum` writes it.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// The key of a name below a prefix.
pub(crate) fn below(prefix: Option<&RepoPath>, name: &str) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}/{name}"),
        None => name.to_owned(),
    }
}

/// Key of a blob, below the prefix.
pub(crate) fn blob(sha256: Sha256) -> String {
    let name = sha256.to_string();
    format!("blobs/{}/{name}", name.get(..2).unwrap_or_default())
}

/// Key of a version's document, below the prefix.
pub(crate) fn manifest(commit: &Commit) -> String {
    format!("manifests/{commit}.json")
}

/// Key of a ref, below the prefix.
pub(crate) fn reference(revision: &Revision) -> String {
    format!("refs/{revision}")
}
