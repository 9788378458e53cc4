use std::time::UNIX_EPOCH;

use super::*;
use crate::{Clock, StoreOptions};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new(|| UNIX_EPOCH + Duration::from_secs(1_000));
    let store = Store::open(dir.path(), StoreOptions::default().with_clock(clock)).unwrap();
    (dir, store)
}

fn one(model: &str) -> Usage {
    let mut usage = Usage { gets: 1, hits: 2, misses: 1, retries: 3, ..Usage::default() };
    usage.failures.insert("network".to_owned(), 1);
    usage.add_source("cdn.host", 1, 500, Duration::from_millis(20));
    usage.of_model(model);
    usage
}

#[test]
fn gets_add_up() {
    let (_dir, store) = store();
    assert_eq!(store.usage().unwrap(), UsageLog::default());
    store.record_usage(one("a/b"));
    store.record_usage(one("c/d"));
    let UsageLog { total, broken } = store.usage().unwrap();
    assert_eq!((total.gets, total.hits, total.misses, total.retries, broken), (2, 4, 2, 6, 0));
    assert_eq!((total.since, total.until), (1_000, 1_000));
    assert_eq!(total.sources["cdn.host"], SourceTotals { files: 2, bytes: 1_000, millis: 40 });
    assert_eq!(total.models["a/b"], ModelTotals { gets: 1, hits: 2, misses: 1, bytes: 500 });
    assert_eq!(total.failures["network"], 2);
    store.reset_usage().unwrap();
    assert_eq!(store.usage().unwrap(), UsageLog::default());
}

#[test]
fn invalid_line_is_skipped_alone() {
    let (_dir, store) = store();
    let path = store.layout().usage();
    fs::write(&path, b"{\"gets\":1,\"hi\nnonsense\n\xff\xff\n{\"cut off").unwrap();
    store.record_usage(one("a/b"));
    let log = store.usage().unwrap();
    assert_eq!((log.total.gets, log.broken), (1, 4));
}

#[test]
fn long_usage_file_is_summed_up_without_loss() {
    let (_dir, store) = store();
    let line = one("a/b").line().unwrap();
    let many = usize::try_from(COMPACT_AT).unwrap() / line.len() + 1;
    fs::write(store.layout().usage(), format!("{line}\n").repeat(many)).unwrap();
    let before = store.usage().unwrap().total;
    store.record_usage(one("c/d"));
    assert!(fs::metadata(store.layout().usage()).unwrap().len() < 4096);
    let after = store.usage().unwrap();
    assert_eq!((after.total.gets, after.broken), (before.gets + 1, 0));
    assert_eq!(after.total.sources["cdn.host"].bytes, before.sources["cdn.host"].bytes + 500);
}

#[test]
fn line_length_is_bounded_for_long_names() {
    let (_dir, store) = store();
    let mut usage = one("a/b");
    for number in 0..500 {
        usage.add_source(&format!("{number}-{}", "x".repeat(500)), 1, number, Duration::ZERO);
    }
    store.record_usage(usage);
    assert!(fs::metadata(store.layout().usage()).unwrap().len() < u64::try_from(MAX_LINE).unwrap() + 2);
    let total = store.usage().unwrap().total;
    assert_eq!(total.sources.values().map(|source| source.files).sum::<u64>(), 501);
}

#[test]
fn usage_in_a_read_only_store_is_not_recorded() {
    let (dir, store) = store();
    let reader = Store::open(dir.path(), StoreOptions::default().with_read_only(true)).unwrap();
    reader.record_usage(one("a/b"));
    assert!(reader.reset_usage().is_err());
    assert_eq!(store.usage().unwrap().total.gets, 0);
    fs::create_dir(store.layout().usage()).unwrap();
    store.record_usage(one("a/b"));
}
