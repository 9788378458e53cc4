//! The registry: one file of the user's own that names models. The store keeps it whole and knows nothing of what it
//! says.

use std::io::Read as _;

use cache_core::{Error, ErrorKind, Result};
use fs_err as fs;

use crate::doing::{Absent as _, Doing as _};
use crate::durable::Keep;
use crate::locks::REGISTRY;
use crate::store::Store;
use crate::torture::point;

/// Largest registry that is read, in bytes: some fifty thousand versions.
const MAX_REGISTRY: u64 = 16 << 20;

impl Store {
    /// The registry's text, `None` when there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be read, or is larger than 16 MiB.
    pub fn registry(&self) -> Result<Option<Vec<u8>>> {
        let path = self.layout().registry();
        let Some(file) = fs::File::open(&path).or_absent().doing("read the registry")? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(MAX_REGISTRY + 1).read_to_end(&mut bytes).doing("read the registry")?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_REGISTRY {
            return Err(Error::new(ErrorKind::Storage, format!("{} is larger than a registry can be", path.display()))
                .with_hint("something else has written it; move it away"));
        }
        Ok(Some(bytes))
    }

    /// Replaces the registry's text by what `change` makes of it, durably and in one step. Processes that change it at
    /// the same time take turns. `None` from `change` leaves it as it is, and so does an error.
    ///
    /// # Errors
    /// Those of `change`, and a storage error, also in a read-only store.
    pub fn change_registry<T>(&self, change: impl FnOnce(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T)>) -> Result<T> {
        self.writable()?;
        let _lock = self.lock(REGISTRY, true)?;
        let before = self.registry()?;
        let (after, answer) = change(before.as_deref())?;
        if let Some(after) = after.filter(|after| before.as_ref() != Some(after)) {
            self.write(&self.layout().registry(), &after, Keep::Durable)?;
            point("registry.done");
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

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
