//! Carrying out an eviction: names first, then bytes, and bytes through the trash.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::PoisonError;

use cache_core::{Commit, Error, ErrorKind, Manifest, Result, Revision, Sha256, Version};
use serde::Serialize;

use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::point;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::gc::inventory::Inventory;
use crate::gc::plan::{EvictPlan, EvictStep, EvictTarget};
use crate::index::manifests::RemovedFiles;
use crate::locking::locks::GC;
use crate::store::Store;
use crate::store::amount::Amount;
use crate::store::policy::EvictPolicy;

/// What an eviction has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EvictReport {
    /// What went, each step with the blobs that were removed.
    pub done: Vec<EvictStep>,
    /// What was to go and stays, because it was pinned or leased meanwhile.
    pub spared: Vec<EvictTarget>,
    /// Blobs that were removed.
    pub blobs: u64,
    /// Bytes that were freed.
    pub freed: u64,
    /// Files that went from the quarantine before anything else.
    pub quarantine: Amount,
    /// Downloads that were broken off and went before any version.
    pub partial: Amount,
    /// Bytes above the wanted size that stay, because they are pinned or in use.
    pub over: u64,
}

/// Above this number of blobs, an inventory takes long enough to be avoided.
const MANY_BLOBS: u64 = if cfg!(test) { 100 } else { 4096 };
/// The fraction of the quota that an eviction among many blobs frees in advance.
const SLACK: u64 = 64;

/// A plan that goes below the quota by `slack` bytes, if unused versions suffice for it.
fn plan_with_slack(inventory: &Inventory, policy: &EvictPolicy, slack: u64) -> Option<EvictPlan> {
    let quota = policy.max_size.filter(|_| slack > 0)?;
    let plan = Store::plan(inventory, &policy.clone().with_max_size(Some(quota.saturating_sub(slack))));
    let is_whole = |step: &EvictStep| matches!(step.what, EvictTarget::Version(_));
    (plan.over == 0 && plan.quarantine == 0 && plan.steps.iter().all(is_whole)).then_some(plan)
}

/// A version whose names are gone, and what is needed to give them back.
struct Removed {
    manifest: Manifest,
    refs: Vec<(Revision, Commit)>,
    /// Whether it was in the view.
    shown: bool,
    names: HashSet<Sha256>,
}

impl Store {
    /// Carries out a plan. What was pinned or leased since the plan was made stays.
    ///
    /// # Errors
    /// A storage error; what was done until then stays done.
    pub fn apply(&self, plan: &EvictPlan) -> Result<EvictReport> {
        self.writable()?;
        let mut report = EvictReport { over: plan.over, ..EvictReport::default() };
        if plan.quarantine > 0 {
            report.quarantine = self.free_quarantine(plan.quarantine)?;
        }
        if plan.partial > 0 {
            report.partial = self.free_partials(plan.partial)?;
            report.over = plan.over.saturating_add(plan.partial).saturating_sub(report.partial.bytes);
        }
        let mut removed_files = HashSet::new();
        for step in &plan.steps {
            self.apply_step(step, &mut removed_files, &mut report)?;
        }
        Ok(report)
    }

    /// Removes a version and the blobs that only it needs.
    ///
    /// # Errors
    /// [`ErrorKind::NotCached`] when the store has no such version, [`ErrorKind::Usage`] when it is pinned or in use.
    pub fn remove_version(&self, version: &Version) -> Result<EvictReport> {
        self.writable()?;
        let inventory = self.inventory()?;
        let Some(found) = inventory.versions.iter().find(|one| one.version == *version) else {
            return Err(Error::new(ErrorKind::NotCached, format!("{version} is not in the store")));
        };
        if found.pinned {
            return Err(Error::new(ErrorKind::Usage, format!("{version} is pinned"))
                .with_hint("unpin it first")
                .with_reason(cache_core::Reason::Pinned)
                .with_subject(&version.model));
        }
        let names: HashSet<Sha256> = found.files.iter().map(|file| file.blob).collect();
        let elsewhere: HashSet<Sha256> = inventory
            .versions
            .iter()
            .filter(|one| one.version != *version)
            .flat_map(|one| one.files.iter().map(|file| file.blob))
            .collect();
        let sizes = names.difference(&elsewhere).filter_map(|name| Some((*name, inventory.blobs.get(name)?.size)));
        let mut blobs: Vec<(Sha256, u64)> = sizes.collect();
        blobs.sort_unstable();
        let what = EvictTarget::Version(version.clone());
        let mut report = EvictReport::default();
        let step = EvictStep { what, reason: "removed by the user".to_owned(), expired: false, blobs };
        self.apply_step(&step, &mut HashSet::new(), &mut report)?;
        if report.done.is_empty() {
            return Err(Error::new(ErrorKind::Usage, format!("{version} is in use by a running program"))
                .with_hint("try again when that program has ended"));
        }
        Ok(report)
    }

