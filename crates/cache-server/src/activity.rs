//! [`Activity`]: what fetches do now and have done since the start.

mod rate;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use cache_lib::{Error, Event, ModelId, Progress, Version};
use serde::{Serialize, Serializer};
use tokio::sync::watch;

use self::table::Table;
use crate::page::seconds;

/// Interval between published byte counts. Starts and ends are published at once.
const PUBLISH: Duration = Duration::from_millis(100);

/// One file that is being fetched, or was lately; or a whole fetch, which then has [`files`](Self::files).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Download {
    /// Counted from 1.
    pub(crate) id: u64,
    pub(crate) model: String,
    pub(crate) commit: String,
    /// Empty for a whole fetch.
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
    /// What can be done about the error.
    pub(crate) hint: Option<String>,
    /// The error's kind.
    pub(crate) kind: Option<&'static str>,
    pub(crate) retries: u64,
    /// Seconds since 1970.
    #[serde(serialize_with = "as_seconds")]
    pub(crate) began: SystemTime,
    #[serde(serialize_with = "as_seconds_if_any")]
    pub(crate) ended: Option<SystemTime>,
    /// How far a whole fetch is.
    pub(crate) files: Option<Files>,
    /// The row of the whole fetch that the file belongs to.
    pub(crate) fetch: Option<u64>,
}

/// How many of a fetch's files are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Files {
    pub(crate) done: u64,
    pub(crate) wanted: u64,
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
///
/// Events come from transfer threads. Each takes one lock for as long as it takes to change a row of a table whose
/// length is bounded.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    table: Mutex<Table>,
    changed: watch::Sender<u64>,
}

impl Activity {
    /// Receives progress events of a version's files.
    pub(crate) fn progress(self: &Arc<Self>, version: &Version) -> Arc<dyn Progress> {
        let names = RowNames { model: version.model.to_string(), commit: version.commit.to_string() };
        let sink = self.lock().next_sink();
        Arc::new(ProgressSink { activity: Arc::clone(self), sink, names: Mutex::new(names), fetch: None })
    }

    /// Opens a row for a whole fetch. It ends with [`Fetch::end`], or as a failure when the guard is dropped. `None`
    /// when too many run.
    pub(crate) fn fetch(self: &Arc<Self>, model: &ModelId) -> Option<Fetch> {
        let names = RowNames { model: model.to_string(), commit: String::new() };
        let mut table = self.lock();
        let sink = table.next_sink();
        let id = table.begin_fetch(sink, &names, Instant::now())?;
        drop(table);
        self.publish();
        Some(Fetch { activity: Arc::clone(self), id, sink, names })
    }

    /// A file was served from the store.
    pub(crate) fn hit(&self) {
        self.lock().totals.hits += 1;
    }

    /// Those that run and the last that have ended, the newest first.
    pub(crate) fn downloads(&self) -> Vec<Download> {
        self.lock().downloads(Instant::now())
    }

    /// Whether anything runs.
    pub(crate) fn is_busy(&self) -> bool {
        self.lock().is_busy()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.lock().totals
    }

    /// Changes whenever something above does, hits excepted.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn publish(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn as_seconds<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(seconds(*time))
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn as_seconds_if_any<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(seconds).serialize(serializer)
}

/// The names that a sink gives to its rows.
#[derive(Debug, Clone)]
struct RowNames {
    model: String,
    commit: String,
}

/// The row of a whole fetch.
#[derive(Debug)]
pub(crate) struct Fetch {
    activity: Arc<Activity>,
    id: u64,
    sink: u64,
    names: RowNames,
}

impl Fetch {
    /// The row's number in [`Activity::downloads`].
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Receives progress events of its files.
    pub(crate) fn progress(&self) -> Arc<dyn Progress> {
        let names = Mutex::new(self.names.clone());
        Arc::new(ProgressSink { activity: Arc::clone(&self.activity), sink: self.sink, names, fetch: Some(self.id) })
    }

    /// It is over.
    pub(crate) fn end(self, result: Result<(), &Error>) {
        self.activity.lock().end(self.id, result, Instant::now());
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.activity.lock().end(self.id, Err(&Error::interrupted()), Instant::now());
        self.activity.publish();
    }
}

#[derive(Debug)]
struct ProgressSink {
    activity: Arc<Activity>,
    sink: u64,
    names: Mutex<RowNames>,
    fetch: Option<u64>,
}

impl Progress for ProgressSink {
    fn event(&self, event: &Event<'_>) {
        let now = Instant::now();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::Resolved { version, .. } = event {
            *names = RowNames { model: version.model.to_string(), commit: version.commit.to_string() };
        }
        let mut table = self.activity.lock();
        table.take(self.sink, self.fetch, &names, event, now);
        let publish = table.is_time_to_publish(matches!(event, Event::Advanced { .. }), now);
        drop(table);
        drop(names);
        if publish {
            self.activity.publish();
        }
    }
}

/// Ends the rows of unfinished files as abandoned.
impl Drop for ProgressSink {
    fn drop(&mut self) {
        if self.activity.lock().abandon(self.sink, Instant::now()) {
            self.activity.publish();
        }
    }
}
