//! Documents: what a server remembers of a model besides its manifests. Derived: without them it asks again.

use std::io;

use cache_core::{ModelId, RepoPath, Result};

use crate::fs::durable::{self, Durability};
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::store::Store;

/// Longest document that is read, in bytes.
const MAX_DOCUMENT: u64 = 32 << 20;

impl Store {
    /// A document of a model, if there is one of at most 32 MiB.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be read.
    pub fn document(&self, model: &ModelId, name: &RepoPath) -> Result<Option<Vec<u8>>> {
        let path = self.layout().document(model, name);
        match cache_fs::read(path, MAX_DOCUMENT).or_absent() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            other => other.context("read a document"),
        }
    }

    /// Writes a document, in one step. It is not synced: after a power cut it may be gone or the old one.
    ///
    /// # Errors
    /// A storage error, also in a read-only store.
    pub fn put_document(&self, model: &ModelId, name: &RepoPath, bytes: &[u8]) -> Result<()> {
        self.writable()?;
        self.write(&self.layout().document(model, name), bytes, Durability::Derived)
    }

    /// Removes a document; one that is not there is no error.
    ///
    /// # Errors
    /// A storage error, also in a read-only store.
    pub fn remove_document(&self, model: &ModelId, name: &RepoPath) -> Result<()> {
        self.writable()?;
        durable::remove(&self.layout().document(model, name)).context("remove a document").map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::options::StoreOptions;

    #[test]
    fn a_document_is_of_its_model() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let (a, b) = (ModelId::hub("org/a").unwrap(), ModelId::hub("org/b").unwrap());
        let name = RepoPath::parse("commits/main.json").unwrap();
        store.put_document(&a, &name, b"{}").unwrap();
        assert_eq!(store.document(&a, &name).unwrap().as_deref(), Some(b"{}".as_slice()));
        assert_eq!(store.document(&b, &name).unwrap(), None);
        store.remove_document(&a, &name).unwrap();
        store.remove_document(&a, &name).unwrap();
        assert_eq!(store.document(&a, &name).unwrap(), None);
    }
}
