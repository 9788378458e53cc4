//! [`Constraints`]: what a registry entry or a lock file requires of a request.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::registry::expected::Expected;
use crate::registry::resolve::ResolvedName;
use crate::{Error, ModelRef, RefText, RepoPath, Result, Sha256};

/// Requirements of a registry entry or a lock file, beyond the reference.
#[derive(Debug, Clone, Default)]
pub(crate) struct Constraints {
    /// The request as the user wrote it.
    pub(crate) text: Option<RefText>,
    /// References to use in turn if this one is not available.
    pub(crate) fallbacks: Vec<ModelRef>,
    pub(crate) expected: Option<Arc<Expected>>,
    /// Digest of the one file, pinned by the registry.
    pub(crate) sha256: Option<Sha256>,
    /// Platforms of the registry entry.
    pub(crate) platforms: Vec<String>,
    /// Why the registry entry or the lock file cannot be used on this machine.
    pub(crate) unsupported: Option<Error>,
    /// The only files to take.
    pub(crate) only: Option<Arc<BTreeSet<RepoPath>>>,
}

impl Constraints {
    /// The reference of a resolved name, and what its registry entry requires.
    pub(crate) fn of(text: Option<RefText>, resolved: Result<ResolvedName>) -> (Result<ModelRef>, Self) {
        match resolved {
            Err(error) => (Err(error), Self { text, ..Self::default() }),
            Ok(ResolvedName { reference, fallbacks, expected, sha256, platforms, unsupported, .. }) => {
                (Ok(reference), Self { text, fallbacks, expected, sha256, platforms, unsupported, only: None })
            }
        }
    }
}
