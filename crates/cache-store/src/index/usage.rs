//! [`Usage`]: statistics of gets, a line each in one file, summed up when the file has grown.
//!
//! Statistics are worth no wait and no failure: nothing is synced, a full disk loses a line, and a line that was cut off
//! spoils only itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::time::{Duration, SystemTime};

use cache_core::Result;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};

use crate::fs::durable::{self, Durability};
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::mode::{FILE_MODE, share};
use crate::locking::locks;
use crate::store::Store;

/// Name of the lock between appending and compaction.
const LOCK: &str = "stats";
/// The file is summed up when it is larger, in bytes.
const COMPACT_AT: u64 = 1 << 20;
/// No more of the file is read, in bytes.
const MAX_READ: u64 = 16 << 20;
/// Longest line that is added, in bytes: what one write appends whole.
const MAX_LINE: usize = 4 << 10;
/// Most models, and most sources, that are counted separately; the smallest others are summed up.
const MAX_NAMES: usize = 1000;
/// Longest name of a source, in characters.
const MAX_NAME: usize = 120;
/// Name of the sum of all models or sources that are not counted separately.
const OTHERS: &str = "(others)";

/// What some gets did: one, or the sum of many. A line of the file is one of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// The end of the first get, in seconds since 1970. 0: not added yet.
    pub since: u64,
    /// The end of the last get, in seconds since 1970.
    pub until: u64,
    /// Gets, failed ones included.
    pub gets: u64,
    /// Wanted files that were in the store already.
    pub hits: u64,
    /// Bytes of those.
    pub hit_bytes: u64,
    /// Wanted files that were not.
    pub misses: u64,
    /// Requests that were repeated.
    pub retries: u64,
    /// Failed gets by [kind](cache_core::ErrorKind::as_str).
    pub failures: BTreeMap<String, u64>,
    /// What each source gave, by its name.
    pub sources: BTreeMap<String, SourceTotals>,
    /// What was got, by model.
    pub models: BTreeMap<String, ModelTotals>,
}

/// What one source gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceTotals {
    /// Files that came from it.
    pub files: u64,
    /// Bytes that came, those of files that were not finished included.
    pub bytes: u64,
    /// Milliseconds in which at least one file of a get was on its way.
    pub millis: u64,
}

/// What was got of one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelTotals {
    /// Gets.
    pub gets: u64,
    /// Files that were in the store already.
    pub hits: u64,
    /// Files that were not.
    pub misses: u64,
    /// Bytes that came from sources.
    pub bytes: u64,
}

/// The sum of the file.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct UsageLog {
    /// All gets together.
    pub total: Usage,
    /// Lines that could not be read.
    pub broken: u64,
}

impl Usage {
    /// Adds up. Saturates: the file can hold any number.
    pub fn add(&mut self, other: &Self) {
        self.since = match (self.since, other.since) {
            (0, since) | (since, 0) => since,
            (a, b) => a.min(b),
        };
        self.until = self.until.max(other.until);
        plus(&mut self.gets, other.gets);
        plus(&mut self.hits, other.hits);
        plus(&mut self.hit_bytes, other.hit_bytes);
        plus(&mut self.misses, other.misses);
        plus(&mut self.retries, other.retries);
        for (kind, count) in &other.failures {
            plus(self.failures.entry(kind.clone()).or_default(), *count);
        }
        for (name, new) in &other.sources {
            self.sources.entry(name.clone()).or_default().add(new);
        }
        for (name, new) in &other.models {
            self.models.entry(name.clone()).or_default().add(new);
        }
    }

    /// Adds what a source gave. A name that is too long is cut.
    pub fn add_source(&mut self, name: &str, files: u64, bytes: u64, time: Duration) {
        let name: String = name.chars().take(MAX_NAME).collect();
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.sources.entry(name).or_default().add(&SourceTotals { files, bytes, millis });
    }

    /// Attributes the counts so far to a model.
    pub fn of_model(&mut self, name: impl Into<String>) {
        let bytes = self.sources.values().map(|source| source.bytes).fold(0, u64::saturating_add);
        let totals = ModelTotals { gets: self.gets, hits: self.hits, misses: self.misses, bytes };
        self.models.insert(name.into(), totals);
    }

    /// Keeps the number of names within bounds; nothing that was counted is lost.
    fn bound(&mut self, names: usize) {
        fold(&mut self.sources, names, |totals| totals.bytes, SourceTotals::add);
        fold(&mut self.models, names, |totals| totals.gets, ModelTotals::add);
    }

