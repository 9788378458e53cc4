//! Reports progress to the caller, to waiting processes and to concurrent readers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::{Event, FileEntry, Progress, RepoPath};
use cache_store::{Partial, PartialKey, Store};
use tokio::time::Instant;

use crate::disk;
use crate::leadership::{Leadership, OpenConnection};
use crate::live_file::LiveFile;

/// Interval of status updates for waiting processes: enough for a progress bar.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) struct Reporter {
    path: RepoPath,
    progress: Arc<dyn Progress>,
    leader: Arc<Leadership>,
    live: LiveFile,
    /// Record of discarded bytes that readers may hold.
    poison: Option<(Store, PartialKey)>,
    size: Mutex<Option<u64>>,
    last_status: Mutex<Option<Instant>>,
}

impl Reporter {
    pub(crate) fn new(path: RepoPath, size: Option<u64>, progress: Arc<dyn Progress>, leader: Arc<Leadership>) -> Self {
        let live = LiveFile::default();
        Self { path, progress, leader, live, poison: None, size: Mutex::new(size), last_status: Mutex::new(None) }
    }

    /// The same for a file that others may read while it arrives.
    pub(crate) fn with_live(self, live: LiveFile, store: &Store, key: &PartialKey) -> Self {
        Self { live, poison: Some((store.clone(), key.clone())), ..self }
    }

    /// Counts an open connection until the result is dropped.
    pub(crate) fn connected(&self) -> OpenConnection {
        self.leader.connected()
    }

    /// The file for concurrent readers.
    pub(crate) fn live(&self) -> &LiveFile {
        &self.live
    }

    /// A partial was opened, perhaps with bytes that an earlier process has given out.
    pub(crate) fn opened(&self, partial: &Partial) {
        self.live.opened(partial.may_be_given_out());
    }

    /// Discards the received bytes and withdraws them from readers.
    ///
    /// If readers may hold some of them, that is recorded before anything is written anew: they must not be joined with
    /// later bytes. Until then the mark counts that was set before the first byte was given out.
    pub(crate) async fn discard(&self) {
        if self.live.discard()
            && let Some((store, key)) = self.poison.clone()
            && let Err(error) = disk::blocking(move || store.mark_discarded(&key)).await
        {
            tracing::warn!(%error, path = %self.path, "discarded bytes could not be noted");
        }
    }

    pub(crate) fn started(&self, size: Option<u64>, resumed: u64, source: &str) {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner) = size;
        self.progress.event(&Event::Started { path: &self.path, size, resumed, source });
    }

    /// The source sends the file from its beginning, although `kept` bytes of it are here.
    pub(crate) fn restarts(&self, file: &FileEntry, kept: u64) {
        let why = match &file.compressed {
            Some(compressed) => format!("{} cannot be decompressed from the middle", compressed.path),
            None => "the source does not support ranges".to_owned(),
        };
        let warning =
            format!("{}: download restarts from the beginning, {kept} bytes are downloaded again: {why}", self.path);
        self.progress.event(&Event::Warning(&warning));
    }

    /// `new` more bytes are there, `total` in all.
    pub(crate) fn landed(&self, new: u64, total: u64) {
        self.advanced(new);
        let now = Instant::now();
        let mut last_status = self.last_status.lock().unwrap_or_else(PoisonError::into_inner);
        if last_status.is_none_or(|last_status| now.duration_since(last_status) >= STATUS_INTERVAL) {
            *last_status = Some(now);
            drop(last_status);
            let size = *self.size.lock().unwrap_or_else(PoisonError::into_inner);
            self.leader.progress(total, size);
        }
    }

    /// Reports that received bytes were discarded.
    pub(crate) fn restarted(&self, lost: u64) {
        self.report_bytes(-i64::try_from(lost).unwrap_or(i64::MAX));
    }

    /// Reports `new` more bytes to the caller alone.
    pub(crate) fn advanced(&self, new: u64) {
        self.report_bytes(i64::try_from(new).unwrap_or(i64::MAX));
    }

    fn report_bytes(&self, bytes: i64) {
        if bytes != 0 {
            self.progress.event(&Event::Advanced { path: &self.path, bytes });
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reporter({})", self.path)
    }
}
