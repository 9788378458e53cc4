//! Reading what is stored again, and mending what is broken.

use std::collections::BTreeMap;
use std::sync::Arc;

use cache_store::{Damage, Store, Verified, VerifyMode};
use cache_transfer::FetchJob;
use futures::StreamExt as _;

use crate::cache::blocking;
use crate::compressed::Told;
use crate::{
    Cache, Error, ErrorKind, Event, FileEntry, Manifest, ModelRef, NoProgress, Outcome, Progress, Result, Sha256,
    Version,
};

/// How to verify.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Trust the record of an earlier check where the file has not been touched since. Finds no bit rot.
    pub quick: bool,
    /// Fetch again what is broken: only the broken blocks, where the source can serve ranges.
    pub repair: bool,
    /// Who hears of progress.
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

    /// Fetches again what is broken.
    #[must_use]
    pub fn repair(mut self, yes: bool) -> Self {
        self.repair = yes;
        self
    }

    /// Who hears of progress.
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

/// What is wrong with a stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The store should have it and has not.
    Missing,
    /// Its bytes have another digest than its name says.
    Damaged {
        /// The digest of the bytes that are there.
        actual: Sha256,
    },
}

/// A stored file that is not as it should be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BadFile {
    /// The blob.
    pub blob: Sha256,
    /// The versions' files that are this blob.
    pub files: Vec<(Version, FileEntry)>,
    /// What is wrong.
    pub trouble: Trouble,
    /// How the repair went; `None` when none was asked for.
    pub repaired: Option<Result<()>>,
}

/// What a verification found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Number of files checked.
    pub checked: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What is not as it should be.
    pub bad: Vec<BadFile>,
}

impl VerifyReport {
    /// Whether all is well now: nothing was wrong, or everything was mended.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.bad.iter().all(|bad| matches!(bad.repaired, Some(Ok(()))))
    }
}

type Uses = Vec<(Version, FileEntry)>;

/// A blob that should be there.
struct Stored {
    blob: Sha256,
    files: Uses,
    size: u64,
}

fn check(store: &Store, one: Stored, mode: VerifyMode, progress: &dyn Progress) -> Result<(Stored, Verified)> {
    let path = one.files.first().map(|(_, file)| file.path.clone());
    if let Some(path) = &path {
        progress.event(&Event::Started { path, size: Some(one.size), resumed: 0, source: "store" });
    }
    let verified = store.verify(&one.blob, mode)?;
    if let Some(path) = &path {
        progress.event(&Event::Advanced { path, bytes: i64::try_from(one.size).unwrap_or(i64::MAX) });
        let intact = matches!(verified, Verified::Intact);
        progress.event(&Event::Finished { path, size: one.size, outcome: Outcome::Hit, verified: intact });
    }
    Ok((one, verified))
}

impl Cache {
    /// Reads what is stored of a model, or of everything, and compares it with its digests; several files side by side.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when the model is not in the store. A broken file is no error but in the report.
    pub async fn verify(&self, reference: Option<ModelRef>, options: VerifyOptions) -> Result<VerifyReport> {
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
        let mut damages = Vec::new();
        while let Some(result) = found.next().await {
            let (Stored { blob, files, size }, verified) = result?;
            report.checked += 1;
            report.bytes += size;
            let trouble = match &verified {
                Verified::Intact => continue,
                Verified::Missing => Trouble::Missing,
                Verified::Damaged(damage) => Trouble::Damaged { actual: damage.actual },
            };
            let damage = if let Verified::Damaged(damage) = verified { Some(damage) } else { None };
            report.bad.push(BadFile { blob, files, trouble, repaired: None });
            damages.push(damage);
        }
        if options.repair {
            for (bad, damage) in report.bad.iter_mut().zip(damages) {
                bad.repaired = Some(self.repair(&bad.files, damage, &options.progress).await);
            }
        }
        Ok(report)
    }

    /// What should be there of a model, or of everything: the blobs that the manifests name and, for everything, also
    /// blobs of no file. What the view does not show either was evicted, and is not missed.
    fn stored(&self, reference: Option<ModelRef>) -> Result<Vec<Stored>> {
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
        for manifest in manifests {
            let folder = store.snapshot_path(&manifest.version);
            for file in manifest.files {
                let wanted = path.as_ref().is_none_or(|path| *path == file.path);
                let Some(blob) = file.blob.filter(|_| wanted) else { continue };
                let shown = || fs_err::symlink_metadata(file.path.below(&folder)).is_ok();
                if store.blob(&blob)?.is_some() || shown() {
                    uses.entry(blob).or_default().push((manifest.version.clone(), file));
                }
            }
        }
        let size = |blob: &Sha256| store.blob(blob).map(|blob| blob.map_or(0, |blob| blob.size));
        uses.into_iter().map(|(blob, files)| Ok(Stored { size: size(&blob)?, blob, files })).collect()
    }

    async fn repair(&self, files: &Uses, damage: Option<Damage>, progress: &Arc<dyn Progress>) -> Result<()> {
        let mut last = None;
        for (version, file) in files {
            match self.fetch_again(version, file, damage.clone(), progress).await {
                Ok(()) => {
                    let cache = self.clone();
                    let versions: Vec<Version> = files.iter().map(|(version, _)| version.clone()).collect();
                    return blocking(move || cache.relink(&versions)).await;
                }
                Err(error) => last = Some(error),
            }
        }
        let error = last.unwrap_or_else(|| {
            Error::new(ErrorKind::NotFound, "no model in the store names this blob, so nobody can be asked for it")
                .with_hint("`model-cache gc` removes it")
        });
        if let Some(damage) = damage.filter(|_| !may_work_later(error.kind())) {
            let store = self.store().clone();
            let reason = format!("damaged, and not to be had again: {error}");
            let id = blocking(move || store.discard_damaged(&damage, &reason)).await?;
            return Err(error.with_hint(format!("the damaged file is in quarantine as {id}")));
        }
        Err(error)
    }

    async fn fetch_again(
        &self,
        version: &Version,
        file: &FileEntry,
        damage: Option<Damage>,
        progress: &Arc<dyn Progress>,
    ) -> Result<()> {
        let told = Told { sha256: file.blob, compressed: None, keep: file.packed.is_none() };
        let places = self.0.sources.places(&version.model, told)?;
        let mut file = file.clone();
        // What was stored under this name is what is wanted again, even if the source gave no digest at the time.
        file.digests.sha256 = file.digests.sha256.or(file.blob);
        let job =
            FetchJob { version: Arc::new(version.clone()), file, places, progress: Arc::clone(progress), priority: 0 };
        match damage {
            Some(damage) => self.0.engine.repair(damage, job).await.map(drop),
            None => self.0.engine.fetch(job).await.map(drop),
        }
    }

    /// Makes the view lead to the mended files.
    fn relink(&self, versions: &[Version]) -> Result<()> {
        for version in versions {
            if let Some(manifest) = self.store().manifest(version)? {
                self.store().materialize(&manifest, None)?;
            }
        }
        Ok(())
    }
}

fn may_work_later(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Network
            | ErrorKind::NotCached
            | ErrorKind::Interrupted
            | ErrorKind::Unauthorized
            | ErrorKind::NoSpace
            | ErrorKind::Storage
    )
}
