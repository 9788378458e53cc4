//! What is said when a folder cannot be read as a model.

use std::io;
use std::path::Path;

use cache_core::{Error, ErrorKind, RepoPath};

/// An I/O error while reading the source: `fs_err` has put the path into it.
pub(crate) fn read(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::new(ErrorKind::NotFound, error.to_string()).with_source(error)
        }
        io::ErrorKind::PermissionDenied => Error::new(ErrorKind::Storage, error.to_string())
            .with_hint("check the permissions of the folder and its files")
            .with_source(error),
        _ => Error::new(ErrorKind::Storage, error.to_string()).with_source(error),
    }
}

pub(crate) fn no_folder(folder: &Path) -> Error {
    Error::new(ErrorKind::NotFound, format!("{}: folder not found", folder.display()))
        .with_hint("check the spelling; for a model of the Hub write org/name, or hf://org/name")
}

pub(crate) fn no_file(path: &RepoPath, folder: &Path) -> Error {
    Error::new(ErrorKind::NotFound, format!("{} has no file {path}", folder.display()))
        .with_hint("it may have been removed since the folder was listed; run the same command again")
}

pub(crate) fn leads_out(link: &Path, target: &Path, folder: &Path) -> Error {
    let (link, target) = (link.display(), target.display());
    Error::new(ErrorKind::Usage, format!("{link} is a link to {target}, outside of {}", folder.display()))
        .with_hint("links are followed inside the folder only: put the file itself there, or give the other folder")
}

pub(crate) fn dangling(link: &Path) -> Error {
    Error::new(ErrorKind::NotFound, format!("{} is a broken link", link.display()))
        .with_hint("remove the link, or bring back what it pointed to")
}

pub(crate) fn changed(path: &Path) -> Error {
    Error::new(ErrorKind::Integrity, format!("{} has changed since it was listed", path.display()))
        .with_hint("run the same command again when no program writes there")
}

pub(crate) fn no_revision(folder: &Path, revision: &str, known: &[String]) -> Error {
    let known = match known {
        [] => "it has none".to_owned(),
        _ if known.len() > 8 => format!("it has {} and {} more", known[..8].join(", "), known.len() - 8),
        _ => format!("it has {}", known.join(", ")),
    };
    Error::new(ErrorKind::NotFound, format!("{} has no revision {revision}", folder.display())).with_hint(known)
}
