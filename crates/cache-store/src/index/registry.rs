//! The registry: one file of the user's own that names models. The store keeps it whole and knows nothing of what it
//! says.

use std::io;

use cache_core::{Error, Result};

use crate::fs::durable::Durability;
use crate::fs::failpoints::point;
use crate::fs::io_context::OrAbsent as _;
use crate::locking::locks::REGISTRY;
use crate::store::Store;

/// Largest registry that is read, in bytes: some fifty thousand versions.
const MAX_REGISTRY: u64 = 16 << 20;

impl Store {
    /// The registry's text, `None` when there is none.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be read, is no regular file or is larger than 16 MiB.
    pub fn registry(&self) -> Result<Option<Vec<u8>>> {
        let path = self.layout().registry();
        cache_fs::read(path, MAX_REGISTRY).or_absent().map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                Error::storage("read the registry", error).with_hint("something else has written it; move it away")
            }
            _ => Error::storage("read the registry", error),
        })
    }

    /// Replaces the registry's text by the result of `change`, durably and atomically.
    ///
    /// Concurrent changes are serialized. `None` from `change`, or an error, leaves it as it is.
    ///
    /// # Errors
    /// Those of `change`, and a storage error, also in a read-only store.
    pub fn change_registry<T>(&self, change: impl FnOnce(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T)>) -> Result<T> {
        self.writable()?;
        let _lock = self.lock_user_data(REGISTRY)?;
        let before = self.registry()?;
        let (after, answer) = change(before.as_deref())?;
        if let Some(after) = after.filter(|after| before.as_ref() != Some(after)) {
            self.write(&self.layout().registry(), &after, Durability::Durable)?;
            point("registry.done");
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use cache_core::ErrorKind;

    use super::*;
    use crate::store::options::StoreOptions;

    #[test]
    fn changes_side_by_side_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Store::open(dir.path(), StoreOptions::default()).unwrap();
        assert_eq!(open().registry().unwrap(), None);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let store = open();
                    for _ in 0..10 {
                        let more = |before: Option<&[u8]>| Ok((Some([before.unwrap_or_default(), b"x"].concat()), ()));
                        store.change_registry(more).unwrap();
                    }
                });
            }
        });
        assert_eq!(open().registry().unwrap().unwrap().len(), 40);
    }

    #[test]
    fn a_read_only_store_is_read_and_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        store.change_registry(|_| Ok((Some(b"a".to_vec()), ()))).unwrap();
        let store = Store::open(dir.path(), StoreOptions::default().with_read_only(true)).unwrap();
        assert_eq!(store.registry().unwrap().unwrap(), b"a");
        let refused = store.change_registry(|_| Ok((Some(b"b".to_vec()), ()))).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Storage);
        assert_eq!(store.registry().unwrap().unwrap(), b"a");
    }
}
