//! Look-ups of many small files at once, before their turn: each alone would wake a thread.

use cache_core::FileEntry;
use cache_store::Store;

use crate::disk;
use crate::job::{FetchJob, is_single_request};

/// Files under way at once, small ones included.
pub(crate) const SMALL_FILES: usize = 32;

/// Jobs that are looked up by one piece of work.
const BATCH: usize = 64;

/// Jobs in their order. Those that have to wait for others are looked up while they wait.
pub(crate) struct LookAhead {
    store: Store,
    jobs: std::vec::IntoIter<FetchJob>,
    /// Jobs of the rest that begin without waiting, or are looked up.
    ahead: usize,
}

impl LookAhead {
    pub(crate) fn new(store: &Store, jobs: Vec<FetchJob>) -> Self {
        Self { store: store.clone(), jobs: jobs.into_iter(), ahead: SMALL_FILES }
    }
}

impl Iterator for LookAhead {
    type Item = FetchJob;

    fn next(&mut self) -> Option<FetchJob> {
        let rest = self.jobs.as_slice();
        if self.ahead <= SMALL_FILES && self.ahead < rest.len() {
            let end = rest.len().min(self.ahead + BATCH);
            let files = rest[self.ahead..end].iter().map(|job| &job.file);
            let small: Vec<&FileEntry> = files.filter(|file| is_single_request(file)).collect();
            if !small.is_empty() {
                disk::in_passing(self.store.prepare_small_flights(&small));
            }
            self.ahead = end;
        }
        self.ahead = self.ahead.saturating_sub(1);
        self.jobs.next()
    }
}
