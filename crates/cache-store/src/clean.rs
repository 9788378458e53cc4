//! Cleaning up after processes that were killed: partials, trash, leases, locks, and what nothing refers to.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use cache_core::Result;
use fs_err as fs;
use serde::Serialize;

use crate::doing::{Absent as _, Doing as _};
use crate::durable;
use crate::inventory::Amount;
use crate::layout::{JOURNAL_SUFFIX, Layout, TEMP_PREFIX};
use crate::locks::{self, GC};
use crate::store::Store;

/// A broken-off download that nobody went on with for this long is given up.
const ABANDONED: Duration = Duration::from_secs(7 * 86_400);
/// Without working locks only age tells what is in use. No write of a small file takes this long.
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
}

impl Store {
    /// Removes what killed processes have left, downloads only after a week without progress.
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
        self.clean_partials(age, &mut report)?;
        self.clean_trash(&mut report)?;
        self.clean_locks(&mut report)?;
        self.clean_records(&mut report)?;
        self.clean_quarantine()?;
        Ok(report)
    }

    fn clean_partials(&self, age: Duration, report: &mut CleanReport) -> Result<()> {
        for path in entries(&self.layout().partials())? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            // A journal that went with its partial.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            // The lock, if there is one to hold, is held until the file is gone.
            let dead = if let Some(data) = name.strip_suffix(JOURNAL_SUFFIX) {
                // A journal goes with its partial; on its own it describes nothing.
                let alone = !path.with_file_name(data).exists();
                (alone && self.age(&path) >= Duration::from_secs(60).min(age)).then_some(None)
            } else if name.starts_with(TEMP_PREFIX) {
                self.dead_file(&path, Duration::ZERO)?
            } else {
                self.dead_file(&path, age)?
            };
            if dead.is_some() {
                report.partial.add(metadata.len());
                let journal = Layout::journal(&path);
                if durable::remove(&journal).doing("remove a journal")? {
                    report.partial.files += 1;
                }
                durable::remove(&path).doing("remove an abandoned download")?;
            }
        }
        Ok(())
    }

    /// `Some` when nobody holds a lock on a file and it has not changed for some time; with the lock, now ours.
    fn dead_file(&self, path: &Path, age: Duration) -> Result<Option<Option<fs::File>>> {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        let can_tell = self.locks_work();
        let age = if can_tell { age } else { age.max(SURELY_DEAD) };
        if self.age(path) < age || fs::symlink_metadata(path).is_ok_and(|there| there.is_dir()) {
            return Ok(None);
        }
        if !can_tell {
            return Ok(Some(None));
        }
        let open = |write| fs::OpenOptions::new().read(true).write(write).custom_flags(locks::nofollow()).open(path);
        let Ok(file) = open(true).or_else(|_| open(false)) else { return Ok(path.is_symlink().then_some(None)) };
        let locked = self.0.locks.try_exclusive(file.file()).doing(format_args!("probe {}", path.display()))?;
        Ok(locked.then_some(Some(file)))
    }

    fn age(&self, path: &Path) -> Duration {
        let modified = fs::symlink_metadata(path).ok().and_then(|metadata| metadata.modified().ok());
        modified.map_or(Duration::ZERO, |modified| self.0.clock.age(modified))
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
                self.put_back(&name, &path)?;
                report.restored += 1;
                continue;
            }
            report.trash.add(fs::symlink_metadata(&path).map_or(0, |metadata| metadata.len()));
            if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(&path).or_absent().doing("empty the trash")?;
            } else {
                durable::remove(&path).doing("empty the trash")?;
            }
        }
        Ok(())
    }

    fn clean_locks(&self, report: &mut CleanReport) -> Result<()> {
        if !self.locks_work() {
            return Ok(());
        }
        let mut paths = entries(&self.layout().locks())?;
        // A lock before the status beside it, which goes only when the lock has gone.
        paths.sort();
        for path in paths {
            let is_lock = path.extension().is_some_and(|extension| extension == "lock");
            let is_status = path.extension().is_some_and(|extension| extension == "status");
            // A status outlives its leader's failure for those who wait; they look every second or so.
            let old_status =
                is_status && !path.with_extension("lock").exists() && self.age(&path) >= Duration::from_secs(60);
            let dead = match is_lock {
                true => self.dead_file(&path, Duration::ZERO)?,
                false => old_status.then_some(None),
            };
            if dead.is_some() && durable::remove(&path).doing("remove a stale lock")? {
                report.locks += 1;
            }
        }
        Ok(())
    }

    fn clean_records(&self, report: &mut CleanReport) -> Result<()> {
        for shard in crate::manifests::folders(&self.layout().records())? {
            for path in entries(&shard)? {
                let name = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                let gone = match name {
                    Some(name) => self.blob(&name)?.is_none(),
                    None => true,
                };
                if gone && durable::remove(&path).doing("remove a record")? {
                    report.records += 1;
                }
            }
        }
        for shard in crate::manifests::folders(&self.layout().git_names())? {
            for path in entries(&shard)? {
                let target = fs::read_link(&path).ok();
                let name = target.as_ref().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                let gone = match name {
                    Some(name) => self.blob(&name)?.is_none(),
                    None => true,
                };
                if gone && durable::remove(&path).doing("remove a record")? {
                    report.records += 1;
                }
            }
        }
        Ok(())
    }

    /// Records of files that never came to the quarantine.
    fn clean_quarantine(&self) -> Result<()> {
        for path in entries(&self.layout().quarantine())? {
            let is_record = path.extension().is_some_and(|extension| extension == "json");
            if is_record && !path.with_extension("data").exists() && self.age(&path) >= Duration::from_secs(60) {
                durable::remove(&path).doing("remove a quarantine record")?;
            }
        }
        Ok(())
    }
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let what = || format!("list {}", folder.display());
    let Some(entries) = fs::read_dir(folder).or_absent().doing(what())? else { return Ok(Vec::new()) };
    entries.map(|entry| Ok(entry.doing(what())?.path())).collect()
}
