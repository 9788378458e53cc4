//! [`Snapshot::export_to`]: the files of a snapshot in a folder of the user's own.

use std::path::{Path, PathBuf};

use crate::place::{Placement, TargetFile, open_top};
use crate::{Result, Snapshot};

/// Options of [`Snapshot::export_to`].
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Whether a hard link to the store is used where the file system cannot clone.
    ///
    /// It costs no space, but the file is read-only, and changing it all the same changes the store.
    pub hard_link: bool,
}

impl ExportOptions {
    /// Uses a hard link where the file system cannot clone.
    #[must_use]
    pub fn hard_link(mut self, yes: bool) -> Self {
        self.hard_link = yes;
        self
    }
}

/// The exported files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// Paths of the files.
    pub paths: Vec<PathBuf>,
    /// Files that share their bytes with the store by cloning.
    pub cloned: usize,
    /// Files that are hard links to the store.
    pub linked: usize,
    /// Files that were copied.
    pub copied: usize,
    /// Files that were there already with the same bytes.
    pub kept: usize,
}

impl Snapshot {
    /// Exports the files to `folder`, at their paths in the model.
    ///
    /// They are cloned where the file system can, hard-linked if `options` allow it, else copied. Each file appears whole or not at all; a file with the same bytes
    /// is kept, one with other bytes is replaced. Nothing is written through a link below `folder`. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a link in the way; [`ErrorKind::Storage`](crate::ErrorKind::Storage)
    /// and [`ErrorKind::NoSpace`](crate::ErrorKind::NoSpace) of the target.
    pub fn export_to(&self, folder: impl AsRef<Path>, options: ExportOptions) -> Result<ExportReport> {
        let mut exported = ExportReport::default();
        let top = open_top(folder.as_ref())?;
        for file in self.files() {
            let path = file.path.below(folder.as_ref());
            let target = TargetFile::below(&top, &file.path, path.clone())?;
            let placed = self.lease().keeping_record(&file.blob.name, || target.place(&file.blob, options.hard_link));
            match placed? {
                Placement::Cloned => exported.cloned += 1,
                Placement::Linked => exported.linked += 1,
                Placement::Copied => exported.copied += 1,
                Placement::Kept => exported.kept += 1,
            }
            exported.paths.push(path);
        }
        Ok(exported)
    }
}
