//! The end of a get: manifest, then ref, then view; the lease; the quota.

use std::collections::HashSet;
use std::path::Path;

use cache_store::{Blob, Store};
use cache_transfer::Fetched;

use crate::request::evictions::Evictions;
use crate::request::get::Wanted;
use crate::request::resolution::Look;
use crate::request::snapshot::FetchedFile;
use crate::units::Size;
use crate::{
    Bucket, Cache, Error, ErrorKind, Event, FileEntry, Manifest, ModelId, NoProgress, Outcome, Progress, RepoPath,
    Result, Sha256, Snapshot,
};

/// A file that was fetched just now.
#[derive(Debug)]
pub(crate) struct Arrived {
    path: RepoPath,
    blob: Blob,
    outcome: Outcome,
    verified: bool,
    source: Option<String>,
    shares: Vec<(String, u64)>,
    warnings: Vec<String>,
}

impl Arrived {
    pub(crate) fn new(path: RepoPath, fetched: Fetched) -> Self {
        let Fetched { blob, outcome, verified, source, shares, warnings } = fetched;
        Self { path, blob, outcome, verified, source, shares, warnings }
    }

    pub(crate) fn path(&self) -> &RepoPath {
        &self.path
    }
}

/// What is to be finished.
pub(crate) struct Finish<'a> {
    wanted: &'a Wanted,
    look: &'a Look,
    arrived: Vec<Arrived>,
    progress: &'a dyn Progress,
}

impl<'a> Finish<'a> {
    pub(crate) fn hit(wanted: &'a Wanted, look: &'a Look) -> Self {
        Self::fetched(wanted, look, Vec::new())
    }

    pub(crate) fn fetched(wanted: &'a Wanted, look: &'a Look, arrived: Vec<Arrived>) -> Self {
        Self { wanted, look, arrived, progress: &NoProgress }
    }

    /// The same, reporting what is evicted.
    pub(crate) fn telling(self, progress: &'a dyn Progress) -> Self {
        Self { progress, ..self }
    }

    fn files(&self, folder: &Path) -> Result<Vec<FetchedFile>> {
        let mut arrived = self.arrived.iter();
        let mut files = Vec::with_capacity(self.look.files().len());
        for state in self.look.files() {
            let path = state.file.path.clone();
            let link = path.below(folder);
            // What was missing has arrived, in the same order.
            let (blob, outcome, verified, source, shares) = match &state.blob {
                Some(blob) => (blob.clone(), Outcome::Hit, state.file.is_verifiable(), None, Vec::new()),
                None => {
                    let new = arrived.find(|new| new.path == path).ok_or_else(|| vanish(&path))?;
                    (new.blob.clone(), new.outcome, new.verified, new.source.clone(), new.shares.clone())
                }
            };
            files.push(FetchedFile { size: blob.size, path, outcome, verified, blob, link, source, shares });
        }
        Ok(files)
    }
}

/// A blob that was there is no longer: somebody evicted it between the look and the lease.
#[derive(Debug)]
struct Vanished;

impl std::fmt::Display for Vanished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("evicted meanwhile")
    }
}

impl std::error::Error for Vanished {}

pub(crate) fn vanish(path: &RepoPath) -> Error {
    Error::new(ErrorKind::Storage, format!("{path}: evicted by another process during the download"))
        .with_hint("the quota may be too small for parallel downloads: see MODEL_CACHE_QUOTA")
        .with_source(Vanished)
}

pub(crate) fn vanished(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<Vanished>())
}

/// Looks again when something vanished between the look and the lease.
pub(crate) fn retrying<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..2 {
        match work() {
            Err(error) if vanished(&error) => {}
            other => return other,
        }
    }
    work()
}

