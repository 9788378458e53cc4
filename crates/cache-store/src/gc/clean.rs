//! Cleaning up after processes that were killed: partials, trash, leases, locks, and what nothing refers to.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_core::{Result, Sha256};
use fs_err as fs;
use serde::Serialize;

use crate::blobs::journal::Journal;
use crate::blobs::poison::MAX_MARKS;
use crate::fs::durable;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::layout::{JOURNAL_SUFFIX, Layout, TEMP_PREFIX};
use crate::fs::listing::{entries, folders};
use crate::fs::medium::is_local;
use crate::locking::locks::{self, GC};
use crate::store::Store;
use crate::store::amount::Amount;

/// Age at which an unfinished download without an owner is removed.
pub(crate) const ABANDONED: Duration = Duration::from_secs(7 * 86_400);
/// Age at which a file counts as abandoned where locks do not work; longer than any small write.
const SURELY_DEAD: Duration = Duration::from_secs(86_400);

/// What was cleaned up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CleanReport {
    /// Abandoned downloads, their journals, and half-written small files.
    pub partial: Amount,
    /// What a killed eviction had left in the trash.
    pub trash: Amount,
    /// Blobs that a killed eviction had trashed and that are needed.
    pub restored: u64,
    /// Locks and status files of the dead.
    pub locks: u64,
    /// Records about blobs that are gone.
    pub records: u64,
    /// Files that were in quarantine for too long.
    pub quarantine: Amount,
}

impl Store {
    /// Removes what killed processes have left.
    ///
    /// Downloads are removed after a week without progress, and at once if no byte was recorded.
    ///
    /// # Errors
    /// A storage error.
    pub fn clean(&self) -> Result<CleanReport> {
        self.clean_older_than(ABANDONED)
    }

    /// As [`clean`](Self::clean), with another age for abandoned downloads.
    ///
    /// # Errors
    /// A storage error.
    pub fn clean_older_than(&self, age: Duration) -> Result<CleanReport> {
        self.writable()?;
        let mut report = CleanReport::default();
        self.each_dead_partial(age, &mut |path, journal, bytes| {
            report.partial.add(bytes);
            if durable::remove(journal).context("remove a journal")? {
                report.partial.files += 1;
            }
            durable::remove(path).context("remove an abandoned download").map(drop)
        })?;
        self.clean_trash(&mut report)?;
        self.clean_locks(&mut report)?;
        self.clean_records(&mut report)?;
        report.quarantine = self.expire_quarantine()?;
        self.clean_quarantine()?;
        self.limit_poison(MAX_MARKS)?;
        Ok(report)
    }

    /// Removes unfinished downloads without an owner, oldest first, until so many bytes are free.
    pub(crate) fn free_partials(&self, bytes: u64) -> Result<Amount> {
        let mut dead = Vec::new();
        self.each_dead_partial(Duration::ZERO, &mut |path, _, length| {
            dead.push((self.age(path), path.to_owned(), length));
            Ok(())
        })?;
        dead.sort_by_key(|one| std::cmp::Reverse(one.0));
        let mut wanted = HashSet::new();
        let mut sum = 0_u64;
        for (_, path, length) in dead {
            if sum < bytes {
                sum = sum.saturating_add(length);
                wanted.insert(path);
            }
        }
        let mut freed = Amount::default();
        self.each_dead_partial(Duration::ZERO, &mut |path, journal, length| {
            if wanted.contains(path) {
                durable::remove(journal).context("remove a journal")?;
                durable::remove(path).context("remove an abandoned download")?;
                freed.add(length);
            }
            Ok(())
        })?;
        Ok(freed)
    }

    /// The partial downloads that [`clean_older_than`](Self::clean_older_than) would remove. Changes nothing.
    ///
    /// # Errors
    /// A storage error.
    pub fn removable_partials(&self, age: Duration) -> Result<Amount> {
        let mut amount = Amount::default();
        self.each_dead_partial(age, &mut |_, journal, bytes| {
            amount.add(bytes);
            amount.files += u64::from(journal.exists());
            Ok(())
        })?;
        Ok(amount)
    }

