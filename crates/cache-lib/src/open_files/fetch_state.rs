//! Progress of the fetch of an opened file.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Event, Progress, RepoPath, Version};

/// A file that [`Cache::open`](crate::Cache::open) is fetching.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InFlight {
    /// Version of the file.
    pub version: Version,
    /// Path of the file in the version.
    pub path: RepoPath,
    /// Size in bytes; `None` until it is known.
    pub size: Option<u64>,
    /// Bytes received, those of an earlier run included.
    pub received: u64,
    /// Source of the bytes; `None` until it is known.
    pub source: Option<String>,
    /// Number of open readers.
    pub readers: usize,
}

/// Records the progress of one fetch, and forwards it.
pub(crate) struct FetchState {
    next: Option<Arc<dyn Progress>>,
    current: Mutex<FetchedSoFar>,
}

/// A point-in-time sample of one fetch.
#[derive(Debug, Clone, Default)]
pub(crate) struct FetchedSoFar {
    pub(crate) size: Option<u64>,
    pub(crate) received: u64,
    pub(crate) source: Option<String>,
}

impl FetchState {
    pub(crate) fn new(size: Option<u64>, next: Option<Arc<dyn Progress>>) -> Self {
        Self { next, current: Mutex::new(FetchedSoFar { size, ..FetchedSoFar::default() }) }
    }

    pub(crate) fn current(&self) -> MutexGuard<'_, FetchedSoFar> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for FetchState {
    fn event(&self, event: &Event<'_>) {
        {
            let mut current = self.current();
            match *event {
                Event::Started { size, resumed, source, .. } => {
                    current.size = size.or(current.size);
                    current.received = resumed;
                    current.source = Some(source.to_owned());
                }
                Event::Advanced { bytes, .. } => current.received = current.received.saturating_add_signed(bytes),
                _ => {}
            }
        }
        if let Some(next) = &self.next {
            next.event(event);
        }
    }
}

impl std::fmt::Debug for FetchState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.current().fmt(f)
    }
}
