//! Downloading the missing files of a request, and finalizing its snapshot.

use std::sync::Arc;

use cache_transfer::{FetchJob, Fetched};

use crate::request::finalize::{self, DownloadedFile, Finalize};
use crate::request::partial_manifest::PartialManifest;
use crate::request::preflight;
use crate::request::resolution::Resolution;
use crate::request::resolution_errors::check_contents;
use crate::request::snapshot::Snapshot;
use crate::request::spec::FetchSpec;
use crate::task::blocking;
use crate::{Cache, Error, ErrorKind, Event, FileEntry, Outcome, Progress, Result, visibility};

/// Most attempts when files are evicted between resolution and lease.
const ATTEMPTS: u32 = 3;

/// Gets the requested files of a resolved version, or of the version that the source resolves to now.
pub(crate) async fn run(
    cache: &Cache,
    spec: FetchSpec,
    progress: &Arc<dyn Progress>,
    resolved: Option<&Resolution>,
) -> Result<Snapshot> {
    let spec = Arc::new(spec);
    // Requested files are leased from resolution on. Something is gone all the same where locks do not work, or when
    // files of the store are removed by hand.
    let mut attempts = 0;
    loop {
        attempts += 1;
        let resolution = match resolved.cloned() {
            None => Resolution::resolve(cache, &spec).await?,
            Some(resolved) => {
                let (cache, spec) = (cache.clone(), Arc::clone(&spec));
                blocking(move || resolved.narrow(&cache, &spec)).await?
            }
        };
        let downloaded = download(cache, &spec, progress, &resolution).await?;
        let (cache, spec, progress) = (cache.clone(), Arc::clone(&spec), Arc::clone(progress));
        let done = blocking(move || {
            let finalize = Finalize::downloaded(&spec, &resolution, downloaded).progress(&*progress);
            finalize::finalize(&cache, &finalize)
        })
        .await;
        match done {
            Err(error) if finalize::is_evicted(&error) && attempts < ATTEMPTS => {}
            other => return other,
        }
    }
}

/// Downloads what is missing of the resolved files.
async fn download(
    cache: &Cache,
    spec: &FetchSpec,
    progress: &Arc<dyn Progress>,
    resolution: &Resolution,
) -> Result<Vec<DownloadedFile>> {
    report(resolution, &**progress, cache)?;
    let missing: Vec<FileEntry> = resolution.missing().cloned().collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    preflight::check(cache, &missing).await?;
    visibility::ensure_recorded(cache, &spec.reference.model).await;
    let jobs = jobs(cache, spec, progress, resolution, &missing).await?;
    let partial = PartialManifest::new(cache.store(), resolution.manifest().clone(), missing.len());
    let (recorded, files) = (&partial, &missing);
    let record = |at: usize, result: Result<Fetched>| async move {
        let file: &FileEntry = &files[at];
        recorded.ended(&file.path, result.as_ref().ok().map(|fetched| &fetched.blob)).await;
        result
    };
    let results = cache.0.engine.fetch_each(jobs, record).await;
    let mut downloaded = Vec::with_capacity(results.len());
    let mut failed = Vec::new();
    let unchecked = resolution.unchecked_files();
    for (file, result) in missing.into_iter().zip(results) {
        let expected = unchecked.get(&file.path).copied();
        match result.and_then(|fetched| check_contents(&file.path, expected, fetched)) {
            Ok(fetched) => downloaded.push(DownloadedFile::new(file.path, fetched)),
            Err(error) => failed.push((file, error)),
        }
    }
    if failed.is_empty() {
        return Ok(downloaded);
    }
    let all = downloaded.len() + failed.len();
    if let Some((_, error)) = failed.iter().find(|(_, error)| error.is_denied()) {
        visibility::record_refusal(cache, &spec.reference.model, error).await?;
    }
    // Finished files are recorded, so that the next run starts from there.
    let (store, resolution) = (cache.store().clone(), resolution.clone());
    let recorded = blocking(move || {
        partial.flush()?;
        let paths = downloaded.iter().map(DownloadedFile::path);
        finalize::forget_fetch_status(&store, resolution.manifest(), paths);
        Ok(())
    });
    let _ = recorded.await;
    Err(most_severe(&failed, all))
}

/// Reports what is to be done, and refuses what the cache does not allow.
fn report(resolution: &Resolution, progress: &dyn Progress, cache: &Cache) -> Result<()> {
    resolution.warnings().iter().for_each(|warning| progress.event(&Event::Warning(warning)));
    let bytes = resolution.files().iter().filter_map(|state| state.file.size).fold(0, u64::saturating_add);
    let files = resolution.files().len();
    progress.event(&Event::Resolved { version: resolution.version(), files, bytes });
    resolution.check_policy(cache)?;
    for state in resolution.files() {
        if let Some(blob) = &state.blob {
            let verified = state.file.is_verifiable();
            let path = &state.file.path;
            progress.event(&Event::Finished { path, size: blob.size, outcome: Outcome::Hit, verified });
        }
    }
    Ok(())
}

async fn jobs(
    cache: &Cache,
    spec: &FetchSpec,
    progress: &Arc<dyn Progress>,
    resolution: &Resolution,
    missing: &[FileEntry],
) -> Result<Vec<FetchJob>> {
    let sources = cache.0.sources.entries(&spec.reference.model, spec.digests)?;
    let version = Arc::new(resolution.version().clone());
    let access = cache.blob_access(&version.model).await;
    let job = |file: &FileEntry| FetchJob {
        version: Arc::clone(&version),
        file: file.clone(),
        sources: sources.clone(),
        progress: Arc::clone(progress),
        priority: spec.priority,
        access,
    };
    Ok(missing.iter().map(job).collect())
}

/// One error for several failed files: the one that most needs the user.
fn most_severe(failed: &[(FileEntry, Error)], all: usize) -> Error {
    let weight = |kind: ErrorKind| match kind {
        ErrorKind::Interrupted => 0,
        ErrorKind::NoSpace => 1,
        ErrorKind::Integrity => 2,
        ErrorKind::Unauthorized => 3,
        ErrorKind::Storage => 4,
        ErrorKind::NotFound => 5,
        _ => 6,
    };
    let first = failed.iter().min_by_key(|(_, error)| weight(error.kind()));
    let Some((file, error)) = first else { return Error::new(ErrorKind::Storage, "nothing failed") };
    let named = error.message().contains(file.path.as_str());
    let error = if named { error.clone() } else { error.clone().context(&file.path) };
    if failed.len() > 1 { error.context(format!("{} of {all} files failed; first", failed.len())) } else { error }
}
