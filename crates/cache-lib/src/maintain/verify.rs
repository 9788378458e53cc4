//! [`Cache::verify`]: checks stored files against their digests, and repairs corrupted ones.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use cache_store::{Store, Verified, VerifyMode};
use cache_transfer::{FetchJob, guard_progress};
use futures::StreamExt as _;

use crate::sources::compressed::DigestOptions;
use crate::task::blocking;
use crate::{
    Cache, Error, ErrorKind, Event, FileEntry, Manifest, ModelRef, NoProgress, Outcome, Progress, Result, Sha256,
    Version, task,
};

/// Options of [`Cache::verify`].
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Trust the record of an earlier check where the file was not touched since. Finds no bit rot.
    pub quick: bool,
    /// Download corrupted files again: only the corrupted blocks, where the source serves ranges.
    pub repair: bool,
    /// Receives progress events.
    pub progress: Arc<dyn Progress>,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { quick: false, repair: false, progress: Arc::new(NoProgress) }
    }
}

impl VerifyOptions {
    /// Trusts the record of an earlier check.
    #[must_use]
    pub fn quick(mut self, yes: bool) -> Self {
        self.quick = yes;
        self
    }

    /// Downloads corrupted files again.
    #[must_use]
    pub fn repair(mut self, yes: bool) -> Self {
        self.repair = yes;
        self
    }

    /// Receives progress events.
    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }
}

impl std::fmt::Debug for VerifyOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("quick", &self.quick)
            .field("repair", &self.repair)
            .finish_non_exhaustive()
    }
}

/// A problem of a stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileProblem {
    /// The file is not in the store.
    Missing,
    /// Its bytes do not match its digest. It was taken out of use: the next get downloads it again.
    Corrupted {
        /// The digest of the bytes.
        actual: Sha256,
        /// Id of the quarantined bytes; `None` in a read-only store.
        quarantine: Option<String>,
    },
    /// It could not be read, and why. It stays as it is, and a repair does not replace it.
    Unreadable(String),
}

/// A corrupted, missing or unreadable file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CorruptFile {
    /// The blob.
    pub blob: Sha256,
    /// The versions' files with this blob.
    pub files: Vec<(Version, FileEntry)>,
    /// The problem.
    pub problem: FileProblem,
    /// Result of the repair; `None` without one.
    pub repaired: Option<Result<()>>,
    /// Warnings of the repair: which mirror sent wrong bytes.
    pub warnings: Vec<String>,
}

/// Result of a verification.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of files checked.
    pub checked: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Corrupted, missing and unreadable files.
    pub corrupted: Vec<CorruptFile>,
}

impl VerifyReport {
    /// Whether all files are intact now: no problem was found, or each was repaired.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.corrupted.iter().all(|bad| matches!(bad.repaired, Some(Ok(()))))
    }
}

type Uses = Vec<(Version, FileEntry)>;

/// Result of a blob's check, or why it could not be checked.
type Check = std::result::Result<Verified, Error>;

/// A blob that the store should have.
struct ExpectedBlob {
    blob: Sha256,
    files: Uses,
    size: u64,
}

/// Checks a blob. `None` when it was removed or evicted since it was listed.
fn check(
    store: &Store,
    mut one: ExpectedBlob,
    mode: VerifyMode,
    progress: &dyn Progress,
) -> Result<Option<(ExpectedBlob, Check)>> {
    let path = one.files.first().map(|(_, file)| file.path.clone());
    if let Some(path) = &path {
        progress.event(&Event::Started { path, size: Some(one.size), resumed: 0, source: "store" });
    }
    let mut verified = read(store, &one.blob, mode)?;
    let mut removed = false;
    if matches!(verified, Ok(Verified::Missing)) {
        one.files = still_expected(store, &one.blob, &one.files)?;
        removed = one.files.is_empty();
        if !removed {
            // A get may have fetched it again meanwhile.
            verified = read(store, &one.blob, mode)?;
        }
    }
    if let Some(path) = &path {
        progress.event(&Event::Advanced { path, bytes: i64::try_from(one.size).unwrap_or(i64::MAX) });
        let intact = matches!(verified, Ok(Verified::Intact));
        progress.event(&Event::Finished { path, size: one.size, outcome: Outcome::Hit, verified: intact });
    }
    Ok((!removed).then_some((one, verified)))
}

