use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use cache_core::{Commit, ModelId};
use proptest::prelude::*;

use super::*;
use crate::gc::inventory::{BlobUse, Debris, FileUse};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn name(n: u8) -> Sha256 {
    Sha256::from_bytes([n; 32])
}

/// Versions as (last use, pinned, blobs); blobs as (number, size, leased, since).
fn inventory(versions: &[(u64, bool, Vec<u8>)], blobs: &[(u8, u64, bool, u64)]) -> Inventory {
    let versions = versions.iter().enumerate().map(|(index, (last_use, pinned, files))| VersionUse {
        version: Version {
            model: ModelId::hub(&format!("org/m{index}")).unwrap(),
            commit: Commit::parse(&"c".repeat(40)).unwrap(),
        },
        revisions: Vec::new(),
        last_use: at(*last_use),
        pinned: *pinned,
        files: files
            .iter()
            .filter(|&&file| blobs.iter().any(|blob| blob.0 == file))
            .map(|&file| FileUse { path: RepoPath::parse(&format!("f{file}")).unwrap(), blob: name(file) })
            .collect(),
        unfinished: false,
        listed: files.len(),
    });
    let blobs =
        blobs.iter().map(|&(number, size, leased, since)| (name(number), BlobUse { size, leased, since: at(since) }));
    Inventory {
        now: at(1_000_000),
        versions: versions.collect(),
        blobs: blobs.collect(),
        quota: None,
        debris: Debris::default(),
        dead_partials: 0,
    }
}

fn models(plan: &EvictPlan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| match &step.what {
            EvictTarget::Version(version) => version.model.to_string(),
            EvictTarget::File { version, path } => format!("{}/{path}", version.model),
            EvictTarget::Orphan => "orphan".to_owned(),
        })
        .collect()
}

#[test]
fn least_recently_used_is_evicted_as_needed() {
    let stock = inventory(
        &[(30, false, vec![1]), (10, false, vec![2]), (20, false, vec![3])],
        &[(1, 100, false, 0), (2, 100, false, 0), (3, 100, false, 0)],
    );
    let plan = Store::plan(&stock, &EvictPolicy::default().with_max_size(Some(150)));
    assert_eq!(models(&plan), ["org/m1", "org/m2"]);
    assert_eq!((plan.before, plan.after, plan.freed(), plan.over), (300, 100, 200, 0));
    assert!(Store::plan(&stock, &EvictPolicy::default().with_max_size(Some(300))).steps.is_empty());
}

#[test]
fn dead_partials_go_before_versions() {
    let mut stock = inventory(&[(10, false, vec![1]), (20, false, vec![2])], &[(1, 100, false, 0), (2, 100, false, 0)]);
    stock.debris.partial.bytes = 300;
    stock.dead_partials = 200;
    let plan = |max| Store::plan(&stock, &EvictPolicy::default().with_max_size(Some(max)));
    let outcome = |max| (plan(max).partial, models(&plan(max)).len(), plan(max).over);
    assert_eq!(outcome(500), (0, 0, 0));
    assert_eq!(outcome(400), (100, 0, 0));
    assert_eq!(outcome(250), (200, 1, 0), "those that run count, and stay");
    assert_eq!(outcome(0), (200, 2, 100));
}

#[test]
fn largest_order_evicts_the_largest_first() {
    let stock = inventory(
        &[(10, false, vec![1]), (20, false, vec![2]), (30, false, vec![3, 4])],
        &[(1, 100, false, 0), (2, 100, false, 0), (3, 150, false, 0), (4, 100, false, 0)],
    );
    let policy = EvictPolicy::default().with_order(EvictOrder::Largest);
    let plan = Store::plan(&stock, &policy.clone().with_max_size(Some(300)));
    assert_eq!(models(&plan), ["org/m2"]);
    assert!(plan.steps[0].reason.starts_with("largest"), "{}", plan.steps[0].reason);
    // Of equal ones the least recently used.
    assert_eq!(models(&Store::plan(&stock, &policy.with_max_size(Some(100)))), ["org/m2", "org/m0"]);
}

