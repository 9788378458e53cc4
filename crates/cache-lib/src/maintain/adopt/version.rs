//! One version of a folder: its files first, then manifest, refs and view, as after a get.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use cache_local::caches::CachedVersion;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Adopt, AdoptState, AdoptedFile, AdoptedModel, gguf, naming};
use crate::task::blocking;
use crate::{
    AdoptOptions, AdoptPlan, Blob, Cache, CopyReason, Error, ErrorKind, Event, FileEntry, Manifest, ModelId, Outcome,
    Progress, Result,
};

/// Files that are hashed side by side.
const SIDE_BY_SIDE: usize = 2;

/// How files are taken.
#[derive(Clone)]
struct Taking {
    cache: Cache,
    options: AdoptOptions,
    dry_run: bool,
    progress: Arc<dyn Progress>,
}

impl Adopt {
    pub(super) async fn version(&self, mut found: CachedVersion, options: AdoptOptions) -> Result<AdoptedModel> {
        let taking =
            Taking { cache: self.cache.clone(), options, dry_run: self.dry_run, progress: Arc::clone(&self.progress) };
        let (cache, version) = (self.cache.clone(), found.manifest.version.clone());
        let stored = blocking(move || cache.store().manifest(&version)).await?;
        found.manifest.recall(stored.as_ref());
        let bytes = found.manifest.total_size();
        self.progress.event(&Event::Resolved { version: &found.manifest.version, files: found.files.len(), bytes });
        let mut files = std::mem::take(&mut found.files);
        let jobs: Vec<(FileEntry, Result<PathBuf>)> =
            found.manifest.files.iter().filter_map(|entry| Some((entry.clone(), files.remove(&entry.path)?))).collect();
        let taken: Vec<Taken> = stream::iter(jobs.into_iter().map(|(entry, place)| {
            let taking = taking.clone();
            blocking(move || taking.file(&entry, place))
        }))
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await?;
        if self.dry_run {
            return Ok(model(&found, taken.into_iter().map(|taken| taken.file).collect()));
        }
        let cache = self.cache.clone();
        blocking(move || finish(&cache, &found, stored, taken)).await
    }
}

/// A file, and its blob, leased until it belongs to a version.
struct Taken {
    file: AdoptedFile,
    blob: Option<Blob>,
}

impl Taking {
    fn file(&self, entry: &FileEntry, place: Result<PathBuf>) -> Result<Taken> {
        let path = entry.path.clone();
        let mut copy_reason = None;
        let taken = self.one(entry, place, &mut copy_reason);
        let (state, blob, size) = match taken {
            Ok((state, blob, size)) => (state, blob, size),
            Err(error) if stops_all(&error) => return Err(error),
            Err(error) => {
                self.progress.event(&Event::Failed { path: &path, error: &error });
                (AdoptState::Refused(error), None, entry.size)
            }
        };
        let verified = entry.is_verifiable();
        let outcome = match &state {
            AdoptState::AlreadyStored => Some(Outcome::Hit),
            AdoptState::Linked => Some(Outcome::Linked),
            AdoptState::Copied => Some(Outcome::Fetched),
            _ => None,
        };
        if let Some(outcome) = outcome {
            self.progress.event(&Event::Finished { path: &path, size: size.unwrap_or(0), outcome, verified });
        }
        Ok(Taken { file: AdoptedFile { path, size, verified, state, copy_reason }, blob })
    }

