//! [`Expected`]: sizes and digests of files that a registry entry or a lock file requires.

use std::collections::BTreeMap;

use crate::{Digests, Error, ErrorKind, FileEntry, Manifest, RepoPath, Result, Sha256};

/// Expected size and digests of one file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExpectedFile {
    pub(crate) size: Option<u64>,
    pub(crate) digests: Digests,
}

impl From<Sha256> for ExpectedFile {
    fn from(sha256: Sha256) -> Self {
        Self { size: None, digests: Digests { sha256: Some(sha256), ..Digests::default() } }
    }
}

/// Expected files of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Name of the entry or lock file, for errors.
    origin: String,
    files: BTreeMap<RepoPath, ExpectedFile>,
}

impl Expected {
    pub(crate) fn new(origin: String, files: BTreeMap<RepoPath, ExpectedFile>) -> Self {
        Self { origin, files }
    }

    /// Refuses a listing that differs, before any byte is fetched.
    pub(crate) fn check(&self, manifest: &Manifest) -> Result<()> {
        for (path, expected) in &self.files {
            let file = manifest.file(path).ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("{} has no file {path}, which {} lists", manifest.version, self.origin),
                )
                .with_hint("it was locked or registered at another version: do it again for this one")
            })?;
            self.compare(file, expected)?;
        }
        Ok(())
    }

    /// Refuses a file that differs.
    pub(crate) fn check_file(&self, file: &FileEntry) -> Result<()> {
        self.files.get(&file.path).map_or(Ok(()), |expected| self.compare(file, expected))
    }

    /// The digest of the file at `path`, or without a path that of the only file.
    pub(crate) fn sha256_of(&self, path: Option<&RepoPath>) -> Option<Sha256> {
        let expected = match path {
            Some(path) => self.files.get(path),
            None => self.files.values().next().filter(|_| self.files.len() == 1),
        };
        expected.and_then(|expected| expected.digests.sha256)
    }

    fn compare(&self, file: &FileEntry, expected: &ExpectedFile) -> Result<()> {
        let differ = |expected: &dyn std::fmt::Display, actual: &dyn std::fmt::Display| {
            Error::new(
                ErrorKind::Integrity,
                format!("{}: checksum mismatch: {} has {expected}, the source has {actual}", file.path, self.origin),
            )
            .with_hint("nothing was downloaded: the file at the source or the local record of it has changed")
        };
        if let (Some(size), Some(actual)) = (expected.size, file.size)
            && size != actual
        {
            return Err(differ(&format_args!("{size} bytes"), &format_args!("{actual}")));
        }
        if let (Some(sha256), Some(actual)) = (expected.digests.sha256, file.blob_name())
            && sha256 != actual
        {
            return Err(differ(&format_args!("sha256:{sha256}"), &format_args!("sha256:{actual}")));
        }
        if let (Some(id), Some(actual)) = (expected.digests.git_sha1, file.digests.git_sha1)
            && id != actual
        {
            return Err(differ(&format_args!("git-sha1:{id}"), &format_args!("git-sha1:{actual}")));
        }
        Ok(())
    }

    /// Sets the expected digest of a file, where its source gives none or a weaker one.
    pub(crate) fn fill(&self, file: &mut FileEntry) {
        let Some(expected) = self.files.get(&file.path) else { return };
        file.size = file.size.or(expected.size);
        file.digests.sha256 = file.digests.sha256.or(expected.digests.sha256);
        file.digests.git_sha1 = file.digests.git_sha1.or(expected.digests.git_sha1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Commit, ModelId, Version};

    #[test]
    fn listing_is_checked_or_filled_in() {
        let digest = |c: &str| c.repeat(64).parse::<Sha256>().unwrap();
        let path = |text| RepoPath::parse(text).unwrap();
        let mut file = FileEntry::new(path("x.bin"));
        let version = Version { model: ModelId::hub("o/n").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() };
        let listed = |file: &FileEntry| Manifest::new(version.clone(), vec![file.clone()]).unwrap();
        let says = |name, digest: Sha256| Expected::new("the lock".to_owned(), [(path(name), digest.into())].into());

        says("x.bin", digest("1")).check(&listed(&file)).unwrap();
        says("x.bin", digest("1")).fill(&mut file);
        assert_eq!(file.digests.sha256, Some(digest("1")));
        says("x.bin", digest("1")).check(&listed(&file)).unwrap();
        let error = says("x.bin", digest("2")).check(&listed(&file)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
        for part in ["x.bin", "the lock", &"1".repeat(64), &"2".repeat(64)] {
            assert!(error.message().contains(part), "{part}: {error}");
        }
        assert_eq!(says("y.bin", digest("1")).check(&listed(&file)).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