#[test]
fn pins_leases_and_kept_blobs_are_retained() {
    let stock = inventory(
        &[(1, true, vec![1]), (2, false, vec![2]), (3, false, vec![3]), (4, false, vec![4])],
        &[(1, 10, false, 0), (2, 10, true, 0), (3, 10, false, 0), (4, 10, false, 0)],
    );
    let plan = Store::plan(&stock, &EvictPolicy::default().with_max_size(Some(0)).with_keep(&[name(3)]));
    assert_eq!(models(&plan), ["org/m3"]);
    let because: Vec<RetainReason> = plan.kept.iter().map(|kept| kept.because).collect();
    assert_eq!(because, [RetainReason::Pinned, RetainReason::InUse, RetainReason::InUse]);
    assert_eq!(plan.over, 30);
}

#[test]
fn a_shared_blob_goes_with_its_last_holder() {
    let stock = inventory(&[(1, false, vec![1, 2]), (2, false, vec![2])], &[(1, 10, false, 0), (2, 50, false, 0)]);
    let plan = Store::plan(&stock, &EvictPolicy::default().with_older_than(Some(Duration::from_secs(999_998))));
    assert_eq!(models(&plan), ["org/m0"]);
    assert_eq!(plan.steps[0].blobs, [(name(1), 10)]);
    assert!(plan.steps[0].reason.contains("11 days"), "{}", plan.steps[0].reason);
}

#[test]
fn version_that_frees_nothing_stays() {
    let stock = inventory(&[(1, false, vec![1]), (2, true, vec![1])], &[(1, 10, false, 0)]);
    let plan = Store::plan(&stock, &EvictPolicy::default().with_max_size(Some(0)));
    assert!(plan.steps.is_empty());
    assert_eq!(plan.over, 10);
}

#[test]
fn single_files_go_largest_first() {
    let stock = inventory(
        &[(1, false, vec![1, 2, 3]), (2, false, vec![4])],
        &[(1, 10, false, 0), (2, 100, false, 0), (3, 50, false, 0), (4, 500, false, 0)],
    );
    let policy = EvictPolicy::default().with_max_size(Some(550)).with_single_files(true);
    assert_eq!(models(&Store::plan(&stock, &policy)), ["org/m0/f2", "org/m0/f3"]);
}

#[test]
fn a_fresh_orphan_may_be_a_fetch_in_the_making() {
    let stock = inventory(&[], &[(1, 10, false, 0), (2, 10, false, 999_000), (3, 10, true, 0)]);
    assert_eq!(Store::plan(&stock, &EvictPolicy::default()).steps.len(), 1);
    assert_eq!(Store::plan(&stock, &EvictPolicy::default().with_max_size(Some(0))).after, 10);
}

prop_compose! {
    fn any_inventory()(
        blobs in prop::collection::btree_map(0..12_u8, (0..1000_u64, prop::bool::weighted(0.15), 0..1_000_000_u64), 0..12),
        versions in prop::collection::vec(
            (0..1_000_000_u64, prop::bool::weighted(0.2), prop::collection::vec(0..12_u8, 0..6)), 0..8),
    ) -> Inventory {
        let blobs: Vec<_> = blobs.into_iter().map(|(n, (size, leased, since))| (n, size, leased, since)).collect();
        let versions: Vec<_> = versions.into_iter().map(|(last, pinned, mut files)| {
            files.sort_unstable();
            files.dedup();
            (last, pinned, files)
        }).collect();
        inventory(&versions, &blobs)
    }
}

