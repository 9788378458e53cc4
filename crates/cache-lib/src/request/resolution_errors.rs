//! Errors of a resolution: why files of the store cannot be used.

use cache_transfer::Fetched;

use crate::request::resolution::Resolution;
use crate::request::spec::FetchSpec;
use crate::{Cache, Error, ErrorKind, FileEntry, ModelId, ModelRef, RepoPath, Result, Revision, Sha256};

impl Resolution {
    /// Why requested files are not in the store: not downloaded, or corrupted.
    pub(crate) fn not_cached(&self, cache: &Cache, spec: &FetchSpec) -> Error {
        let unchecked = self.files.iter().find(|state| state.unchecked.is_some());
        if let Some((state, compressed)) = unchecked.zip(spec.digests.compressed) {
            return self.unchecked(&spec.reference, &state.file.path, compressed);
        }
        for file in self.missing() {
            match cache.store().corruption(file) {
                Ok(None) => {}
                Ok(Some(reason)) => return corrupted(&spec.reference, file, &reason),
                Err(error) => return error,
            }
        }
        let missing: Vec<&str> = self.missing().map(|file| file.path.as_str()).collect();
        let mut names = missing.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        if missing.len() > 3 {
            names = format!("{names} and {} more", missing.len() - 3);
        }
        Error::new(
            ErrorKind::NotCached,
            format!(
                "{}: {} of {} files are not in the store: {names}",
                spec.reference,
                missing.len(),
                self.files.len()
            ),
        )
        .with_hint("download it (needs network access)")
        .with_reason(crate::Reason::NotCached)
        .with_subject(&spec.reference)
    }

    /// Why a stored file cannot be used whose compressed bytes must have this digest.
    fn unchecked(&self, reference: &ModelRef, path: &RepoPath, compressed: Sha256) -> Error {
        let stored = self.stored.as_ref().and_then(|stored| stored.file(path));
        match stored.and_then(|file| file.compressed.as_ref()?.digests.sha256) {
            Some(recorded) => Error::new(
                ErrorKind::Integrity,
                format!("{path}: checksum mismatch: expected compressed bytes with sha256:{compressed}, the store has sha256:{recorded}"),
            )
            .with_hint("check the digest, or the file that it belongs to"),
            None => Error::new(
                ErrorKind::NotCached,
                format!("{path}: the store does not know the digest of its compressed bytes (sha256:{compressed})"),
            )
            .with_hint("download it again with that digest")
            .with_reason(crate::Reason::NotCached)
            .with_subject(reference),
        }
    }
}

/// Refuses a file whose compressed bytes match and whose contents are not those in the store.
pub(crate) fn check_contents(path: &RepoPath, expected: Option<Sha256>, fetched: Fetched) -> Result<Fetched> {
    match expected.filter(|expected| *expected != fetched.blob.name) {
        None => Ok(fetched),
        Some(expected) => Err(Error::new(
            ErrorKind::Integrity,
            format!(
                "{path}: checksum mismatch: expected sha256:{expected}, the compressed file contains sha256:{}",
                fetched.blob.name
            ),
        )
        .with_hint("one of the two digests is wrong, or both belong to different versions of the file")),
    }
}

/// A version that is not in the store.
pub(crate) fn version_not_cached(reference: &ModelRef, revision: &Revision) -> Error {
    let what = if reference.revision.is_some() { reference.to_string() } else { format!("{reference} at {revision}") };
    Error::new(ErrorKind::NotCached, format!("{what} is not in the store"))
        .with_hint("download it (needs network access)")
        .with_reason(crate::Reason::NotCached)
        .with_subject(reference)
}

/// A file that cannot be downloaded into a read-only store.
pub(crate) fn read_only(reference: &ModelRef, reason: &str) -> Error {
    Error::new(
        ErrorKind::Storage,
        format!("{reference} is incomplete in the store, and the store is read-only: {reason}"),
    )
    .with_hint("choose a writable store with MODEL_CACHE_DIR")
    .with_reason(crate::Reason::StoreUnusable)
}

/// A large blob was written to: its bytes are not used before they are verified again.
pub(crate) fn changed(model: &ModelId, file: &FileEntry) -> Error {
    Error::new(ErrorKind::Integrity, format!("{model}: {}: changed on the disk since it was verified", file.path))
        .with_hint("verify it; if it is corrupted, download it again")
        .with_reason(crate::Reason::ModelChanged)
        .with_subject(model)
}

fn corrupted(reference: &ModelRef, file: &FileEntry, reason: &str) -> Error {
    Error::new(ErrorKind::Integrity, format!("{reference}: {}: {reason}", file.path))
        .with_hint("download it again")
        .with_reason(crate::Reason::ModelCorrupted)
        .with_subject(reference)
}
