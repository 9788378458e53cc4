//! [`DownloadTable`]: the rows behind [`Activity`](super::Activity).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use cache_lib::{Error, ErrorKind, Event, Outcome, RepoPath};

use super::rate::Rate;
use super::rows::{Download, Files, RowNames, SinkContext, Totals};

/// Interval between published byte counts. Starts and ends are published at once.
pub(super) const PUBLISH: Duration = Duration::from_millis(100);
/// Rows of what runs. What is more is counted, and not shown.
const MAX_RUNNING: usize = 1000;
/// Whole fetches that run at the same time.
const MAX_FETCHES: usize = 64;
/// Rows of what has ended.
const MAX_ENDED: usize = 50;

#[derive(Debug, Default)]
pub(super) struct DownloadTable {
    pub(super) totals: Totals,
    running: BTreeMap<u64, DownloadRow>,
    by_path: HashMap<(u64, RepoPath), u64>,
    /// The newest last.
    ended: VecDeque<Download>,
    last_id: u64,
    last_listener: u64,
    published: Option<Instant>,
}

#[derive(Debug)]
struct DownloadRow {
    shown: Download,
    rate: Rate,
    sink: u64,
    /// `None` for a whole fetch.
    path: Option<RepoPath>,
}

impl DownloadTable {
    pub(super) fn next_sink(&mut self) -> u64 {
        self.last_listener += 1;
        self.last_listener
    }

    /// Opens the row of a whole fetch, unless too many run.
    pub(super) fn begin_fetch(&mut self, sink: u64, names: &RowNames, now: Instant) -> Option<u64> {
        if self.running.values().filter(|row| row.path.is_none()).count() >= MAX_FETCHES {
            return None;
        }
        let id = self.insert(SinkContext { sink, fetch: None, names }, None, now);
        if let Some(row) = self.running.get_mut(&id) {
            row.shown.files = Some(Files::default());
        }
        Some(id)
    }

    fn insert(&mut self, context: SinkContext<'_>, path: Option<&RepoPath>, now: Instant) -> u64 {
        let SinkContext { sink, fetch, names } = context;
        self.last_id += 1;
        let shown = Download {
            id: self.last_id,
            model: names.model.clone(),
            commit: names.commit.clone(),
            path: path.map(ToString::to_string).unwrap_or_default(),
            size: None,
            done: 0,
            rate: 0,
            source: String::new(),
            state: "waiting",
            error: None,
            hint: None,
            kind: None,
            retries: 0,
            began: SystemTime::now(),
            ended: None,
            files: None,
            fetch,
        };
        self.running.insert(self.last_id, DownloadRow { shown, rate: Rate::new(now), sink, path: path.cloned() });
        if let Some(path) = path {
            self.by_path.insert((sink, path.clone()), self.last_id);
        }
        self.last_id
    }

    /// Changes the rows as an event says.
    pub(super) fn take(&mut self, context: SinkContext<'_>, event: &Event<'_>, now: Instant) {
        let SinkContext { sink, fetch, names } = context;
        match event {
            Event::Resolved { files, bytes, .. } => {
                if let Some(row) = fetch.and_then(|id| self.running.get_mut(&id)) {
                    (row.shown.model, row.shown.commit) = (names.model.clone(), names.commit.clone());
                    row.shown.state = "running";
                    row.shown.size = Some(*bytes);
                    row.shown.files = Some(Files { done: 0, wanted: u64::try_from(*files).unwrap_or(u64::MAX) });
                }
            }
            Event::Waiting { path } => {
                if let Some(row) = self.row(context, path, now) {
                    row.shown.state = "waiting";
                }
            }
            Event::Started { path, size, resumed, source } => {
                if let Some(row) = self.row(context, path, now) {
                    row.shown.state = "running";
                    row.shown.size = *size;
                    (*source).clone_into(&mut row.shown.source);
                    let before = std::mem::replace(&mut row.shown.done, *resumed);
                    self.whole(fetch, |whole| whole.done = whole.done.saturating_sub(before).saturating_add(*resumed));
                }
            }
            Event::Advanced { path, bytes } => self.advanced(context, path, *bytes, now),
            Event::Retrying { .. } => {
                self.totals.retries += 1;
                for row in self.running.values_mut().filter(|row| row.sink == sink) {
                    if fetch.is_none_or(|id| id == row.shown.id) {
                        row.shown.retries += 1;
                    }
                }
            }
            Event::Finished { path, size, outcome, .. } => {
                self.finished(context, path, (*size, *outcome), now);
            }
            Event::Failed { path, error } => {
                self.totals.failed_files += 1;
                self.totals.misses += 1;
                self.totals.verification_failures += u64::from(error.kind() == ErrorKind::Integrity);
                if let Some(row) = self.row(context, path, now) {
                    let id = row.shown.id;
                    self.end(id, Err(error), now);
                }
            }
            _ => {}
        }
    }

