//! [`Folder`]: a directory handle below which no link is followed.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use fs_err as fs;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

/// A directory handle (`openat`). A rename of its path does not change where names are looked up.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder. Links in the path itself are followed.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| named(errno, path))?;
        Ok(Self { fd, path: path.to_path_buf() })
    }

    /// Opens a folder, and makes it and its parents if missing. Links in the path itself are followed.
    ///
    /// # Errors
    /// Those of the system.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        if !path.as_ref().as_os_str().is_empty() {
            fs::create_dir_all(path.as_ref())?;
        }
        Self::open(path)
    }

    /// Opens a folder at a relative path below this one; with `create`, makes missing ones.
    ///
    /// # Errors
    /// [`NotADirectory`](io::ErrorKind::NotADirectory) for a link or a file on the way,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that is absolute or climbs; else those of the system.
    pub fn below(&self, relative: impl AsRef<Path>, create: bool) -> io::Result<Self> {
        let mut at = Self { fd: self.fd.try_clone()?, path: self.path.clone() };
        for component in relative.as_ref().components() {
            let Component::Normal(name) = component else {
                let text = format!("{}: not a path below a folder", relative.as_ref().display());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            };
            at = at.child(name, create)?;
        }
        Ok(at)
    }

    /// The path it was opened at, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn child(&self, name: &OsStr, create: bool) -> io::Result<Self> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&self.fd, name, flags, Mode::empty());
        let opened = match open() {
            Err(Errno::NOENT) if create => {
                match rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(named(errno, &path)),
                }
                open()
            }
            other => other,
        };
        match opened {
            Ok(fd) => Ok(Self { fd, path }),
            // Linux says the one or the other of a link, by its version and flags.
            Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => {
                let is_link = rustix::fs::readlinkat(&self.fd, name, Vec::new()).is_ok();
                let what =
                    if is_link { "is a link, and links below a folder are not followed" } else { "is no folder" };
                Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{}: {what}", path.display())))
            }
            Err(errno) => Err(named(errno, &path)),
        }
    }

    /// Opens a regular file in it for reading. Links are refused.
    ///
    /// # Errors
    /// [`InvalidData`](io::ErrorKind::InvalidData) for what is no regular file; else those of the system.
    pub fn file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let (name, path) = (name.as_ref(), self.path.join(name.as_ref()));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let irregular =
            || io::Error::new(io::ErrorKind::InvalidData, format!("{}: not a regular file", path.display()));
        let fd = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Err(Errno::LOOP | Errno::MLINK | Errno::NXIO) => return Err(irregular()),
            other => other.map_err(|errno| named(errno, &path))?,
        };
        let file = File::from(fd);
        if file.metadata()?.is_file() { Ok(file) } else { Err(irregular()) }
    }

    /// Creates a file in it, with these permission bits less the umask.
    ///
    /// # Errors
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when something has the name; else those of the system.
    pub fn create_file(&self, name: impl AsRef<OsStr>, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_bits_truncate(mode as rustix::fs::RawMode);
        let made = rustix::fs::openat(&self.fd, name.as_ref(), flags, mode);
        made.map(File::from).map_err(|errno| named(errno, &self.path.join(name.as_ref())))
    }

    /// Whether the name is a folder in it. Links are not followed.
    #[must_use]
    pub fn has_folder(&self, name: impl AsRef<OsStr>) -> bool {
        let found = rustix::fs::statat(&self.fd, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| rustix::fs::FileType::from_raw_mode(found.st_mode).is_dir())
    }

    /// Creates a copy-on-write clone (reflink) of a file.
    ///
    /// # Errors
    /// [`Unsupported`](io::ErrorKind::Unsupported) where the file system cannot; else those of the system.
    pub fn clone_file(&self, original: &File, name: impl AsRef<OsStr>, mode: u32) -> io::Result<File> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let made = self.create_file(name.as_ref(), mode)?;
            if let Err(errno) = rustix::fs::ioctl_ficlone(&made, original) {
                let _ = self.remove(name.as_ref());
                return Err(named(errno, &self.path.join(name.as_ref())));
            }
            Ok(made)
        }
        #[cfg(target_vendor = "apple")]
        {
            // The rights that a new file gets here, umask included.
            let rights = self.create_file(name.as_ref(), mode)?.metadata()?.permissions();
            self.remove(name.as_ref())?;
            rustix::fs::fclonefileat(original, &self.fd, name.as_ref(), rustix::fs::CloneFlags::empty())
                .map_err(|errno| named(errno, &self.path))?;
            let made = self.file(name)?;
            made.set_permissions(rights)?;
            Ok(made)
        }
        #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
        {
            let _ = (original, name, mode);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Creates a hard link at a path outside to a file in it. Links are not followed.
    ///
    /// # Errors
    /// Those of the system.
    pub fn link_out(&self, name: impl AsRef<OsStr>, to: &Path) -> io::Result<()> {
        let linked = rustix::fs::linkat(&self.fd, name.as_ref(), CWD, to, AtFlags::empty());
        linked.map_err(|errno| named(errno, to))
    }

    /// Creates a hard link in it to a file at a path outside. Links are not followed.
    ///
    /// # Errors
    /// Those of the system.
    pub fn link_in(&self, original: &Path, name: impl AsRef<OsStr>) -> io::Result<()> {
        let linked = rustix::fs::linkat(CWD, original, &self.fd, name.as_ref(), AtFlags::empty());
        linked.map_err(|errno| named(errno, &self.path.join(name.as_ref())))
    }

    /// Renames a file within it, replacing the target atomically.
    ///
    /// # Errors
    /// Those of the system.
    pub fn replace(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> io::Result<()> {
        let moved = rustix::fs::renameat(&self.fd, from.as_ref(), &self.fd, to.as_ref());
        moved.map_err(|errno| named(errno, &self.path.join(to.as_ref())))
    }

    /// Removes a file or a link in it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let removed = rustix::fs::unlinkat(&self.fd, name.as_ref(), AtFlags::empty());
        removed.map_err(|errno| named(errno, &self.path.join(name.as_ref())))
    }

    /// Syncs the directory (`fsync`).
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> io::Result<()> {
        rustix::fs::fsync(&self.fd).map_err(|errno| named(errno, &self.path))
    }

    /// Its metadata.
    ///
    /// # Errors
    /// Those of the system.
    pub fn metadata(&self) -> io::Result<Metadata> {
        File::from(self.fd.try_clone()?).metadata()
    }
}

