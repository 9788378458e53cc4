//! [`Activity`]: what fetches do now and have done since the start.

mod rate;
mod rows;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cache_lib::{Error, Event, ModelId, Progress, Version};
use tokio::sync::watch;

pub(crate) use self::rows::{Download, Totals};
use self::rows::{RowNames, SinkContext};
use self::table::DownloadTable;

/// What fetches do now and have done since the start.
///
/// Events come from transfer threads. Each takes one lock for as long as it takes to change a row of a table whose
/// length is bounded.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    table: Mutex<DownloadTable>,
    changed: watch::Sender<u64>,
}

impl Activity {
    /// Receives progress events of a version's files.
    pub(crate) fn progress(self: &Arc<Self>, version: &Version) -> Arc<dyn Progress> {
        let names = RowNames { model: version.model.to_string(), commit: version.commit.to_string() };
        let sink = self.lock().next_sink();
        Arc::new(ProgressSink { activity: Arc::clone(self), sink, names: Mutex::new(names), fetch: None })
    }

    /// Opens a row for a whole fetch. It ends with [`FetchRow::end`], or as a failure when the guard is dropped. `None`
    /// when too many run.
    pub(crate) fn fetch(self: &Arc<Self>, model: &ModelId) -> Option<FetchRow> {
        let names = RowNames { model: model.to_string(), commit: String::new() };
        let mut table = self.lock();
        let sink = table.next_sink();
        let id = table.begin_fetch(sink, &names, Instant::now())?;
        drop(table);
        self.publish();
        Some(FetchRow { activity: Arc::clone(self), id, sink, names })
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

    fn lock(&self) -> MutexGuard<'_, DownloadTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row of a whole fetch.
#[derive(Debug)]
pub(crate) struct FetchRow {
    activity: Arc<Activity>,
    id: u64,
    sink: u64,
    names: RowNames,
}

impl FetchRow {
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

impl Drop for FetchRow {
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
        table.take(SinkContext { sink: self.sink, fetch: self.fetch, names: &names }, event, now);
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
