//! The plan of an eviction: a pure function of an inventory and a policy.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use cache_core::{RepoPath, Sha256, Size, Version};
use serde::Serialize;

use crate::fs::failpoints::{Mutant, mutant};
use crate::gc::clean::ABANDONED;
use crate::gc::inventory::{Inventory, VersionUse};
use crate::store::Store;
use crate::store::policy::{EvictOrder, EvictPolicy};

/// How long an unreferenced blob is kept: a killed download or import may have finished it.
fn orphan_grace() -> Duration {
    if mutant(Mutant::LateLease) { Duration::from_secs(3600) } else { ABANDONED }
}

/// What a step evicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EvictTarget {
    /// A whole version.
    Version(Version),
    /// One file of a version that stays.
    File {
        /// Of which version.
        version: Version,
        /// Which file.
        path: RepoPath,
    },
    /// A blob that belongs to no version.
    Orphan,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EvictStep {
    /// What is evicted.
    pub what: EvictTarget,
    /// Why, as a message.
    pub reason: String,
    /// Whether it was not used for longer than the policy allows.
    pub expired: bool,
    /// The blobs that nothing needs after this step, with their sizes in bytes.
    pub blobs: Vec<(Sha256, u64)>,
}

impl EvictStep {
    /// Bytes that this step frees.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blobs.iter().map(|(_, size)| size).fold(0, |sum, size| sum.saturating_add(*size))
    }
}

/// Why a version stays although the policy would take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RetainReason {
    /// A pin keeps it.
    Pinned,
    /// A running process uses it, or it was just fetched.
    InUse,
}

/// A version that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetainedVersion {
    /// Which version.
    pub version: Version,
    /// Why.
    pub because: RetainReason,
    /// Bytes of its blobs.
    pub bytes: u64,
}

/// What is evicted and why, and what is retained and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EvictPlan {
    /// Evictions, in order.
    pub steps: Vec<EvictStep>,
    /// Versions that no policy may evict now.
    pub kept: Vec<RetainedVersion>,
    /// Bytes removed from the quarantine, oldest first, before any step.
    pub quarantine: u64,
    /// Bytes removed from partial downloads without an owner, oldest first, before any step.
    pub partial: u64,
    /// Bytes of all blobs before.
    pub before: u64,
    /// Bytes of all blobs after.
    pub after: u64,
    /// Bytes above the wanted size that blobs and partial downloads still take after the steps.
    pub over: u64,
}

impl EvictPlan {
    /// Bytes that the plan frees.
    #[must_use]
    pub fn freed(&self) -> u64 {
        self.before.saturating_sub(self.after)
    }
}

impl Store {
    /// Decides what goes. Pure: the same inventory and policy give the same plan.
    #[must_use]
    pub fn plan(inventory: &Inventory, policy: &EvictPolicy) -> EvictPlan {
        let mut planner = Planner::new(inventory, policy);
        planner.orphans();
        planner.expire(policy.older_than);
        if let Some(max) = policy.max_size {
            planner.drop_partials(max);
            planner.sort_candidates(policy.order);
            planner.shrink(max.saturating_sub(planner.partial()), policy);
        }
        planner.finish(policy.max_size)
    }
}

struct Planner<'a> {
    inventory: &'a Inventory,
    kept_blobs: BTreeSet<Sha256>,
    /// Versions that may go, first those that go first; the unfinished last.
    candidates: Vec<&'a VersionUse>,
    kept: Vec<RetainedVersion>,
    /// Versions in use of which some files are not: these files go when nothing else is left.
    partly_used: Vec<&'a VersionUse>,
    /// How many versions still hold a blob.
    holders: HashMap<Sha256, usize>,
    total: u64,
    /// Bytes of partial downloads that go.
    dropped: u64,
    steps: Vec<EvictStep>,
    gone: BTreeSet<Sha256>,
}

