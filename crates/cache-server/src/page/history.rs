//! [`History`]: a day of samples, one a minute, for the charts. It begins anew when the server does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use cache_lib::{Cache, Result};
use serde::Serialize;

use super::seconds;
use crate::activity::Activity;
use crate::app::App;
use crate::blocking::blocking;

const EVERY: Duration = Duration::from_secs(60);
/// A day.
const MAX: usize = 24 * 60;

/// A point-in-time sample. Counters count from the start of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Sample {
    /// Seconds since 1970.
    pub(super) at: u64,
    /// Bytes of all blobs.
    pub(super) used: u64,
    /// Bytes that may still be written on the file system.
    pub(super) free: u64,
    /// Bytes of the file system.
    pub(super) total: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) fetched_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Sample>>);

impl History {
    /// The samples so far, the oldest first.
    pub(super) fn samples(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    pub(super) fn add(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }
}

/// A sample of now.
pub(super) async fn now(cache: &Cache, activity: &Activity) -> Result<Sample> {
    let store = cache.store().clone();
    let disk = blocking(move || store.disk_space()).await?;
    let totals = activity.totals();
    Ok(Sample {
        at: seconds(SystemTime::now()),
        used: disk.used,
        free: disk.free,
        total: disk.total,
        hits: totals.hits,
        misses: totals.misses,
        fetched_bytes: totals.fetched_bytes,
    })
}

/// Takes a sample a minute until it is dropped, whatever becomes of the configuration.
pub(crate) fn sampling(app: &App) -> impl Future<Output = ()> + Send + use<> {
    let (cache, activity, kept) = (app.cache.clone(), Arc::clone(&app.activity), Arc::clone(&app.page.kept));
    async move {
        let mut minutes = tokio::time::interval(EVERY);
        minutes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            minutes.tick().await;
            match now(&cache, &activity).await {
                Ok(sample) => kept.history.add(sample),
                Err(error) => tracing::debug!(%error, "no sample of the disk"),
            }
        }
    }
}
