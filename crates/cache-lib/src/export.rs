//! Real files at a place of the user's own.

use std::io;
use std::path::{Path, PathBuf};

use cache_store::Blob;

use crate::{Error, ErrorKind, Hasher, Result, Sha256, Snapshot};

/// How files are placed.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Whether a hard link to the store will do where the file system cannot clone. It costs no space, but the file is
    /// read-only, and who changes it all the same changes the store.
    pub hard_link: bool,
}

impl ExportOptions {
    /// Lets a hard link do.
    #[must_use]
    pub fn hard_link(mut self, yes: bool) -> Self {
        self.hard_link = yes;
        self
    }
}

/// What was placed, in files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The files or, for a single file, the one file.
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

/// How one file was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    Cloned,
    Linked,
    Copied,
    Kept,
}

impl Snapshot {
    /// Places the files under `folder` as real files, at their paths in the model: cloned where the file system can,
    /// hard-linked if `options` let it, else copied. Each file appears whole or not at all; a file with the same bytes
    /// is kept, one with other bytes is replaced. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] and [`ErrorKind::NoSpace`] of the target.
    pub fn export_to(&self, folder: impl AsRef<Path>, options: ExportOptions) -> Result<Exported> {
        let mut exported = Exported::default();
        for file in self.files() {
            let target = file.path.below(folder.as_ref());
            match place(&file.blob, &target, options)? {
                Placed::Cloned => exported.cloned += 1,
                Placed::Linked => exported.linked += 1,
                Placed::Copied => exported.copied += 1,
                Placed::Kept => exported.kept += 1,
            }
            exported.paths.push(target);
        }
        Ok(exported)
    }
}

fn place(blob: &Blob, target: &Path, options: ExportOptions) -> Result<Placed> {
    if is_same(blob, target, options)? {
        return Ok(Placed::Kept);
    }
    put(blob, target, options)
}

/// Whether the target has the blob's bytes already. A hard link to the store counts only where one was asked for.
fn is_same(blob: &Blob, target: &Path, options: ExportOptions) -> Result<bool> {
    let Ok(metadata) = fs_err::symlink_metadata(target) else { return Ok(false) };
    if !metadata.is_file() || metadata.len() != blob.size {
        return Ok(false);
    }
    if crate::finish::same_file(target, &blob.path).unwrap_or(false) {
        return Ok(options.hard_link);
    }
    Ok(hash(target)? == blob.name)
}

/// Places a blob at `target`, atomically.
fn put(blob: &Blob, target: &Path, options: ExportOptions) -> Result<Placed> {
    let failed = |error: io::Error| Error::storage(format!("placing {}", target.display()), error);
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder).map_err(failed)?;
    if fs_err::symlink_metadata(target).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Error::new(ErrorKind::Usage, format!("{} is a folder in the way of a file", target.display())));
    }
    let name =
        format!(".{}.", target.file_name().unwrap_or_default().to_string_lossy().chars().take(60).collect::<String>());
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&name).suffix(".part");
        builder
    };
    let cloned = builder().make_in(folder, |path| reflink_copy::reflink(&blob.path, path));
    if let Ok(file) = cloned {
        make_writable(file.path()).map_err(failed)?;
        return keep(file.into_temp_path(), target, folder).map(|()| Placed::Cloned).map_err(failed);
    }
    if options.hard_link {
        let linked = builder().make_in(folder, |path| fs_err::hard_link(&blob.path, path));
        if let Ok(file) = linked {
            return keep(file.into_temp_path(), target, folder).map(|()| Placed::Linked).map_err(failed);
        }
    }
    let mut copy = open_new(&builder(), folder).map_err(failed)?;
    let mut source = fs_err::File::open(&blob.path).map_err(failed)?;
    let copied = io::copy(source.file_mut(), copy.as_file_mut()).map_err(failed)?;
    if copied != blob.size {
        return Err(Error::new(ErrorKind::Integrity, format!("{} has {copied} bytes, not {}", blob.name, blob.size))
            .with_hint("`model-cache verify --repair` mends the store"));
    }
    copy.as_file().sync_all().map_err(failed)?;
    keep(copy.into_temp_path(), target, folder).map(|()| Placed::Copied).map_err(failed)
}

#[cfg(unix)]
pub(crate) fn open_new(builder: &tempfile::Builder<'_, '_>, folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    builder.make_in(folder, |path| {
        fs_err::OpenOptions::new().write(true).create_new(true).mode(0o666).open(path).map(|file| file.into_parts().0)
    })
}

#[cfg(not(unix))]
pub(crate) fn open_new(builder: &tempfile::Builder<'_, '_>, folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    builder.tempfile_in(folder)
}

/// A clone takes over the blob's mode, which nobody may write.
#[cfg(unix)]
fn make_writable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_writable(path: &Path) -> io::Result<()> {
    let mut permissions = fs_err::metadata(path)?.permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "not on Unix")]
    permissions.set_readonly(false);
    fs_err::set_permissions(path, permissions)
}

pub(crate) fn keep(file: tempfile::TempPath, target: &Path, folder: &Path) -> io::Result<()> {
    file.persist(target).map_err(|error| error.error)?;
    #[cfg(unix)]
    fs_err::File::open(folder)?.sync_all()?;
    Ok(())
}

/// The sha256 of a file.
pub(crate) fn hash(path: &Path) -> Result<Sha256> {
    let failed = |error: io::Error| Error::storage(format!("reading {}", path.display()), error);
    let mut file = fs_err::File::open(path).map_err(failed)?;
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
    let mut file = open_new(&builder, folder)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().sync_all()?;
    keep(file.into_temp_path(), target, folder)
}

/// Places one blob at one path.
pub(crate) fn place_one(blob: &Blob, target: &Path) -> Result<()> {
    put(blob, target, ExportOptions::default()).map(|_| ())
}
