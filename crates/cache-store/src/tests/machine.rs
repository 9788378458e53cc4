//! The store against a model of it in memory: whatever is done in whatever order, both say the same.

use std::collections::{BTreeMap, BTreeSet};

use cache_core::{Manifest, Revision, Sha256, Version};
use fs_err as fs;
use proptest::prelude::*;

use super::{entry, publish, sha, version};
use crate::{EvictPolicy, Lease, Store, StoreOptions};

#[derive(Debug, Clone)]
enum Step {
    /// Publishes files and stores the manifest and the ref of a version.
    Fetch {
        version: usize,
        files: Vec<u8>,
        revision: usize,
    },
    Pin(usize),
    Unpin(usize),
    Lease(u8),
    DropLeases,
    Evict {
        max: u64,
        single: bool,
    },
    Remove(usize),
    Discard(u8),
    Clean,
    Reopen,
}

fn bytes(n: u8) -> Vec<u8> {
    vec![n; 10 + usize::from(n)]
}

fn versions() -> Vec<Version> {
    [("org/a", 'a'), ("org/a", 'b'), ("solo", 'a'), ("org/c", 'c')].map(|(model, commit)| version(model, commit)).into()
}

fn revisions() -> [Revision; 2] {
    ["main", "refs/pr/1"].map(|text| Revision::parse(text).unwrap())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..4_usize, prop::collection::btree_set(0..8_u8, 1..5), 0..2_usize)
            .prop_map(|(version, files, revision)| Step::Fetch { version, files: files.into_iter().collect(), revision }),
        1 => (0..4_usize).prop_map(Step::Pin),
        1 => (0..4_usize).prop_map(Step::Unpin),
        2 => (0..8_u8).prop_map(Step::Lease),
        1 => Just(Step::DropLeases),
        2 => (0..100_u64, any::<bool>()).prop_map(|(max, single)| Step::Evict { max, single }),
        2 => (0..4_usize).prop_map(Step::Remove),
        1 => (0..8_u8).prop_map(Step::Discard),
        1 => Just(Step::Clean),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    blobs: BTreeSet<u8>,
    /// The files of each version's manifest.
    manifests: BTreeMap<usize, BTreeSet<u8>>,
    refs: BTreeMap<(String, usize), usize>,
    pins: BTreeSet<usize>,
}

