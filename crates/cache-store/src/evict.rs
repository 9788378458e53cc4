//! The plan of an eviction: a pure function of an inventory and a policy.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use cache_core::{RepoPath, Sha256, Version};
use serde::Serialize;

use crate::inventory::{Inventory, VersionUse};
use crate::store::Store;

/// A blob that belongs to no version may belong to a fetch that has not come to its manifest yet, until it is this old.
const ORPHAN_GRACE: Duration = Duration::from_secs(3600);

/// What goes first to get below a size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EvictOrder {
    /// The least recently used version.
    #[default]
    LeastRecentlyUsed,
    /// The version with the most bytes; of equal ones the least recently used.
    Largest,
}

/// What has to go.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EvictPolicy {
    /// Bytes that all blobs may take up: versions go until they do, in this [`order`](Self::order).
    pub max_size: Option<u64>,
    /// What goes first to get below the size.
    pub order: EvictOrder,
    /// Versions not used for longer than this go.
    pub older_than: Option<Duration>,
    /// Take single files, the largest of the least recently used version first, instead of whole versions.
    pub single_files: bool,
    /// Blobs that stay whatever happens, as if they were leased.
    pub keep: Vec<Sha256>,
}

impl EvictPolicy {
    /// Evicts until the blobs take up no more than this many bytes.
    #[must_use]
    pub fn with_max_size(mut self, bytes: Option<u64>) -> Self {
        self.max_size = bytes;
        self
    }

    /// Evicts in this order to get below the size.
    #[must_use]
    pub fn with_order(mut self, order: EvictOrder) -> Self {
        self.order = order;
        self
    }

    /// Evicts what was not used for longer than this.
    #[must_use]
    pub fn with_older_than(mut self, age: Option<Duration>) -> Self {
        self.older_than = age;
        self
    }

    /// Evicts single files instead of whole versions to get below the size.
    #[must_use]
    pub fn with_single_files(mut self, single: bool) -> Self {
        self.single_files = single;
        self
    }

    /// Keeps some blobs.
    #[must_use]
    pub fn with_keep(mut self, keep: &[Sha256]) -> Self {
        self.keep = keep.to_vec();
        self
    }
}

/// Something that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Evicted {
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
    /// What goes.
    pub what: Evicted,
    /// Why, for people.
    pub reason: String,
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
pub enum KeptBecause {
    /// A pin keeps it.
    Pinned,
    /// A running process uses it, or it was just fetched.
    InUse,
}

/// A version that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Kept {
    /// Which version.
    pub version: Version,
    /// Why.
    pub because: KeptBecause,
    /// Bytes of its blobs.
    pub bytes: u64,
}

/// What goes and why, and what stays and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EvictPlan {
    /// What goes, in order.
    pub steps: Vec<EvictStep>,
    /// What no policy may take now.
    pub kept: Vec<Kept>,
    /// Bytes of all blobs before.
    pub before: u64,
    /// Bytes of all blobs after.
    pub after: u64,
    /// Bytes above the wanted size that stay all the same, because what is left is pinned or in use.
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
        planner.old(policy.older_than);
        if let Some(max) = policy.max_size {
            planner.arrange(policy.order);
            planner.shrink(max, policy);
        }
        planner.finish(policy.max_size)
    }
}

