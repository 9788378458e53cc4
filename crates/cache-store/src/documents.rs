//! Documents: what a server remembers of a model besides its manifests. Derived: without them it asks again.

use std::io::Read as _;

use cache_core::{ModelId, RepoPath, Result};
use fs_err as fs;

use crate::doing::{Absent as _, Doing as _};
use crate::durable::{self, Keep};
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
        let Some(file) = fs::File::open(&path).or_absent().doing("read a document")? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).doing("read a document")?;
        Ok(Some(bytes).filter(|bytes| u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_DOCUMENT)))
    }

    /// Writes a document, in one step. It is not synced: after a power cut it may be gone or the old one.
    ///
    /// # Errors
    /// A storage error, also in a read-only store.
    pub fn put_document(&self, model: &ModelId, name: &RepoPath, bytes: &[u8]) -> Result<()> {
        self.writable()?;
        self.write(&self.layout().document(model, name), bytes, Keep::Derived)
    }

    /// Removes a document; one that is not there is no error.
    ///
    /// # Errors
    /// A storage error, also in a read-only store.
    pub fn remove_document(&self, model: &ModelId, name: &RepoPath) -> Result<()> {
        self.writable()?;
        durable::remove(&self.layout().document(model, name)).doing("remove a document").map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

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