struct Machine {
    dir: tempfile::TempDir,
    store: Store,
    leases: Vec<(u8, Lease)>,
    model: Model,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        Self { dir, store, leases: Vec::new(), model: Model::default() }
    }

    fn leased(&self, n: u8) -> bool {
        self.leases.iter().any(|(leased, _)| *leased == n)
    }

    fn run(&mut self, step: &Step) {
        let all = versions();
        match step {
            Step::Fetch { version, files, revision } => self.fetch(*version, files, *revision),
            Step::Pin(at) => {
                self.store.pin(&all[*at].model, Some(&all[*at].commit)).unwrap();
                self.model.pins.insert(*at);
            }
            Step::Unpin(at) => {
                let was = self.store.unpin(&all[*at].model, Some(&all[*at].commit)).unwrap();
                assert_eq!(was, self.model.pins.remove(at));
            }
            Step::Lease(n) => {
                let lease = self.store.lease(&[sha(&bytes(*n))]).unwrap();
                self.leases.push((*n, lease));
            }
            Step::DropLeases => self.leases.clear(),
            Step::Evict { max, single } => self.evict(*max, *single),
            Step::Remove(at) => {
                let in_use = self
                    .model
                    .manifests
                    .get(at)
                    .is_some_and(|files| files.iter().any(|&n| self.leased(n) && self.model.blobs.contains(&n)));
                let may = self.model.manifests.contains_key(at) && !self.model.pins.contains(at) && !in_use;
                // A leased blob that is not there keeps its version too: it may be on its way.
                let on_its_way =
                    self.model.manifests.get(at).is_some_and(|files| files.iter().any(|&n| self.leased(n)));
                let done = self.store.remove_version(&all[*at]);
                assert_eq!(done.is_ok(), may && !on_its_way, "{done:?}");
                if done.is_ok() {
                    self.forget_version(*at);
                }
            }
            Step::Discard(n) => {
                let name = sha(&bytes(*n));
                if let Some(blob) = self.store.blob(&name).unwrap() {
                    super::break_byte(&blob.path, 0);
                    let found = self.store.verify(&name, crate::VerifyMode::Full).unwrap();
                    assert!(matches!(found, crate::Verified::Corrupted(_)));
                    self.model.blobs.remove(n);
                }
            }
            Step::Clean => {
                self.store.clean().unwrap();
            }
            Step::Reopen => self.store = Store::open(self.dir.path(), StoreOptions::default()).unwrap(),
        }
    }

    fn fetch(&mut self, at: usize, files: &[u8], revision: usize) {
        let version = versions().remove(at);
        for &n in files {
            publish(&self.store, &bytes(n));
            self.model.blobs.insert(n);
        }
        let entries = files.iter().map(|&n| entry(&format!("d{n}/f"), &bytes(n))).collect();
        let manifest = Manifest::new(version.clone(), entries).unwrap();
        let old = self.store.manifest(&version).unwrap();
        // A commit never changes: a second fetch brings the same listing.
        let (manifest, files) = match old {
            Some(old) => (old, self.model.manifests[&at].clone()),
            None => (manifest, files.iter().copied().collect()),
        };
        self.store.put_manifest(&manifest).unwrap();
        self.model.manifests.insert(at, files);
        let name = &revisions()[revision];
        self.store.put_ref(&version.model, name, &version.commit).unwrap();
        self.model.refs.insert((version.model.to_string(), revision), at);
        self.store.materialize(&manifest, Some(name)).unwrap();
        self.store.touch(&version).unwrap();
    }

    fn evict(&mut self, max: u64, single: bool) {
        let policy = EvictPolicy::default().with_max_size(Some(max)).with_single_files(single);
        let plan = Store::plan(&self.store.inventory().unwrap(), &policy);
        let report = self.store.apply(&plan).unwrap();
        let all = versions();
        for step in &report.done {
            if let crate::EvictTarget::Version(version) = &step.what {
                let at = all.iter().position(|one| one == version).unwrap();
                assert!(!self.model.pins.contains(&at));
                self.model.manifests.remove(&at);
                self.model.refs.retain(|_, to| *to != at);
            }
        }
        let names: BTreeMap<Sha256, u8> = (0..8).map(|n| (sha(&bytes(n)), n)).collect();
        // A leased blob that is not there keeps its version: it may be on its way. The plan sees only what is there.
        for (name, _) in report.done.iter().flat_map(|step| &step.blobs) {
            let n = names[name];
            assert!(!self.leased(n));
            self.model.blobs.remove(&n);
        }
        let size: u64 = self.model.blobs.iter().map(|&n| bytes(n).len() as u64).sum();
        assert!(size == plan.after || !report.spared.is_empty(), "{size} and not {}", plan.after);
    }

    fn forget_version(&mut self, at: usize) {
        let files = self.model.manifests.remove(&at).unwrap();
        self.model.refs.retain(|_, to| *to != at);
        for n in files {
            if !self.model.manifests.values().any(|files| files.contains(&n)) && !self.leased(n) {
                self.model.blobs.remove(&n);
            }
        }
    }

    fn check(&self) {
        let blobs: BTreeSet<Sha256> = self.store.blobs().unwrap().into_iter().map(|blob| blob.name).collect();
        assert_eq!(blobs, self.model.blobs.iter().map(|&n| sha(&bytes(n))).collect());
        let all = versions();
        for (at, version) in all.iter().enumerate() {
            let manifest = self.store.manifest(version).unwrap();
            assert_eq!(manifest.is_some(), self.model.manifests.contains_key(&at), "{version}");
            let snapshot = self.store.snapshot_path(version);
            for n in 0..8 {
                let path = snapshot.join(format!("d{n}/f"));
                let held = self.model.manifests.get(&at).is_some_and(|files| files.contains(&n));
                if held && self.model.blobs.contains(&n) && path.exists() {
                    assert_eq!(fs::read(&path).unwrap(), bytes(n));
                } else {
                    assert!(!path.is_symlink() || (held && path.exists()), "{} leads nowhere", path.display());
                }
            }
            for (index, revision) in revisions().iter().enumerate() {
                let wanted = self.model.refs.get(&(version.model.to_string(), index)).map(|&to| all[to].commit.clone());
                assert_eq!(self.store.resolve_ref(&version.model, revision).unwrap(), wanted);
            }
        }
        assert_eq!(self.store.pins().unwrap().len(), self.model.pins.len());
        assert_eq!(super::count(&self.store.layout().trash()), 0);
        assert_eq!(super::count(&self.store.layout().partials()), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn store_matches_its_model(steps in prop::collection::vec(step(), 1..25)) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.run(step);
            machine.check();
        }
    }
}
