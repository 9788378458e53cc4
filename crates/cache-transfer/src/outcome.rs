//! What becomes of a file that has arrived: published, adopted from this machine, or quarantined.

use std::path::PathBuf;

use cache_core::{DigestVerifier, Error, ErrorKind, FileEntry, Hashes, Outcome, Result, Source, Verdict};
use cache_store::torture::{Mutant, mutant};
use cache_store::{AdoptOptions, Blob, Partial, QuarantineRecord};

use crate::engine::{Engine, Fetched};
use crate::flight::WAITED;
use crate::transfer::What;

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
    what: &What,
    verdict: Verdict,
) -> Result<Fetched> {
    let expected = what.file.digests.sha256;
    let blob = engine.blocking(move |store| store.publish(partial, &hashes, expected)).await?;
    Ok(fetched(blob, what, &verdict))
}

/// A file that came from its source.
pub(crate) fn fetched(blob: Blob, what: &What, verdict: &Verdict) -> Fetched {
    let verified = *verdict == Verdict::Verified;
    Fetched::new(blob, Outcome::Fetched, verified, Some(what.source.to_string()))
}

/// The bytes that came are not the file's: whoever sent them lied, or was lied to.
#[derive(Debug)]
struct WrongBytes;

impl std::fmt::Display for WrongBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrong bytes")
    }
}

impl std::error::Error for WrongBytes {}

/// Whether an error is that of bytes which were judged, and not that of a file which is another one.
pub(crate) fn is_wrong_bytes(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<WrongBytes>())
}

/// Puts wrong bytes out of the way and says what was expected and what came.
pub(crate) async fn reject(engine: &Engine, partial: Partial, what: &What, hashes: &Hashes, reason: String) -> Error {
    let error = Error::new(ErrorKind::Integrity, format!("{} from {}: {reason}", what.file.path, what.source))
        .with_source(WrongBytes);
    if !engine.config.quarantine {
        let mut partial = partial;
        let dropped = engine.blocking(move |_| partial.restart()).await;
        return match dropped {
            Ok(()) => error.with_hint("the source or the way to it altered the bytes; they were thrown away"),
            Err(kept) => error.with_hint(format!("the bytes could not be thrown away: {kept}")),
        };
    }
    let record = QuarantineRecord::new(&reason)
        .with_file(&what.version, &what.file.path)
        .with_source(what.source.to_string())
        .with_digests(what.file.digests.strongest(), hashes.digests());
    let age = engine.config.quarantine_age;
    let kept = engine.blocking(move |store| {
        if let Some(age) = age {
            store.quarantine_expire(age)?;
        }
        store.quarantine(partial, record)
    });
    let kept = kept.await;
    match kept {
        Ok(id) => error.with_hint(format!(
            "the bytes are kept: `model-cache quarantine show {id}`; the source or the way to it altered them"
        )),
        Err(kept) => error.with_hint(format!("the bytes could not be kept in quarantine: {kept}")),
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

/// A file that somebody else fetched while we waited.
pub(crate) fn shared(blob: Blob, file: &FileEntry) -> Fetched {
    Fetched::new(blob, WAITED, file.is_verifiable(), None)
}
