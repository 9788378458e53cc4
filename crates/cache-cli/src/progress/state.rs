//! The state of all transfers, from their events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cache_lib::units::{Size, Span};
use cache_lib::{Error, ErrorKind, Event, Outcome, RepoPath};

/// Weight of the newest second in the shown rate.
const NEWEST: f64 = 0.3;
/// How long a failed attempt is shown.
const RETRY_SHOWN: Duration = Duration::from_secs(10);

/// Which file: the reference it belongs to, and its path there.
pub(super) type FileKey = (String, RepoPath);

/// A file on its way.
#[derive(Debug, Clone)]
pub(super) struct FileInProgress {
    pub(super) size: Option<u64>,
    pub(super) done: u64,
    pub(super) host: String,
    pub(super) waiting: bool,
    began: u64,
}

#[derive(Debug)]
struct RetryNotice {
    host: String,
    attempt: u32,
    limit: u32,
    reason: String,
    since: Instant,
}

/// The sum of all events.
#[derive(Debug)]
pub(super) struct ProgressState {
    now: Instant,
    /// When the rate was last measured, and the bytes that had moved by then.
    measured: (Instant, u64),
    rate: Option<f64>,
    files: usize,
    bytes: u64,
    finished: usize,
    done: u64,
    moved: u64,
    began: u64,
    retries: u32,
    retry: Option<RetryNotice>,
    active: BTreeMap<FileKey, FileInProgress>,
    /// References that are being resolved, and since when.
    resolving: BTreeMap<String, Instant>,
    messages: Vec<String>,
    /// References that were added, for warnings of several.
    labels: BTreeSet<String>,
}

impl ProgressState {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            now,
            measured: (now, 0),
            rate: None,
            files: 0,
            bytes: 0,
            finished: 0,
            done: 0,
            moved: 0,
            began: 0,
            retries: 0,
            retry: None,
            active: BTreeMap::new(),
            resolving: BTreeMap::new(),
            messages: Vec::new(),
            labels: BTreeSet::new(),
        }
    }

    /// A reference that is being resolved.
    pub(super) fn resolving(&mut self, label: &str) {
        self.resolving.insert(label.to_owned(), self.now);
        self.labels.insert(label.to_owned());
    }

    pub(super) fn apply(&mut self, label: &str, event: &Event<'_>) {
        let key = |path: &RepoPath| (label.to_owned(), path.clone());
        match event {
            Event::Resolved { files, bytes, .. } => {
                self.resolving.remove(label);
                self.files += files;
                self.bytes = self.bytes.saturating_add(*bytes);
            }
            Event::Started { path, size, resumed, source } => self.started(key(path), *size, *resumed, source),
            Event::Advanced { path, bytes } => {
                self.done = self.done.saturating_add_signed(*bytes);
                self.moved = self.moved.saturating_add(u64::try_from(*bytes).unwrap_or(0));
                if let Some(file) = self.active.get_mut(&key(path)) {
                    file.done = file.done.saturating_add_signed(*bytes);
                }
            }
            Event::Waiting { path } => {
                self.began += 1;
                let began = self.began;
                let new = FileInProgress { size: None, done: 0, host: String::new(), waiting: true, began };
                self.active.entry(key(path)).or_insert(new).waiting = true;
            }
            Event::Retrying { host, attempt, limit, reason, .. } => {
                self.retries += 1;
                self.retry = Some(RetryNotice {
                    host: (*host).to_owned(),
                    attempt: *attempt,
                    limit: *limit,
                    reason: (*reason).to_owned(),
                    since: self.now,
                });
            }
            Event::Finished { path, size, outcome, .. } => {
                let before = self.active.remove(&key(path)).map_or(0, |file| file.done);
                self.done = self.done.saturating_sub(before).saturating_add(*size);
                self.finished += 1;
                if *outcome == Outcome::Linked {
                    self.moved = self.moved.saturating_add(size.saturating_sub(before));
                }
            }
            Event::Failed { path, .. } => {
                if let Some(file) = self.active.remove(&key(path)) {
                    self.done = self.done.saturating_sub(file.done);
                }
            }
            Event::Warning(text) if self.labels.len() > 1 => self.messages.push(format!("warning: {label}: {text}")),
            Event::Warning(text) => self.messages.push(format!("warning: {text}")),
            _ => {}
        }
    }

    fn started(&mut self, key: FileKey, size: Option<u64>, resumed: u64, source: &str) {
        self.began += 1;
        let began = self.began;
        let new = || FileInProgress { size, done: 0, host: String::new(), waiting: false, began };
        let file = self.active.entry(key).or_insert_with(new);
        self.done = self.done.saturating_sub(file.done).saturating_add(resumed);
        source.clone_into(&mut file.host);
        (file.size, file.done, file.waiting) = (size, resumed, false);
    }

    /// Measures the rate, once a second at most.
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = now;
        if self.moved == 0 {
            self.measured = (now, 0);
        }
        let (then, before) = self.measured;
        let span = now.saturating_duration_since(then).as_secs_f64();
        if span < 0.5 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate of which two digits are shown")]
        let new = self.moved.saturating_sub(before) as f64 / span;
        self.rate = Some(self.rate.map_or(new, |rate| rate + (new - rate) * (NEWEST * span).min(1.0)));
        self.measured = (now, self.moved);
        if self.retry.as_ref().is_some_and(|retry| now.duration_since(retry.since) > RETRY_SHOWN) {
            self.retry = None;
        }
    }

    pub(super) fn take_messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.messages)
    }

    /// Bytes there and bytes wanted.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.done, self.bytes.max(self.done))
    }

    /// The files on their way, the first begun first.
    pub(super) fn active(&self) -> Vec<(&FileKey, &FileInProgress)> {
        let mut active: Vec<_> = self.active.iter().collect();
        active.sort_by_key(|(_, file)| file.began);
        active
    }

    /// The state of all files: `3 of 10 files, 1.2 GB of 4.5 GB (27 %), 45 MB/s, 1 min 13 s left, cdn.host, 2 retries`.
    pub(super) fn line(&self) -> Option<String> {
        if self.files == 0 && self.active.is_empty() {
            let (label, since) = self.resolving.iter().next()?;
            let waited = || format!("resolving {label}, {}", Span(self.now.duration_since(*since)));
            return Some(self.retry().unwrap_or_else(waited));
        }
        let mut parts = Vec::new();
        if self.files > 0 {
            parts.push(format!("{} of {} files", self.finished, self.files));
        }
        parts.push(self.sum());
        Some(parts.join(", "))
    }

    /// The same without the files.
    pub(super) fn sum(&self) -> String {
        let (done, all) = self.bytes();
        let mut parts = Vec::new();
        if self.bytes > 0 {
            let percent = u128::from(done) * 100 / u128::from(all.max(1));
            parts.push(format!("{} of {} ({percent} %)", Size(done), Size(all)));
        } else {
            parts.push(Size(done).to_string());
        }
        if let Some(rate) = self.rate.filter(|rate| *rate >= 1.0) {
            parts.push(format!("{}/s", Size(whole(rate))));
            let left = all.saturating_sub(done);
            #[expect(clippy::cast_precision_loss, reason = "a guess")]
            let seconds = left as f64 / rate;
            if left > 0 && seconds < 1e7 {
                parts.push(format!("{} left", Span(Duration::from_secs(whole(seconds.ceil())))));
            }
        }
        let hosts: BTreeSet<&str> =
            self.active.values().map(|file| file.host.as_str()).filter(|host| !host.is_empty()).collect();
        if !hosts.is_empty() {
            let more = if hosts.len() > 2 { format!(" and {} more", hosts.len() - 2) } else { String::new() };
            parts.push(format!("{}{more}", hosts.into_iter().take(2).collect::<Vec<_>>().join(" and ")));
        }
        let waiting = self.active.values().filter(|file| file.waiting).count();
        if waiting > 0 {
            parts.push(format!("{waiting} downloaded by another process"));
        }
        if self.retries > 0 {
            parts.push(format!("{} {}", self.retries, if self.retries == 1 { "retry" } else { "retries" }));
        }
        parts.extend(self.retry());
        parts.join(", ")
    }

    fn retry(&self) -> Option<String> {
        let retry = self.retry.as_ref()?;
        let RetryNotice { host, attempt, limit, reason, .. } = retry;
        let cause = Error::new(ErrorKind::Network, reason).cause();
        let what = match cause.as_str() {
            "connection refused" => format!("connection to {host} refused"),
            cause => format!("{host}: {cause}"),
        };
        let next = attempt.saturating_add(1);
        let count = if next <= *limit { format!("{next} of {limit}") } else { next.to_string() };
        Some(format!("{what}; retrying ({count})"))
    }
}

