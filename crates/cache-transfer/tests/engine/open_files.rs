//! Few open files: fewer transfers at once, and an error only when not even one file can be opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::{Error, Event, FileEntry, Progress, RepoPath, Result};
use cache_transfer::FetchJob;

use crate::source::{Answer, Scripted, data, entry};
use crate::{Bench, job};

/// Counts files that are under way at once.
#[derive(Default)]
struct Crowd {
    now: AtomicU64,
    most: AtomicU64,
}

impl Progress for Crowd {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { .. } => {
                let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(now, Ordering::SeqCst);
            }
            Event::Finished { .. } => drop(self.now.fetch_sub(1, Ordering::SeqCst)),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_open_files_mean_few_at_once() {
    for (size, open_files, most) in [(1000, 64, 6), (300_000, 64, 6), (1000, 0, 1)] {
        let crowd = Arc::new(Crowd::default());
        let bench = Bench::with(|config| config.open_files = open_files);
        let files: Vec<_> = (0..24).map(|nth| data(size + nth)).collect();
        let jobs = files.iter().map(|bytes| {
            let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
            let path = RepoPath::parse(&format!("{}.bin", bytes.len())).unwrap();
            let file = FileEntry { path, ..entry(bytes) };
            FetchJob { progress: Arc::clone(&crowd) as _, ..job(&[&source], &file) }
        });
        assert!(bench.engine.fetch_all(jobs.collect()).await.iter().all(Result::is_ok));
        let seen = crowd.most.load(Ordering::SeqCst);
        assert!(seen <= most && seen > 0, "{seen} of {size} B at once with {open_files} open files");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lack_of_open_files_is_waited_out() {
    let lack = || Error::storage("open", std::io::Error::from_raw_os_error(24));
    let bytes = data(1000);
    let source = Scripted::new(bytes.clone(), move |nth, _| if nth < 8 { Answer::Fail(lack()) } else { Answer::Right });
    let bench = Bench::with(|config| config.retries = 3);
    let error = bench.fetch(&source, &entry(&bytes)).await.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("ulimit")) && error.attempts() == 4, "{error:?}");
    let bench = Bench::with(|config| config.retries = 5);
    bench.fetch(&source, &entry(&bytes)).await.unwrap();
}
