//! [`OpenBlob`]: a file of the store, open and leased.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use bytes::Bytes;
use cache_store::{Lease, Store};

use crate::open_files::page_reads;
use crate::{Error, ErrorKind, Result, Sha256};

/// Bytes in the store, open and leased.
#[derive(Debug)]
pub(crate) struct OpenBlob {
    file: Arc<File>,
    pub(crate) size: u64,
    pub(crate) name: Sha256,
    /// Its modification time when it was opened, in nanoseconds.
    modified: i128,
    /// Whether discarded bytes of this content may have been given out.
    pub(crate) poisoned: bool,
    _lease: Lease,
}

impl OpenBlob {
    /// Opens a blob, leased before it is looked for: what is found stays.
    pub(crate) fn open(store: &Store, name: Option<Sha256>) -> Result<Option<Self>> {
        let Some(name) = name else { return Ok(None) };
        let lease = store.lease(&[name])?;
        let Some(blob) = store.blob(&name)? else { return Ok(None) };
        let file = match fs_err::File::open(&blob.path) {
            Ok(file) => file.into_file(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::storage("open a stored file", error)),
        };
        let modified = modified(&file.metadata().map_err(|error| Error::storage("look at a stored file", error))?);
        let file = Arc::new(file);
        Ok(Some(Self { file, size: blob.size, name, modified, poisoned: false, _lease: lease }))
    }

    /// The same, of a content whose discarded bytes may have been given out.
    pub(crate) fn with_poisoned(self, poisoned: bool) -> Self {
        Self { poisoned, ..self }
    }

    /// Whether the file was not written to since it was opened.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|now| now.len() == self.size && modified(&now) == self.modified)
    }

    /// Bytes from `at` on, at most `max`.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when the file changed since it was opened.
    pub(crate) async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        let wanted = page_reads::limited(max, self.size.saturating_sub(at));
        let bytes = page_reads::read(&self.file, at, wanted).await?;
        // After the read: what was written later is not among the bytes.
        if self.is_unchanged() {
            return Ok(bytes);
        }
        let words = format!("the stored file {} changed while it was read", self.name);
        Err(Error::new(ErrorKind::Integrity, words)
            .with_hint("repair the store to download it again")
            .with_reason(crate::Reason::Corrupted))
    }
}

fn modified(metadata: &std::fs::Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}
