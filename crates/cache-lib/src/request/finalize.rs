//! The end of a get: manifest, then ref, then view; the lease; the quota.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use cache_store::{Blob, Store};
use cache_transfer::Fetched;

use crate::request::evictions::Evictions;
use crate::request::resolution::Resolution;
use crate::request::snapshot::{FetchedFile, Snapshot};
use crate::request::spec::FetchSpec;
use crate::{
    Bucket, Cache, Error, ErrorKind, Event, Manifest, ModelId, NoProgress, Outcome, Progress, RepoPath, Result, Sha256,
};

/// A file that was downloaded just now.
#[derive(Debug)]
pub(crate) struct DownloadedFile {
    path: RepoPath,
    blob: Blob,
    outcome: Outcome,
    verified: bool,
    source: Option<String>,
    shares: Vec<(String, u64)>,
    warnings: Vec<String>,
}

impl DownloadedFile {
    pub(crate) fn new(path: RepoPath, fetched: Fetched) -> Self {
        let Fetched { blob, outcome, verified, source, shares, warnings } = fetched;
        Self { path, blob, outcome, verified, source, shares, warnings }
    }

    pub(crate) fn path(&self) -> &RepoPath {
        &self.path
    }
}

/// A resolved request whose files are all in the store.
pub(crate) struct Finalize<'a> {
    spec: &'a FetchSpec,
    resolution: &'a Resolution,
    downloaded: Vec<DownloadedFile>,
    progress: &'a dyn Progress,
}

impl<'a> Finalize<'a> {
    pub(crate) fn hit(spec: &'a FetchSpec, resolution: &'a Resolution) -> Self {
        Self::downloaded(spec, resolution, Vec::new())
    }

    pub(crate) fn downloaded(spec: &'a FetchSpec, resolution: &'a Resolution, downloaded: Vec<DownloadedFile>) -> Self {
        Self { spec, resolution, downloaded, progress: &NoProgress }
    }

    /// Receives warnings about evictions.
    pub(crate) fn progress(self, progress: &'a dyn Progress) -> Self {
        Self { progress, ..self }
    }

    fn files(&self, folder: &Path) -> Result<Vec<FetchedFile>> {
        let mut downloaded = self.downloaded.iter();
        let mut files = Vec::with_capacity(self.resolution.files().len());
        for state in self.resolution.files() {
            let path = state.file.path.clone();
            let link = path.below(folder);
            // What was missing was downloaded, in the same order.
            let (blob, outcome, verified, source, shares) = match &state.blob {
                Some(blob) => (blob.clone(), Outcome::Hit, state.file.is_verifiable(), None, Vec::new()),
                None => {
                    let new = downloaded.find(|new| new.path == path).ok_or_else(|| evicted_error(&path))?;
                    (new.blob.clone(), new.outcome, new.verified, new.source.clone(), new.shares.clone())
                }
            };
            files.push(FetchedFile { size: blob.size, path, outcome, verified, blob, link, source, shares });
        }
        Ok(files)
    }

    /// The commit that the requested moving name leads to in the store, written if the source has just resolved it.
    fn write_ref(&self, store: &Store, writable: bool) -> Result<bool> {
        let version = self.resolution.version();
        if let Some(revision) = self.resolution.resolved_name().filter(|_| writable) {
            store.put_ref(&version.model, revision, &version.commit)?;
        }
        match self.moving_name() {
            Some(revision) => Ok(store.resolve_ref(&version.model, revision)?.as_ref() == Some(&version.commit)),
            None => Ok(false),
        }
    }

    fn moving_name(&self) -> Option<&'a crate::Revision> {
        Some(&self.spec.revision).filter(|revision| revision.as_commit().is_none())
    }

    /// Writes the view, and checks that it shows each file.
    fn write_view(&self, store: &Store, manifest: &Manifest, files: &[FetchedFile], named: bool) -> Result<()> {
        let verified: HashSet<Sha256> = files.iter().map(|file| file.blob.name).collect();
        let name = self.moving_name().filter(|_| named);
        let absent = store.materialize_verified(manifest, name, &verified, self.resolution.records())?;
        if let Some(file) = files.iter().find(|file| absent.contains(&file.path)) {
            return Err(evicted_error(&file.path));
        }
        if store.read_only().is_none() {
            return Ok(());
        }
        let links = |file: &&FetchedFile| same_file(&file.link, &file.blob.path).unwrap_or(false);
        match files.iter().find(|file| !links(file)) {
            None => Ok(()),
            Some(file) => Err(Error::new(
                ErrorKind::Storage,
                format!("{} is stored, but {} does not link to it", file.path, file.link.display()),
            )
            .with_hint("check whether links work in the folder of the store")
            .with_reason(crate::Reason::LinksFail)),
        }
    }

    /// The path that stands for the snapshot: the one file if the request names one, else the folder.
    fn path(&self, folder: &Path, files: &[FetchedFile]) -> PathBuf {
        match (&self.resolution.version().model, &self.spec.selection.path, files) {
            (_, Some(path), _) => path.below(folder),
            (ModelId::Url(_), None, [file]) => file.link.clone(),
            (ModelId::Bucket(bucket), None, [file]) if is_object(bucket, &file.path) => file.link.clone(),
            (_, None, [file]) if self.spec.selection.variant.is_some() => file.link.clone(),
            _ => folder.to_path_buf(),
        }
    }
}

