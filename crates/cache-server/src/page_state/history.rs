//! [`History`]: a day of samples, one a minute, for the charts. It begins anew when the server does.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use cache_lib::{Cache, Result};
use serde::Serialize;

use crate::activity::Activity;
use crate::blocking::blocking;
use crate::clock::seconds;

/// A day.
const MAX: usize = 24 * 60;

/// A point-in-time sample. Counters count from the start of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Sample {
    /// Seconds since 1970.
    pub(crate) at: u64,
    /// Bytes of all blobs.
    pub(crate) used: u64,
    /// Bytes that may still be written on the file system.
    pub(crate) free: u64,
    /// Bytes of the file system.
    pub(crate) total: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) fetched_bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct History(Mutex<VecDeque<Sample>>);

impl History {
    /// The samples so far, the oldest first.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    pub(crate) fn add(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }
}

impl Sample {
    /// A sample of now.
    pub(crate) async fn now(cache: &Cache, activity: &Activity) -> Result<Self> {
        let store = cache.store().clone();
        let disk = blocking(move || store.disk_space()).await?;
        let totals = activity.totals();
        Ok(Self {
            at: seconds(SystemTime::now()),
            used: disk.used,
            free: disk.free,
            total: disk.total,
            hits: totals.hits,
            misses: totals.misses,
            fetched_bytes: totals.fetched_bytes,
        })
    }
}