proptest! {
    #[test]
    fn plan_satisfies_its_invariants(
        stock in any_inventory(),
        max in prop::option::of(0..4000_u64),
        older in prop::option::of(0..1_000_000_u64),
        single in any::<bool>(),
        largest in any::<bool>(),
        keep in prop::collection::vec(0..12_u8, 0..3),
    ) {
        let keep: Vec<Sha256> = keep.into_iter().map(name).collect();
        let policy = EvictPolicy::default()
            .with_max_size(max)
            .with_older_than(older.map(Duration::from_secs))
            .with_single_files(single)
            .with_order(if largest { EvictOrder::Largest } else { EvictOrder::LeastRecentlyUsed })
            .with_keep(&keep);
        let plan = Store::plan(&stock, &policy);
        prop_assert_eq!(&plan, &Store::plan(&stock, &policy), "the same question has the same answer");

        let removed: Vec<Sha256> = plan.steps.iter().flat_map(|step| step.blobs.iter().map(|blob| blob.0)).collect();
        let unique: HashSet<Sha256> = removed.iter().copied().collect();
        prop_assert_eq!(removed.len(), unique.len(), "no blob goes twice");
        let bytes: u64 = plan.steps.iter().map(EvictStep::bytes).sum();
        prop_assert_eq!(plan.freed(), bytes);
        prop_assert_eq!(plan.before, stock.size());
        for name in &unique {
            prop_assert!(!stock.blobs[name].leased && !keep.contains(name), "leased and kept blobs stay");
        }
        let gone: HashSet<&Version> = plan.steps.iter().filter_map(|step| match &step.what {
            EvictTarget::Version(version) => Some(version),
            _ => None,
        }).collect();
        let cut: HashSet<(&Version, &RepoPath)> = plan.steps.iter().filter_map(|step| match &step.what {
            EvictTarget::File { version, path } => Some((version, path)),
            _ => None,
        }).collect();
        for version in &stock.versions {
            if version.pinned {
                prop_assert!(!gone.contains(&version.version), "pinned versions stay");
            }
            if !gone.contains(&version.version) {
                for file in &version.files {
                    let whole = !unique.contains(&file.blob) || cut.contains(&(&version.version, &file.path));
                    prop_assert!(whole, "what stays stays whole");
                }
            }
        }
        if let Some(max) = max {
            prop_assert_eq!(plan.over, plan.after.saturating_sub(max));
            if plan.over > 0 {
                let held: HashSet<Sha256> = stock.versions.iter()
                    .filter(|v| plan.kept.iter().any(|kept| kept.version == v.version))
                    .flat_map(|v| v.files.iter().map(|file| file.blob))
                    .chain(keep.iter().copied())
                    .collect();
                for (blob, there) in &stock.blobs {
                    prop_assert!(unique.contains(blob) || there.leased || held.contains(blob), "all that may go went");
                }
            }
        }
        if let Some(limit) = older {
            for version in &stock.versions {
                let old = at(1_000_000).duration_since(version.last_use).unwrap() > Duration::from_secs(limit);
                let kept = plan.kept.iter().any(|kept| kept.version == version.version);
                prop_assert!(!old || kept || gone.contains(&version.version), "what is too old goes");
            }
        }
    }
}

#[test]
fn a_shared_leased_file_keeps_no_version_whole() {
    let stock = inventory(
        &[(1, false, vec![1, 2]), (2, false, vec![1, 3]), (3, true, vec![1, 4])],
        &[(1, 10, true, 0), (2, 100, false, 0), (3, 100, false, 0), (4, 100, false, 0)],
    );
    let plan = Store::plan(&stock, &EvictPolicy::default().with_max_size(Some(250)));
    let freed: Vec<_> = plan.steps.iter().flat_map(|step| step.blobs.clone()).collect();
    assert_eq!((freed, plan.after, plan.over), (vec![(name(2), 100)], 210, 0));
    let plan = Store::plan(&stock, &EvictPolicy::default().with_max_size(Some(0)));
    assert_eq!((plan.after, plan.over), (110, 110), "what is leased or pinned stays");
}