    /// Evicts by the store's own policy: what lay unused for longer than its time to live, then more until blobs,
    /// quarantine and partial downloads fit the quota. Reads the counter of [`totals`](Self::totals) alone while the quota
    /// holds; the time to live is applied once in a 24th of it, and at least once an hour. `keep` stays. `None` when there
    /// was nothing to do; [`EvictReport::over`] says by how much the quota could not be met.
    ///
    /// # Errors
    /// A storage error.
    pub fn enforce_quota(&self, keep: &[Sha256]) -> Result<Option<EvictReport>> {
        let policy = self.evict_policy();
        let (mut over, mut slack) = (false, 0);
        if let Some(quota) = policy.max_size {
            let blobs = self.totals()?;
            over = blobs.bytes.saturating_add(self.debris_bytes()?) > quota;
            slack = if blobs.files > MANY_BLOBS { quota / SLACK } else { 0 };
        }
        let expiry = self.is_expiry_due();
        if !over && !expiry {
            return Ok(None);
        }
        let (inventory, policy) = (self.inventory()?, policy.clone().with_keep(keep));
        let plan = match plan_with_slack(&inventory, &policy, slack).filter(|_| over) {
            Some(roomy) => roomy,
            None => Self::plan(&inventory, &policy),
        };
        if expiry {
            self.note_expiry();
        }
        if plan.steps.is_empty() && plan.quarantine == 0 && plan.partial == 0 && plan.over == 0 {
            return Ok(None);
        }
        self.apply(&plan).map(Some)
    }

    /// `cut` collects the files that this eviction has taken out of versions that stay.
    fn apply_step(&self, step: &EvictStep, removed_files: &mut RemovedFiles, report: &mut EvictReport) -> Result<()> {
        // With the lock, no lease is taken between this check and the removal; without it, the second check finds it.
        let gc = self.lock(GC, true)?;
        let leased = self.leased(true)?;
        if !self.is_evictable(step, &leased)? {
            report.spared.push(step.what.clone());
            return Ok(());
        }
        let mut removed = None;
        match &step.what {
            EvictTarget::Version(version) => {
                let names = self.needed_of(version)?;
                let (manifest, refs) = (self.manifest(version)?, self.refs(&version.model)?);
                let shown = self.snapshot_path(version).exists();
                self.keeping_records(&names, || self.remove_names(version))?;
                point("evict.unnamed");
                removed = manifest.map(|manifest| Removed { manifest, refs, shown, names });
                // A process that was stopped here has lost the lock's protection: what was leased meanwhile stays.
                if self.restore_leased(removed.as_ref(), &[])? {
                    report.spared.push(step.what.clone());
                    return Ok(());
                }
            }
            EvictTarget::File { version, path } => {
                let names = self.needed_of(version)?;
                self.keeping_records(&names, || self.remove_from_view(version, path))?;
                removed_files.insert((version.clone(), path.clone()));
            }
            EvictTarget::Orphan => {}
        }
        point("evict.names");
        let trashed = self.trash_blobs(step, &leased, removed_files)?;
        point("evict.trashed");
        if self.restore_leased(removed.as_ref(), &trashed)? {
            report.spared.push(step.what.clone());
            return Ok(());
        }
        let gone = self.restore_needed(trashed)?;
        drop(gc);
        // Shared, so that an inventory sees a blob that is gone and not counted off yet.
        let gc = if gone.is_empty() { None } else { self.lock(GC, false)? };
        if gc.is_none() && !gone.is_empty() {
            self.discard_counter();
        }
        let mut step = EvictStep { blobs: Vec::new(), ..step.clone() };
        for (name, path, size) in gone {
            if durable::remove(&path).context("empty the trash")? && gc.is_some() {
                self.count_removed(size);
            }
            self.forget(&name, true);
            step.blobs.push((name, size));
            report.blobs += 1;
            report.freed += size;
            self.0.evicted.lock().unwrap_or_else(PoisonError::into_inner).add(size);
            point("evict.removed");
        }
        report.done.push(step);
        Ok(())
    }

