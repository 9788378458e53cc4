//! [`RefError`]: an invalid reference.

/// The error of an invalid model reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefError {
    /// Not a repository name.
    #[error("{0:?} is not a model name")]
    Name(String),
    /// Not a revision.
    #[error("{0:?} is not a revision")]
    Revision(String),
    /// Not a commit.
    #[error("{0:?} is not a commit (40 or 64 lower-case hexadecimal digits)")]
    Commit(String),
    /// A path inside the model that is refused.
    #[error(transparent)]
    Path(#[from] crate::PathError),
    /// A user name and password in front of a repository's name. Neither is repeated.
    #[error("credentials in a reference are not supported")]
    Credentials,
    /// A URL that cannot be parsed, or that carries a user name or password.
    #[error("{0}")]
    Url(String),
    /// A scheme that this build does not know.
    #[error("no source for {0}:// in this build")]
    Scheme(String),
}
