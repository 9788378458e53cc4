//! Carrying out an eviction: names first, then bytes, and bytes through the trash.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::PoisonError;

use cache_core::{Error, ErrorKind, Manifest, RepoPath, Result, Sha256, Version};
use fs_err as fs;
use serde::Serialize;

use crate::doing::{Absent as _, Doing as _};
use crate::durable::{self, Keep};
use crate::evict::{EvictPlan, EvictStep, Evicted};
use crate::locks::GC;
use crate::store::Store;
use crate::torture::point;

/// What an eviction has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EvictReport {
    /// What went.
    pub done: Vec<Evicted>,
    /// What was to go and stays, because it was pinned or leased meanwhile.
    pub spared: Vec<Evicted>,
    /// Blobs that were removed.
    pub blobs: u64,
    /// Bytes that were freed.
    pub freed: u64,
    /// Bytes above the wanted size that stay, because what is left is pinned or in use.
    pub over: u64,
}

/// Files that were taken out of versions that stay.
type Cut = HashSet<(Version, RepoPath)>;

impl Store {
    /// Carries out a plan. What was pinned or leased since the plan was made stays.
    ///
    /// # Errors
    /// A storage error; what was done until then stays done.
    pub fn apply(&self, plan: &EvictPlan) -> Result<EvictReport> {
        self.writable()?;
        let mut report = EvictReport { over: plan.over, ..EvictReport::default() };
        let mut cut = HashSet::new();
        for step in &plan.steps {
            self.apply_step(step, &mut cut, &mut report)?;
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
                .with_hint(format!("`model-cache unpin {}` first", version.model)));
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
        let what = Evicted::Version(version.clone());
        let mut report = EvictReport::default();
        let step = EvictStep { what, reason: "removed by the user".to_owned(), blobs };
        self.apply_step(&step, &mut HashSet::new(), &mut report)?;
        if report.done.is_empty() {
            return Err(Error::new(ErrorKind::Usage, format!("{version} is in use by a running program"))
                .with_hint("try again when the program has ended"));
        }
        Ok(report)
    }

    /// Evicts by the store's own policy: what lay unused for longer than its time to live, then more until the blobs
    /// fit the quota. `keep` stays. `None` when there was nothing to do; [`EvictReport::over`] says by how much the
    /// quota could not be met.
    ///
    /// # Errors
    /// A storage error.
    pub fn enforce_quota(&self, keep: &[Sha256]) -> Result<Option<EvictReport>> {
        let policy = self.evict_policy();
        if policy.older_than.is_none() {
            let Some(quota) = policy.max_size else { return Ok(None) };
            let used = self.blobs()?.iter().map(|blob| blob.size).fold(0, u64::saturating_add);
            if used <= quota {
                return Ok(None);
            }
        }
        let plan = Self::plan(&self.inventory()?, &policy.clone().with_keep(keep));
        if plan.steps.is_empty() && plan.over == 0 {
            return Ok(None);
        }
        self.apply(&plan).map(Some)
    }

    /// `cut` collects the files that this eviction has taken out of versions that stay.
    fn apply_step(&self, step: &EvictStep, cut: &mut Cut, report: &mut EvictReport) -> Result<()> {
        // Nobody takes a lease between our look at the leases and the deed.
        let gc = self.lock(GC, true)?;
        let leased = self.leased(true)?;
        if !self.may_go(step, &leased)? {
            report.spared.push(step.what.clone());
            return Ok(());
        }
        match &step.what {
            Evicted::Version(version) => self.remove_names(version)?,
            Evicted::File { version, path } => {
                self.remove_from_view(version, path)?;
                cut.insert((version.clone(), path.clone()));
            }
            Evicted::Orphan => {}
        }
        point("evict.names");
        let trashed = self.trash_blobs(step, &leased, cut)?;
        point("evict.trashed");
        let gone = self.restore_needed(trashed)?;
        drop(gc);
        for (name, path, size) in gone {
            durable::remove(&path).doing("empty the trash")?;
            self.forget(&name, true);
            report.blobs += 1;
            report.freed += size;
            self.0.evicted.lock().unwrap_or_else(PoisonError::into_inner).add(size);
            point("evict.removed");
        }
        report.done.push(step.what.clone());
        Ok(())
    }

