//! Paths of the store. The only module that joins them.

use std::path::{Path, PathBuf};

use cache_core::{Commit, GitSha1, ModelId, RepoPath, Revision, Sha256, Version};

use crate::fs::clock::nonce;
use crate::fs::partial_key::PartialKey;

/// The version of the layout that this build writes.
pub(crate) const VERSION: u32 = 1;
/// First line of every CACHEDIR.TAG (bford.info/cachedir): back-up programs skip the folder.
pub(crate) const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder holds files that can be fetched again.\n";
/// Begins the name of a small file that is being written.
pub(crate) const TEMP_PREFIX: &str = "tmp.";
/// Ends the name of a partial's journal.
pub(crate) const JOURNAL_SUFFIX: &str = ".journal";
/// Ends the name of a mark of kept bytes.
pub(crate) const KEPT_SUFFIX: &str = ".kept.json";

#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn version(&self) -> PathBuf {
        self.root.join("version")
    }

    pub(crate) fn tag(&self) -> PathBuf {
        self.root.join("CACHEDIR.TAG")
    }

    /// The folders that a new store has from the start.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        [self.blobs(), self.manifests(), self.refs(), self.hub(), self.models(), self.partials(), self.trash()]
            .into_iter()
            .chain([self.leases(), self.locks(), self.quarantine()])
            .collect()
    }

    // ---- truth

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn blob(&self, name: &Sha256) -> PathBuf {
        sharded(self.blobs(), &name.to_string())
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.root.join("manifests")
    }

    pub(crate) fn model_manifests(&self, model: &ModelId) -> PathBuf {
        model_folder(self.manifests(), model)
    }

    pub(crate) fn manifest(&self, version: &Version) -> PathBuf {
        self.model_manifests(&version.model).join(format!("{}.json", version.commit))
    }

    pub(crate) fn refs(&self) -> PathBuf {
        self.root.join("refs")
    }

    pub(crate) fn model_refs(&self, model: &ModelId) -> PathBuf {
        model_folder(self.refs(), model)
    }

    pub(crate) fn reference(&self, model: &ModelId, revision: &Revision) -> PathBuf {
        revision.as_path().below(&self.model_refs(model))
    }

    /// The user's own names of models.
    pub(crate) fn registry(&self) -> PathBuf {
        self.root.join("registry.toml")
    }

    /// The key of the hashes that stand for secret parts of URLs.
    pub(crate) fn url_key(&self) -> PathBuf {
        self.root.join("url.key")
    }

    /// A document of a server's about a model.
    pub(crate) fn document(&self, model: &ModelId, name: &RepoPath) -> PathBuf {
        name.below(&model_folder(self.root.join("documents"), model))
    }

    /// The folder of the records of list syncs.
    pub(crate) fn lists(&self) -> PathBuf {
        self.root.join("lists")
    }

    pub(crate) fn list(&self, list: &Sha256) -> PathBuf {
        self.lists().join(format!("{list}.json"))
    }

    // ---- view

    pub(crate) fn hub(&self) -> PathBuf {
        self.root.join("hub")
    }

    pub(crate) fn hub_tag(&self) -> PathBuf {
        self.hub().join("CACHEDIR.TAG")
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// The folder that programs open for a model: in `hub/`, or in `models/` for the other sources.
    pub(crate) fn view(&self, model: &ModelId) -> PathBuf {
        match model {
            ModelId::Hub { .. } => self.hub().join(model.folder_name()),
            _ => model_folder(self.models(), model),
        }
    }

    pub(crate) fn snapshots(&self, model: &ModelId) -> PathBuf {
        match model {
            ModelId::Hub { .. } => self.view(model).join("snapshots"),
            _ => self.view(model),
        }
    }

    pub(crate) fn snapshot(&self, version: &Version) -> PathBuf {
        self.snapshots(&version.model).join(version.commit.as_str())
    }

    pub(crate) fn snapshot_file(&self, version: &Version, path: &RepoPath) -> PathBuf {
        path.below(&self.snapshot(version))
    }

    pub(crate) fn hub_blobs(&self, model: &ModelId) -> PathBuf {
        self.view(model).join("blobs")
    }

    /// `tag` is hexadecimal.
    pub(crate) fn hub_blob(&self, model: &ModelId, tag: &str) -> PathBuf {
        self.hub_blobs(model).join(tag)
    }

    pub(crate) fn hub_refs(&self, model: &ModelId) -> PathBuf {
        self.view(model).join("refs")
    }

    pub(crate) fn hub_ref(&self, model: &ModelId, revision: &Revision) -> PathBuf {
        revision.as_path().below(&self.hub_refs(model))
    }

    pub(crate) fn hub_tree(&self, version: &Version) -> PathBuf {
        self.view(&version.model).join("trees").join(format!("{}.json", version.commit))
    }

    pub(crate) fn hub_absent_folder(&self, version: &Version) -> PathBuf {
        self.view(&version.model).join(".no_exist").join(version.commit.as_str())
    }

    pub(crate) fn hub_absent(&self, version: &Version, path: &RepoPath) -> PathBuf {
        path.below(&self.hub_absent_folder(version))
    }

    // ---- derived knowledge

    /// The record that a blob was checked.
    pub(crate) fn record(&self, name: &Sha256) -> PathBuf {
        sharded(self.records(), &format!("{name}.json"))
    }

    /// The hashes of a blob's blocks.
    pub(crate) fn blocks(&self, name: &Sha256) -> PathBuf {
        sharded(self.records(), &format!("{name}.blocks"))
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.root.join("verified")
    }

    /// A link whose target is the sha256 of the content with this git id.
    pub(crate) fn git_name(&self, id: &GitSha1) -> PathBuf {
        sharded(self.git_names(), &id.to_string())
    }

    pub(crate) fn git_names(&self) -> PathBuf {
        self.root.join("git")
    }

    /// Its modification time is the version's last use.
    pub(crate) fn use_marker(&self, version: &Version) -> PathBuf {
        model_folder(self.root.join("used"), &version.model).join(version.commit.as_str())
    }

    /// The records of a version's small files.
    pub(crate) fn small_records(&self, version: &Version) -> PathBuf {
        model_folder(self.root.join("checked"), &version.model).join(version.commit.as_str())
    }

    pub(crate) fn pins(&self) -> PathBuf {
        self.root.join("pins")
    }

    pub(crate) fn pin(&self, model: &ModelId, commit: Option<&Commit>) -> PathBuf {
        // A commit is hexadecimal, so the word cannot be one.
        model_folder(self.pins(), model).join(commit.map_or("every", Commit::as_str))
    }

    /// What the gets did, a line each.
    pub(crate) fn usage(&self) -> PathBuf {
        self.root.join("stats.jsonl")
    }

    /// Number and bytes of all blobs, as counted.
    pub(crate) fn totals(&self) -> PathBuf {
        self.root.join("totals.json")
    }

    // ---- work in progress

    pub(crate) fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    pub(crate) fn partial(&self, key: &PartialKey) -> PathBuf {
        self.partials().join(format!("{key}.{}", nonce()))
    }

    pub(crate) fn journal(partial: &Path) -> PathBuf {
        let mut name = partial.as_os_str().to_owned();
        name.push(JOURNAL_SUFFIX);
        PathBuf::from(name)
    }

    /// A name for a small file on its way to its place.
    pub(crate) fn temp(&self) -> PathBuf {
        self.partials().join(format!("{TEMP_PREFIX}{}", nonce()))
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub(crate) fn trashed(&self, name: &Sha256) -> PathBuf {
        self.trash().join(format!("{name}.{}", nonce()))
    }

    /// A place in the trash for something that is not a blob.
    pub(crate) fn trashed_other(&self) -> PathBuf {
        self.trash().join(format!("rubbish.{}", nonce()))
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// `id` was made or checked by the quarantine.
    pub(crate) fn quarantined(&self, id: &str) -> PathBuf {
        self.quarantine().join(format!("{id}.data"))
    }

    pub(crate) fn quarantine_record(&self, id: &str) -> PathBuf {
        self.quarantine().join(format!("{id}.json"))
    }

    /// Contents of which clients may hold bytes that no digest has confirmed.
    pub(crate) fn poisoned(&self) -> PathBuf {
        self.root.join("poisoned")
    }

    /// The mark of discarded bytes.
    pub(crate) fn poison(&self, key: &PartialKey) -> PathBuf {
        self.poisoned().join(format!("{key}.json"))
    }

    /// The mark of bytes that are being given out.
    pub(crate) fn streaming(&self, key: &PartialKey) -> PathBuf {
        self.poisoned().join(format!("{key}.streaming.json"))
    }

    /// The mark of bytes that were given out, and are kept in a partial.
    pub(crate) fn kept(&self, key: &PartialKey) -> PathBuf {
        self.poisoned().join(format!("{key}{KEPT_SUFFIX}"))
    }

    pub(crate) fn leases(&self) -> PathBuf {
        self.root.join("leases")
    }

    pub(crate) fn lease(&self) -> PathBuf {
        self.leases().join(nonce())
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    pub(crate) fn flight_lock(&self, key: &PartialKey) -> PathBuf {
        self.locks().join(format!("{key}.lock"))
    }

    pub(crate) fn flight_status(&self, key: &PartialKey) -> PathBuf {
        self.locks().join(format!("{key}.status"))
    }

    /// The file whose bytes are locked for small files under way.
    pub(crate) fn small_flights(&self) -> PathBuf {
        self.locks().join("small-flights")
    }

    /// One of the store's own locks.
    pub(crate) fn store_lock(&self, name: &'static str) -> PathBuf {
        self.locks().join(name)
    }
}

/// `ab/abcdef…` below a folder, so that no folder grows without bound. `name` begins with two hexadecimal digits.
fn sharded(folder: PathBuf, name: &str) -> PathBuf {
    let mut path = folder;
    path.push(name.get(..2).unwrap_or("00"));
    path.push(name);
    path
}

/// `<scheme>/<model>`: without the scheme, two sources' names could meet.
fn model_folder(folder: PathBuf, model: &ModelId) -> PathBuf {
    let mut path = folder;
    path.push(model.scheme());
    path.push(model.folder_name());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_documented_one() {
        let layout = Layout::new(PathBuf::from("/s"));
        let name: Sha256 = "ab".repeat(32).parse().unwrap();
        assert_eq!(layout.blob(&name), Path::new("/s/blobs/ab").join("ab".repeat(32)));
        let model = ModelId::hub("org/name").unwrap();
        let commit = Commit::parse(&"c".repeat(40)).unwrap();
        let version = Version { model: model.clone(), commit: commit.clone() };
        let revision = Revision::parse("refs/pr/1").unwrap();
        assert_eq!(layout.reference(&model, &revision), Path::new("/s/refs/hf/models--org--name/refs/pr/1"));
        assert_eq!(
            layout.manifest(&version),
            Path::new("/s/manifests/hf/models--org--name").join(format!("{commit}.json"))
        );
        let path = RepoPath::parse("sub/x.bin").unwrap();
        assert_eq!(
            layout.snapshot_file(&version, &path),
            Path::new("/s/hub/models--org--name/snapshots").join(commit.as_str()).join("sub/x.bin")
        );
        let plain = ModelId::hub("gpt2").unwrap();
        assert_eq!(layout.view(&plain), Path::new("/s/hub/models--gpt2"));
        let folder = ModelId::Folder(PathBuf::from("/data/m"));
        assert!(layout.view(&folder).starts_with("/s/models/local"));
    }
}