fn whole(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is only shown")]
    let value = value as u64;
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_lib::{Commit, ModelId, Version};

    #[test]
    fn events_add_up_to_a_line() {
        let start = Instant::now();
        let mut state = ProgressState::new(start);
        assert_eq!(state.line(), None);
        state.resolving("o/n");
        state.tick(start + Duration::from_secs(2));
        assert_eq!(state.line().unwrap(), "resolving o/n, 2 s");
        let start = start + Duration::from_secs(2);
        let version = Version { model: ModelId::hub("o/n").unwrap(), commit: Commit::parse(&"a".repeat(40)).unwrap() };
        let (a, b) = (RepoPath::parse("a").unwrap(), RepoPath::parse("b").unwrap());
        state.apply("o/n", &Event::Resolved { version: &version, files: 2, bytes: 4_000_000 });
        state.apply("o/n", &Event::Started { path: &a, size: Some(3_000_000), resumed: 1_000_000, source: "cdn.host" });
        state.apply("o/n", &Event::Advanced { path: &a, bytes: 500_000 });
        state.apply("o/n", &Event::Finished { path: &b, size: 1_000_000, outcome: Outcome::Hit, verified: true });
        state.tick(start + Duration::from_secs(1));
        let line = state.line().unwrap();
        assert_eq!(line, "1 of 2 files, 2.5 MB of 4.0 MB (62 %), 500 kB/s, 3 s left, cdn.host");
        state.apply("o/n", &Event::Advanced { path: &a, bytes: -1_500_000 });
        assert_eq!(state.bytes(), (1_000_000, 4_000_000));
        let wait = Duration::from_secs(1);
        state.apply(
            "o/n",
            &Event::Retrying { host: "cdn.host", attempt: 1, limit: 6, wait, reason: "GET /x: Connection reset" },
        );
        assert!(state.line().unwrap().ends_with("1 retry, cdn.host: connection reset; retrying (2 of 6)"));
        state.apply("o/n", &Event::Finished { path: &a, size: 3_000_000, outcome: Outcome::Fetched, verified: true });
        assert_eq!(state.bytes(), (4_000_000, 4_000_000));
        assert!(state.active().is_empty());
    }
}
