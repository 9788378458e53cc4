//! [`Activity`]: what fetches do now and have done since the start.

use std::sync::Arc;
use std::time::SystemTime;

use cache_lib::{Event, Progress, Version};
use serde::Serialize;
use tokio::sync::watch;

/// One file that is being fetched, or was lately.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Download {
    /// Counted from 1.
    pub(crate) id: u64,
    pub(crate) model: String,
    pub(crate) commit: String,
    pub(crate) path: String,
    /// Bytes, if known.
    pub(crate) size: Option<u64>,
    /// Bytes on the disk.
    pub(crate) done: u64,
    /// Bytes a second lately.
    pub(crate) rate: u64,
    pub(crate) source: String,
    /// `waiting`, `running`, `finished`, `failed`.
    pub(crate) state: &'static str,
    pub(crate) error: Option<String>,
    pub(crate) retries: u64,
    pub(crate) began: SystemTime,
    pub(crate) ended: Option<SystemTime>,
}

/// Counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    /// Bytes fetched.
    pub(crate) fetched_bytes: u64,
    pub(crate) fetched_files: u64,
    pub(crate) failed_files: u64,
    pub(crate) verification_failures: u64,
    pub(crate) retries: u64,
    /// Files served from the store, without a fetch.
    pub(crate) hits: u64,
    /// Files that had to be fetched.
    pub(crate) misses: u64,
}

/// What fetches do now and have done since the start.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    changed: watch::Sender<u64>,
}

impl Activity {
    /// Who hears of the progress of a version's files.
    pub(crate) fn progress(self: &Arc<Self>, version: &Version) -> Arc<dyn Progress> {
        let _ = version;
        Arc::new(Listener(Arc::clone(self)))
    }

    /// A file was served from the store.
    pub(crate) fn hit(&self) {}

    /// Those that run and the last that have ended, the newest first.
    pub(crate) fn downloads(&self) -> Vec<Download> {
        Vec::new()
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals::default()
    }

    /// Changes whenever something above does.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

#[derive(Debug)]
struct Listener(Arc<Activity>);

impl Progress for Listener {
    fn event(&self, event: &Event<'_>) {
        let _ = event;
        self.0.changed.send_modify(|count| *count += 1);
    }
}