struct Planner<'a> {
    inventory: &'a Inventory,
    kept_blobs: BTreeSet<Sha256>,
    /// Versions that may go, first those that go first.
    candidates: Vec<&'a VersionUse>,
    kept: Vec<Kept>,
    /// How many versions still hold a blob.
    holders: HashMap<Sha256, usize>,
    total: u64,
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
        for version in &inventory.versions {
            let blobs: BTreeSet<Sha256> = version.files.iter().map(|file| file.blob).collect();
            for blob in &blobs {
                *holders.entry(*blob).or_default() += 1;
            }
            let because = if version.pinned {
                KeptBecause::Pinned
            } else if blobs.iter().any(|blob| kept_blobs.contains(blob)) {
                KeptBecause::InUse
            } else {
                candidates.push(version);
                continue;
            };
            let sizes = blobs.iter().filter_map(|blob| inventory.blobs.get(blob)).map(|blob| blob.size);
            kept.push(Kept { version: version.version.clone(), because, bytes: sizes.fold(0, u64::saturating_add) });
        }
        candidates.sort_by(|a, b| (a.last_use, &a.version).cmp(&(b.last_use, &b.version)));
        let total = inventory.size();
        Self { inventory, kept_blobs, candidates, kept, holders, total, steps: Vec::new(), gone: BTreeSet::new() }
    }

    /// Blobs of no version, once no fetch can be about to name them.
    fn orphans(&mut self) {
        for (name, blob) in &self.inventory.blobs {
            let age = self.inventory.now.duration_since(blob.since).unwrap_or_default();
            if !self.holders.contains_key(name) && !self.kept_blobs.contains(name) && age > ORPHAN_GRACE {
                self.take(Evicted::Orphan, "it belongs to no model", vec![(*name, blob.size)]);
            }
        }
    }

    fn old(&mut self, older_than: Option<Duration>) {
        let Some(limit) = older_than else { return };
        let candidates = std::mem::take(&mut self.candidates);
        let now = self.inventory.now;
        for version in candidates {
            let age = now.duration_since(version.last_use).unwrap_or_default();
            if age > limit {
                self.take_version(version, &format!("not used for {}", in_words(age)));
            } else {
                self.candidates.push(version);
            }
        }
    }

    /// Puts first what is to go first. The candidates come with the least recently used first.
    fn arrange(&mut self, order: EvictOrder) {
        if order == EvictOrder::Largest {
            let blobs = &self.inventory.blobs;
            self.candidates.sort_by_cached_key(|version| {
                let names: BTreeSet<Sha256> = version.files.iter().map(|file| file.blob).collect();
                let sizes = names.iter().filter_map(|name| blobs.get(name)).map(|blob| blob.size);
                std::cmp::Reverse(sizes.fold(0, u64::saturating_add))
            });
        }
    }

    fn shrink(&mut self, max: u64, policy: &EvictPolicy) {
        let first = match policy.order {
            EvictOrder::LeastRecentlyUsed => "least recently used",
            EvictOrder::Largest => "the largest",
        };
        let reason = format!("{first}, to get down to {max} bytes");
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
                self.take(Evicted::Orphan, "it belongs to no model", vec![orphan]);
            }
        }
    }

    fn take_version(&mut self, version: &VersionUse, reason: &str) {
        let names: BTreeSet<Sha256> = version.files.iter().map(|file| file.blob).collect();
        let freed = self.release(names);
        self.take(Evicted::Version(version.version.clone()), reason, freed);
    }

    fn take_files(&mut self, version: &VersionUse, max: u64, reason: &str) {
        let mut by_blob: BTreeMap<Sha256, Vec<&RepoPath>> = BTreeMap::new();
        for file in &version.files {
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
                let what = Evicted::File { version: version.version.clone(), path: (*path).clone() };
                let last = index + 1 == paths.len();
                self.take(what, reason, if last { std::mem::take(&mut freed) } else { Vec::new() });
            }
        }
    }

    /// Lets a version's hold on blobs go; those that nobody holds any more are free to go.
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

    fn take(&mut self, what: Evicted, reason: &str, blobs: Vec<(Sha256, u64)>) {
        for (name, size) in &blobs {
            self.total = self.total.saturating_sub(*size);
            self.gone.insert(*name);
        }
        self.steps.push(EvictStep { what, reason: reason.to_owned(), blobs });
    }

    fn finish(self, max_size: Option<u64>) -> EvictPlan {
        EvictPlan {
            steps: self.steps,
            kept: self.kept,
            before: self.inventory.size(),
            after: self.total,
            over: max_size.map_or(0, |max| self.total.saturating_sub(max)),
        }
    }
}

/// An age as people say it.
fn in_words(age: Duration) -> String {
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