    fn one(
        &self,
        entry: &FileEntry,
        place: Result<PathBuf>,
        copy_reason: &mut Option<CopyReason>,
    ) -> Result<(AdoptState, Option<Blob>, Option<u64>)> {
        let store = self.cache.store();
        if let Some(blob) = store.lease_file(entry)? {
            let size = blob.size;
            return Ok((AdoptState::AlreadyStored, Some(blob).filter(|_| !self.dry_run), Some(size)));
        }
        let from = place?;
        let size = fs_err::metadata(&from).map_err(|error| Error::storage("look at a file", error))?.len();
        if !entry.is_verifiable() && entry.path.as_str().ends_with(".gguf") {
            gguf::check(&from)?;
        }
        if self.dry_run {
            let plan = store.plan_adopt(&from, &self.options)?;
            *copy_reason = if let AdoptPlan::Copy(why) = plan { why } else { None };
            return Ok((AdoptState::Planned(plan), None, Some(size)));
        }
        let path = &entry.path;
        self.progress.event(&Event::Started { path, size: Some(size), resumed: 0, source: "this machine" });
        let mut watch = |bytes: u64| {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            self.progress.event(&Event::Advanced { path, bytes });
        };
        let adopted = store.adopt_watched(&from, entry, self.options.clone(), &mut watch)?;
        let state = match (adopted.linked, &adopted.hashes) {
            (_, None) => AdoptState::AlreadyStored,
            (true, _) => AdoptState::Linked,
            (false, _) => AdoptState::Copied,
        };
        *copy_reason = adopted.copy_reason;
        let size = adopted.blob.size;
        Ok((state, Some(adopted.blob), Some(size)))
    }
}

/// Whether an error is not that of one file.
fn stops_all(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NoSpace | ErrorKind::Interrupted)
}

fn model(found: &CachedVersion, files: Vec<AdoptedFile>) -> AdoptedModel {
    AdoptedModel {
        version: found.manifest.version.clone(),
        revisions: found.revisions.clone(),
        name: None,
        warnings: apart_warnings(&files),
        files,
    }
}

/// One warning for each reason for which files were copied and not linked.
fn apart_warnings(files: &[AdoptedFile]) -> Vec<String> {
    let mut counts: BTreeMap<CopyReason, usize> = BTreeMap::new();
    for apart in files.iter().filter_map(|file| file.copy_reason) {
        *counts.entry(apart).or_default() += 1;
    }
    counts.into_iter().map(|(apart, count)| format!("copied, not linked: {apart}: {count} files")).collect()
}

fn finish(cache: &Cache, found: &CachedVersion, stored: Option<Manifest>, taken: Vec<Taken>) -> Result<AdoptedModel> {
    let store = cache.store();
    let mut manifest = found.manifest.clone();
    let (files, kept): (Vec<_>, Vec<_>) = taken.into_iter().map(|taken| (taken.file, taken.blob)).unzip();
    for (file, blob) in files.iter().zip(&kept).filter_map(|(file, kept)| Some((file, kept.as_ref()?))) {
        if let Ok(at) = manifest.files.binary_search_by(|listed| listed.path.cmp(&file.path)) {
            manifest.files[at].blob = Some(blob.name);
            manifest.files[at].size = Some(blob.size);
        }
    }
    let mut adopted = model(found, files);
    if kept.iter().all(Option::is_none) {
        adopted.revisions.clear();
        return Ok(adopted);
    }
    if manifest.partial {
        // What was refused and nothing else knows of is no file of the model: it could never be fetched.
        let refused: BTreeSet<_> = adopted.refused().map(|(path, _)| path).collect();
        manifest.files.retain(|file| file.is_verifiable() || !refused.contains(&file.path));
    }
    let manifest = manifest.merge(stored);
    let version = &manifest.version;
    store.put_manifest(&manifest)?;
    adopted.revisions.clear();
    for revision in &found.revisions {
        match store.resolve_ref(&version.model, revision)? {
            Some(commit) if commit != version.commit => {
                adopted.warnings.push(format!("{revision} stays at {commit}, where the store has it"));
            }
            _ => {
                store.put_ref(&version.model, revision, &version.commit)?;
                adopted.revisions.push(revision.clone());
            }
        }
    }
    store.materialize(&manifest, None)?;
    for revision in &adopted.revisions {
        store.materialize(&manifest, Some(revision))?;
    }
    store.touch(version)?;
    if let Some(called) = &found.called {
        adopted.name = naming::register(cache, called, version)?;
        if adopted.name.is_none() {
            let ModelId::Folder(folder) = &version.model else { return Ok(adopted) };
            adopted.warnings.push(format!(
                "not registered, because the name {} is taken; use {} at revision {}",
                called.name,
                folder.display(),
                version.commit
            ));
        }
    }
    drop(kept);
    Ok(adopted)
}