impl<'a> Planner<'a> {
    fn new(inventory: &'a Inventory, policy: &EvictPolicy) -> Self {
        let leased = inventory.blobs.iter().filter(|(_, blob)| blob.leased).map(|(name, _)| *name);
        let kept_blobs: BTreeSet<Sha256> = leased.chain(policy.keep.iter().copied()).collect();
        let mut holders: HashMap<Sha256, usize> = HashMap::new();
        let mut candidates = Vec::new();
        let mut kept = Vec::new();
        let mut partly_used = Vec::new();
        for version in &inventory.versions {
            let blobs: BTreeSet<Sha256> = version.files.iter().map(|file| file.blob).collect();
            for blob in &blobs {
                *holders.entry(*blob).or_default() += 1;
            }
            let because = if version.pinned {
                RetainReason::Pinned
            } else if blobs.iter().any(|blob| kept_blobs.contains(blob)) {
                if blobs.iter().any(|blob| !kept_blobs.contains(blob)) {
                    partly_used.push(version);
                }
                RetainReason::InUse
            } else {
                candidates.push(version);
                continue;
            };
            let sizes = blobs.iter().filter_map(|blob| inventory.blobs.get(blob)).map(|blob| blob.size);
            kept.push(RetainedVersion {
                version: version.version.clone(),
                because,
                bytes: sizes.fold(0, u64::saturating_add),
            });
        }
        candidates.sort_by(|a, b| (a.unfinished, a.last_use, &a.version).cmp(&(b.unfinished, b.last_use, &b.version)));
        partly_used.sort_by_key(|one| (one.unfinished, one.last_use, &one.version));
        let total = inventory.size();
        Self {
            inventory,
            kept_blobs,
            candidates,
            kept,
            partly_used,
            holders,
            total,
            dropped: 0,
            steps: Vec::new(),
            gone: BTreeSet::new(),
        }
    }

    /// Blobs of no version, once no fetch can be about to name them.
    fn orphans(&mut self) {
        for (name, blob) in &self.inventory.blobs {
            let age = self.inventory.now.duration_since(blob.since).unwrap_or_default();
            if !self.holders.contains_key(name) && !self.kept_blobs.contains(name) && age > orphan_grace() {
                self.take(EvictTarget::Orphan, "not part of any model", vec![(*name, blob.size)]);
            }
        }
    }

    fn expire(&mut self, older_than: Option<Duration>) {
        let Some(limit) = older_than else { return };
        let candidates = std::mem::take(&mut self.candidates);
        let now = self.inventory.now;
        for version in candidates {
            let age = now.duration_since(version.last_use).unwrap_or_default();
            if age > limit && !version.unfinished {
                self.take_version(version, &format!("unused for {}", format_age(age)));
                self.steps.last_mut().into_iter().for_each(|step| step.expired = true);
            } else {
                self.candidates.push(version);
            }
        }
    }

    /// Lets broken-off downloads go before any version: a version is whole, and they may never be.
    fn drop_partials(&mut self, max: u64) {
        let surplus = self.total.saturating_add(self.partial()).saturating_sub(max);
        self.dropped = surplus.min(self.inventory.dead_partials);
    }

    /// Bytes of partial downloads that stay.
    fn partial(&self) -> u64 {
        self.inventory.debris.partial.bytes.saturating_sub(self.dropped)
    }

    /// Puts first what is to go first. The candidates come with the least recently used first.
    fn sort_candidates(&mut self, order: EvictOrder) {
        if order == EvictOrder::Largest {
            let blobs = &self.inventory.blobs;
            self.candidates.sort_by_cached_key(|version| {
                let names: BTreeSet<Sha256> = version.files.iter().map(|file| file.blob).collect();
                let sizes = names.iter().filter_map(|name| blobs.get(name)).map(|blob| blob.size);
                (version.unfinished, std::cmp::Reverse(sizes.fold(0, u64::saturating_add)))
            });
        }
    }

    fn shrink(&mut self, max: u64, policy: &EvictPolicy) {
        let first = match policy.order {
            EvictOrder::LeastRecentlyUsed => "least recently used",
            EvictOrder::Largest => "largest",
        };
        let reason = format!("{first}, to stay below {}", Size(max));
        // Blobs that some version which stays holds anyway: taking another holder's name from them frees nothing.
        let staying: BTreeSet<Sha256> = {
            let kept: BTreeSet<&Version> = self.kept.iter().map(|kept| &kept.version).collect();
            let versions = self.inventory.versions.iter().filter(|one| kept.contains(&one.version));
            versions.flat_map(|version| version.files.iter().map(|file| file.blob)).collect()
        };
        for version in std::mem::take(&mut self.candidates) {
            if self.total <= max {
                return;
            }
            if version.files.iter().all(|file| staying.contains(&file.blob) || self.gone.contains(&file.blob)) {
                continue;
            }
            if policy.single_files {
                self.take_files(version, max, &reason);
            } else {
                self.take_version(version, &reason);
            }
        }
        // Only when nothing else is left: they may be another process's fetch, which would have leased them.
        let orphans: Vec<(Sha256, u64)> = self
            .inventory
            .blobs
            .iter()
            .filter(|(name, _)| {
                !self.holders.contains_key(*name) && !self.kept_blobs.contains(*name) && !self.gone.contains(*name)
            })
            .map(|(name, blob)| (*name, blob.size))
            .collect();
        for orphan in orphans {
            if self.total > max {
                self.take(EvictTarget::Orphan, "not part of any model", vec![orphan]);
            }
        }
        // A lease on a file that several versions share keeps that file, not everything beside it.
        for version in std::mem::take(&mut self.partly_used) {
            self.take_files(version, max, &reason);
        }
    }

