//! [`Repo`]: a repository as clients of the Hub name it.

use std::fmt;

use cache_lib::{ModelId, RepoKind, RepoName};

/// A repository: its kind and `org/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Repo {
    pub(crate) kind: RepoKind,
    pub(crate) name: RepoName,
}

impl Repo {
    /// What the cache calls it.
    pub(crate) fn model(&self) -> ModelId {
        ModelId::Hub { kind: self.kind, name: self.name.clone() }
    }

    /// The repository that the cache knows under this identity, if it is one of the Hub's.
    pub(crate) fn of(model: &ModelId) -> Option<Self> {
        match model {
            ModelId::Hub { kind, name } => Some(Self { kind: *kind, name: name.clone() }),
            _ => None,
        }
    }
}

/// `org/name`, `datasets/org/name`, `spaces/org/name`: what globs of permissions are matched against.
impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RepoKind::Model => write!(f, "{}", self.name),
            kind => write!(f, "{}/{}", kind.plural(), self.name),
        }
    }
}
