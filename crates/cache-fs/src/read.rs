//! Whole reads of regular files.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::OFlags;

/// Opens a regular file for reading, through links. Never waits for the other end of a pipe.
///
/// # Errors
/// Those of the system; [`IsADirectory`](io::ErrorKind::IsADirectory) for a folder,
/// [`InvalidData`](io::ErrorKind::InvalidData) for anything else that is no regular file.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    // Opening a device can act on it.
    regular(&fs::metadata(path)?, path)?;
    // What lies there may be another file by now.
    let open = |flags: OFlags| fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let opened = match open(OFlags::NONBLOCK | OFlags::NOCTTY) {
        // A file server has a lease on the file and gives it back: no pipe answers so.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => open(OFlags::NOCTTY),
        other => other,
    };
    let file = opened?.into_file();
    regular(&file.metadata()?, path)?;
    Ok(file)
}

/// The content of a regular file, or of `/dev/null`, of at most `cap` bytes.
///
/// # Errors
/// As for [`open`]; [`InvalidData`](io::ErrorKind::InvalidData) for a longer file.
pub fn read(path: impl AsRef<Path>, cap: u64) -> io::Result<Vec<u8>> {
    if is_null(path.as_ref()) {
        return Ok(Vec::new());
    }
    content(open(&path)?, path.as_ref(), cap)
}

fn content(file: File, path: &Path, cap: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // The length is no promise: files of /proc have none, and others grow.
    let length = file.metadata()?.len();
    if length <= cap {
        bytes.reserve(usize::try_from(length).unwrap_or_default());
        let whole = file.take(cap.saturating_add(1)).read_to_end(&mut bytes);
        whole.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    }
    if length > cap || u64::try_from(bytes.len()).unwrap_or(u64::MAX) > cap {
        return Err(invalid(path, &format!("larger than {cap} bytes")));
    }
    Ok(bytes)
}

/// The text of a regular file, or of `/dev/null`, of at most `cap` bytes.
///
/// # Errors
/// As for [`read`]; [`InvalidData`](io::ErrorKind::InvalidData) with the line that is not UTF-8.
pub fn read_text(path: impl AsRef<Path>, cap: u64) -> io::Result<String> {
    if is_null(path.as_ref()) {
        return Ok(String::new());
    }
    text_of(open(&path)?, path, cap)
}

/// The text of an [opened](open) file of at most `cap` bytes; `path` is for messages.
///
/// # Errors
/// As for [`read_text`].
pub fn text_of(file: File, path: impl AsRef<Path>, cap: u64) -> io::Result<String> {
    let path = path.as_ref();
    String::from_utf8(content(file, path, cap)?).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        invalid(path, &format!("line {line} is not UTF-8"))
    })
}

/// Whether it is the device that people name where no file is meant.
fn is_null(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).ok().filter(|found| found.file_type().is_char_device());
    device(path).is_some_and(|found| device(Path::new("/dev/null")).is_some_and(|null| null.rdev() == found.rdev()))
}

fn regular(metadata: &std::fs::Metadata, path: &Path) -> io::Result<()> {
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, format!("{}: is a folder", path.display())));
    }
    if metadata.is_file() { Ok(()) } else { Err(invalid(path, "not a regular file")) }
}

fn invalid(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_device_or_a_pipe_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (name, target) in [("endless", "/dev/zero"), ("waiting", pipe.to_str().unwrap())] {
            let link = dir.path().join(name);
            symlink(target, &link).unwrap();
            let error = read(&link, 10).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{name}");
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
        assert_eq!(read(dir.path(), 10).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read(dir.path().join("none"), 10).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_read_up_to_its_cap() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        assert!(read(&path, 3).unwrap_err().to_string().contains("larger than 3 bytes"));
        assert_eq!(read_text("/dev/null", 0).unwrap(), "");
        // No length is stated, and there is content.
        assert!(!read_text("/proc/self/status", 1 << 20).unwrap().is_empty());
        assert!(read("/proc/self/status", 10).is_err());
        fs::write(&path, b"one\n\xff").unwrap();
        assert!(read_text(&path, 10).unwrap_err().to_string().contains("line 2 is not UTF-8"));
    }
}
