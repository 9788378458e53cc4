//! The store's record of a list.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Cache, Error, ErrorKind, ModelId, Result, Sha256, Version};

/// The record of one list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ListRecord {
    /// The list's name.
    pub(super) name: String,
    /// The models that were on it at its last sync.
    pub(super) models: BTreeSet<ModelId>,
    /// The versions that its syncs have added.
    pub(super) brought: BTreeSet<Version>,
}

impl ListRecord {
    fn read(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::new(ErrorKind::Storage, format!("the record of a synced list is not valid: {error}"))
                .with_hint("delete the folder `lists` in the store: then no version counts as added by a list")
        })
    }
}

pub(super) fn of(cache: &Cache, key: &Sha256) -> Result<ListRecord> {
    cache.store().list_record(key)?.map_or_else(|| Ok(ListRecord::default()), |bytes| ListRecord::read(&bytes))
}

/// The records of all lists but one.
pub(super) fn others(cache: &Cache, key: &Sha256) -> Result<Vec<ListRecord>> {
    let records = cache.store().list_records()?.into_iter().filter(|(other, _)| other != key);
    records.map(|(_, bytes)| ListRecord::read(&bytes)).collect()
}

pub(super) fn change(cache: &Cache, key: &Sha256, change: impl FnOnce(&mut ListRecord)) -> Result<()> {
    cache.store().change_list_record(key, |bytes| {
        let mut record = bytes.map_or_else(|| Ok(ListRecord::default()), ListRecord::read)?;
        change(&mut record);
        serde_json::to_vec_pretty(&record).map_err(|error| Error::storage("write the record of a list", error.into()))
    })
}

pub(super) fn add_brought(cache: &Cache, key: &Sha256, name: &str, versions: &[Version]) -> Result<()> {
    change(cache, key, |record| {
        name.clone_into(&mut record.name);
        record.brought.extend(versions.iter().cloned());
    })
}

pub(super) fn put_models(cache: &Cache, key: &Sha256, name: &str, models: &BTreeSet<ModelId>) -> Result<()> {
    change(cache, key, |record| {
        name.clone_into(&mut record.name);
        record.models.clone_from(models);
    })
}
