//! The journal of a transfer: what the next process may go on from.

use std::sync::Arc;
use std::time::Duration;

use cache_core::Result;
use cache_store::Recorder;
use tokio::time::Instant;

use crate::transfer::Transfer;

/// Bytes between two synced journal entries on a fast link.
const JOURNAL_BYTES: u64 = 256 << 20;
/// Time between two synced journal entries on a slow one.
const JOURNAL_INTERVAL: Duration = Duration::from_secs(5);
/// Time between two notes, which are not synced: what a killed process loses.
const NOTE_INTERVAL: Duration = Duration::from_millis(500);

/// Schedule of journal writes.
pub(crate) struct JournalSchedule {
    synced: (Instant, u64),
    noted: (Instant, u64),
}

impl JournalSchedule {
    pub(crate) fn new(total: u64) -> Self {
        let now = (Instant::now(), total);
        Self { synced: now, noted: now }
    }

    /// Whether an entry is due, and if so whether it is to be synced.
    pub(crate) fn due(&self, total: u64) -> Option<bool> {
        let since = |(at, bytes): (Instant, u64)| (at.elapsed(), total.saturating_sub(bytes));
        match (since(self.synced), since(self.noted)) {
            ((time, bytes), _) if bytes >= JOURNAL_BYTES || (bytes > 0 && time >= JOURNAL_INTERVAL) => Some(true),
            (_, (time, bytes)) if bytes > 0 && time >= NOTE_INTERVAL => Some(false),
            _ => None,
        }
    }

    pub(crate) fn written(&mut self, synced: bool, total: u64) {
        self.noted = (Instant::now(), total);
        if synced {
            self.synced = self.noted;
        }
    }
}

/// Keeps the next process informed of what is there. Dropped before it is closed (the transfer was cancelled), it leaves
/// a last entry to the partial, which is dropped next.
pub(crate) struct ProgressJournal {
    recorder: Recorder,
    transfer: Arc<Transfer>,
    open: bool,
}

impl ProgressJournal {
    pub(crate) fn new(recorder: Recorder, transfer: &Arc<Transfer>) -> Self {
        Self { recorder, transfer: Arc::clone(transfer), open: true }
    }

    /// Writes one entry: the ranges that are there now, flushed to the disk first if `synced`. Blocks.
    pub(crate) fn entry(&self, synced: bool) -> impl FnOnce() -> Result<()> + Send + 'static {
        let ranges = self.transfer.sink.done();
        let tag = self.transfer.tag();
        let recorder = self.recorder.clone();
        move || if synced { recorder.record(&ranges, tag.as_deref()) } else { recorder.note(&ranges, tag.as_deref()) }
    }

    /// Ends the journal; a failed transfer gets a last entry.
    pub(crate) async fn close(&mut self, complete: bool) {
        self.open = false;
        // Another source may go on from there in this process, even where a later one could not.
        if !complete
            && self.transfer.is_resumable()
            && let Ok(written) = tokio::task::spawn_blocking(self.entry(true)).await
        {
            note_unrecorded(written);
        }
    }
}

impl Drop for ProgressJournal {
    fn drop(&mut self) {
        if self.open && self.transfer.is_worth_keeping() {
            self.recorder.note_at_drop(self.transfer.sink.done(), self.transfer.tag());
        }
    }
}

/// That the journal cannot be written must not hide why the transfer ended.
fn note_unrecorded(written: Result<()>) {
    if let Err(error) = written {
        tracing::warn!(%error, "what has arrived could not be recorded");
    }
}
