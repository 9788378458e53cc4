//! A plain folder as a model: its files are the listing.

use std::fs::Metadata;
use std::path::Path;

use cache_core::{Commit, Error, ErrorKind, FileEntry, RepoPath, Result, Revision};

use crate::entry::{follow, identity};
use crate::{LocalConfig, error, sums};

/// Folder of the records of `hf download --local-dir`.
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
    let error = error::no_revision(root, revision.as_str(), &known);
    Err(match revision.as_commit() {
        Some(_) => error.with_hint(format!("its files have changed since: it is at {commit} now")),
        None => error,
    })
}

pub(crate) fn list(root: &Path, config: &LocalConfig) -> Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    // Folders to read: where they lie in the listing, and all the real folders above them.
    let mut waiting = vec![(String::new(), vec![root.to_path_buf()])];
    while let Some((prefix, above)) = waiting.pop() {
        let Some(folder) = above.last() else { continue };
        for entry in fs_err::read_dir(folder).map_err(error::read)? {
            let entry = entry.map_err(error::read)?;
            let name = entry.file_name().into_string().map_err(|name| unreadable(folder, &name))?;
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(error::read)?;
            let real = if kind.is_symlink() { follow(&entry.path(), root)? } else { entry.path() };
            let metadata = fs_err::metadata(&real).map_err(error::read)?;
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
                return Err(Error::new(ErrorKind::Usage, format!("{} is neither a file nor a folder", real.display()))
                    .with_hint("a model consists of files: move it elsewhere"));
            }
        }
    }
    Ok(files)
}

fn file(path: &str, metadata: &Metadata) -> Result<FileEntry> {
    let mut file = FileEntry::new(RepoPath::parse(path)?);
    file.size = Some(metadata.len());
    file.etag = Some(identity(metadata));
    Ok(file)
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
