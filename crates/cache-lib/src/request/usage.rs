//! [`UsageRecorder`]: adds up what a get did, from its progress events, for the statistics.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_store::{Store, Usage};

use crate::request::snapshot::Snapshot;
use crate::units::{Size, Span};
use crate::{Error, ErrorKind, Event, ModelRef, Outcome, Progress, RepoPath, Result};

/// Records the usage of one get, when it is dropped at the latest: an interrupted get has fetched bytes too.
pub(crate) struct UsageRecorder {
    store: Store,
    model: Option<String>,
    usage_progress: Arc<UsageProgress>,
    failure: ErrorKind,
    failed: bool,
}

/// Adds up progress events, and forwards them.
pub(crate) struct UsageProgress {
    next: Arc<dyn Progress>,
    sum: Mutex<UsageTotals>,
}

#[derive(Default)]
struct UsageTotals {
    usage: Usage,
    active: BTreeMap<RepoPath, ActiveFile>,
    sources: BTreeMap<String, SourceUsage>,
    /// Files without a reported source: those of this machine, which are taken at once.
    silent: BTreeMap<RepoPath, u64>,
    /// Files and bytes of the get in all, once they are known.
    whole: Option<(usize, u64)>,
    /// Files that are in the store, and their bytes.
    complete: (usize, u64),
}

/// A file being downloaded.
struct ActiveFile {
    source: String,
    resumed: u64,
    /// Bytes received, whether or not they were kept.
    moved: u64,
    /// Bytes that are counted for single ones of several sources.
    shared: u64,
    since: Instant,
    /// Another process fetches it, or did.
    waited: bool,
}

#[derive(Default)]
struct SourceUsage {
    files: u64,
    bytes: u64,
    /// Number of files being downloaded, and since when there are any.
    busy: u32,
    since: Option<Instant>,
    time: Duration,
}

impl UsageRecorder {
    pub(crate) fn new(store: &Store, reference: &Result<ModelRef>, next: Arc<dyn Progress>) -> Self {
        let model = reference.as_ref().ok().map(|reference| reference.model.to_string());
        let usage_progress = Arc::new(UsageProgress { next, sum: Mutex::default() });
        Self { store: store.clone(), model, usage_progress, failure: ErrorKind::Interrupted, failed: true }
    }

    /// Receives the progress events of the get.
    pub(crate) fn progress(&self) -> Arc<dyn Progress> {
        Arc::clone(&self.usage_progress) as Arc<dyn Progress>
    }

    /// Runs the get until its deadline.
    ///
    /// # Errors
    /// Those of the get; [`ErrorKind::TimedOut`] saying how far it came.
    pub(crate) async fn within<T>(
        &self,
        deadline: Option<Duration>,
        get: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(deadline) = deadline else { return get.await };
        match tokio::time::timeout(deadline, get).await {
            Ok(result) => result,
            Err(_) => {
                let reached = self.usage_progress.sum.lock().unwrap_or_else(PoisonError::into_inner).reached();
                let seconds = deadline.as_secs() + u64::from(deadline.subsec_nanos() > 0);
                let (model, time) = (self.model.as_deref().unwrap_or("get"), Span(Duration::from_secs(seconds)));
                let message = format!("{model}: timed out after {time}: {reached}");
                Err(Error::new(ErrorKind::TimedOut, message).with_hint("run the same command again to resume"))
            }
        }
    }

    /// Records the result of the get.
    pub(crate) fn ended(&mut self, result: &Result<Snapshot>) {
        self.failed = result.is_err();
        match result {
            Err(error) => self.failure = error.kind(),
            Ok(snapshot) => self.usage_progress.attribute(snapshot),
        }
    }

    /// Writes the record. Blocks.
    pub(crate) fn record(mut self) {
        if let Some(usage) = self.take() {
            self.store.record_usage(usage);
        }
    }

    fn take(&mut self) -> Option<Usage> {
        // What was never understood is no get.
        let model = self.model.take().filter(|_| !self.failed || self.failure != ErrorKind::Usage)?;
        let mut usage = self.usage_progress.take();
        usage.gets = 1;
        if self.failed {
            usage.failures.insert(self.failure.as_str().to_owned(), 1);
        }
        usage.of_model(model);
        Some(usage)
    }
}