pub(crate) fn finish(cache: &Cache, finish: &Finish<'_>) -> Result<Snapshot> {
    let store = cache.store();
    let version = finish.look.version().clone();
    let folder = store.snapshot_path(&version);
    let files = finish.files(&folder)?;
    let names: Vec<Sha256> = files.iter().map(|file| file.blob.name).collect();
    let lease = store.lease(&names)?;
    let mut warnings = finish.look.warnings().to_vec();
    warnings.extend(finish.arrived.iter().flat_map(|new| new.warnings.iter().cloned()));
    let manifest = with_blobs(finish.look.manifest(), files.iter().map(|file| (&file.path, file.blob.name)));
    let writable = store.read_only().is_none();
    let is_new = finish.look.stored() != Some(&manifest);
    let moved = finish.look.moved();
    if !writable || is_new || moved.is_some() {
        // Before anything names them. Otherwise the view shows which are there.
        for file in &files {
            if store.blob(&file.blob.name)?.is_none() {
                return Err(vanish(&file.path));
            }
        }
    }
    if writable && is_new {
        store.put_manifest(&manifest)?;
    }
    let arrived = finish.arrived.iter().map(Arrived::path);
    forget_flights(store, finish.look.manifest(), arrived);
    let moving = Some(&finish.wanted.revision).filter(|revision| revision.as_commit().is_none());
    if let Some(revision) = moved.filter(|_| writable) {
        store.put_ref(&version.model, revision, &version.commit)?;
    }
    let here = match moving {
        Some(revision) => store.resolve_ref(&version.model, revision)?.filter(|commit| *commit == version.commit),
        None => None,
    };
    let sound: HashSet<Sha256> = names.iter().copied().collect();
    let pointed = moving.filter(|_| here.is_some());
    let absent = store.materialize_verified(&manifest, pointed, &sound, finish.look.records())?;
    if let Some(file) = files.iter().find(|file| absent.contains(&file.path)) {
        return Err(vanish(&file.path));
    }
    let leads = |file: &FetchedFile| same_file(&file.link, &file.blob.path).unwrap_or(false);
    if let Some(file) = files.iter().find(|file| !writable && !leads(file)) {
        return Err(Error::new(
            ErrorKind::Storage,
            format!("{} is stored, but {} does not link to it", file.path, file.link.display()),
        )
        .with_hint("check whether links work in the folder of the store")
        .with_reason(crate::Reason::LinksFail));
    }
    store.touch(&version)?;
    let mut evicted = Vec::new();
    if writable && !finish.arrived.is_empty() {
        let evictions = Evictions::make(store, &names)?;
        evictions.warnings.iter().for_each(|warning| finish.progress.event(&Event::Warning(warning)));
        warnings.extend(evictions.warnings);
        evicted = evictions.steps;
    }
    let path = match (&version.model, &finish.wanted.selection.path, &files[..]) {
        (_, Some(path), _) => path.below(&folder),
        (ModelId::Url(_), None, [file]) => file.link.clone(),
        (ModelId::Bucket(bucket), None, [file]) if is_object(bucket, &file.path) => file.link.clone(),
        (_, None, [file]) if finish.wanted.selection.variant.is_some() => file.link.clone(),
        _ => folder.clone(),
    };
    let fallback = finish.look.is_stale();
    let revision = finish.wanted.revision.clone();
    let snapshot = Snapshot::new(version, revision, folder, path, files, warnings, lease);
    Ok(snapshot.with_stale(fallback).with_evicted(evicted))
}

/// Removes what flights of files without a digest have left: their blobs are named by the stored manifest now.
pub(crate) fn forget_flights<'a>(store: &Store, listed: &Manifest, arrived: impl Iterator<Item = &'a RepoPath>) {
    for path in arrived {
        let Some(file) = listed.file(path).filter(|file| file.digests.sha256.is_none()) else { continue };
        if let Err(error) = store.forget_ended(&Store::partial_key(&listed.version, file)) {
            tracing::debug!(%error, %path, "the status of a flight stays");
        }
    }
}

fn with_blobs<'a>(manifest: &Manifest, blobs: impl Iterator<Item = (&'a RepoPath, Sha256)>) -> Manifest {
    let mut manifest = manifest.clone();
    for (path, blob) in blobs {
        if let Ok(at) = manifest.files.binary_search_by(|file| file.path.cmp(path)) {
            manifest.files[at].blob = Some(blob);
        }
    }
    manifest
}

/// Whether a bucket's prefix is that of this one object, rather than of a folder that holds it.
fn is_object(bucket: &Bucket, path: &RepoPath) -> bool {
    bucket.prefix().and_then(|prefix| prefix.segments().last()) == Some(path.as_str())
}

/// Whether two paths lead to one file.
#[cfg(unix)]
pub(crate) fn same_file(a: &Path, b: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (a, b) = (fs_err::metadata(a)?, fs_err::metadata(b)?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

#[cfg(not(unix))]
pub(crate) fn same_file(a: &Path, b: &Path) -> std::io::Result<bool> {
    Ok(fs_err::canonicalize(a)? == fs_err::canonicalize(b)?)
}

/// Whether there is room for all of it, before the first byte.
pub(crate) fn preflight(cache: &Cache, missing: &[FileEntry]) -> Result<()> {
    has_room(cache, missing.iter().filter_map(|file| file.size).fold(0, u64::saturating_add))
}

/// Whether there is room for so many bytes more.
pub(crate) fn has_room(cache: &Cache, needed: u64) -> Result<()> {
    let free = cache.store().free_space()?;
    if needed <= free {
        return Ok(());
    }
    // What an earlier run has begun has its room already.
    let begun = cache.store().debris()?.partial.bytes;
    if needed <= free.saturating_add(begun) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NoSpace,
        format!("disk full: {} needed, {} free in {}", Size(needed), Size(free), cache.store().root().display()),
    )
    .with_hint("free disk space, or choose another disk for the store")
    .with_reason(crate::Reason::DiskFull))
}