/// The errors of rustix name no path.
fn named(errno: Errno, path: &Path) -> io::Error {
    let error = io::Error::from(errno);
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_on_the_way_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (top, outside) = (dir.path().join("top"), dir.path().join("outside"));
        fs::create_dir_all(top.join("real")).unwrap();
        fs::create_dir(&outside).unwrap();
        symlink(&outside, top.join("sub")).unwrap();
        symlink("real", top.join("near")).unwrap();
        let folder = Folder::create(&top).unwrap();
        for path in ["sub", "sub/deeper", "near", "real/../../outside"] {
            assert!(folder.below(path, true).is_err(), "{path}");
        }
        let error = folder.below("sub/deeper", true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        assert!(error.to_string().contains("top/sub: is a link"), "{error}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        let below = folder.below("real/new", true).unwrap();
        below.create_file("file", 0o600).unwrap();
        assert!(top.join("real/new/file").is_file() && folder.has_folder("real") && !folder.has_folder("near"));
        assert_eq!(folder.below("none", false).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_link_is_no_file_and_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("original"), "old").unwrap();
        symlink("original", dir.path().join("link")).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert_eq!(folder.file("link").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(folder.file("none").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(folder.create_file("link", 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        folder.create_file("part", 0o600).unwrap();
        folder.replace("part", "link").unwrap();
        folder.sync().unwrap();
        assert_eq!(folder.file("link").unwrap().metadata().unwrap().len(), 0);
        assert_eq!(fs::read_to_string(dir.path().join("original")).unwrap(), "old");
    }
}
