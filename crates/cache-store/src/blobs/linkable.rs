//! Files of other programs that may share an inode with a blob.
//!
//! A hard link makes the original read-only, as the blob is, and gives its owner a way to write to the blob. So no file is
//! linked that is outside the folder named by the user, is owned by another user, has execute bits or has other names.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cache_fs::Folder;
use fs_err as fs;

/// Execute, set-user-id and set-group-id bits.
const RUNS: u32 = 0o6111;
/// Names that are looked at below a folder for other links; beyond, none counts as known.
const MAX_NAMES: usize = 1_000_000;

/// Why a file was copied and not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CopyReason {
    /// It is outside the named folder.
    Outside,
    /// It is owned by another user, and could be used to write to the blob.
    OtherOwner,
    /// It has execute or set-id bits, which a blob must not have.
    Executable,
    /// It has other names outside the folder.
    LinkedElsewhere,
}

impl std::fmt::Display for CopyReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Outside => "outside the folder",
            Self::OtherOwner => "owned by another user",
            Self::Executable => "has execute bits",
            Self::LinkedElsewhere => "has other names outside the folder",
        })
    }
}

/// Why a file was not hard-linked.
pub(crate) enum LinkError {
    /// It must not be linked.
    NotAllowed(CopyReason),
    /// The file system refused.
    Failed(io::Error),
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// A folder whose files may be linked, and the names of them that have several.
#[derive(Debug)]
pub struct LinkFolder {
    folder: PathBuf,
    names: OnceLock<HashMap<(u64, u64), u64>>,
}

/// The location of a file that may be linked.
pub(crate) struct LinkSource {
    folder: Folder,
    name: std::ffi::OsString,
}

impl LinkSource {
    pub(crate) fn link(&self, to: &Path) -> io::Result<()> {
        self.folder.link_out(&self.name, to)
    }
}

impl LinkFolder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, names: OnceLock::new() }
    }

    /// The location of the file that is open as `file`, if it may be hard-linked.
    pub(crate) fn place(&self, path: &Path, file: &File) -> Result<LinkSource, LinkError> {
        let refuse = |reason| Err(LinkError::NotAllowed(reason));
        let metadata = file.metadata()?;
        if metadata.mode() & RUNS != 0 {
            return refuse(CopyReason::Executable);
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return refuse(CopyReason::OtherOwner);
        }
        let top = fs::canonicalize(&self.folder)?;
        let real = fs::canonicalize(path)?;
        let Some((folder, name)) =
            real.strip_prefix(&top).ok().and_then(|below| Some((below.parent()?, below.file_name()?)))
        else {
            return refuse(CopyReason::Outside);
        };
        if metadata.nlink() > 1 && self.names_of(&top, &metadata) < metadata.nlink() {
            return refuse(CopyReason::LinkedElsewhere);
        }
        // What is put on the way meanwhile is not followed.
        match Folder::open(&top).and_then(|top| top.below(folder, false)) {
            Ok(folder) => Ok(LinkSource { folder, name: name.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => refuse(CopyReason::Outside),
            Err(error) => Err(error.into()),
        }
    }

    /// Number of names of a file below the folder.
    fn names_of(&self, top: &Path, metadata: &Metadata) -> u64 {
        let names = self.names.get_or_init(|| count_names(top));
        names.get(&(metadata.dev(), metadata.ino())).copied().unwrap_or_default()
    }
}

/// The number of names of each file below a folder that has several anywhere. What cannot be read has none.
fn count_names(top: &Path) -> HashMap<(u64, u64), u64> {
    let mut names = HashMap::new();
    let (mut waiting, mut seen) = (vec![top.to_path_buf()], 0_usize);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MAX_NAMES {
                return HashMap::new();
            }
            // Of a link, that is the link's own.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else if metadata.nlink() > 1 {
                *names.entry((metadata.dev(), metadata.ino())).or_default() += 1;
            }
        }
    }
    names
}