/// Checks a blob. Its failure does not end the check of the others.
fn read(store: &Store, blob: &Sha256, mode: VerifyMode) -> Result<Check> {
    match store.verify(blob, mode) {
        Err(error) if !matches!(error.kind(), ErrorKind::Storage | ErrorKind::NoSpace) => Err(error),
        check => Ok(check),
    }
}

/// Those files that the current manifests still expect in the store.
fn still_expected(store: &Store, blob: &Sha256, files: &Uses) -> Result<Uses> {
    let corrupted = store.corrupted_blobs()?;
    let mut expected = Uses::new();
    for (version, file) in files {
        let Some(manifest) = store.manifest(version)? else { continue };
        let is_named = manifest.file(&file.path).is_some_and(|named| named.blob.as_ref() == Some(blob));
        if is_named && is_expected(store, version, file, blob, &corrupted)? {
            expected.push((version.clone(), file.clone()));
        }
    }
    Ok(expected)
}

/// Whether the store should have a blob that a manifest names.
///
/// What no view shows was evicted, and is not missed unless found corrupted.
fn is_expected(
    store: &Store,
    version: &Version,
    file: &FileEntry,
    blob: &Sha256,
    corrupted: &HashSet<Sha256>,
) -> Result<bool> {
    let shown = || fs_err::symlink_metadata(file.path.below(&store.snapshot_path(version))).is_ok();
    Ok(store.blob(blob)?.is_some() || shown() || corrupted.contains(blob))
}

impl Cache {
    /// Verifies the stored files of a model, or all, against their digests; several files at once.
    ///
    /// A repair asks the model's source first, then its mirrors; none after the source said that there is no such file, or
    /// that it may not be read.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when the model is not in the store. A corrupted or unreadable file is an error in the
    /// report alone.
    pub async fn verify(&self, reference: Option<ModelRef>, options: VerifyOptions) -> Result<VerifyReport> {
        task::check()?;
        guard_progress(Arc::clone(&options.progress), |progress| {
            self.verify_files(reference, VerifyOptions { progress, ..options })
        })
        .await
    }

    async fn verify_files(&self, reference: Option<ModelRef>, options: VerifyOptions) -> Result<VerifyReport> {
        let cache = self.clone();
        let stored = blocking(move || cache.stored(reference)).await?;
        if let Some((version, _)) = stored.iter().find_map(|one| one.files.first()) {
            let bytes = stored.iter().map(|one| one.size).fold(0, u64::saturating_add);
            options.progress.event(&Event::Resolved { version, files: stored.len(), bytes });
        }
        let mode = if options.quick { VerifyMode::Quick } else { VerifyMode::Full };
        let lanes = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        let mut report = VerifyReport::default();
        let mut found = futures::stream::iter(stored)
            .map(|one| {
                let (store, progress) = (self.store().clone(), Arc::clone(&options.progress));
                blocking(move || check(&store, one, mode, &*progress))
            })
            .buffer_unordered(lanes);
        while let Some(result) = found.next().await {
            let Some((ExpectedBlob { blob, files, size }, verified)) = result? else { continue };
            report.checked += 1;
            report.bytes += size;
            let problem = match verified {
                Ok(Verified::Intact) => continue,
                Ok(Verified::Missing) => FileProblem::Missing,
                Ok(Verified::Corrupted(damage)) => {
                    FileProblem::Corrupted { actual: damage.actual, quarantine: damage.quarantine }
                }
                Err(error) => FileProblem::Unreadable(error.message().to_owned()),
            };
            report.corrupted.push(CorruptFile { blob, files, problem, repaired: None, warnings: Vec::new() });
        }
        if options.repair {
            for mut bad in std::mem::take(&mut report.corrupted) {
                let (store, blob, files) = (self.store().clone(), bad.blob, bad.files.clone());
                let expected = blocking(move || still_expected(&store, &blob, &files)).await?;
                if expected.is_empty() && bad.problem == FileProblem::Missing {
                    // It was removed since it was checked.
                    continue;
                }
                if matches!(bad.problem, FileProblem::Unreadable(_)) {
                    // The blob still has its name, so there is nothing to fetch.
                    report.corrupted.push(bad);
                    continue;
                }
                let warnings = Arc::new(Warnings { next: Arc::clone(&options.progress), texts: Mutex::default() });
                let progress = Arc::clone(&warnings) as Arc<dyn Progress>;
                bad.repaired = Some(self.repair(&expected, &progress).await);
                bad.warnings = std::mem::take(&mut *warnings.texts.lock().unwrap_or_else(PoisonError::into_inner));
                report.corrupted.push(bad);
            }
        }
        Ok(report)
    }

