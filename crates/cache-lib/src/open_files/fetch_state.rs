//! How far the fetch of an opened file is, for people.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Event, Progress, RepoPath, Version};

/// A file that [`Cache::open`](crate::Cache::open) is fetching.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Arrival {
    /// The version it belongs to.
    pub version: Version,
    /// The file.
    pub path: RepoPath,
    /// Its size in bytes, if known already.
    pub size: Option<u64>,
    /// Bytes of it that are there, those of an earlier run included.
    pub landed: u64,
    /// Where it comes from, once that is known.
    pub source: Option<String>,
    /// How many have it open.
    pub readers: usize,
}

/// Notes what is heard of one file, and passes it on.
pub(crate) struct Heard {
    next: Option<Arc<dyn Progress>>,
    notes: Mutex<Notes>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    pub(crate) size: Option<u64>,
    pub(crate) landed: u64,
    pub(crate) source: Option<String>,
}

impl Heard {
    pub(crate) fn new(size: Option<u64>, next: Option<Arc<dyn Progress>>) -> Self {
        Self { next, notes: Mutex::new(Notes { size, ..Notes::default() }) }
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Heard {
    fn event(&self, event: &Event<'_>) {
        {
            let mut notes = self.notes();
            match *event {
                Event::Started { size, resumed, source, .. } => {
                    notes.size = size.or(notes.size);
                    notes.landed = resumed;
                    notes.source = Some(source.to_owned());
                }
                Event::Advanced { bytes, .. } => notes.landed = notes.landed.saturating_add_signed(bytes),
                _ => {}
            }
        }
        if let Some(next) = &self.next {
            next.event(event);
        }
    }
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.notes().fmt(f)
    }
}
