//! Records of lists: what syncs of a list of models have brought. The store keeps each whole and knows nothing of what
//! it says.

use cache_core::{Result, Sha256};

use crate::fs::durable::Durability;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::listing::{entries, file_name};
use crate::locking::locks::LISTS;
use crate::store::Store;

/// Largest record of a list that is read, in bytes: some three hundred thousand models.
const MAX_RECORD: u64 = 64 << 20;

impl Store {
    /// The record of a list, `None` when there is none.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be read.
    pub fn list_record(&self, list: &Sha256) -> Result<Option<Vec<u8>>> {
        cache_fs::read(self.layout().list(list), MAX_RECORD).or_absent().context("read the record of a list")
    }

    /// The records of all lists, in no order.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when they cannot be read.
    pub fn list_records(&self) -> Result<Vec<(Sha256, Vec<u8>)>> {
        let mut records = Vec::new();
        for path in entries(&self.layout().lists(), "read the records of lists")? {
            let list = file_name(&path).and_then(|name| name.strip_suffix(".json")?.parse().ok());
            if let Some(list) = list
                && let Some(record) = self.list_record(&list)?
            {
                records.push((list, record));
            }
        }
        Ok(records)
    }

    /// Replaces the record of a list by the result of `change`, durably and atomically.
    ///
    /// Concurrent changes are serialized; an error leaves the record as it is.
    ///
    /// # Errors
    /// Those of `change`, and a storage error, also in a read-only store.
    pub fn change_list_record(
        &self,
        list: &Sha256,
        change: impl FnOnce(Option<&[u8]>) -> Result<Vec<u8>>,
    ) -> Result<()> {
        self.writable()?;
        let _lock = self.lock_user_data(LISTS)?;
        let before = self.list_record(list)?;
        let after = change(before.as_deref())?;
        if before.as_ref() == Some(&after) {
            return Ok(());
        }
        self.write(&self.layout().list(list), &after, Durability::Durable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::options::StoreOptions;

    #[test]
    fn each_list_has_its_own_record() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let (a, b) = (Sha256::from_bytes([1; 32]), Sha256::from_bytes([2; 32]));
        assert_eq!((store.list_record(&a).unwrap(), store.list_records().unwrap()), (None, Vec::new()));
        store.change_list_record(&a, |before| Ok([before.unwrap_or_default(), b"x"].concat())).unwrap();
        store.change_list_record(&b, |_| Ok(b"b".to_vec())).unwrap();
        store.change_list_record(&a, |before| Ok([before.unwrap_or_default(), b"y"].concat())).unwrap();
        assert_eq!(store.list_record(&a).unwrap().unwrap(), b"xy");
        let mut all = store.list_records().unwrap();
        all.sort();
        assert_eq!(all, [(a, b"xy".to_vec()), (b, b"b".to_vec())]);
    }
}
