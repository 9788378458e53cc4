//! [`Refusal`]: why a request is not answered with what it asks for.

use std::time::Duration;

use cache_lib::Error;

/// Why not. Becomes the Hub's own status, `X-Error-Code`, `X-Error-Message` and body.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// There is no such repository, or the caller may not know that there is: the two are one answer.
    RepoNotFound,
    /// The repository has no such revision.
    RevisionNotFound,
    /// The version has no such file. The commit makes clients remember that.
    EntryNotFound {
        /// The version's commit.
        commit: String,
    },
    /// The token is nobody's.
    BadToken,
    /// Too many requests; come back after this.
    Limited(Duration),
    /// The request makes no sense; why.
    BadRequest(String),
    /// The bytes asked for lie outside the file of this size.
    OutOfRange(u64),
    /// It can be had neither from upstream nor from the store: 502, 503, 504 or 507 by the error's kind.
    Unavailable(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Unavailable(error)
    }
}
