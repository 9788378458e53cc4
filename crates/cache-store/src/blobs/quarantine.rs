//! Quarantine: bad files are kept with the reason, and never in the way.
//!
//! An entry's id begins with the expected digest and ends with the actual one: the same bytes for the same file are one
//! entry, however often they come. The number of entries for one file, and the bytes of all, are limited; the oldest go
//! first. That a blob was found corrupted is remembered when its bytes have gone, until it is there again.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use cache_core::{Error, ErrorKind, Result, Sha256};
use fs_err as fs;

use crate::blobs::partial::{Closed, Partial};
use crate::blobs::quarantine_record::{QuarantineEntry, QuarantineRecord, Stored, beginning};
use crate::blobs::space::DiskSpace;
use crate::fs::clock::nonce;
use crate::fs::durable::{self, Durability};
use crate::fs::hashing::hash_file;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::layout::Layout;
use crate::fs::listing::{entries, file_name};
use crate::index::blob::Blob;
use crate::store::Store;
use crate::store::amount::Amount;

/// Largest record that is read, in bytes.
const MAX_RECORD: u64 = 16 << 20;
/// Most entries for one expected file. A source that sends other wrong bytes each time adds no more.
const MAX_SIBLINGS: usize = 3;
/// All entries together take at most this fraction of the disk.
const DISK_FRACTION: u64 = 10;
/// Age of a folder's last change after which another one shows in its time.
const SETTLED: Duration = Duration::from_secs(2);

impl Store {
    /// Moves a downloaded file to quarantine. Returns its id.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be moved; it is then still a partial.
    pub fn quarantine(&self, partial: Partial, record: QuarantineRecord) -> Result<String> {
        self.writable()?;
        let Closed { file, path, held: _held, .. } = partial.close()?;
        let id = self.quarantine_file(&path, record);
        let _ = durable::remove(&Layout::journal(&path));
        drop(file);
        id
    }

    /// Moves a file of the store to quarantine. The same bytes for the same file replace their earlier entry.
    pub(crate) fn quarantine_file(&self, path: &Path, record: QuarantineRecord) -> Result<String> {
        self.writable()?;
        let what = || format!("put {} in quarantine", path.display());
        let size = fs::symlink_metadata(path).context(what())?.len();
        let id = record.id(size);
        // The record first: without it the file is of unknown origin.
        self.put_quarantine_record(&id, &Stored { since: self.0.clock.now(), record })?;
        let data = self.layout().quarantined(&id);
        let moved = durable::rename_over(path, &data, Durability::Durable);
        if moved.is_err() && !data.exists() {
            let _ = durable::remove(&self.layout().quarantine_record(&id));
        }
        moved.context(what())?;
        if let Err(error) = self.expire_quarantine().and_then(|_| self.limit_quarantine(&id)) {
            tracing::warn!(%error, "old entries could not be removed from quarantine");
        }
        Ok(id)
    }

    fn put_quarantine_record(&self, id: &str, record: &Stored) -> Result<()> {
        let text = serde_json::to_vec_pretty(record)
            .map_err(|error| Error::storage("write a quarantine record", error.into()))?;
        self.write(&self.layout().quarantine_record(id), &text, Durability::Durable)
    }

    /// Removes the oldest entries but `newest`: those above the limit for one file, and those for which there is no room.
    fn limit_quarantine(&self, newest: &str) -> Result<()> {
        let entries = self.quarantined()?;
        let DiskSpace { total: disk, used, .. } = self.disk_space()?;
        let quota = self.quota().map_or(u64::MAX, |quota| quota.saturating_sub(used));
        let room = quota.min(disk / DISK_FRACTION);
        let is_sibling = |id: &str| id.get(..8) == newest.get(..8);
        let mut siblings = entries.iter().filter(|entry| is_sibling(&entry.id)).count();
        let mut total = entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
        for entry in entries.iter().filter(|entry| entry.id != newest) {
            let sibling = is_sibling(&entry.id);
            if total > room || (sibling && siblings > MAX_SIBLINGS) {
                self.remove_entry(&entry.id)?;
                siblings -= usize::from(sibling);
                total = total.saturating_sub(entry.size);
            }
        }
        Ok(())
    }

