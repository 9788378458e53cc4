//! Records of lists: what syncs of a list of models have brought. The store keeps each whole and knows nothing of what
//! it says.

use cache_core::{Result, Sha256};
use fs_err as fs;

use crate::doing::{Absent as _, Doing as _};
use crate::durable::Keep;
use crate::locks::LISTS;
use crate::store::Store;

impl Store {
    /// The record of a list, `None` when there is none.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be read.
    pub fn list_record(&self, list: &Sha256) -> Result<Option<Vec<u8>>> {
        fs::read(self.layout().list(list)).or_absent().doing("read the record of a list")
    }

    /// The records of all lists, in no order.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when they cannot be read.
    pub fn list_records(&self) -> Result<Vec<(Sha256, Vec<u8>)>> {
        let what = "read the records of lists";
        let mut records = Vec::new();
        let Some(entries) = fs::read_dir(self.layout().lists()).or_absent().doing(what)? else { return Ok(records) };
        for entry in entries {
            let name = entry.doing(what)?.file_name();
            let list = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            if let Some(list) = list
                && let Some(record) = self.list_record(&list)?
            {
                records.push((list, record));
            }
        }
        Ok(records)
    }

    /// Replaces the record of a list by what `change` makes of it, durably and in one step. Processes that change it at
    /// the same time take turns; an error leaves it as it is.
    ///
    /// # Errors
    /// Those of `change`, and a storage error, also in a read-only store.
    pub fn change_list_record(
        &self,
        list: &Sha256,
        change: impl FnOnce(Option<&[u8]>) -> Result<Vec<u8>>,
    ) -> Result<()> {
        self.writable()?;
        let _lock = self.lock(LISTS, true)?;
        let before = self.list_record(list)?;
        let after = change(before.as_deref())?;
        if before.as_ref() == Some(&after) {
            return Ok(());
        }
        self.write(&self.layout().list(list), &after, Keep::Durable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

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