    fn line(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

impl SourceTotals {
    fn add(&mut self, other: &Self) {
        plus(&mut self.files, other.files);
        plus(&mut self.bytes, other.bytes);
        plus(&mut self.millis, other.millis);
    }
}

impl ModelTotals {
    fn add(&mut self, other: &Self) {
        plus(&mut self.gets, other.gets);
        plus(&mut self.hits, other.hits);
        plus(&mut self.misses, other.misses);
        plus(&mut self.bytes, other.bytes);
    }
}

fn plus(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// Sums up the smallest entries, so that at most `most` and their sum remain.
fn fold<T: Copy + Default>(
    map: &mut BTreeMap<String, T>,
    most: usize,
    weight: impl Fn(&T) -> u64,
    add: impl Fn(&mut T, &T),
) {
    if map.len() <= most {
        return;
    }
    let mut names: Vec<(u64, String)> = map.iter().map(|(name, value)| (weight(value), name.clone())).collect();
    names.sort_by(|a, b| b.cmp(a));
    let mut others = T::default();
    for (_, name) in names.into_iter().skip(most) {
        if let Some(value) = map.remove(&name) {
            add(&mut others, &value);
        }
    }
    add(map.entry(OTHERS.to_owned()).or_default(), &others);
}

impl Store {
    /// Adds what a get did. Never fails and hardly waits: what cannot be written is not counted. A read-only store
    /// records nothing.
    pub fn record_usage(&self, mut usage: Usage) {
        if self.read_only().is_some() {
            return;
        }
        let now = self.0.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        (usage.since, usage.until) = (now, now);
        if let Err(error) = self.append_usage(&mut usage) {
            tracing::debug!(%error, "statistics were not written");
        }
    }

    fn append_usage(&self, usage: &mut Usage) -> io::Result<()> {
        let mut line = usage.line().unwrap_or_default();
        if line.len() > MAX_LINE {
            usage.bound(4);
            line = usage.line().filter(|line| line.len() <= MAX_LINE).ok_or(io::ErrorKind::InvalidInput)?;
        }
        let size = {
            // Without the lock, which is not waited for, a line may be lost to a summing up.
            let lock = locks::open(&self.layout().store_lock(LOCK))?;
            let _ = lock.try_lock_shared();
            let mut file = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .mode(FILE_MODE)
                .custom_flags(locks::nofollow())
                .open(self.layout().usage())?;
            share(file.file(), &self.layout().usage());
            // The newline in front ends a line that was cut off.
            file.write_all(format!("\n{line}\n").as_bytes())?;
            file.metadata()?.len()
        };
        if size > COMPACT_AT { self.compact_usage() } else { Ok(()) }
    }

    /// Replaces the lines by their sum, unless another process is doing so.
    fn compact_usage(&self) -> io::Result<()> {
        let lock = locks::open(&self.layout().store_lock(LOCK))?;
        if !self.0.locks.try_exclusive(&lock)? {
            return Ok(());
        }
        let UsageLog { mut total, .. } = self.read_usage()?;
        total.bound(MAX_NAMES);
        let line = total.line().ok_or(io::ErrorKind::InvalidData)?;
        durable::write(self.layout(), &self.layout().usage(), format!("{line}\n").as_bytes(), Durability::Derived)
    }

    /// What the gets of this store did, all together. Lines that make no sense are counted and left out.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file is there and cannot be read.
    pub fn usage(&self) -> Result<UsageLog> {
        self.read_usage().context("read the statistics")
    }

    /// Begins to count anew.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the store cannot be written.
    pub fn reset_usage(&self) -> Result<()> {
        self.writable()?;
        let _lock: File = self.lock_user_data(LOCK)?;
        durable::remove(&self.layout().usage()).context("remove the statistics").map(drop)
    }

    fn read_usage(&self) -> io::Result<UsageLog> {
        let mut log = UsageLog::default();
        let open = fs::OpenOptions::new().read(true).custom_flags(locks::nofollow()).open(self.layout().usage());
        let Some(file) = open.or_absent()? else { return Ok(log) };
        let mut bytes = Vec::new();
        file.take(MAX_READ).read_to_end(&mut bytes)?;
        for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Usage>(line) {
                Ok(usage) => log.total.add(&usage),
                Err(_) => log.broken += 1,
            }
        }
        Ok(log)
    }
}

#[cfg(test)]
mod tests;
