//! Files placed at paths of the user's own, each in one step.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cache_fs::Folder;
use cache_store::Blob;

use crate::{Error, ErrorKind, Hasher, RepoPath, Result, Sha256};

/// How a file was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    Cloned,
    Linked,
    Copied,
    Kept,
}

/// The path that a file is placed at.
pub(crate) struct TargetFile {
    folder: Folder,
    name: OsString,
    path: PathBuf,
}

impl TargetFile {
    /// A path below a folder. Links on the way are refused.
    pub(crate) fn below(top: &Folder, file: &RepoPath, path: PathBuf) -> Result<Self> {
        let mut names: Vec<&str> = file.segments().collect();
        let name = names.pop().unwrap_or_default().into();
        let folder = top.below(names.iter().collect::<PathBuf>(), true).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => {
                Error::new(ErrorKind::Usage, format!("placing {}: {error}", path.display()))
                    .with_hint("remove it, or choose another folder")
            }
            _ => Error::storage(format!("placing {}", path.display()), error),
        })?;
        Ok(Self { folder, name, path })
    }

    /// A path of the user's own, links included.
    fn at(path: &Path) -> Result<Self> {
        let folder = open_top(path.parent().unwrap_or(Path::new("")))?;
        let name = path.file_name().unwrap_or_default().to_owned();
        Ok(Self { folder, name, path: path.to_path_buf() })
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::storage(format!("placing {}", self.path.display()), error)
    }

    pub(crate) fn place(&self, blob: &Blob, hard_link: bool) -> Result<Placement> {
        if self.is_same(blob, hard_link)? { Ok(Placement::Kept) } else { self.put(blob, hard_link) }
    }

    /// Whether the target has the blob's bytes already. A hard link to the store counts only where one was asked for.
    fn is_same(&self, blob: &Blob, hard_link: bool) -> Result<bool> {
        let Ok(file) = self.folder.file(&self.name) else { return Ok(false) };
        let metadata = file.metadata().map_err(|error| self.failed(error))?;
        if metadata.len() != blob.size {
            return Ok(false);
        }
        if fs_err::metadata(&blob.path).is_ok_and(|blob| (blob.dev(), blob.ino()) == (metadata.dev(), metadata.ino())) {
            return Ok(hard_link);
        }
        Ok(hash_of(file, &self.path)? == blob.name)
    }

    /// Places a blob, in one step.
    fn put(&self, blob: &Blob, hard_link: bool) -> Result<Placement> {
        let failed = |error: io::Error| self.failed(error);
        if self.folder.has_folder(&self.name) {
            let text = format!("{} is a folder in the way of a file", self.path.display());
            return Err(Error::new(ErrorKind::Usage, text));
        }
        let source = fs_err::File::open(&blob.path).map_err(failed)?.into_file();
        let mode = file_mode(source.metadata().map_err(failed)?.mode());
        let part = TemporaryFile::named_after(self);
        if self.folder.clone_file(&source, &part.name, mode).is_ok() {
            return part.keep().map(|()| Placement::Cloned).map_err(failed);
        }
        if hard_link && self.folder.link_in(&blob.path, &part.name).is_ok() {
            return part.keep().map(|()| Placement::Linked).map_err(failed);
        }
        let mut copy = self.folder.create_file(&part.name, mode).map_err(failed)?;
        let copied = io::copy(&mut &source, &mut copy).map_err(failed)?;
        if copied != blob.size {
            return Err(Error::new(
                ErrorKind::Integrity,
                format!("{}: wrong size: {copied} bytes, expected {}", blob.name, blob.size),
            )
            .with_hint("repair the store")
            .with_reason(crate::Reason::Corrupted));
        }
        copy.sync_all().map_err(failed)?;
        part.keep().map(|()| Placement::Copied).map_err(failed)
    }
}

/// The mode of a placed file, before the umask: readable as the blob, and writable by the same users.
fn file_mode(blob: u32) -> u32 {
    let readers = blob & 0o444;
    readers | (readers >> 1) | 0o600
}

/// A file under a temporary name, removed unless it is kept.
struct TemporaryFile<'a> {
    target: &'a TargetFile,
    name: String,
}

impl<'a> TemporaryFile<'a> {
    fn named_after(target: &'a TargetFile) -> Self {
        let begin: String = target.name.to_string_lossy().chars().take(60).collect();
        let random = RandomState::new().build_hasher().finish();
        Self { target, name: format!(".{begin}.{random:016x}.part") }
    }

    fn keep(self) -> io::Result<()> {
        self.target.folder.replace(&self.name, &self.target.name)?;
        self.target.folder.sync()
    }
}

impl Drop for TemporaryFile<'_> {
    fn drop(&mut self) {
        // What was kept has another name, unless both were names of one file.
        let _ = self.target.folder.remove(&self.name);
    }
}

pub(crate) fn open_top(folder: &Path) -> Result<Folder> {
    Folder::create(folder).map_err(|error| Error::storage(format!("open {}", folder.display()), error))
}

/// Makes a new file with these permissions, less the umask.
pub(crate) fn open_new(
    builder: &tempfile::Builder<'_, '_>,
    folder: &Path,
    mode: u32,
) -> io::Result<tempfile::NamedTempFile> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    builder.make_in(folder, |path| {
        fs_err::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map(|file| file.into_parts().0)
    })
}

pub(crate) fn keep(file: tempfile::TempPath, target: &Path, folder: &Path) -> io::Result<()> {
    file.persist(target).map_err(|error| error.error)?;
    fs_err::File::open(folder)?.sync_all()?;
    Ok(())
}

/// The sha256 of a file.
pub(crate) fn hash(path: &Path) -> Result<Sha256> {
    let failed = |error: io::Error| Error::storage(format!("reading {}", path.display()), error);
    hash_of(cache_fs::open(path).map_err(failed)?, path)
}

fn hash_of(mut file: File, path: &Path) -> Result<Sha256> {
    let failed = |error: io::Error| Error::storage(format!("reading {}", path.display()), error);
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut buffer).map_err(failed)? {
            0 => return Ok(hasher.finish().sha256),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Writes a small file of the user's in one step.
pub(crate) fn place_text(text: &str, target: &Path) -> io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".model-cache.").suffix(".part");
    let mut file = open_new(&builder, folder, 0o666)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().sync_all()?;
    keep(file.into_temp_path(), target, folder)
}

/// Places one blob at one path.
pub(crate) fn place_one(blob: &Blob, target: &Path) -> Result<()> {
    TargetFile::at(target)?.put(blob, false).map(|_| ())
}
