//! [`Index`]: what a bundle says of itself, and whether that makes sense.

use std::collections::{BTreeMap, BTreeSet};

use cache_core::{Error, ErrorKind, FileEntry, Manifest, Result, Revision, Sha256, Visibility};
use serde::{Deserialize, Serialize};

use crate::counts::IndexCounts;
use crate::entry::INDEX;
use crate::error::broken;
use crate::sign::KeyId;

/// The format that this build writes and reads.
const FORMAT: u32 = 1;
/// Most bytes of an index.
pub(crate) const MAX_INDEX: u64 = 64 << 20;
/// Most bytes that all blobs of a bundle may claim to have.
const MAX_BYTES: u64 = i64::MAX.cast_unsigned();

/// What a bundle holds: its `bundle.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Index {
    /// The format's number.
    pub format: u32,
    /// The versions, sorted.
    pub versions: Vec<BundledVersion>,
    /// The blobs that the bundle carries, sorted.
    pub blobs: Vec<BundledBlob>,
    /// What it builds on, if it does not carry everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
}

/// A version in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BundledVersion {
    /// The moving names under which it was exported, sorted.
    pub refs: Vec<Revision>,
    /// The whole listing. Files whose `blob` is set belong to the bundle.
    pub manifest: Manifest,
    /// The model's visibility, as the exporting store knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

/// A blob in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BundledBlob {
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
}

/// The bundle that another one builds on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Base {
    /// Its id: the SHA-256 of its index.
    pub index: Sha256,
    /// What it carries, and what those carry that it builds on itself, sorted.
    pub blobs: Vec<BundledBlob>,
}

/// An index, and what is known of it besides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// The bundle's id: the SHA-256 of its index.
    pub id: Sha256,
    /// The index.
    pub index: Index,
    /// The key that it says has signed it.
    pub signed_by: Option<KeyId>,
    /// Whether that signature was checked, and was good.
    pub verified: bool,
    /// Whether it is compressed.
    pub compressed: bool,
}

impl BundledVersion {
    pub(crate) fn new(refs: Vec<Revision>, mut manifest: Manifest, visibility: Visibility) -> Self {
        // It means something beside this store's key alone.
        manifest.hidden_query = None;
        Self { refs, manifest, visibility: Some(visibility).filter(|known| *known != Visibility::Unknown) }
    }

    /// The files that belong to the bundle, and the blobs that hold them.
    pub fn files(&self) -> impl Iterator<Item = (&FileEntry, Sha256)> {
        self.manifest.files.iter().filter_map(|file| Some((file, file.blob?)))
    }
}

impl BundledBlob {
    pub(crate) fn new(sha256: Sha256, size: u64) -> Self {
        Self { sha256, size }
    }
}

impl Base {
    /// What a bundle is that builds on another one.
    pub(crate) fn of(last: Contents) -> Self {
        let mut blobs = last.index.blobs;
        blobs.extend(last.index.base.map(|base| base.blobs).unwrap_or_default());
        blobs.sort();
        Self { index: last.id, blobs }
    }
}

impl Index {
    pub(crate) fn new(versions: Vec<BundledVersion>, blobs: Vec<BundledBlob>, base: Option<Base>) -> Self {
        Self { format: FORMAT, versions, blobs, base }
    }