    /// The expected blobs of a model, or all: those that the manifests name and, for all, also blobs of no file.
    fn stored(&self, reference: Option<ModelRef>) -> Result<Vec<ExpectedBlob>> {
        let store = self.store();
        let mut uses: BTreeMap<Sha256, Uses> = BTreeMap::new();
        let (manifests, path): (Vec<Manifest>, _) = match reference {
            None => {
                uses.extend(store.blobs()?.into_iter().map(|blob| (blob.name, Vec::new())));
                (store.manifests()?, None)
            }
            Some(mut reference) => {
                let path = reference.path.take();
                reference.variant = None;
                let versions = self.versions(reference)?;
                let manifests = versions.iter().filter_map(|version| store.manifest(version).transpose());
                (manifests.collect::<Result<_>>()?, path)
            }
        };
        let corrupted = store.corrupted_blobs()?;
        for manifest in manifests {
            for file in manifest.files {
                let wanted = path.as_ref().is_none_or(|path| *path == file.path);
                let Some(blob) = file.blob.filter(|_| wanted) else { continue };
                if is_expected(store, &manifest.version, &file, &blob, &corrupted)? {
                    uses.entry(blob).or_default().push((manifest.version.clone(), file));
                }
            }
        }
        let size = |blob: &Sha256| store.blob(blob).map(|blob| blob.map_or(0, |blob| blob.size));
        uses.into_iter().map(|(blob, files)| Ok(ExpectedBlob { size: size(&blob)?, blob, files })).collect()
    }

    async fn repair(&self, files: &Uses, progress: &Arc<dyn Progress>) -> Result<()> {
        let mut last = None;
        let mut forbidden = HashSet::new();
        for (version, file) in files {
            if forbidden.contains(&version.model) {
                continue;
            }
            match self.fetch_again(version, file, progress).await {
                Ok(()) => {
                    let cache = self.clone();
                    let versions: Vec<Version> = files.iter().map(|(version, _)| version.clone()).collect();
                    return blocking(move || cache.relink(&versions)).await;
                }
                Err(error) => {
                    // Another version may still have a file that one has lost; who may read the model does not change.
                    if error.kind() == ErrorKind::Unauthorized {
                        forbidden.insert(&version.model);
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::NotFound, "no model in the store refers to this blob, so it has no source")
                .with_hint("remove it")
                .with_reason(crate::Reason::OrphanCorrupted)
        }))
    }

    async fn fetch_again(&self, version: &Version, file: &FileEntry, progress: &Arc<dyn Progress>) -> Result<()> {
        let digests = DigestOptions { sha256: file.blob, compressed: None, keep: file.compressed.is_none() };
        let sources = self.0.sources.entries(&version.model, digests)?;
        let mut file = file.clone();
        // What was stored under this name is what is wanted again, even if the source gave no digest at the time.
        file.digests.sha256 = file.digests.sha256.or(file.blob);
        let access = self.blob_access(&version.model).await;
        let (version, progress) = (Arc::new(version.clone()), Arc::clone(progress));
        let job = FetchJob { version, file, sources, progress, priority: 0, access };
        self.0.engine.fetch(job).await.map(drop)
    }

    /// Makes the view lead to the repaired files.
    fn relink(&self, versions: &[Version]) -> Result<()> {
        for version in versions {
            if let Some(manifest) = self.store().manifest(version)? {
                self.store().materialize(&manifest, None)?;
            }
        }
        Ok(())
    }
}

/// Collects the warnings of a repair and passes everything on.
struct Warnings {
    next: Arc<dyn Progress>,
    texts: Mutex<Vec<String>>,
}

impl Progress for Warnings {
    fn event(&self, event: &Event<'_>) {
        if let Event::Warning(text) = event {
            self.texts.lock().unwrap_or_else(PoisonError::into_inner).push((*text).to_owned());
        }
        self.next.event(event);
    }
}
