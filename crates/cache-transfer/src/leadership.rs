//! The right to fetch one file, held by the leader of a flight.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{Error, ErrorKind, FileEntry, Result};
use cache_store::{Blob, LeaderGuard, SmallGuard, Store};

use crate::wrong_bytes::is_wrong_bytes;

/// The right to fetch one file.
#[derive(Debug)]
pub(crate) enum FlightGuard {
    /// With a status file for waiters.
    WithStatus(Box<LeaderGuard>),
    /// Of a small file, without one.
    Small(SmallGuard),
}

/// The right to fetch, shared by all tasks of a transfer. Dropping it without a word lets the next one take over.
#[derive(Debug)]
pub(crate) struct Leadership {
    guard: Mutex<Option<FlightGuard>>,
    ended: AtomicBool,
    /// Connections that are open: while there is none, the leader waits for something else than bytes.
    connections: AtomicUsize,
}

/// An open connection of a leader.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Leadership>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Leadership {
    pub(crate) fn new(right: FlightGuard) -> Arc<Self> {
        Arc::new(Self {
            guard: Mutex::new(Some(right)),
            ended: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
        })
    }

    fn guard(&self) -> MutexGuard<'_, Option<FlightGuard>> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the guard if it has a status file to write the result to; releases it otherwise.
    fn end(&self) -> Option<LeaderGuard> {
        self.ended.store(true, Ordering::Relaxed);
        match self.guard().take()? {
            FlightGuard::WithStatus(guard) => Some(*guard),
            FlightGuard::Small(mut guard) => {
                guard.release();
                None
            }
        }
    }

    /// Whether the right was given away.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Whether it is the right to fetch a small file.
    pub(crate) fn is_small(&self) -> bool {
        matches!(*self.guard(), Some(FlightGuard::Small(_)))
    }

    /// Counts a connection until the result is dropped.
    pub(crate) fn connected(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    /// Whether the leader depends on the network alone for its next byte.
    pub(crate) fn is_connected(&self) -> bool {
        self.connections.load(Ordering::Relaxed) > 0
    }

    /// Publishes the progress for waiting processes. Blocks.
    pub(crate) fn progress(&self, done: u64, total: Option<u64>) {
        if let Some(FlightGuard::WithStatus(guard)) = &mut *self.guard() {
            guard.progress(done, total);
        }
    }

    /// Whether this task still leads; with `excused` waiting processes are shown that it is alive. Blocks.
    pub(crate) fn still_leads(&self, excused: bool) -> bool {
        match &mut *self.guard() {
            Some(FlightGuard::WithStatus(guard)) if excused => guard.beat(),
            Some(FlightGuard::WithStatus(guard)) => guard.leads(),
            _ => true,
        }
    }

    /// Gives the right away. Waiters find the blob by its digest, or, where none was known, by the word left here.
    /// Blocks.
    pub(crate) fn done(&self, store: &Store, file: &FileEntry, blob: &Blob) {
        let Some(mut guard) = self.end() else { return };
        if file.digests.sha256.is_some() || matches!(present(store, file), Ok(Some(_))) {
            guard.release();
        } else {
            guard.arrived(&blob.name);
        }
    }

    /// Gives the right away, leaving an error that waiters can use. Blocks.
    pub(crate) fn fail(&self, error: &Error) {
        let Some(mut guard) = self.end() else { return };
        // Everything else depends on the leader's token, proxy, limits or rights.
        if is_wrong_bytes(error) || error.kind() == ErrorKind::Network {
            guard.fail(error);
        } else {
            guard.release();
        }
    }
}

/// The blob that holds the file's bytes, as far as its name is known, leased.
pub(crate) fn present(store: &Store, file: &FileEntry) -> Result<Option<Blob>> {
    Ok(store.lease_file(file)?.filter(|blob| file.size.is_none_or(|size| size == blob.size)))
}
