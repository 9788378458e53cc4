//! Inventory: all that a decision about eviction needs, taken at one time.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cache_core::{Manifest, RepoPath, Result, Revision, Sha256, Version};
use fs_err as fs;
use serde::Serialize;

use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::listing::{entries, file_name};
use crate::fs::partial_key::PartialKey;
use crate::store::Store;
use crate::store::amount::Amount;

/// What the store holds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Inventory {
    /// When it was taken.
    pub now: SystemTime,
    /// The versions, in order.
    pub versions: Vec<VersionUse>,
    /// The blobs, by name.
    pub blobs: BTreeMap<Sha256, BlobUse>,
    /// The limit on the bytes of all blobs and of the quarantine.
    pub quota: Option<u64>,
    /// Files other than the blobs.
    pub debris: Debris,
    /// Bytes of partial downloads that no process owns.
    pub dead_partials: u64,
}

/// A version and what is there of it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct VersionUse {
    /// Which version.
    pub version: Version,
    /// The moving names that point to it.
    pub revisions: Vec<Revision>,
    /// Last use; if none was recorded, the time its newest blob was published.
    pub last_use: SystemTime,
    /// Whether a pin keeps it.
    pub pinned: bool,
    /// Whether a missing file of it has a partial download that the next get resumes.
    pub unfinished: bool,
    /// Its files whose blob is there.
    pub files: Vec<FileUse>,
    /// Number of files in its listing.
    pub listed: usize,
}

/// A file of a version whose blob is there.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FileUse {
    /// Path in the version.
    pub path: RepoPath,
    /// The blob that holds it.
    pub blob: Sha256,
}

/// A blob.
#[derive(Debug, Clone, Copy, Serialize)]
#[non_exhaustive]
pub struct BlobUse {
    /// Length in bytes.
    pub size: u64,
    /// Whether a running process has leased it.
    pub leased: bool,
    /// When its bytes came.
    pub since: SystemTime,
}

/// Files of the store other than blobs and metadata.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[non_exhaustive]
pub struct Debris {
    /// Downloads that are running or were broken off, with their journals.
    pub partial: Amount,
    /// On its way out.
    pub trash: Amount,
    /// Bad files that are kept with their reason.
    pub quarantine: Amount,
}

impl Inventory {
    /// Bytes of all blobs.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blobs.values().map(|blob| blob.size).fold(0, u64::saturating_add)
    }
}

impl Store {
    /// Takes stock: versions, blobs, sizes, last uses, pins, leases and debris. Corrects the counter of
    /// [`totals`](Self::totals).
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when a folder cannot be read.
    pub fn inventory(&self) -> Result<Inventory> {
        self.settle_background();
        // Leases before manifests: a fetch stores its manifest first and drops its lease then, so one of them shows it.
        let leased = self.leased(false)?;
        let pins = self.pins()?;
        let mut manifests = self.manifests()?;
        manifests.sort_by(|a, b| a.version.cmp(&b.version));
        let partials = self.partial_keys()?;
        let recount = self.begin_recount();
        let blobs = self.blob_uses(&leased)?;
        let mut total = Amount::default();
        blobs.values().for_each(|blob| total.add(blob.size));
        self.end_recount(recount, total);
        let mut versions = Vec::with_capacity(manifests.len());
        for manifest in manifests {
            let mut version = self.version_use(&manifest, &blobs, &partials)?;
            version.pinned = pins.iter().any(|pin| pin.covers(&version.version));
            versions.push(version);
        }
        let debris = self.debris()?;
        // In a read-only store owners are unknown, and nothing is removed.
        let tells = debris.partial.files > 0 && self.read_only().is_none();
        let dead_partials = if tells { self.removable_partials(Duration::ZERO)?.bytes } else { 0 };
        Ok(Inventory { now: self.0.clock.now(), versions, blobs, quota: self.quota(), debris, dead_partials })
    }

    /// Returns number and bytes of all files that are no blobs.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when a folder cannot be read.
    pub fn debris(&self) -> Result<Debris> {
        Ok(Debris {
            partial: amount(&self.layout().partials())?,
            trash: amount(&self.layout().trash())?,
            quarantine: amount(&self.layout().quarantine())?,
        })
    }

    /// Bytes of the quarantine and of partial downloads.
    pub(crate) fn debris_bytes(&self) -> Result<u64> {
        let quarantine = amount(&self.layout().quarantine())?.bytes;
        Ok(quarantine.saturating_add(amount(&self.layout().partials())?.bytes))
    }

    fn blob_uses(&self, leased: &HashSet<Sha256>) -> Result<BTreeMap<Sha256, BlobUse>> {
        let mut uses = BTreeMap::new();
        self.each_blob(&mut |blob, metadata| {
            // When it got its name. An adopted file's mtime may be years old.
            let since = SystemTime::UNIX_EPOCH + Duration::from_secs(metadata.ctime().max(0).unsigned_abs());
            uses.insert(blob.name, BlobUse { size: blob.size, leased: leased.contains(&blob.name), since });
        })?;
        Ok(uses)
    }

    /// The keys of all partial downloads.
    fn partial_keys(&self) -> Result<HashSet<String>> {
        let partials = entries(&self.layout().partials(), "list the partials")?;
        Ok(partials.iter().filter_map(|path| Some(file_name(path)?.split_once('.')?.0.to_owned())).collect())
    }

    fn version_use(
        &self,
        manifest: &Manifest,
        blobs: &BTreeMap<Sha256, BlobUse>,
        partials: &HashSet<String>,
    ) -> Result<VersionUse> {
        let version = manifest.version.clone();
        let mut files = Vec::new();
        let mut newest = SystemTime::UNIX_EPOCH;
        let mut unfinished = false;
        for file in &manifest.files {
            let name = self.blob_name_of(file);
            if let Some((name, blob)) = name.and_then(|name| Some((name, blobs.get(&name)?))) {
                newest = newest.max(blob.since);
                files.push(FileUse { path: file.path.clone(), blob: name });
            } else if !unfinished && !partials.is_empty() {
                unfinished = partials.contains(PartialKey::of(&version, file).as_str());
            }
        }
        let revisions = self.refs(&version.model)?;
        let revisions = revisions.into_iter().filter(|(_, commit)| *commit == version.commit).map(|(name, _)| name);
        Ok(VersionUse {
            revisions: revisions.collect(),
            last_use: self.last_use(&version).unwrap_or(newest),
            pinned: false,
            unfinished,
            files,
            listed: manifest.files.len(),
            version,
        })
    }
}

fn amount(folder: &Path) -> Result<Amount> {
    let mut amount = Amount::default();
    let what = || format!("list {}", folder.display());
    let Some(entries) = fs::read_dir(folder).or_absent().context(what())? else { return Ok(amount) };
    for entry in entries {
        if let Ok(metadata) = entry.context(what())?.metadata() {
            amount.add(metadata.len());
        }
    }
    Ok(amount)
}
