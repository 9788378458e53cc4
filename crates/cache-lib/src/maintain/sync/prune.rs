//! Versions whose models are no longer on a list.

use std::collections::BTreeSet;

use crate::maintain::sync::record;
use crate::{Cache, Error, ErrorKind, ModelId, Result, Sha256, Version};

/// State of an orphaned version.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OrphanState {
    /// It is in the store, and pruning would remove it.
    WouldRemove,
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

/// A version that a sync of the list has added, and whose model is no longer on it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Orphaned {
    /// Model and commit.
    pub version: Version,
    /// State of the version.
    pub state: OrphanState,
}

/// Finds orphaned versions, and with `remove` removes them.
pub(super) fn orphaned(cache: &Cache, key: &Sha256, listed: &BTreeSet<ModelId>, remove: bool) -> Result<Vec<Orphaned>> {
    let others = record::others(cache, key)?;
    let pins = cache.store().pins()?;
    let mut orphaned = Vec::new();
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
            Some(other) => OrphanState::Kept(format!("listed in {}", other.name)),
            None if pinned => OrphanState::Kept("pinned".to_owned()),
            None if !remove => OrphanState::WouldRemove,
            None => match cache.store().remove_version(&version) {
                Ok(report) => {
                    gone.push(version.clone());
                    OrphanState::Removed { freed: report.freed }
                }
                Err(error) if error.kind() == ErrorKind::Usage => OrphanState::Kept(error.message().to_owned()),
                Err(error) => OrphanState::Failed(error),
            },
        };
        orphaned.push(Orphaned { version, state });
    }
    if remove && !gone.is_empty() {
        record::change(cache, key, |record| record.brought.retain(|version| !gone.contains(version)))?;
    }
    Ok(orphaned)
}