    fn is_evictable(&self, step: &EvictStep, leased: &HashSet<Sha256>) -> Result<bool> {
        let version = match &step.what {
            EvictTarget::Version(version) => version,
            EvictTarget::File { version, path } => {
                let manifest = self.manifest(version)?;
                let name = manifest.and_then(|manifest| self.blob_name_of(manifest.file(path)?));
                return Ok(!self.is_pinned(version)? && name.is_none_or(|name| !leased.contains(&name)));
            }
            EvictTarget::Orphan => return Ok(!step.blobs.iter().any(|(name, _)| leased.contains(name))),
        };
        if self.is_pinned(version)? {
            return Ok(false);
        }
        let Some(manifest) = self.manifest(version)? else { return Ok(true) };
        Ok(!manifest.files.iter().filter_map(|file| self.blob_name_of(file)).any(|name| leased.contains(&name)))
    }

    fn is_pinned(&self, version: &Version) -> Result<bool> {
        Ok(self.pins()?.iter().any(|pin| pin.covers(version)))
    }

    /// Takes a version's names away, outermost first: a reader that comes now finds nothing, or all of it.
    fn remove_names(&self, version: &Version) -> Result<()> {
        self.remove_refs_to(version)?;
        let manifest = self.layout().manifest(version);
        durable::remove(&manifest).context("remove a manifest")?;
        if let Some(folder) = manifest.parent().filter(|folder| folder.exists()) {
            durable::sync_folder(folder).context("remove a manifest")?;
            durable::remove_empty_folders(folder, &self.layout().manifests());
        }
        point("evict.manifest");
        self.remove_view(version)?;
        durable::remove(&self.layout().use_marker(version)).context("remove a use marker")?;
        durable::remove(&self.layout().small_records(version)).context("remove the records of small files")?;
        Ok(())
    }

    /// Restores a version of which a blob was leased since its removal. Returns whether it did.
    fn restore_leased(&self, removed: Option<&Removed>, trashed: &[(Sha256, PathBuf, u64)]) -> Result<bool> {
        let Some(removed) = removed.filter(|removed| !removed.names.is_empty()) else { return Ok(false) };
        if self.leased(false).is_ok_and(|leased| leased.is_disjoint(&removed.names)) {
            return Ok(false);
        }
        for (name, path, _) in trashed {
            self.restore_trashed(name, path)?;
        }
        self.restore_names(removed)?;
        Ok(true)
    }

    /// Gives a version its names back, innermost first.
    fn restore_names(&self, removed: &Removed) -> Result<()> {
        let Removed { manifest, refs, shown, .. } = removed;
        let version = &manifest.version;
        self.put_manifest(manifest)?;
        if *shown {
            self.materialize(manifest, None)?;
        }
        for (revision, commit) in refs.iter().filter(|(_, commit)| *commit == version.commit) {
            self.put_ref(&version.model, revision, commit)?;
            if *shown {
                self.materialize(manifest, Some(revision))?;
            }
        }
        self.touch(version)
    }

    fn trash_blobs(
        &self,
        step: &EvictStep,
        leased: &HashSet<Sha256>,
        removed_files: &RemovedFiles,
    ) -> Result<Vec<(Sha256, PathBuf, u64)>> {
        let mut trashed = Vec::new();
        // A file's blob may be in a version that was fetched since the plan was made.
        let needed = if step.blobs.is_empty() { HashSet::new() } else { self.needed_blobs(removed_files)? };
        for (name, size) in &step.blobs {
            if leased.contains(name) || needed.contains(name) {
                continue;
            }
            let to = self.layout().trashed(name);
            let moved = durable::rename_new(&self.layout().blob(name), &to, Durability::Derived);
            if moved.or_absent().context(format_args!("move the blob {name} to the trash"))?.is_some() {
                trashed.push((*name, to, *size));
            }
        }
        Ok(trashed)
    }

    /// Looks again at the leases, and puts back what is in use after all: without a lock, a lease may have been taken in
    /// between. Returns what may be removed for good.
    fn restore_needed(&self, trashed: Vec<(Sha256, PathBuf, u64)>) -> Result<Vec<(Sha256, PathBuf, u64)>> {
        if trashed.is_empty() {
            return Ok(trashed);
        }
        let leased = self.leased(false)?;
        let mut gone = Vec::new();
        for (name, path, size) in trashed {
            if leased.contains(&name) {
                self.restore_trashed(&name, &path)?;
            } else {
                gone.push((name, path, size));
            }
        }
        Ok(gone)
    }
}