/// A canceled get is dropped on a thread of the runtime.
impl Drop for UsageRecorder {
    fn drop(&mut self) {
        if let Some(usage) = self.take() {
            let store = self.store.clone();
            cache_transfer::in_background(Box::new(move || store.record_usage(usage)));
        }
    }
}

/// Records a get that was answered from the store alone.
pub(crate) fn record_hit(store: &Store, reference: &ModelRef, snapshot: &Snapshot) {
    let mut usage = Usage::default();
    usage.gets = 1;
    usage.hits = snapshot.files().len() as u64;
    usage.hit_bytes = snapshot.size();
    usage.of_model(reference.model.to_string());
    store.record_usage(usage);
}

/// Records a get that failed in the store alone.
pub(crate) fn record_failure(store: &Store, reference: &ModelRef, error: &Error) {
    let mut usage = Usage::default();
    usage.gets = 1;
    usage.failures.insert(error.kind().as_str().to_owned(), 1);
    usage.of_model(reference.model.to_string());
    store.record_usage(usage);
}

impl UsageProgress {
    /// Attributes files without progress events to their sources.
    fn attribute(&self, snapshot: &Snapshot) {
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        for file in snapshot.files() {
            let Some(source) = &file.source else { continue };
            if let Some(size) = sum.silent.remove(&file.path) {
                let source = sum.sources.entry(source.clone()).or_default();
                source.files += 1;
                source.bytes = source.bytes.saturating_add(size);
            }
        }
    }

    fn take(&self) -> Usage {
        let mut sum = std::mem::take(&mut *self.sum.lock().unwrap_or_else(PoisonError::into_inner));
        let now = Instant::now();
        for (_, file) in std::mem::take(&mut sum.active) {
            sum.end(&file, now, None);
        }
        let mut usage = sum.usage;
        for (name, source) in &sum.sources {
            if source.bytes > 0 || source.files > 0 {
                usage.add_source(name, source.files, source.bytes, source.time);
            }
        }
        usage
    }
}

impl Progress for UsageProgress {
    fn event(&self, event: &Event<'_>) {
        self.sum.lock().unwrap_or_else(PoisonError::into_inner).take(event, Instant::now());
        self.next.event(event);
    }
}

impl UsageTotals {
    fn take(&mut self, event: &Event<'_>, now: Instant) {
        match event {
            Event::Resolved { files, bytes, .. } => {
                self.whole = Some((*files, *bytes));
                self.complete = (0, 0);
            }
            Event::Started { path, resumed, source, .. } => {
                let before = self.active.remove(path);
                let waited = before.as_ref().is_some_and(|file| file.waited);
                if let Some(before) = before {
                    self.end(&before, now, None);
                }
                let begun = self.sources.entry((*source).to_owned()).or_default();
                begun.busy += 1;
                begun.since.get_or_insert(now);
                let file = ActiveFile {
                    source: (*source).to_owned(),
                    resumed: *resumed,
                    moved: 0,
                    shared: 0,
                    since: now,
                    waited,
                };
                self.active.insert((*path).clone(), file);
            }
            Event::Advanced { path, bytes } => {
                if let (Some(file), Ok(bytes)) = (self.active.get_mut(path), u64::try_from(*bytes)) {
                    file.moved = file.moved.saturating_add(bytes);
                }
            }
            Event::Waiting { path } => {
                let none =
                    || ActiveFile { source: String::new(), resumed: 0, moved: 0, shared: 0, since: now, waited: true };
                self.active.entry((*path).clone()).or_insert_with(none).waited = true;
            }
            Event::Shared { path, source, bytes } => self.share(path, source, *bytes, now),
            Event::Retrying { .. } => self.usage.retries += 1,
            Event::Finished { size, outcome: Outcome::Hit, .. } => {
                self.completed(*size);
                self.usage.hits += 1;
                self.usage.hit_bytes = self.usage.hit_bytes.saturating_add(*size);
            }
            Event::Finished { path, size, outcome, .. } => {
                self.completed(*size);
                self.usage.misses += 1;
                match self.active.remove(path) {
                    Some(file) => self.end(&file, now, Some((*size, *outcome))),
                    None => drop(self.silent.insert((*path).clone(), *size)),
                }
            }
            Event::Failed { path, .. } => {
                self.usage.misses += 1;
                if let Some(file) = self.active.remove(path) {
                    self.end(&file, now, None);
                }
            }
            _ => {}
        }
    }

