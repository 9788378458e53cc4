//! [`PartialKey`]: identity of a download.

use std::fmt;

use cache_core::{FileEntry, Hasher, Sha256, Version};

/// Identifies the content of a download, so that two names of one content share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartialKey(String);

impl PartialKey {
    pub(crate) fn of(version: &Version, file: &FileEntry) -> Self {
        if let Some(digest) = file.digests.sha256 {
            return Self::sha256(&digest);
        }
        if let Some(digest) = file.digests.git_sha1 {
            return Self(format!("git-{digest}"));
        }
        let mut hasher = Hasher::new();
        let size = file.size.map(|size| size.to_string());
        let parts = [
            version.to_string(),
            file.path.to_string(),
            file.etag.clone().unwrap_or_default(),
            size.unwrap_or_default(),
        ];
        for part in parts {
            hasher.update(part.as_bytes());
            hasher.update(b"\n");
        }
        Self(format!("other-{}", hasher.finish().sha256))
    }

    /// The key of the content with this digest.
    #[must_use]
    pub fn sha256(digest: &Sha256) -> Self {
        Self(format!("sha256-{digest}"))
    }

    /// The digest of the content, if the key names one.
    pub(crate) fn digest(&self) -> Option<Sha256> {
        self.0.strip_prefix("sha256-")?.parse().ok()
    }

    /// A key for a file of which nothing is known yet.
    pub(crate) fn unknown(nonce: &str) -> Self {
        Self(format!("adopt-{nonce}"))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(name: &str) -> Self {
        Self(format!("other-{name}"))
    }

    /// The key as it appears in file names: letters, digits and dashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use cache_core::{Commit, ModelId, RepoPath};

    use super::*;

    #[test]
    fn names_of_one_content_share_a_key() {
        let version = Version { model: ModelId::hub("a/b").unwrap(), commit: Commit::parse(&"c".repeat(40)).unwrap() };
        let mut a = FileEntry::new(RepoPath::parse("a").unwrap());
        let mut b = FileEntry::new(RepoPath::parse("b").unwrap());
        assert_ne!(PartialKey::of(&version, &a), PartialKey::of(&version, &b));
        for file in [&mut a, &mut b] {
            file.digests.sha256 = Some(Sha256::from_bytes([1; 32]));
        }
        assert_eq!(PartialKey::of(&version, &a), PartialKey::of(&version, &b));
        assert!(PartialKey::of(&version, &a).as_str().starts_with("sha256-0101"));
    }
}
