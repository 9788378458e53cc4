//! What fell off a list.

use std::collections::BTreeSet;

use crate::maintain::sync::record;
use crate::{Cache, Error, ErrorKind, ModelId, Result, Sha256, Version};

/// What becomes of a version whose model fell off.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FallenState {
    /// It is there, and pruning would remove it.
    WouldGo,
    /// It was removed.
    Removed {
        /// Bytes that were freed.
        freed: u64,
    },
    /// It stays: it is pinned, in use, or on another list.
    Kept(String),
    /// It could not be removed.
    Failed(Error),
}

/// A version that a sync of the list has brought, and whose model is no longer on it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fallen {
    /// Model and commit.
    pub version: Version,
    /// What becomes of it.
    pub state: FallenState,
}

/// Looks for what fell off, and with `remove` removes it.
pub(super) fn fallen(cache: &Cache, key: &Sha256, listed: &BTreeSet<ModelId>, remove: bool) -> Result<Vec<Fallen>> {
    let others = record::others(cache, key)?;
    let pins = cache.store().pins()?;
    let mut fallen = Vec::new();
    let mut gone = Vec::new();
    for version in record::of(cache, key)?.brought {
        if listed.contains(&version.model) {
            continue;
        }
        if cache.store().manifest(&version)?.is_none() {
            gone.push(version);
            continue;
        }
        let other = others.iter().find(|other| other.models.contains(&version.model));
        let pinned = pins.iter().any(|pin| pin.covers(&version));
        let state = match other {
            Some(other) => FallenState::Kept(format!("listed in {}", other.name)),
            None if pinned => FallenState::Kept("pinned".to_owned()),
            None if !remove => FallenState::WouldGo,
            None => match cache.store().remove_version(&version) {
                Ok(report) => {
                    gone.push(version.clone());
                    FallenState::Removed { freed: report.freed }
                }
                Err(error) if error.kind() == ErrorKind::Usage => FallenState::Kept(error.message().to_owned()),
                Err(error) => FallenState::Failed(error),
            },
        };
        fallen.push(Fallen { version, state });
    }
    if remove && !gone.is_empty() {
        record::change(cache, key, |record| record.brought.retain(|version| !gone.contains(version)))?;
    }
    Ok(fallen)
}
