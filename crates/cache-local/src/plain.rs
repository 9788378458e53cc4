//! A plain folder: what lies in it is what it has.

use std::fs::Metadata;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use cache_core::{Commit, Error, ErrorKind, FileEntry, RepoPath, Result, Revision};

use crate::{LocalConfig, sums, trouble};

/// Where `hf download --local-dir` keeps its own records.
const HF_RECORDS: &str = ".cache/huggingface";

/// Lists the folder, if it is at the revision.
pub(crate) fn resolve(root: &Path, revision: &Revision, config: &LocalConfig) -> Result<(Commit, Vec<FileEntry>)> {
    let mut files = list(root, config)?;
    sums::apply(root, &mut files)?;
    let commit = Commit::of_listing(&files);
    if *revision == Revision::main() || revision.as_str() == commit.as_str() {
        return Ok((commit, files));
    }
    let known = [Revision::main().to_string(), commit.to_string()];
    let error = trouble::no_revision(root, revision.as_str(), &known);
    Err(match revision.as_commit() {
        Some(_) => error.with_hint(format!("its files have changed since: it is at {commit} now")),
        None => error,
    })
}

/// The real file behind an entry.
pub(crate) fn open(root: &Path, file: &FileEntry) -> Result<PathBuf> {
    let path = file.path.below(root);
    let found = match fs_err::symlink_metadata(&path) {
        Ok(_) => follow(&path, root)?,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Err(trouble::no_file(&file.path, root));
        }
        Err(error) => return Err(trouble::read(error)),
    };
    let metadata = fs_err::metadata(&found).map_err(trouble::read)?;
    if !metadata.is_file() {
        return Err(trouble::no_file(&file.path, root));
    }
    if file.etag.as_ref().is_some_and(|etag| *etag != identity(&metadata)) {
        return Err(trouble::changed(&path));
    }
    Ok(found)
}

/// The content of a small regular file. A pipe or a device may have no end: it is not opened.
pub(crate) fn read_small(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let metadata = fs_err::metadata(path)?;
    let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{} {why}", path.display()));
    if !metadata.is_file() {
        let is_folder = metadata.is_dir();
        return Err(if is_folder { io::ErrorKind::IsADirectory.into() } else { wrong("is no file".to_owned()) });
    }
    let mut bytes = Vec::new();
    fs_err::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(wrong(format!("is longer than {limit} bytes"))) } else { Ok(bytes) }
}

pub(crate) fn list(root: &Path, config: &LocalConfig) -> Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    // Folders to read: where they lie in the listing, and all the real folders above them.
    let mut waiting = vec![(String::new(), vec![root.to_path_buf()])];
    while let Some((prefix, above)) = waiting.pop() {
        let Some(folder) = above.last() else { continue };
        for entry in fs_err::read_dir(folder).map_err(trouble::read)? {
            let entry = entry.map_err(trouble::read)?;
            let name = entry.file_name().into_string().map_err(|name| unreadable(folder, &name))?;
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(trouble::read)?;
            let real = if kind.is_symlink() { follow(&entry.path(), root)? } else { entry.path() };
            let metadata = fs_err::metadata(&real).map_err(trouble::read)?;
            if metadata.is_dir() {
                if config.skip.contains(&name) || path == HF_RECORDS {
                    continue;
                }
                if above.contains(&real) {
                    return Err(circle(&entry.path(), &real));
                }
                let mut above = above.clone();
                above.push(real);
                waiting.push((format!("{path}/"), above));
            } else if metadata.is_file() {
                if files.len() >= config.max_files {
                    return Err(too_many(root, config.max_files));
                }
                files.push(file(&path, &metadata)?);
            } else {
                return Err(Error::new(ErrorKind::Usage, format!("{} is no file and no folder", real.display()))
                    .with_hint("a model consists of files: move it elsewhere"));
            }
        }
    }
    Ok(files)
}

/// Resolves a link, which must stay below the root.
pub(crate) fn follow(link: &Path, root: &Path) -> Result<PathBuf> {
    let real = fs_err::canonicalize(link).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => trouble::dangling(link),
        _ => trouble::read(error),
    })?;
    if real.starts_with(root) { Ok(real) } else { Err(trouble::leads_out(link, &real, root)) }
}

fn file(path: &str, metadata: &Metadata) -> Result<FileEntry> {
    let mut file = FileEntry::new(RepoPath::parse(path)?);
    file.size = Some(metadata.len());
    file.etag = Some(identity(metadata));
    Ok(file)
}

/// What changes when a file does: its size and time of change, to the nanosecond.
pub(crate) fn identity(metadata: &Metadata) -> String {
    let time = metadata.modified().ok();
    let nanoseconds = time.map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |nanoseconds| -nanoseconds),
    });
    format!("{:x}-{nanoseconds:x}", metadata.len())
}

fn unreadable(folder: &Path, name: &std::ffi::OsStr) -> Error {
    Error::new(ErrorKind::Integrity, format!("{}: the file name {name:?} is not UTF-8", folder.display()))
        .with_hint("rename the file")
}

fn circle(link: &Path, real: &Path) -> Error {
    Error::new(ErrorKind::Usage, format!("{} leads back to {}", link.display(), real.display()))
        .with_hint("remove the link: the folder contains itself")
}

fn too_many(root: &Path, limit: usize) -> Error {
    Error::new(ErrorKind::Usage, format!("{} has more than {limit} files", root.display()))
        .with_hint("give the folder of one model")
}
