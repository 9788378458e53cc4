//! Rows of the table of downloads, and what is counted beside them.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::clock::seconds;

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

/// The names that a sink gives to its rows.
#[derive(Debug, Clone)]
pub(super) struct RowNames {
    pub(super) model: String,
    pub(super) commit: String,
}

/// The sink that an event came from, with the whole fetch that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct SinkContext<'a> {
    pub(super) sink: u64,
    pub(super) fetch: Option<u64>,
    pub(super) names: &'a RowNames,
}

fn as_seconds<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(seconds(*time))
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn as_seconds_if_any<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(seconds).serialize(serializer)
}
