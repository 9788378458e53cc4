//! Progress: one trait, events out, nothing back.

use std::time::Duration;

use crate::{Error, RepoPath, Version};

/// How a file was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was in the store already.
    Hit,
    /// It was fetched over the network or copied from a source.
    Fetched,
    /// Its bytes were shared with a file on this machine (reflink or hard link).
    Linked,
    /// Another task or process fetched it meanwhile.
    Shared,
}

/// A progress event for a user interface or a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A version was resolved: so many files and bytes are wanted.
    Resolved {
        /// The version.
        version: &'a Version,
        /// Number of wanted files.
        files: usize,
        /// Bytes of the wanted files whose size is known.
        bytes: u64,
    },
    /// A file begins.
    Started {
        /// Path of the file.
        path: &'a RepoPath,
        /// Its size in bytes, if known.
        size: Option<u64>,
        /// Bytes kept from an earlier run.
        resumed: u64,
        /// The source's name, for people.
        source: &'a str,
    },
    /// More bytes of a file are on the disk; for a waiter, on the leader's disk. May be negative after a restart.
    Advanced {
        /// Path of the file.
        path: &'a RepoPath,
        /// Bytes since the last event.
        bytes: i64,
    },
    /// Another process fetches this file; this one follows its progress.
    Waiting {
        /// Path of the file.
        path: &'a RepoPath,
    },
    /// Something failed and is tried again.
    Retrying {
        /// The host that failed.
        host: &'a str,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Attempts allowed in a row.
        limit: u32,
        /// Time until the next attempt.
        wait: Duration,
        /// The error.
        reason: &'a str,
    },
    /// Of a file that came from several sources at once: what one of them brought.
    Shared {
        /// Path of the file.
        path: &'a RepoPath,
        /// The source's name, for people.
        source: &'a str,
        /// Bytes.
        bytes: u64,
    },
    /// A file is in the store.
    Finished {
        /// Path of the file.
        path: &'a RepoPath,
        /// Its size in bytes.
        size: u64,
        /// How it was obtained.
        outcome: Outcome,
        /// Whether its digest was checked against trusted metadata.
        verified: bool,
    },
    /// A file could not be had.
    Failed {
        /// Path of the file.
        path: &'a RepoPath,
        /// Why.
        error: &'a Error,
    },
    /// Something the user should know that stops nothing.
    Warning(&'a str),
}

/// Receives progress events.
pub trait Progress: Send + Sync + 'static {
    /// Takes one event.
    fn event(&self, event: &Event<'_>);
}

/// Ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn event(&self, _event: &Event<'_>) {}
}
