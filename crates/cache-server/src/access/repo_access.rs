//! [`RepoAccess`]: access to a repository, and its source [`Permissions`].

use async_trait::async_trait;
use cache_lib::Result;

use crate::caller::Token;
use crate::repo::Repo;

/// Access to a repository with a token, as upstream reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepoAccess {
    /// Readable without a token, by an anonymous question.
    Public,
    /// Readable with the token.
    Accepted,
    /// Listed for all, and not readable with the token or without.
    Gated,
    /// Absent, or hidden from the token.
    Refused,
}

/// Source of permissions: upstream, through the catalog.
#[async_trait]
pub(crate) trait Permissions: Send + Sync + std::fmt::Debug {
    /// Access with the token, or without one.
    ///
    /// # Errors
    /// Upstream does not answer, or may not be asked.
    async fn ask(&self, repo: &Repo, token: Option<&Token>) -> Result<RepoAccess>;
}
