//! Who hears how a file comes along: the caller's progress, those who wait in other processes, those who read along.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::{Event, Progress, RepoPath};
use tokio::time::Instant;

use crate::flight::Leadership;
use crate::live::Live;

/// How often the waiting processes are told: a human eye asks for no more.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) struct Reporter {
    path: RepoPath,
    progress: Arc<dyn Progress>,
    leader: Arc<Leadership>,
    live: Live,
    size: Mutex<Option<u64>>,
    told: Mutex<Option<Instant>>,
}

impl Reporter {
    pub(crate) fn new(path: RepoPath, size: Option<u64>, progress: Arc<dyn Progress>, leader: Arc<Leadership>) -> Self {
        let live = Live::default();
        Self { path, progress, leader, live, size: Mutex::new(size), told: Mutex::new(None) }
    }

    /// The same for a file that others may read while it arrives.
    pub(crate) fn with_live(self, live: Live) -> Self {
        Self { live, ..self }
    }

    /// Those who read along.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    pub(crate) fn started(&self, size: Option<u64>, resumed: u64, source: &str) {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = size;
        self.progress.event(&Event::Started { path: &self.path, size, resumed, source });
    }

    /// `new` more bytes are there, `total` in all.
    pub(crate) fn landed(&self, new: u64, total: u64) {
        self.advanced(new);
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| now.duration_since(told) >= STATUS_INTERVAL) {
            *told = Some(now);
            drop(told);
            let size = *self.size.lock().unwrap_or_else(PoisonError::into_inner);
            self.leader.progress(total, size);
        }
    }

    /// What had arrived is thrown away.
    pub(crate) fn restarted(&self, lost: u64) {
        self.tell(-i64::try_from(lost).unwrap_or(i64::MAX));
    }

    /// `new` more bytes are there; only the caller is told.
    pub(crate) fn advanced(&self, new: u64) {
        self.tell(i64::try_from(new).unwrap_or(i64::MAX));
    }

    fn tell(&self, bytes: i64) {
        if bytes != 0 {
            self.progress.event(&Event::Advanced { path: &self.path, bytes });
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reporter({})", self.path)
    }
}