/// Cause of an error: a blob was evicted between its resolution and its lease.
#[derive(Debug)]
struct Evicted;

impl std::fmt::Display for Evicted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("evicted meanwhile")
    }
}

impl std::error::Error for Evicted {}

fn evicted_error(path: &RepoPath) -> Error {
    Error::new(ErrorKind::Storage, format!("{path}: evicted by another process during the download"))
        .with_hint("the quota may be too small for parallel downloads: see MODEL_CACHE_QUOTA")
        .with_source(Evicted)
}

/// Whether an error is that of a file evicted meanwhile.
pub(crate) fn is_evicted(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<Evicted>())
}

/// Repeats work whose files were evicted between resolution and lease.
pub(crate) fn retry_if_evicted<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..2 {
        match work() {
            Err(error) if is_evicted(&error) => {}
            other => return other,
        }
    }
    work()
}

/// Leases the files, writes manifest, ref and view, enforces the quota, and returns the snapshot.
pub(crate) fn finalize(cache: &Cache, finalize: &Finalize<'_>) -> Result<Snapshot> {
    let (store, resolution) = (cache.store(), finalize.resolution);
    let version = resolution.version().clone();
    let folder = store.snapshot_path(&version);
    let files = finalize.files(&folder)?;
    let names: Vec<Sha256> = files.iter().map(|file| file.blob.name).collect();
    let lease = store.lease(&names)?;
    let mut warnings = resolution.warnings().to_vec();
    warnings.extend(finalize.downloaded.iter().flat_map(|new| new.warnings.iter().cloned()));
    let mut manifest = resolution.manifest().clone();
    files.iter().for_each(|file| manifest.set_blob(&file.path, file.blob.name));
    let writable = store.read_only().is_none();
    let is_new = resolution.stored() != Some(&manifest);
    if !writable || is_new || resolution.resolved_name().is_some() {
        // Before anything names them. Otherwise the view shows which are there.
        for file in &files {
            if store.blob(&file.blob.name)?.is_none() {
                return Err(evicted_error(&file.path));
            }
        }
    }
    if writable && is_new {
        store.put_manifest(&manifest)?;
    }
    let downloaded = finalize.downloaded.iter().map(DownloadedFile::path);
    forget_fetch_status(store, resolution.manifest(), downloaded);
    let named = finalize.write_ref(store, writable)?;
    finalize.write_view(store, &manifest, &files, named)?;
    store.touch(&version)?;
    let mut evicted = Vec::new();
    if writable && !finalize.downloaded.is_empty() {
        let evictions = Evictions::make(store, &names)?;
        evictions.warnings.iter().for_each(|warning| finalize.progress.event(&Event::Warning(warning)));
        warnings.extend(evictions.warnings);
        evicted = evictions.steps;
    }
    let path = finalize.path(&folder, &files);
    let snapshot = Snapshot::new(version, finalize.spec.revision.clone(), lease);
    let snapshot = snapshot.with_files(folder, path, files).with_warnings(warnings);
    Ok(snapshot.with_stale(resolution.is_stale()).with_evicted(evicted))
}

/// Removes the fetch status of files without a digest: the stored manifest names their blobs now.
pub(crate) fn forget_fetch_status<'a>(
    store: &Store,
    listed: &Manifest,
    downloaded: impl Iterator<Item = &'a RepoPath>,
) {
    for path in downloaded {
        let Some(file) = listed.file(path).filter(|file| file.digests.sha256.is_none()) else { continue };
        if let Err(error) = store.forget_ended(&Store::partial_key(&listed.version, file)) {
            tracing::debug!(%error, %path, "the status of a fetch was not removed");
        }
    }
}

/// Whether a bucket's prefix is that of this one object, rather than of a folder that holds it.
fn is_object(bucket: &Bucket, path: &RepoPath) -> bool {
    bucket.prefix().and_then(|prefix| prefix.segments().last()) == Some(path.as_str())
}

/// Whether two paths lead to one file.
#[cfg(unix)]
fn same_file(a: &Path, b: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (a, b) = (fs_err::metadata(a)?, fs_err::metadata(b)?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

#[cfg(not(unix))]
fn same_file(a: &Path, b: &Path) -> std::io::Result<bool> {
    Ok(fs_err::canonicalize(a)? == fs_err::canonicalize(b)?)
}
