//! Inventory: all that a decision about eviction needs, taken at one time.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cache_core::{Manifest, RepoPath, Result, Revision, Sha256, Version};
use fs_err as fs;
use serde::Serialize;

use crate::doing::{Absent as _, Doing as _};
use crate::store::Store;

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
    /// The limit on the bytes of all blobs.
    pub quota: Option<u64>,
    /// What lies about besides.
    pub debris: Debris,
}

/// A version and what is there of it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct VersionUse {
    /// Which version.
    pub version: Version,
    /// The moving names that point to it.
    pub revisions: Vec<Revision>,
    /// When it was last used; when its newest blob came, if no use was noted.
    pub last_use: SystemTime,
    /// Whether a pin keeps it.
    pub pinned: bool,
    /// Its files whose blob is there.
    pub files: Vec<FileUse>,
    /// Number of files in its listing.
    pub listed: usize,
}

/// A file of a version whose blob is there.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FileUse {
    /// Where it lies in the version.
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

/// Number and bytes of some files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many files.
    pub files: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// What lies about besides the blobs.
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

impl Amount {
    /// One more file.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Store {
    /// Takes stock: versions, blobs, sizes, last uses, pins, leases and debris.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when a folder cannot be read.
    pub fn inventory(&self) -> Result<Inventory> {
        // Leases before manifests: a fetch stores its manifest first and drops its lease then, so one of them shows it.
        let leased = self.leased(false)?;
        let pins = self.pins()?;
        let mut manifests = self.manifests()?;
        manifests.sort_by(|a, b| a.version.cmp(&b.version));
        let blobs = self.blob_uses(&leased)?;
        let mut versions = Vec::with_capacity(manifests.len());
        for manifest in manifests {
            let mut version = self.version_use(&manifest, &blobs)?;
            version.pinned = pins.iter().any(|pin| pin.covers(&version.version));
            versions.push(version);
        }
        let debris = Debris {
            partial: amount(&self.layout().partials())?,
            trash: amount(&self.layout().trash())?,
            quarantine: amount(&self.layout().quarantine())?,
        };
        Ok(Inventory { now: self.0.clock.now(), versions, blobs, quota: self.quota(), debris })
    }

    fn blob_uses(&self, leased: &HashSet<Sha256>) -> Result<BTreeMap<Sha256, BlobUse>> {
        let mut uses = BTreeMap::new();
        for blob in self.blobs()? {
            let Some(metadata) = fs::symlink_metadata(&blob.path).or_absent().doing("look at a blob")? else {
                continue;
            };
            // When it got its name. An adopted file's mtime may be years old.
            let since = SystemTime::UNIX_EPOCH + Duration::from_secs(metadata.ctime().max(0).unsigned_abs());
            uses.insert(blob.name, BlobUse { size: blob.size, leased: leased.contains(&blob.name), since });
        }
        Ok(uses)
    }

    fn version_use(&self, manifest: &Manifest, blobs: &BTreeMap<Sha256, BlobUse>) -> Result<VersionUse> {
        let version = manifest.version.clone();
        let mut files = Vec::new();
        let mut newest = SystemTime::UNIX_EPOCH;
        for file in &manifest.files {
            let Some(name) = self.blob_name_of(file) else { continue };
            if let Some(blob) = blobs.get(&name) {
                newest = newest.max(blob.since);
                files.push(FileUse { path: file.path.clone(), blob: name });
            }
        }
        let revisions = self.refs(&version.model)?;
        let revisions = revisions.into_iter().filter(|(_, commit)| *commit == version.commit).map(|(name, _)| name);
        Ok(VersionUse {
            revisions: revisions.collect(),
            last_use: self.last_use(&version).unwrap_or(newest),
            pinned: false,
            files,
            listed: manifest.files.len(),
            version,
        })
    }
}

fn amount(folder: &Path) -> Result<Amount> {
    let mut amount = Amount::default();
    let what = || format!("list {}", folder.display());
    let Some(entries) = fs::read_dir(folder).or_absent().doing(what())? else { return Ok(amount) };
    for entry in entries {
        if let Ok(metadata) = entry.doing(what())?.metadata() {
            amount.add(metadata.len());
        }
    }
    Ok(amount)
}
