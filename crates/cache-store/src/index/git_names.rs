//! Git ids of contents: links to their SHA-256.

use std::io;
use std::path::PathBuf;

use cache_core::{FileEntry, GitSha1, Sha256};
use fs_err as fs;

use crate::fs::durable;
use crate::store::Store;

impl Store {
    /// Returns the name of a file's blob as far as it is known, present or not.
    #[must_use]
    pub fn blob_name_of(&self, file: &FileEntry) -> Option<Sha256> {
        file.blob_name().or_else(|| self.named_by_git(&file.digests.git_sha1?))
    }

    /// The SHA-256 of the content with this git id, if it was ever stored.
    pub(crate) fn named_by_git(&self, id: &GitSha1) -> Option<Sha256> {
        fs::read_link(self.layout().git_name(id)).ok()?.to_str()?.parse().ok()
    }

    /// Remembers a content's git id. Derived: a failure costs a download at most.
    pub(crate) fn remember_git(&self, id: &GitSha1, name: &Sha256) {
        let (target, link) = (PathBuf::from(name.to_string()), self.layout().git_name(id));
        let remembered = match durable::new_symlink(&target, &link) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match self.named_by_git(id) {
                Some(known) if known == *name => Ok(()),
                _ => durable::symlink(self.layout(), &target, &link),
            },
            made => made,
        };
        if let Err(error) = remembered {
            tracing::debug!(%error, "a git id could not be remembered");
        }
    }
}
