//! [`Verifier`]: judges a file's bytes while they pass by.

use std::fmt::{Debug, Display};

use crate::{Digest, Error, ErrorKind, FileEntry, Hasher, Hashes, Result};

/// Result of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The bytes are what the metadata promised.
    Verified,
    /// There was nothing to check against.
    Unverified,
    /// The bytes are wrong.
    Rejected {
        /// The mismatch: expected and actual value.
        reason: String,
    },
}

/// One file on its way through a verifier.
pub trait Verification: Send {
    /// Takes the next bytes, in order.
    fn update(&mut self, bytes: &[u8]);

    /// Judges.
    ///
    /// # Errors
    /// If no verdict can be given.
    fn finish(self: Box<Self>) -> Result<Verdict>;
}

/// Judges files: by digest, by structure.
pub trait Verifier: Debug + Display + Send + Sync {
    /// Begins a file.
    fn begin(&self, file: &FileEntry) -> Box<dyn Verification>;
}

/// Checks size and digests against the file's entry.
#[derive(Debug, Clone, Copy, Default)]
pub struct DigestVerifier;

impl Display for DigestVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("digest")
    }
}

impl DigestVerifier {
    /// A hasher for all that the entry needs checked.
    #[must_use]
    pub fn hasher(file: &FileEntry, size: u64) -> Hasher {
        let needs_sha1 = file.digests.sha256.is_none() && file.digests.git_sha1.is_some();
        if needs_sha1 { Hasher::new().with_git_sha1(size) } else { Hasher::new() }
    }

    /// Compares finished hashes with the entry.
    #[must_use]
    pub fn judge(file: &FileEntry, hashes: &Hashes) -> Verdict {
        if let Some(size) = file.size.filter(|&size| size != hashes.length) {
            return Verdict::Rejected { reason: format!("wrong size: expected {size} bytes, got {}", hashes.length) };
        }
        let pairs = [
            (file.digests.sha256.map(Digest::Sha256), Some(Digest::Sha256(hashes.sha256))),
            (file.digests.git_sha1.map(Digest::GitSha1), hashes.git_sha1.map(Digest::GitSha1)),
        ];
        let mut checked = false;
        for (expected, actual) in pairs {
            if let (Some(expected), Some(actual)) = (expected, actual) {
                if expected != actual {
                    return Verdict::Rejected {
                        reason: format!("checksum mismatch: expected {expected}, got {actual}"),
                    };
                }
                checked = true;
            }
        }
        // The compressed bytes were checked by the source that unpacked them.
        checked |= file.compressed.as_ref().is_some_and(|compressed| !compressed.digests.is_empty());
        if checked { Verdict::Verified } else { Verdict::Unverified }
    }
}

struct DigestCheck {
    file: FileEntry,
    hasher: Hasher,
}

impl Verifier for DigestVerifier {
    fn begin(&self, file: &FileEntry) -> Box<dyn Verification> {
        let hasher = Self::hasher(file, file.size.unwrap_or_default());
        Box::new(DigestCheck { file: file.clone(), hasher })
    }
}

impl Verification for DigestCheck {
    fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    fn finish(self: Box<Self>) -> Result<Verdict> {
        Ok(DigestVerifier::judge(&self.file, &self.hasher.finish()))
    }
}

impl Verdict {
    /// Turns a rejection into an error that names the file.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] for [`Verdict::Rejected`].
    pub fn into_result(self, file: &FileEntry) -> Result<bool> {
        match self {
            Self::Verified => Ok(true),
            Self::Unverified => Ok(false),
            Self::Rejected { reason } => Err(Error::new(ErrorKind::Integrity, format!("{}: {reason}", file.path))),
        }
    }
}