    /// Calls `each` with path, journal and length of every partial without a living owner, locked meanwhile.
    fn each_dead_partial(&self, age: Duration, each: &mut dyn FnMut(&Path, &Path, u64) -> Result<()>) -> Result<()> {
        // A lock on another machine's disk may not show that machine's writers.
        let is_local = is_local(self.root());
        let age = if is_local { age } else { age.max(SURELY_DEAD) };
        for path in list(&self.layout().partials())? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            // A journal that went with its partial.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let dead = if let Some(data) = name.strip_suffix(JOURNAL_SUFFIX) {
                // A journal goes with its partial; on its own it describes nothing.
                let alone = !path.with_file_name(data).exists();
                (alone && self.age(&path) >= Duration::from_secs(60).min(age)).then_some(None)
            } else {
                let no_bytes = || is_local && Journal::read(&path).within(metadata.len()).is_empty();
                let worthless = name.starts_with(TEMP_PREFIX) || no_bytes();
                self.dead_file(&path, if worthless { Duration::ZERO } else { age })?
            };
            if dead.is_some() {
                each(&path, &Layout::journal(&path), metadata.len())?;
            }
        }
        Ok(())
    }

    /// `Some` when a file is unlocked and has not changed for `age`; with the lock, now held.
    fn dead_file(&self, path: &Path, age: Duration) -> Result<Option<Option<File>>> {
        let Some(can_tell) = self.lock_test() else { return Ok(None) };
        let age = if can_tell { age } else { age.max(SURELY_DEAD) };
        if self.age(path) < age || fs::symlink_metadata(path).is_ok_and(|there| there.is_dir()) {
            return Ok(None);
        }
        if !can_tell {
            return Ok(Some(None));
        }
        let Ok(file) = locks::open_any(path) else { return Ok(path.is_symlink().then_some(None)) };
        let locked = self.0.locks.try_exclusive(&file).context(format_args!("probe {}", path.display()))?;
        Ok(locked.then_some(Some(file)))
    }

    fn clean_trash(&self, report: &mut CleanReport) -> Result<()> {
        let _gc = self.lock(GC, true)?;
        let leased = self.leased(true)?;
        let trashed = self.trashed()?;
        if trashed.is_empty() {
            return Ok(());
        }
        let needed = self.needed_blobs(&HashSet::new())?;
        for path in trashed {
            if let Some(name) = Self::trashed_blob(&path)
                && (leased.contains(&name) || needed.contains(&name))
            {
                self.restore_trashed(&name, &path)?;
                report.restored += 1;
                continue;
            }
            let size = fs::symlink_metadata(&path).map_or(0, |metadata| metadata.len());
            report.trash.add(size);
            if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(&path).or_absent().context("empty the trash")?;
            } else if durable::remove(&path).context("empty the trash")? && Self::trashed_blob(&path).is_some() {
                self.count_removed(size);
            }
        }
        Ok(())
    }

    fn clean_locks(&self, report: &mut CleanReport) -> Result<()> {
        if !self.locks_work() {
            return Ok(());
        }
        let mut paths = list(&self.layout().locks())?;
        // A lock before the status beside it, which goes only when the lock has gone.
        paths.sort();
        for path in paths {
            let is_lock = path.extension().is_some_and(|extension| extension == "lock");
            let is_status = path.extension().is_some_and(|extension| extension == "status");
            // A status outlives its leader's failure for its waiters, which poll about once a second.
            let old_status =
                is_status && !path.with_extension("lock").exists() && self.age(&path) >= Duration::from_secs(60);
            let dead = match is_lock {
                true => self.dead_file(&path, Duration::ZERO)?,
                false => old_status.then_some(None),
            };
            if dead.is_some() && durable::remove(&path).context("remove a stale lock")? {
                report.locks += 1;
            }
        }
        Ok(())
    }

    fn clean_records(&self, report: &mut CleanReport) -> Result<()> {
        let mut remove_without_blob = |path: &Path, name: Option<Sha256>| -> Result<()> {
            let gone = match name {
                Some(name) => self.blob(&name)?.is_none(),
                None => true,
            };
            if gone && durable::remove(path).context("remove a record")? {
                report.records += 1;
            }
            Ok(())
        };
        for shard in folders(&self.layout().records())? {
            for path in list(&shard)? {
                let name = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                remove_without_blob(&path, name)?;
            }
        }
        for shard in folders(&self.layout().git_names())? {
            for path in list(&shard)? {
                let target = fs::read_link(&path).ok();
                let name = target.as_ref().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                remove_without_blob(&path, name)?;
            }
        }
        Ok(())
    }

    /// Records without a file that nothing misses, and files without a record.
    fn clean_quarantine(&self) -> Result<()> {
        let mut needed = None;
        for path in list(&self.layout().quarantine())? {
            let other = match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => "data",
                Some("data") => "json",
                _ => continue,
            };
            if path.with_extension(other).exists() || self.age(&path) < Duration::from_secs(60) {
                continue;
            }
            if let (Some(id), "data") = (path.file_stem().and_then(|id| id.to_str()), other) {
                let needed = match &mut needed {
                    Some(needed) => needed,
                    none => none.insert(self.needed_blobs(&HashSet::new())?),
                };
                if self.is_record_needed(id, needed)? {
                    continue;
                }
            }
            durable::remove(&path).context("clean the quarantine")?;
        }
        Ok(())
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    entries(folder, format_args!("list {}", folder.display()))
}
