//! The trash: blobs on their way out, until it is sure that nothing uses them.

use std::io;
use std::path::{Path, PathBuf};

use cache_core::{Result, Sha256};
use fs_err as fs;

use crate::fs::durable::{self, Durability};
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::listing::{entries, file_name};
use crate::store::Store;

impl Store {
    /// Gives a trashed blob its name again, unless it has been fetched anew.
    pub(crate) fn restore_trashed(&self, name: &Sha256, path: &Path) -> Result<()> {
        // An inventory under way may see it neither here nor there.
        self.discard_counter();
        match durable::rename_new(path, &self.layout().blob(name), Durability::Durable) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                durable::remove(path).context("empty the trash").map(|_| ())
            }
            other => {
                let moved = other.or_absent().context(format_args!("put the blob {name} back"))?;
                if let (Some(()), Ok(metadata)) = (moved, fs::symlink_metadata(self.layout().blob(name))) {
                    self.record_restored(name, &metadata);
                }
                Ok(())
            }
        }
    }

    /// Whether a name in the trash is that of a blob.
    pub(crate) fn trashed_blob(path: &Path) -> Option<Sha256> {
        file_name(path)?.split_once('.')?.0.parse().ok()
    }

    /// Everything in the trash.
    pub(crate) fn trashed(&self) -> Result<Vec<PathBuf>> {
        entries(&self.layout().trash(), "list the trash")
    }
}
