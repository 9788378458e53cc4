//! Final step of a received file: published, adopted from this machine, or quarantined.

use std::path::PathBuf;

use cache_core::failpoints::{Mutant, mutant};
use cache_core::{DigestVerifier, Error, ErrorKind, FileEntry, Hashes, Outcome, Result, Source, Verdict};
use cache_store::{AdoptOptions, Blob, Partial, QuarantineRecord};

use crate::engine::Engine;
use crate::job::{Fetched, FileSpec};
use crate::wrong_bytes::WrongBytes;

/// Compares what arrived with what was promised.
pub(crate) fn judge(file: &FileEntry, hashes: &Hashes) -> Verdict {
    // The store has the same check behind this one, with the same mutants.
    if mutant(Mutant::NoDigestCheck) || mutant(Mutant::PublishBeforeCheck) {
        return Verdict::Verified;
    }
    DigestVerifier::judge(file, hashes)
}

/// Gives the bytes their name.
pub(crate) async fn publish(
    engine: &Engine,
    partial: Partial,
    hashes: Hashes,
    spec: &FileSpec,
    verdict: Verdict,
) -> Result<Fetched> {
    let expected = spec.file.digests.sha256;
    let blob = engine.blocking(move |store| store.publish(partial, &hashes, expected)).await?;
    Ok(fetched(blob, spec, &verdict))
}

/// A file that came from its source.
pub(crate) fn fetched(blob: Blob, spec: &FileSpec, verdict: &Verdict) -> Fetched {
    let verified = *verdict == Verdict::Verified;
    Fetched::new(blob, Outcome::Fetched, verified, Some(spec.source.to_string()))
}

/// Puts wrong bytes out of the way and says what was expected and what came.
pub(crate) async fn reject(
    engine: &Engine,
    partial: Partial,
    spec: &FileSpec,
    hashes: &Hashes,
    reason: String,
) -> Error {
    let error = Error::new(ErrorKind::Integrity, format!("{} from {}: {reason}", spec.file.path, spec.source))
        .with_source(WrongBytes);
    if !engine.config.quarantine {
        let mut partial = partial;
        let dropped = engine.blocking(move |_| partial.restart()).await;
        return match dropped {
            Ok(()) => error.with_hint("the source or a proxy altered the file; the corrupted data was deleted"),
            Err(kept) => error.with_hint(format!("the corrupted data could not be deleted: {kept}")),
        };
    }
    let record = QuarantineRecord::new(&reason)
        .with_file(&spec.version, &spec.file.path)
        .with_source(spec.source.to_string())
        .with_digests(spec.file.digests.strongest(), hashes.digests());
    match engine.blocking(move |store| store.quarantine(partial, record)).await {
        Ok(id) => error
            .with_hint(format!("the source or a proxy altered the file; the corrupted data is in quarantine as {id}"))
            .with_reason(cache_core::Reason::Quarantined)
            .with_subject(id),
        Err(kept) => error.with_hint(format!("the corrupted data could not be moved to quarantine: {kept}")),
    }
}

/// Takes a file of this machine into the store.
pub(crate) async fn adopt(engine: &Engine, path: PathBuf, file: &FileEntry, source: &dyn Source) -> Result<Fetched> {
    let entry = file.clone();
    let adopted = engine.blocking(move |store| store.adopt(&path, &entry, AdoptOptions::default())).await;
    let adopted = adopted.map_err(|error| match error.kind() {
        ErrorKind::Integrity => error.with_source(WrongBytes),
        _ => error,
    })?;
    let outcome = if adopted.linked { Outcome::Linked } else { Outcome::Fetched };
    Ok(Fetched::new(adopted.blob, outcome, adopted.verified, Some(source.to_string())))
}

/// A file that another task or process fetched meanwhile.
pub(crate) fn shared(blob: Blob, file: &FileEntry) -> Fetched {
    Fetched::new(blob, Outcome::Shared, file.is_verifiable(), None)
}