    /// The blobs that were found corrupted and are in quarantine, fetched anew since or not.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the folder cannot be read.
    pub fn corrupted_blobs(&self) -> Result<HashSet<Sha256>> {
        let records = self.records("")?;
        Ok(records.iter().filter_map(|(_, stored)| stored.record.corrupted_blob()).collect())
    }

    /// The record of a blob that was found corrupted, and its id; the newest of several.
    pub(crate) fn corrupted_blob(&self, name: &Sha256) -> Result<Option<(String, Stored)>> {
        let mut records = self.records(beginning(&name.to_string()).as_str())?;
        records.retain(|(_, stored)| stored.record.corrupted_blob() == Some(*name));
        Ok(records.into_iter().max_by_key(|(_, stored)| stored.since))
    }

    /// Whether nothing is in quarantine. Costs one `stat` until it changes.
    fn is_quarantine_empty(&self) -> bool {
        let changed = fs::symlink_metadata(self.layout().quarantine()).and_then(|folder| folder.modified());
        let Ok(changed) = changed else { return false };
        let known = || self.0.empty_quarantine.lock().unwrap_or_else(PoisonError::into_inner);
        if *known() == Some(changed) {
            return true;
        }
        let is_empty = fs::read_dir(self.layout().quarantine()).is_ok_and(|mut entries| entries.next().is_none());
        // A change in the same tick of the file system's clock would not show.
        *known() = (is_empty && self.0.clock.age(changed) >= SETTLED).then_some(changed);
        is_empty
    }

    /// Notes that a blob that was found corrupted is there again, sound.
    pub(crate) fn resolve_corrupted(&self, name: &Sha256) -> Result<()> {
        if self.is_quarantine_empty() {
            return Ok(());
        }
        while let Some((id, Stored { since, record })) = self.corrupted_blob(name)? {
            if !self.layout().quarantined(&id).exists() {
                durable::remove(&self.layout().quarantine_record(&id)).context("settle a quarantine record")?;
                continue;
            }
            let reason = format!("{}; downloaded again", record.reason);
            let record = QuarantineRecord { reason, was_blob: false, intact: Vec::new(), ..record };
            self.put_quarantine_record(&id, &Stored { since, record })?;
        }
        Ok(())
    }

    /// Removes entries older than the store keeps them.
    pub(crate) fn expire_quarantine(&self) -> Result<Amount> {
        let mut gone = Amount::default();
        let Some(age) = self.0.quarantine_age else { return Ok(gone) };
        for entry in self.quarantined()?.iter().filter(|entry| self.0.clock.age(entry.since) > age) {
            self.remove_entry(&entry.id)?;
            gone.add(entry.size);
        }
        Ok(gone)
    }

    /// Removes the oldest entries until so many bytes are free, or none is left.
    pub(crate) fn free_quarantine(&self, bytes: u64) -> Result<Amount> {
        let mut gone = Amount::default();
        for entry in self.quarantined()? {
            if gone.bytes >= bytes {
                break;
            }
            self.remove_entry(&entry.id)?;
            gone.add(entry.size);
        }
        Ok(gone)
    }

    /// Everything in quarantine, oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the folder cannot be read.
    pub fn quarantined(&self) -> Result<Vec<QuarantineEntry>> {
        self.entries("")
    }

    /// The entries whose id begins so, oldest first.
    fn entries(&self, prefix: &str) -> Result<Vec<QuarantineEntry>> {
        // A record may have no file: it never came, is being removed, or was removed as that of a corrupted blob.
        let mut found: Vec<QuarantineEntry> =
            self.record_ids(prefix)?.iter().filter_map(|id| self.quarantine_show(id).ok()).collect();
        found.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        Ok(found)
    }

    /// The records whose id begins so, with a file or without.
    pub(crate) fn records(&self, prefix: &str) -> Result<Vec<(String, Stored)>> {
        let read = |id: String| {
            let text = cache_fs::read(self.layout().quarantine_record(&id), MAX_RECORD).ok()?;
            Some((id, serde_json::from_slice(&text).ok()?))
        };
        Ok(self.record_ids(prefix)?.into_iter().filter_map(read).collect())
    }

