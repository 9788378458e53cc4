//! [`PartialManifest`]: a version's manifest, stored while its files are downloaded.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cache_core::failpoints::{Mutant, mutant};
use cache_store::{Blob, Store};

use crate::task::blocking;
use crate::{Manifest, RepoPath, Result};

/// Bytes of files without a digest, for each file of the listing, after which the manifest is stored again. Storing it
/// costs a few hundred bytes for each of these; the blobs of such files are found by the manifest alone.
const BYTES_PER_ENTRY: u64 = 64 << 10;

/// The manifest of a version that is being downloaded.
///
/// It is in the store from the first file on, so that the files of a killed get belong to a version, and the next get
/// finds them. No ref points to it before all files are there.
#[derive(Debug)]
pub(crate) struct PartialManifest {
    store: Store,
    state: Mutex<ManifestState>,
}

#[derive(Debug)]
struct ManifestState {
    manifest: Manifest,
    /// Files not yet downloaded.
    missing: usize,
    stored: bool,
    /// Bytes of files without a digest, since it was stored.
    unfindable: u64,
    /// Whether a file was recorded since it was stored.
    changed: bool,
}

impl PartialManifest {
    pub(crate) fn new(store: &Store, manifest: Manifest, missing: usize) -> Self {
        let state = ManifestState { manifest, missing, stored: false, unfindable: 0, changed: false };
        Self { store: store.clone(), state: Mutex::new(state) }
    }

    /// Records a file that is in the store, or (`None`) one that failed.
    ///
    /// A manifest that cannot be stored now is an error of the whole get when it ends, not of this file.
    pub(crate) async fn ended(&self, path: &RepoPath, blob: Option<&Blob>) {
        let Some(manifest) = self.note(path, blob) else { return };
        let store = self.store.clone();
        let stored = blocking(move || {
            store.put_manifest(&manifest)?;
            store.touch(&manifest.version)
        });
        if let Err(error) = stored.await {
            tracing::debug!(%error, "the manifest of an unfinished version was not stored");
        }
    }

    /// Stores what was recorded since the last time.
    pub(crate) fn flush(&self) -> Result<()> {
        let manifest = {
            let mut state = self.state();
            if !std::mem::take(&mut state.changed) {
                return Ok(());
            }
            state.manifest.clone()
        };
        self.store.put_manifest(&manifest)
    }

    /// Returns the manifest when it is to be stored.
    fn note(&self, path: &RepoPath, blob: Option<&Blob>) -> Option<Manifest> {
        let mut state = self.state();
        state.missing = state.missing.saturating_sub(1);
        let blob = blob?;
        let at = state.manifest.files.binary_search_by(|file| file.path.cmp(path)).ok()?;
        let file = &mut state.manifest.files[at];
        file.blob = Some(blob.name);
        if file.digests.sha256.is_none() && file.digests.git_sha1.is_none() {
            state.unfindable = state.unfindable.saturating_add(blob.size);
        }
        state.changed = true;
        let enough = BYTES_PER_ENTRY.saturating_mul(state.manifest.files.len() as u64);
        // The last file's manifest is stored by the end of the get.
        let due = state.missing > 0 && (!state.stored || state.unfindable >= enough);
        if !due || mutant(Mutant::LateLease) {
            return None;
        }
        (state.stored, state.changed, state.unfindable) = (true, false, 0);
        Some(state.manifest.clone())
    }

    fn state(&self) -> MutexGuard<'_, ManifestState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use cache_store::StoreOptions;

    use super::*;
    use crate::{Commit, FileEntry, ModelId, Sha256, Version};

    fn blob(store: &Store, n: u8, size: usize) -> Blob {
        let path = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(path.path(), vec![n; size]).unwrap();
        let entry = FileEntry::new(RepoPath::parse("x").unwrap());
        store.adopt(path.path(), &entry, cache_store::AdoptOptions::default()).unwrap().blob
    }

    #[tokio::test]
    async fn files_without_digests_are_stored_as_they_come() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let model = ModelId::Folder("/data/m".into());
        let version = Version { model, commit: Commit::parse(&"c".repeat(40)).unwrap() };
        let paths: Vec<RepoPath> = ["1", "2", "3", "4"].map(|path| RepoPath::parse(path).unwrap()).to_vec();
        let files = paths.iter().cloned().map(FileEntry::new).collect();
        let under_way = PartialManifest::new(&store, Manifest::new(version.clone(), files).unwrap(), 4);
        let known = || {
            let manifest = store.manifest(&version).unwrap();
            manifest.map_or_else(Vec::new, |manifest| manifest.files.iter().filter_map(|file| file.blob).collect())
        };
        under_way.ended(&paths[0], None).await;
        assert_eq!(known(), Vec::<Sha256>::new());
        let (first, small, large) = (blob(&store, 1, 10), blob(&store, 2, 10), blob(&store, 3, 300_000));
        under_way.ended(&paths[1], Some(&first)).await;
        assert_eq!(known(), [first.name]);
        under_way.ended(&paths[2], Some(&small)).await;
        assert_eq!(known(), [first.name], "a small file is not worth a write");
        under_way.flush().unwrap();
        assert_eq!(known(), [first.name, small.name]);

        let under_way = PartialManifest::new(&store, store.manifest(&version).unwrap().unwrap(), 2);
        under_way.ended(&paths[0], Some(&small)).await;
        under_way.ended(&paths[3], Some(&large)).await;
        assert_eq!(known().len(), 3, "the last is stored by the end of the get");
    }
}