    fn may_go(&self, step: &EvictStep, leased: &HashSet<Sha256>) -> Result<bool> {
        let version = match &step.what {
            Evicted::Version(version) => version,
            Evicted::File { version, path } => {
                let manifest = self.manifest(version)?;
                let name = manifest.and_then(|manifest| self.blob_name_of(manifest.file(path)?));
                return Ok(!self.is_pinned(version)? && name.is_none_or(|name| !leased.contains(&name)));
            }
            Evicted::Orphan => return Ok(!step.blobs.iter().any(|(name, _)| leased.contains(name))),
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
        durable::remove(&manifest).doing("remove a manifest")?;
        if let Some(folder) = manifest.parent().filter(|folder| folder.exists()) {
            durable::sync_folder(folder).doing("remove a manifest")?;
            durable::remove_empty_folders(folder, &self.layout().manifests());
        }
        point("evict.manifest");
        self.remove_view(version)?;
        durable::remove(&self.layout().use_marker(version)).doing("remove a use marker")?;
        Ok(())
    }

    fn trash_blobs(
        &self,
        step: &EvictStep,
        leased: &HashSet<Sha256>,
        cut: &Cut,
    ) -> Result<Vec<(Sha256, PathBuf, u64)>> {
        let mut trashed = Vec::new();
        // A file's blob may be in a version that was fetched since the plan was made.
        let needed = if step.blobs.is_empty() { HashSet::new() } else { self.needed_blobs(cut)? };
        for (name, size) in &step.blobs {
            if leased.contains(name) || needed.contains(name) {
                continue;
            }
            let to = self.layout().trashed(name);
            let moved = durable::rename_new(&self.layout().blob(name), &to, Keep::Derived);
            if moved.or_absent().doing(format_args!("move the blob {name} to the trash"))?.is_some() {
                trashed.push((*name, to, *size));
            }
        }
        Ok(trashed)
    }

    /// Looks again at leases and manifests, and puts back what is needed after all: where locks exclude nobody,
    /// somebody may have come in between. Returns what may be removed for good.
    fn restore_needed(&self, trashed: Vec<(Sha256, PathBuf, u64)>) -> Result<Vec<(Sha256, PathBuf, u64)>> {
        if trashed.is_empty() {
            return Ok(trashed);
        }
        let leased = self.leased(false)?;
        let mut gone = Vec::new();
        for (name, path, size) in trashed {
            if leased.contains(&name) {
                self.put_back(&name, &path)?;
            } else {
                gone.push((name, path, size));
            }
        }
        Ok(gone)
    }

    /// Gives a trashed blob its name again, unless it has been fetched anew.
    pub(crate) fn put_back(&self, name: &Sha256, path: &std::path::Path) -> Result<()> {
        match durable::rename_new(path, &self.layout().blob(name), Keep::Durable) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                durable::remove(path).doing("empty the trash").map(|_| ())
            }
            other => other.or_absent().map(|_| ()).doing(format_args!("put the blob {name} back")),
        }
    }

    /// The blobs that manifests name, apart from some of their files.
    pub(crate) fn needed_blobs(&self, except: &Cut) -> Result<HashSet<Sha256>> {
        let mut needed = HashSet::new();
        for Manifest { version, files, .. } in self.manifests()? {
            for file in files {
                if let Some(name) = self.blob_name_of(&file)
                    && !except.contains(&(version.clone(), file.path))
                {
                    needed.insert(name);
                }
            }
        }
        Ok(needed)
    }

    /// The blob of a file, as far as its name is known, whether it is there or not.
    pub(crate) fn blob_name_of(&self, file: &cache_core::FileEntry) -> Option<Sha256> {
        file.blob_name().or_else(|| self.named_by_git(&file.digests.git_sha1?))
    }

    /// Whether a name in the trash is that of a blob.
    pub(crate) fn trashed_blob(path: &std::path::Path) -> Option<Sha256> {
        path.file_name()?.to_str()?.split_once('.')?.0.parse().ok()
    }

    /// Everything in the trash.
    pub(crate) fn trashed(&self) -> Result<Vec<PathBuf>> {
        let Some(entries) = fs::read_dir(self.layout().trash()).or_absent().doing("list the trash")? else {
            return Ok(Vec::new());
        };
        entries.map(|entry| Ok(entry.doing("list the trash")?.path())).collect()
    }
}