    /// Bytes of the blobs that it carries.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add)
    }

    /// The files of each blob, in order.
    pub(crate) fn by_blob(&self) -> BTreeMap<Sha256, Vec<&FileEntry>> {
        let mut files: BTreeMap<Sha256, Vec<&FileEntry>> = BTreeMap::new();
        for (file, blob) in self.versions.iter().flat_map(BundledVersion::files) {
            files.entry(blob).or_default().push(file);
        }
        files
    }

    fn counts(&self) -> IndexCounts {
        IndexCounts {
            files: self.versions.iter().map(|version| version.manifest.files.len()).sum(),
            blobs: self.blobs.len() + self.base.as_ref().map_or(0, |base| base.blobs.len()),
            names: self.versions.iter().map(|version| 1 + version.refs.len()).sum(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        if let Some(why) = self.counts().excess() {
            return Err(Error::new(ErrorKind::Unsupported, format!("the index would be too large: {why}"))
                .with_hint("export fewer models at once"));
        }
        let mut bytes =
            serde_json::to_vec(self).map_err(|error| Error::storage("write the bundle's index", error.into()))?;
        bytes.push(b'\n');
        if bytes.len() as u64 > MAX_INDEX {
            return Err(Error::new(ErrorKind::Unsupported, "the index would be larger than 64 MiB")
                .with_hint("export fewer models at once"));
        }
        Ok(bytes)
    }

    /// The digest of an index as `sha256sum` writes it.
    pub(crate) fn sum(id: &Sha256) -> String {
        format!("{id}  {INDEX}\n")
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct FormatNumber {
            format: u32,
        }
        let nonsense = |error: serde_json::Error| broken(format!("invalid index of the bundle: {error}"));
        let FormatNumber { format } = serde_json::from_slice(bytes).map_err(nonsense)?;
        if format != FORMAT {
            let text = format!("the bundle has format {format}, and this build reads format {FORMAT}");
            return Err(Error::new(ErrorKind::Unsupported, text).with_hint("update model-cache"));
        }
        let counts: IndexCounts = serde_json::from_slice(bytes).map_err(nonsense)?;
        if let Some(why) = counts.excess() {
            return Err(broken(format!("the bundle's index is too large: {why}")));
        }
        let index: Self = serde_json::from_slice(bytes).map_err(nonsense)?;
        match index.contradiction() {
            None => Ok(index),
            Some(why) => Err(broken(format!("the bundle's index contradicts itself: {why}"))),
        }
    }

    fn contradiction(&self) -> Option<String> {
        let base = self.base.as_ref().map_or(&[][..], |base| &base.blobs);
        if !self.blobs.is_sorted_by(|a, b| a.sha256 < b.sha256) || !base.is_sorted_by(|a, b| a.sha256 < b.sha256) {
            return Some("its blobs are not in order, or one is listed twice".to_owned());
        }
        let sum = self.blobs.iter().chain(base).try_fold(0_u64, |sum, blob| sum.checked_add(blob.size));
        if sum.is_none_or(|sum| sum > MAX_BYTES) {
            return Some("its blobs are larger than any disk".to_owned());
        }
        let sizes: BTreeMap<Sha256, u64> = self.blobs.iter().chain(base).map(|blob| (blob.sha256, blob.size)).collect();
        if sizes.len() < self.blobs.len() + base.len() {
            return Some("a blob is carried although the base has it".to_owned());
        }
        if !self.versions.is_sorted_by(|a, b| a.manifest.version < b.manifest.version) {
            return Some("its versions are not in order, or one is listed twice".to_owned());
        }
        let mut refs = BTreeSet::new();
        for version in &self.versions {
            let name = &version.manifest.version;
            for revision in &version.refs {
                if revision.as_commit().is_some() || !refs.insert((&name.model, revision)) {
                    return Some(format!("{revision} cannot point to {name}"));
                }
            }
            if version.files().next().is_none() && !version.manifest.files.is_empty() {
                return Some(format!("it has no file of {name}"));
            }
            if let Some(why) = listing(&version.manifest, &sizes) {
                return Some(format!("{name}: {why}"));
            }
        }
        let used = self.by_blob();
        let idle = self.blobs.iter().find(|blob| !used.contains_key(&blob.sha256));
        idle.map(|blob| format!("no file has the blob {}", blob.sha256))
    }
}

fn listing(manifest: &Manifest, sizes: &BTreeMap<Sha256, u64>) -> Option<String> {
    if !manifest.files.is_sorted_by(|a, b| a.path < b.path) {
        return Some("its files are not in order, or one is listed twice".to_owned());
    }
    if let Err(error) = cache_core::check_collisions(manifest.files.iter().map(|file| &file.path)) {
        return Some(error.to_string());
    }
    for file in &manifest.files {
        let Some(blob) = file.blob else { continue };
        let Some(&size) = sizes.get(&blob) else { return Some(format!("{}: its blob is nowhere", file.path)) };
        if file.size.is_some_and(|listed| listed != size) || file.digests.sha256.is_some_and(|listed| listed != blob) {
            return Some(format!("{}: its blob is not what the listing says", file.path));
        }
    }
    None
}
