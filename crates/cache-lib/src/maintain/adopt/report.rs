//! [`AdoptReport`]: the result of an adoption.

use std::path::PathBuf;

use crate::{AdoptKind, AdoptPlan, CopyReason, Error, RepoPath, Revision, Version};

/// State of an adopted file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AdoptState {
    /// It shares its bytes with the blob.
    Linked,
    /// It was copied.
    Copied,
    /// The store had it.
    AlreadyStored,
    /// It would be linked or copied: this is a dry run.
    Planned(AdoptPlan),
    /// It is damaged, missing or cannot be read, and was left as it is.
    Refused(Error),
}

/// One file of a model.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AdoptedFile {
    /// Path of the file in the version.
    pub path: RepoPath,
    /// Its size in bytes, where that is known.
    pub size: Option<u64>,
    /// Whether there was a digest to check it against.
    pub verified: bool,
    /// State of the file.
    pub state: AdoptState,
    /// Why it was copied, or would be, although the file system could have linked it.
    pub copy_reason: Option<CopyReason>,
}

/// One version.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AdoptedModel {
    /// Model and commit.
    pub version: Version,
    /// The moving names that lead to it in the store now, among those that led to it in the folder.
    pub revisions: Vec<Revision>,
    /// Its registered name, where it has one.
    pub name: Option<String>,
    /// Its files, sorted by path.
    pub files: Vec<AdoptedFile>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl AdoptedModel {
    /// The files that were refused, and why.
    pub fn refused(&self) -> impl Iterator<Item = (&RepoPath, &Error)> {
        self.files.iter().filter_map(|file| match &file.state {
            AdoptState::Refused(error) => Some((&file.path, error)),
            _ => None,
        })
    }
}

/// Adopted, already stored and refused files.
#[derive(Debug)]
#[non_exhaustive]
pub struct AdoptReport {
    /// The program of the folder.
    pub kind: AdoptKind,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The versions in it.
    pub models: Vec<AdoptedModel>,
    /// Paths that are no valid version or revision, and why.
    pub refused: Vec<(PathBuf, Error)>,
}

impl AdoptReport {
    pub(super) fn new(kind: AdoptKind, dry_run: bool) -> Self {
        Self { kind, dry_run, models: Vec::new(), refused: Vec::new() }
    }

    /// Whether nothing was refused.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.refused.is_empty() && self.models.iter().all(|model| model.refused().next().is_none())
    }
}