    fn take_version(&mut self, version: &VersionUse, reason: &str) {
        let names: BTreeSet<Sha256> = version.files.iter().map(|file| file.blob).collect();
        let freed = self.release(names);
        self.take(EvictTarget::Version(version.version.clone()), reason, freed);
    }

    fn take_files(&mut self, version: &VersionUse, max: u64, reason: &str) {
        let mut by_blob: BTreeMap<Sha256, Vec<&RepoPath>> = BTreeMap::new();
        for file in version.files.iter().filter(|file| !self.kept_blobs.contains(&file.blob)) {
            by_blob.entry(file.blob).or_default().push(&file.path);
        }
        let mut largest: Vec<(u64, Sha256)> =
            by_blob.keys().map(|name| (self.inventory.blobs.get(name).map_or(0, |blob| blob.size), *name)).collect();
        largest.sort_by_key(|&(size, name)| (std::cmp::Reverse(size), name));
        for (_, name) in largest {
            if self.total <= max {
                return;
            }
            let mut freed = self.release(BTreeSet::from([name]));
            // The bytes go with the last of the paths that hold them.
            let paths = by_blob.get(&name).map(Vec::as_slice).unwrap_or_default();
            for (index, path) in paths.iter().enumerate() {
                let what = EvictTarget::File { version: version.version.clone(), path: (*path).clone() };
                let last = index + 1 == paths.len();
                self.take(what, reason, if last { std::mem::take(&mut freed) } else { Vec::new() });
            }
        }
    }

    /// Releases a version's references to blobs; returns those that are unreferenced now.
    fn release(&mut self, names: BTreeSet<Sha256>) -> Vec<(Sha256, u64)> {
        let mut free = Vec::new();
        for name in names {
            let Some(count) = self.holders.get_mut(&name) else { continue };
            *count -= 1;
            if *count == 0
                && !self.kept_blobs.contains(&name)
                && let Some(blob) = self.inventory.blobs.get(&name)
            {
                free.push((name, blob.size));
            }
        }
        free
    }

    fn take(&mut self, what: EvictTarget, reason: &str, blobs: Vec<(Sha256, u64)>) {
        for (name, size) in &blobs {
            self.total = self.total.saturating_sub(*size);
            self.gone.insert(*name);
        }
        self.steps.push(EvictStep { what, reason: reason.to_owned(), expired: false, blobs });
    }

    fn finish(self, max_size: Option<u64>) -> EvictPlan {
        let rest = self.total.saturating_add(self.partial());
        EvictPlan {
            partial: self.dropped,
            steps: self.steps,
            kept: self.kept,
            quarantine: max_size.map_or(0, |max| surplus(self.inventory, max)),
            before: self.inventory.size(),
            after: self.total,
            over: max_size.map_or(0, |max| rest.saturating_sub(max)),
        }
    }
}

/// Bytes of the quarantine above a size of the store: blobs go only when none of it is left.
fn surplus(inventory: &Inventory, max: u64) -> u64 {
    let (quarantine, partial) = (inventory.debris.quarantine.bytes, inventory.debris.partial.bytes);
    inventory.size().saturating_add(partial).saturating_add(quarantine).saturating_sub(max).min(quarantine)
}

/// Formats an age in its largest fitting unit.
fn format_age(age: Duration) -> String {
    let (count, unit) = match age.as_secs() {
        seconds @ 0..120 => (seconds, "seconds"),
        seconds @ 120..7200 => (seconds / 60, "minutes"),
        seconds @ 7200..172_800 => (seconds / 3600, "hours"),
        seconds => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests;