    fn completed(&mut self, size: u64) {
        self.complete = (self.complete.0 + 1, self.complete.1.saturating_add(size));
    }

    /// Progress of the get: `3 of 10 files, 1.2 GB of 4.5 GB`.
    fn reached(&self) -> String {
        let Some((files, bytes)) = self.whole else { return "no response from the source".to_owned() };
        let partial = self.active.values().map(|file| file.resumed.saturating_add(file.moved + file.shared));
        let arrived = partial.fold(self.complete.1, u64::saturating_add).min(bytes.max(self.complete.1));
        format!("{} of {files} files, {} of {}", self.complete.0, Size(arrived), Size(bytes))
    }

    /// Attributes bytes of a file from several sources to one of them.
    fn share(&mut self, path: &RepoPath, source: &str, bytes: u64, now: Instant) {
        let Some(file) = self.active.get_mut(path) else { return };
        file.moved = file.moved.saturating_sub(bytes);
        file.shared = file.shared.saturating_add(bytes);
        let source = self.sources.entry(source.to_owned()).or_default();
        source.files += 1;
        source.bytes = source.bytes.saturating_add(bytes);
        source.time += now.saturating_duration_since(file.since);
    }

    /// Ends the download of a file; `there` is its size and outcome, `None` if it failed.
    fn end(&mut self, file: &ActiveFile, now: Instant, there: Option<(u64, Outcome)>) {
        let Some(source) = self.sources.get_mut(&file.source) else { return };
        source.busy = source.busy.saturating_sub(1);
        if source.busy == 0
            && let Some(since) = source.since.take()
        {
            source.time += now.saturating_duration_since(since);
        }
        match there {
            // What another process fetched is in its statistics.
            Some((_, Outcome::Shared)) => {}
            // All of it is counted, and all of the time.
            Some((size, _)) if file.shared > 0 && file.shared >= size.saturating_sub(file.resumed) => {
                source.time = Duration::ZERO;
            }
            Some((size, _)) => {
                let whole = size.saturating_sub(file.resumed);
                source.files += 1;
                // What moved while another process led was not ours.
                let bytes = if file.waited { whole } else { whole.max(file.moved) };
                source.bytes = source.bytes.saturating_add(bytes);
            }
            None if file.waited => {}
            None => source.bytes = source.bytes.saturating_add(file.moved),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> RepoPath {
        RepoPath::parse(name).unwrap()
    }

    fn finished(path: &RepoPath, size: u64, outcome: Outcome) -> Event<'_> {
        Event::Finished { path, size, outcome, verified: true }
    }

    #[test]
    fn time_of_parallel_files_is_counted_once() {
        let (a, b, begin) = (path("a"), path("b"), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut sum = UsageTotals::default();
        let started = |path, resumed| Event::Started { path, size: Some(100), resumed, source: "cdn" };
        sum.take(&started(&a, 0), at(0));
        sum.take(&started(&b, 40), at(1));
        sum.take(&Event::Advanced { path: &a, bytes: 70 }, at(1));
        sum.take(&Event::Advanced { path: &a, bytes: -70 }, at(1));
        sum.take(&Event::Advanced { path: &a, bytes: 100 }, at(2));
        sum.take(&finished(&a, 100, Outcome::Fetched), at(3));
        sum.take(&finished(&b, 100, Outcome::Fetched), at(4));
        let source = &sum.sources["cdn"];
        assert_eq!((source.files, source.bytes, source.time), (2, 170 + 60, Duration::from_secs(4)));
        assert_eq!((sum.usage.misses, sum.usage.hits), (2, 0));
    }

    #[test]
    fn files_of_another_process_are_not_counted() {
        let (a, now) = (path("a"), Instant::now());
        let mut sum = UsageTotals::default();
        sum.take(&Event::Waiting { path: &a }, now);
        sum.take(&Event::Started { path: &a, size: Some(9), resumed: 0, source: "cdn" }, now);
        sum.take(&Event::Advanced { path: &a, bytes: 9 }, now);
        sum.take(&finished(&a, 9, Outcome::Shared), now);
        assert_eq!((sum.sources["cdn"].files, sum.sources["cdn"].bytes, sum.usage.misses), (0, 0, 1));
    }
}
