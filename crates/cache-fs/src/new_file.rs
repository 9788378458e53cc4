//! [`NewFile`]: a file that appears under its name whole.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::Path;

use crate::Folder;

/// A file under a temporary name beside its target, removed unless it is kept.
#[derive(Debug)]
pub struct NewFile {
    folder: Folder,
    part: OsString,
    name: OsString,
    file: File,
}

impl NewFile {
    /// Creates it, with these permission bits less the umask. The target's folder has to exist.
    ///
    /// # Errors
    /// Those of the system.
    pub fn create(target: &Path, mode: u32) -> io::Result<Self> {
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = Folder::open(parent)?;
        let name = target.file_name().unwrap_or_default().to_owned();
        let mut part = name.clone();
        part.push(format!(".part{:016x}", RandomState::new().build_hasher().finish()));
        let file = folder.create_file(&part, mode)?;
        Ok(Self { folder, part, name, file })
    }

    /// The file, for writing.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Syncs it and gives it the target's name, replacing what has that name.
    ///
    /// # Errors
    /// Those of the system.
    pub fn keep(self) -> io::Result<()> {
        self.file.sync_all()?;
        self.folder.replace(&self.part, &self.name)?;
        self.folder.sync()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // What was kept has another name.
        let _ = self.folder.remove(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn new_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.bin");
        fs_err::write(&target, b"old").unwrap();
        let names = || fs_err::read_dir(folder.path()).unwrap().count();
        let mut file = NewFile::create(&target, 0o600).unwrap();
        file.file().write_all(b"new").unwrap();
        assert_eq!((names(), fs_err::metadata(&target).unwrap().len()), (2, 3));
        drop(file);
        assert_eq!((names(), crate::read_text(&target, 10).unwrap().as_str()), (1, "old"));
        let mut file = NewFile::create(&target, 0o600).unwrap();
        file.file().write_all(b"new").unwrap();
        file.keep().unwrap();
        assert_eq!((names(), crate::read_text(&target, 10).unwrap().as_str()), (1, "new"));
        assert!(NewFile::create(&folder.path().join("none/a.bin"), 0o600).is_err());
    }
}