    fn record_ids(&self, prefix: &str) -> Result<Vec<String>> {
        let paths = entries(&self.layout().quarantine(), "list the quarantine")?;
        let ids = paths.iter().filter_map(|path| file_name(path)?.strip_suffix(".json"));
        Ok(ids.filter(|id| id.starts_with(prefix)).map(str::to_owned).collect())
    }

    /// One file in quarantine.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none with this id.
    pub fn quarantine_show(&self, id: &str) -> Result<QuarantineEntry> {
        let unknown = || {
            Error::new(ErrorKind::NotFound, format!("{id:?} is not in quarantine"))
                .with_hint("list the files in quarantine")
                .with_reason(cache_core::Reason::NoQuarantineId)
        };
        if id.len() != 16 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let read = |path: PathBuf| cache_fs::read(path, MAX_RECORD).or_absent().context("read a quarantine record");
        let text = read(self.layout().quarantine_record(id))?.ok_or_else(unknown)?;
        let data = self.layout().quarantined(id);
        let metadata = fs::symlink_metadata(&data).or_absent().context("look at a quarantined file")?;
        let size = metadata.filter(std::fs::Metadata::is_file).ok_or_else(unknown)?.len();
        let stored: Stored = serde_json::from_slice(&text)
            .map_err(|error| Error::storage(format_args!("read the quarantine record {id}"), error.into()))?;
        Ok(QuarantineEntry { id: id.to_owned(), record: stored.record, size, since: stored.since, data })
    }

    /// Removes a file from quarantine for good.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none with this id.
    pub fn quarantine_remove(&self, id: &str) -> Result<()> {
        self.writable()?;
        self.quarantine_show(id)?;
        self.remove_entry(id)
    }

    /// Removes an entry, which another process may be removing as well. The record of a corrupted blob that is not there
    /// again stays: `verify` still misses it.
    pub(crate) fn remove_entry(&self, id: &str) -> Result<()> {
        let what = || format!("remove {id} from quarantine");
        durable::remove(&self.layout().quarantined(id)).context(what())?;
        let missed = self.records(id)?.iter().find_map(|(_, stored)| stored.record.corrupted_blob());
        if let Some(name) = missed
            && self.blob(&name)?.is_none()
        {
            return Ok(());
        }
        durable::remove(&self.layout().quarantine_record(id)).context(what())?;
        Ok(())
    }

    /// Whether a record without a file is that of a corrupted blob that is still missing.
    pub(crate) fn is_record_needed(&self, id: &str, needed: &HashSet<Sha256>) -> Result<bool> {
        let missed = self.records(id)?.iter().find_map(|(_, stored)| stored.record.corrupted_blob());
        Ok(match missed.filter(|name| needed.contains(name)) {
            Some(name) => self.blob(&name)?.is_none(),
            None => false,
        })
    }

    /// Hashes a file in quarantine again and makes it the blob of its own SHA-256.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none with this id, else a storage error.
    pub fn quarantine_restore(&self, id: &str) -> Result<Blob> {
        self.writable()?;
        let entry = self.quarantine_show(id)?;
        let what = || format!("restore {id} from quarantine");
        // A second name, so that a kill in between leaves it in quarantine.
        let key = crate::fs::partial_key::PartialKey::unknown(&nonce());
        let path = self.layout().partial(&key);
        match durable::hard_link(self.layout(), &entry.data, &path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                fs::copy(&entry.data, &path).map(|_| ()).context(what())?;
            }
            other => other.context(what())?,
        }
        let file = fs::OpenOptions::new().read(true).open(&path).context(what())?.into_file();
        let _ = self.0.locks.try_exclusive(&file);
        let hashes = hash_file(&file, cache_core::Hasher::new().with_blocks()).context(what())?;
        let mut partial = Partial::new(self, &key, path, file, None);
        partial.keep_source(partial.file().metadata().context(what())?.mode());
        let blob = self.publish(partial, &hashes, None)?;
        self.quarantine_remove(id)?;
        Ok(blob)
    }
}