    /// The row of a file, made if it is not there; `None` when there are too many.
    fn row(&mut self, context: SinkContext<'_>, path: &RepoPath, now: Instant) -> Option<&mut DownloadRow> {
        let id = match self.by_path.get(&(context.sink, path.clone())) {
            Some(id) => *id,
            None if self.running.len() >= MAX_RUNNING => return None,
            None => self.insert(context, Some(path), now),
        };
        self.running.get_mut(&id)
    }

    fn advanced(&mut self, context: SinkContext<'_>, path: &RepoPath, bytes: i64, now: Instant) {
        let forward = u64::try_from(bytes).unwrap_or_default();
        let id = self.by_path.get(&(context.sink, path.clone()));
        let row = id.and_then(|id| self.running.get_mut(id));
        // Bytes on another's way to the disk are that one's.
        if row.as_ref().is_none_or(|row| row.shown.state != "waiting") {
            self.totals.fetched_bytes = self.totals.fetched_bytes.saturating_add(forward);
        }
        if let Some(row) = row {
            row.shown.done = row.shown.done.saturating_add_signed(bytes);
            row.rate.add(forward, now);
        }
        if let Some(row) = context.fetch.and_then(|id| self.running.get_mut(&id)) {
            row.shown.done = row.shown.done.saturating_add_signed(bytes);
            row.rate.add(forward, now);
        }
    }

    fn finished(&mut self, context: SinkContext<'_>, path: &RepoPath, (size, outcome): (u64, Outcome), now: Instant) {
        let known = self.by_path.get(&(context.sink, path.clone())).copied();
        let before = known.and_then(|id| self.running.get(&id)).map_or(0, |row| row.shown.done);
        self.whole(context.fetch, |whole| {
            whole.done = whole.done.saturating_sub(before).saturating_add(size);
            if let Some(files) = &mut whole.files {
                files.done += 1;
            }
        });
        // What was there already is no download.
        if outcome == Outcome::Hit {
            return;
        }
        self.totals.misses += 1;
        self.totals.fetched_files += u64::from(outcome == Outcome::Fetched);
        if let Some(row) = self.row(context, path, now) {
            (row.shown.done, row.shown.size) = (size, Some(size));
            let id = row.shown.id;
            self.end(id, Ok(()), now);
        }
    }

    fn whole(&mut self, fetch: Option<u64>, change: impl FnOnce(&mut Download)) {
        if let Some(row) = fetch.and_then(|id| self.running.get_mut(&id)) {
            change(&mut row.shown);
        }
    }

    /// Moves a row to those that have ended. Nothing happens to one that is there already.
    pub(super) fn end(&mut self, id: u64, result: Result<(), &Error>, now: Instant) {
        let Some(DownloadRow { mut shown, rate, sink, path }) = self.running.remove(&id) else { return };
        if let Some(path) = path {
            self.by_path.remove(&(sink, path));
        }
        // Its fetch stands for it.
        if shown.fetch.is_some() && result.is_ok() {
            return;
        }
        shown.rate = rate.per_second(now);
        shown.ended = Some(SystemTime::now());
        shown.state = if result.is_ok() { "finished" } else { "failed" };
        if let Err(error) = result {
            shown.error = Some(error.to_string());
            shown.hint = error.hint().map(str::to_owned);
            shown.kind = Some(error.kind().as_str());
        }
        if self.ended.len() >= MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(shown);
    }

    /// Ends the files that a sink leaves behind. Whether there were any.
    pub(super) fn abandon(&mut self, sink: u64, now: Instant) -> bool {
        let of_it = |row: &&DownloadRow| row.sink == sink && row.path.is_some();
        let left: Vec<u64> = self.running.values().filter(of_it).map(|row| row.shown.id).collect();
        for id in &left {
            self.end(*id, Err(&Error::interrupted()), now);
        }
        !left.is_empty()
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    pub(super) fn downloads(&self, now: Instant) -> Vec<Download> {
        let running = self.running.values().rev();
        let running = running.map(|row| Download { rate: row.rate.per_second(now), ..row.shown.clone() });
        running.chain(self.ended.iter().rev().cloned()).collect()
    }

    /// Whether an event is published now. Byte counts are published only so often.
    pub(super) fn is_time_to_publish(&mut self, bytes: bool, now: Instant) -> bool {
        let lately = self.published.is_some_and(|then| now.duration_since(then) < PUBLISH);
        let publish = !(bytes && lately);
        if publish {
            self.published = Some(now);
        }
        publish
    }
}
