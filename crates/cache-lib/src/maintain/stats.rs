//! [`Stats`]: usage of a store, and disk space of each model.

use std::collections::{BTreeMap, HashSet};

use cache_store::{ModelTotals, SourceTotals};
use serde::Serialize;

use crate::{Cache, Result};

/// Usage of a store since its statistics began, by all processes together.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// When the first counted get ended, in seconds since 1970. `None`: nothing was counted yet.
    pub since: Option<u64>,
    /// When the last one did.
    pub until: Option<u64>,
    /// Gets, failed ones included.
    pub gets: u64,
    /// Wanted files that were in the store already.
    pub hits: u64,
    /// Bytes of those.
    pub hit_bytes: u64,
    /// Wanted files that were not.
    pub misses: u64,
    /// Bytes that came from all sources.
    pub fetched_bytes: u64,
    /// Requests that were repeated.
    pub retries: u64,
    /// Failed gets by [kind](crate::ErrorKind::as_str).
    pub failures: BTreeMap<String, u64>,
    /// The sources, the one that gave most first.
    pub sources: Vec<SourceStats>,
    /// The models that were got or are in the store, the largest first.
    pub models: Vec<ModelStats>,
    /// Bytes of all blobs in the store. Files that models share are counted once.
    pub disk_bytes: u64,
    /// Lines of the statistics that could not be read.
    pub broken_lines: u64,
}

/// Downloads from one source.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SourceStats {
    /// Its host or folder.
    pub source: String,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// Seconds in which it was asked for at least one file.
    pub seconds: f64,
    /// Its mean rate: bytes by seconds. `None` where the time was too short to measure.
    pub bytes_per_second: Option<u64>,
}

/// Gets of one model, and its disk space.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct ModelStats {
    /// The model, as a reference.
    pub model: String,
    /// Gets.
    pub gets: u64,
    /// Files that were in the store already.
    pub hits: u64,
    /// Files that were not.
    pub misses: u64,
    /// Bytes that came from sources.
    pub fetched_bytes: u64,
    /// Bytes in the store, of all its versions. A file that several of them share is counted once.
    pub disk_bytes: u64,
}

impl Cache {
    /// Usage of this store, and disk space of each model. Reads the disk.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be read.
    pub fn stats(&self) -> Result<Stats> {
        let log = self.store().usage()?;
        let inventory = self.store().inventory()?;
        let mut models: BTreeMap<String, ModelStats> = BTreeMap::new();
        for (model, totals) in &log.total.models {
            models.insert(model.clone(), of_model(model, *totals));
        }
        let mut counted = HashSet::new();
        for version in &inventory.versions {
            let model = version.version.model.to_string();
            let entry = models.entry(model.clone()).or_insert_with(|| of_model(&model, ModelTotals::default()));
            for file in version.files.iter().filter(|file| counted.insert((model.clone(), file.blob))) {
                let size = inventory.blobs.get(&file.blob).map_or(0, |blob| blob.size);
                entry.disk_bytes = entry.disk_bytes.saturating_add(size);
            }
        }
        let mut models: Vec<_> = models.into_values().collect();
        models.sort_by(|a, b| b.disk_bytes.cmp(&a.disk_bytes).then_with(|| a.model.cmp(&b.model)));
        let mut sources: Vec<_> = log.total.sources.iter().map(|(name, totals)| of_source(name, *totals)).collect();
        sources.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.source.cmp(&b.source)));
        let total = log.total;
        Ok(Stats {
            since: Some(total.since).filter(|&time| time > 0),
            until: Some(total.until).filter(|&time| time > 0),
            gets: total.gets,
            hits: total.hits,
            hit_bytes: total.hit_bytes,
            misses: total.misses,
            fetched_bytes: sources.iter().map(|source| source.bytes).fold(0, u64::saturating_add),
            retries: total.retries,
            failures: total.failures,
            sources,
            models,
            disk_bytes: inventory.size(),
            broken_lines: log.broken,
        })
    }

    /// Resets the statistics.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) when the store cannot be written.
    pub fn reset_stats(&self) -> Result<()> {
        self.store().reset_usage()
    }
}

fn of_model(model: &str, totals: ModelTotals) -> ModelStats {
    let ModelTotals { gets, hits, misses, bytes, .. } = totals;
    ModelStats { model: model.to_owned(), gets, hits, misses, fetched_bytes: bytes, disk_bytes: 0 }
}

fn of_source(name: &str, totals: SourceTotals) -> SourceStats {
    let SourceTotals { files, bytes, millis, .. } = totals;
    let rate = (u128::from(bytes) * 1000).checked_div(millis.into());
    let rate = rate.map(|rate| u64::try_from(rate).unwrap_or(u64::MAX));
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let seconds = millis as f64 / 1000.0;
    SourceStats { source: name.to_owned(), files, bytes, seconds, bytes_per_second: rate }
}
