//! Inspection of the store: which requested files of a version it holds.

use std::sync::Arc;

use cache_core::failpoints::{Mutant, mutant};
use cache_store::{Blob, Hit, Lease, SmallRecords};

use crate::request::gguf_headers;
use crate::request::resolution::{FileState, Resolution};
use crate::request::resolution_errors::changed;
use crate::request::spec::FetchSpec;
use crate::sources::source_set::Sources;
use crate::{Cache, Digests, Error, ErrorKind, FileEntry, Manifest, ModelId, RepoPath, Result, Revision, Sha256};

/// Small files up to this number are hashed at each use, which costs no more than their records.
const FEW: usize = 4;

/// A requested file, by its position in the manifest, and the name of its blob if that is known.
struct Requested {
    at: usize,
    file: FileEntry,
    name: Option<Sha256>,
}

impl Resolution {
    /// Selects the requested files of a version, leases them, and looks for their blobs.
    pub(super) fn new(
        cache: &Cache,
        spec: &FetchSpec,
        mut manifest: Manifest,
        stored: Option<Manifest>,
        resolved_name: Option<Revision>,
    ) -> Result<Self> {
        let requested = requested(cache, spec, &manifest)?;
        // What is found from now on stays.
        let lease = Arc::new(leased(cache, requested.iter().filter_map(|one| one.name))?);
        let records = (requested.len() > FEW).then(|| Arc::new(cache.store().small_records(&manifest.version)));
        let known = records.clone().unwrap_or_default();
        let mut warnings = Vec::new();
        let mut files = Vec::with_capacity(requested.len());
        for Requested { at, mut file, name } in requested {
            let mut blob = find(cache, &manifest.version.model, &file, name, &known, &mut warnings)?;
            let mut unchecked = None;
            if let (Some(compressed), Some(found)) = (spec.digests.compressed, &blob)
                && !is_recorded(stored.as_ref(), &file.path, found.name, compressed)
            {
                unchecked = Some(found.name);
                blob = None;
                (file.blob, file.digests) = (None, Digests::default());
                if let Some(bytes) = &mut file.compressed {
                    bytes.digests.sha256 = Some(compressed);
                }
                if let Some(bytes) = &mut manifest.files[at].compressed {
                    bytes.digests.sha256.get_or_insert(compressed);
                }
            }
            files.push(FileState { file, blob, unchecked });
        }
        if is_partial(&manifest) {
            let model = &manifest.version.model;
            warnings.push(format!("{model}: only the adopted files are known; download it while online for the rest"));
        }
        warnings.extend(cache.store().lock_timeouts());
        Ok(Self { manifest, stored, files, resolved_name, warnings, stale: false, records, _lease: lease })
    }
}

/// Selects the requested files, and checks them against what the user, the registry or a lock file expects.
fn requested(cache: &Cache, spec: &FetchSpec, manifest: &Manifest) -> Result<Vec<Requested>> {
    if let Some(expected) = &spec.expected {
        expected.check(manifest)?;
    }
    let selected = gguf_headers::select(cache, &spec.selection, manifest)?;
    let digest = spec.digests.sha256;
    if (digest.is_some() || spec.digests.compressed.is_some()) && selected.len() != 1 {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("a digest is for one file, and {} are wanted", selected.len()),
        )
        .with_hint("name the file: org/name/path"));
    }
    let mut requested = Vec::with_capacity(selected.len());
    for at in selected {
        let mut file = manifest.files[at].clone();
        spec.digests.check_compressed(&file)?;
        expect_digest(&mut file, digest)?;
        expect_size(&file, spec.size)?;
        if let Some(expected) = &spec.expected {
            expected.check_file(&file)?;
            expected.fill(&mut file);
        }
        let name = cache.store().blob_name_of(&file);
        requested.push(Requested { at, file, name });
    }
    Ok(requested)
}

/// The blob of a file. A changed one is an error, and one whose links or permissions changed a warning.
fn find(
    cache: &Cache,
    model: &ModelId,
    file: &FileEntry,
    name: Option<Sha256>,
    records: &SmallRecords,
    warnings: &mut Vec<String>,
) -> Result<Option<Blob>> {
    let Some(name) = name else { return Ok(None) };
    match cache.store().hit_named(file, name, records)? {
        Hit::Missing => Ok(None),
        Hit::Unchanged(blob) => Ok(Some(blob)),
        Hit::Touched(blob) => {
            warnings.push(format!("{model}: {}: links or permissions changed since it was verified", file.path));
            Ok(Some(blob))
        }
        Hit::Changed(_) => Err(changed(model, file)),
    }
}

/// Leases the files whose digest is known, present or not.
fn leased(cache: &Cache, names: impl Iterator<Item = Sha256>) -> Result<Lease> {
    let store = cache.store();
    if mutant(Mutant::LateLease) {
        return store.lease(&[]);
    }
    let names: Vec<Sha256> = names.collect();
    store.lease(&names).or_else(|error| {
        tracing::debug!(%error, "the requested files are not leased yet");
        store.lease(&[])
    })
}

/// Requires the user's digest, which must agree with the listing.
fn expect_digest(file: &mut FileEntry, digest: Option<Sha256>) -> Result<()> {
    let Some(digest) = digest else { return Ok(()) };
    let known = file.blob_name();
    if let Some(known) = known.filter(|known| *known != digest) {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("{}: checksum mismatch: expected sha256:{digest}, the source has sha256:{known}", file.path),
        )
        .with_hint("check the digest, or the revision it belongs to"));
    }
    file.digests.sha256 = Some(digest);
    Ok(())
}

/// Checks the user's size against the listing, where that has one.
fn expect_size(file: &FileEntry, size: Option<u64>) -> Result<()> {
    match (size, file.size) {
        (Some(size), Some(listed)) if size != listed => Err(Error::new(
            ErrorKind::Integrity,
            format!("{}: wrong size: expected {size} bytes, the source has {listed}", file.path),
        )
        .with_hint("check the size, or the revision it belongs to")),
        _ => Ok(()),
    }
}

/// Whether its source may have more files, and can be asked.
pub(crate) fn is_partial(manifest: &Manifest) -> bool {
    manifest.partial && Sources::is_remote(&manifest.version.model)
}

/// Whether the store has recorded that a blob came from compressed bytes with this digest.
fn is_recorded(stored: Option<&Manifest>, path: &RepoPath, blob: Sha256, compressed: Sha256) -> bool {
    stored.and_then(|stored| stored.file(path)).is_some_and(|file| {
        file.blob == Some(blob)
            && file.compressed.as_ref().is_some_and(|bytes| bytes.digests.sha256 == Some(compressed))
    })
}
