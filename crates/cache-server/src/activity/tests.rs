use std::time::Duration;

use cache_lib::{Commit, ErrorKind, Outcome, RepoPath};

use super::rows::Files;
use super::table::PUBLISH;
use super::*;

fn version() -> Version {
    Version { model: ModelId::hub("org/name").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() }
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn started(path: &RepoPath, size: u64) -> Event<'_> {
    Event::Started { path, size: Some(size), resumed: 0, source: "hub.example" }
}

fn finished(path: &RepoPath, size: u64, outcome: Outcome) -> Event<'_> {
    Event::Finished { path, size, outcome, verified: true }
}

#[test]
fn a_file_is_shown_from_its_beginning_to_its_end() {
    let activity = Arc::new(Activity::default());
    let progress = activity.progress(&version());
    let (a, b) = (path("a.bin"), path("b.bin"));
    progress.event(&started(&a, 100));
    progress.event(&Event::Advanced { path: &a, bytes: 60 });
    progress.event(&Event::Advanced { path: &a, bytes: -10 });
    progress.event(&Event::Retrying {
        host: "hub.example",
        attempt: 1,
        limit: 6,
        wait: Duration::ZERO,
        reason: "reset",
    });
    progress.event(&Event::Waiting { path: &b });
    progress.event(&Event::Advanced { path: &b, bytes: 40 });
    let rows = activity.downloads();
    assert_eq!(
        rows.iter().map(|row| (&*row.path, row.state)).collect::<Vec<_>>(),
        [("b.bin", "waiting"), ("a.bin", "running")]
    );
    assert_eq!((rows[1].done, rows[1].size, &*rows[1].source, rows[1].retries), (50, Some(100), "hub.example", 1));
    assert_eq!((&*rows[1].model, rows[1].commit.len()), ("org/name", 40));
    assert!(rows[1].rate > 0 && activity.is_busy());
    let error = Error::new(ErrorKind::Integrity, "wrong digest").with_hint("try another source");
    progress.event(&Event::Failed { path: &a, error: &error });
    progress.event(&finished(&b, 40, Outcome::Shared));
    let rows = activity.downloads();
    assert_eq!(rows[0].state, "finished");
    assert_eq!(
        (rows[1].state, rows[1].kind, rows[1].hint.as_deref()),
        ("failed", Some("integrity"), Some("try another source"))
    );
    assert!(rows[1].ended.is_some() && !activity.is_busy());
    let totals = activity.totals();
    assert_eq!((totals.fetched_bytes, totals.fetched_files, totals.failed_files), (60, 0, 1));
    assert_eq!((totals.verification_failures, totals.retries, totals.misses), (1, 1, 2));
}

#[test]
fn a_whole_fetch_adds_its_files_up_and_takes_their_place() {
    let activity = Arc::new(Activity::default());
    let fetch = activity.fetch(&version().model).unwrap();
    let progress = fetch.progress();
    let (a, b, c) = (path("a.bin"), path("b.bin"), path("c.bin"));
    progress.event(&Event::Resolved { version: &version(), files: 3, bytes: 160 });
    progress.event(&finished(&a, 10, Outcome::Hit));
    progress.event(&started(&b, 100));
    progress.event(&Event::Advanced { path: &b, bytes: 30 });
    let rows = activity.downloads();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!((rows[1].id, rows[1].size, rows[1].done), (fetch.id(), Some(160), 40));
    assert_eq!(rows[1].files, Some(Files { done: 1, wanted: 3 }));
    progress.event(&finished(&b, 100, Outcome::Fetched));
    // A small file comes without a beginning.
    progress.event(&finished(&c, 50, Outcome::Fetched));
    fetch.end(Ok(()));
    let rows = activity.downloads();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].state, rows[0].done, rows[0].files), ("finished", 160, Some(Files { done: 3, wanted: 3 })));
    assert_eq!(activity.totals().fetched_files, 2);
    assert_eq!(activity.totals().hits, 0, "nobody was served");
}

#[test]
fn what_is_given_up_does_not_run_for_ever() {
    let activity = Arc::new(Activity::default());
    let progress = activity.progress(&version());
    progress.event(&started(&path("a.bin"), 100));
    drop(progress);
    drop(activity.fetch(&version().model).unwrap());
    let rows = activity.downloads();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.state == "failed" && row.hint.is_some()), "{rows:?}");
    assert!(!activity.is_busy());
}

#[test]
fn the_table_is_bounded_and_counts_on() {
    let activity = Arc::new(Activity::default());
    let progress = activity.progress(&version());
    let paths: Vec<_> = (0..1500).map(|at| path(&format!("{at}.bin"))).collect();
    for path in &paths {
        progress.event(&started(path, 10));
        progress.event(&Event::Advanced { path, bytes: 10 });
    }
    assert_eq!(activity.downloads().len(), 1000);
    for path in &paths {
        progress.event(&finished(path, 10, Outcome::Fetched));
    }
    assert_eq!(activity.downloads().len(), 50);
    assert_eq!(activity.downloads()[0].path, "1499.bin", "the newest first");
    assert_eq!((activity.totals().fetched_files, activity.totals().fetched_bytes), (1500, 15_000));
    let fetches: Vec<_> = (0..70).map_while(|_| activity.fetch(&version().model)).collect();
    assert_eq!(fetches.len(), 64);
}

#[test]
fn listeners_hear_of_bytes_only_so_often_and_of_ends_at_once() {
    let activity = Arc::new(Activity::default());
    let mut changes = activity.changes();
    let progress = activity.progress(&version());
    let a = path("a.bin");
    progress.event(&started(&a, 1 << 20));
    assert!(changes.has_changed().unwrap());
    let begun = Instant::now();
    let before = *changes.borrow_and_update();
    for _ in 0..10_000 {
        progress.event(&Event::Advanced { path: &a, bytes: 1 });
    }
    let most = begun.elapsed().as_millis() / PUBLISH.as_millis() + 1;
    assert!(u128::from(*changes.borrow_and_update() - before) <= most);
    progress.event(&finished(&a, 10_000, Outcome::Fetched));
    assert!(changes.has_changed().unwrap());
}
