//! Getting a [`Partial`]: an abandoned one of the same content, or a new one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use cache_core::{ByteRange, ErrorKind, FileEntry, Result, Sha256, Version};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use crate::blobs::journal::Journal;
use crate::blobs::partial::Partial;
use crate::blobs::verify::VerifyMode;
use crate::fs::boot::boot_id;
use crate::fs::durable::{self, Durability};
use crate::fs::failpoints::point;
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::layout::{JOURNAL_SUFFIX, Layout};
use crate::fs::listing::{entries, file_name};
use crate::fs::medium::is_local;
use crate::fs::mode::FILE_MODE;
use crate::fs::partial_key::PartialKey;
use crate::locking::locks;
use crate::store::Store;

/// Bytes of the buffer with which ranges are copied.
const COPY_BUFFER: usize = 1 << 20;

struct Abandoned {
    path: PathBuf,
    /// Bytes that are recorded in it.
    worth: u64,
}

impl Store {
    /// The key of a file's download: its content, as far as that is known in advance.
    #[must_use]
    pub fn partial_key(version: &Version, file: &FileEntry) -> PartialKey {
        PartialKey::of(version, file)
    }

    /// Opens the partial of a content: an abandoned one, or a new one with the intact ranges of a corrupted blob.
    ///
    /// When the size is known, the space is checked and allocated.
    ///
    /// # Errors
    /// [`NoSpace`](cache_core::ErrorKind::NoSpace) with what is needed and what is there, or a storage error.
    pub fn partial(&self, key: &PartialKey, size: Option<u64>) -> Result<Partial> {
        self.writable()?;
        // A partial that this process has just dropped is locked until its cleanup has run.
        self.settle_background();
        let salvage = || key.digest().map_or(Ok(None), |name| self.salvage(&name, key));
        let mut partial = match self.claim(key)? {
            Some(claimed) => claimed,
            None => salvage()?.map_or_else(|| self.new_partial(key), Ok)?,
        };
        if let Some(size) = size {
            partial.set_size(size)?;
        }
        Ok(partial)
    }

    /// A partial that begins with the intact ranges of a blob that was found corrupted.
    fn salvage(&self, name: &Sha256, key: &PartialKey) -> Result<Option<Partial>> {
        if self.blob(name)?.is_some() {
            // It is asked for all the same: another size is listed, or it came just now.
            self.verify(name, VerifyMode::Quick)?;
        }
        let Some((id, stored)) = self.corrupted_blob(name)? else { return Ok(None) };
        let (ranges, data) = (stored.record.intact(), self.layout().quarantined(&id));
        let what = || format!("copy what is sound of {}", data.display());
        let Some(from) = fs::File::open(&data).or_absent().context(what())?.filter(|_| !ranges.is_empty()) else {
            return Ok(None);
        };
        let mut partial = self.new_partial(key)?;
        copy(from.file(), partial.file(), &ranges).context(what())?;
        partial.set_recorded(ranges);
        Ok(Some(partial))
    }

    /// Makes an empty partial without looking for abandoned ones: for content that is written at once.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be made.
    pub fn new_partial(&self, key: &PartialKey) -> Result<Partial> {
        self.discard_kept(key)?;
        loop {
            let path = self.layout().partial(key);
            let what = || format!("make {}", path.display());
            let file = new_file(&path).context(what())?;
            // Between the two a collector may have taken it for abandoned: then another one is made.
            if self.0.locks.try_exclusive(&file).context(what())? && locks::still_names(&path, &file).context(what())? {
                return Ok(Partial::new(self, key, path, file, None));
            }
        }
    }

    /// Takes over the best abandoned partial of a key, if there is one.
    fn claim(&self, key: &PartialKey) -> Result<Option<Partial>> {
        let mut abandoned = self.abandoned(key)?;
        abandoned.sort_by_key(|one| std::cmp::Reverse(one.worth));
        point("claim.found");
        for one in abandoned {
            let what = || format!("take over {}", one.path.display());
            // Another process was faster, or it is nothing that can be opened for writing.
            let Ok(file) = locks::open_existing(&one.path, true) else { continue };
            if !file.metadata().context(what())?.is_file() || !self.0.locks.try_exclusive(&file).context(what())? {
                continue;
            }
            // From here on no other process writes it, where locks work.
            let journal = Journal::read(&one.path);
            if journal.within(file.metadata().context(what())?.len()).is_empty() {
                // Its process died before a byte was recorded: the room goes back at once.
                if self.is_exclusive(&journal) && locks::still_names(&one.path, &file).context(what())? {
                    durable::remove(&Layout::journal(&one.path)).context(what())?;
                    durable::remove(&one.path).context(what())?;
                }
                continue;
            }
            if !self.is_exclusive(&journal) {
                if let Some(copied) = self.copy_abandoned(key, &file, journal)? {
                    return Ok(Some(copied));
                }
                continue;
            }
            if !locks::still_names(&one.path, &file).context(what())? {
                continue;
            }
            point("claim.locked");
            let path = self.layout().partial(key);
            // Before the data, so that a kill in between loses nothing: what is left over describes nothing.
            let copied = match journal.write(self, &path) {
                Err(error) if error.kind() == ErrorKind::NoSpace => false,
                written => written.map(|()| true)?,
            };
            point("claim.journal");
            // Of all processes that try, the rename succeeds for one, even without working locks.
            if durable::rename_new(&one.path, &path, Durability::Derived).or_absent().context(what())?.is_none() {
                let _ = durable::remove(&Layout::journal(&path));
                continue;
            }
            if !locks::still_names(&path, &file).context(what())? {
                continue;
            }
            point("claim.renamed");
            if copied {
                let _ = durable::remove(&Layout::journal(&one.path));
            } else {
                // Without room for a copy it moves, behind the data.
                let moved =
                    durable::rename_over(&Layout::journal(&one.path), &Layout::journal(&path), Durability::Derived);
                moved.or_absent().context(what())?;
            }
            return Ok(Some(Partial::new(self, key, path, file, Some(journal))));
        }
        Ok(None)
    }

    /// Whether the lock proves that no process writes: locks work, and all writers are on this machine.
    fn is_exclusive(&self, journal: &Journal) -> bool {
        self.locks_work() && (is_local(self.root()) || (!journal.boot.is_empty() && journal.boot == boot_id()))
    }

    /// Copies what a possibly living writer recorded; the writer keeps its file.
    fn copy_abandoned(&self, key: &PartialKey, from: &File, journal: Journal) -> Result<Option<Partial>> {
        let length = from.metadata().context("look at a partial")?.len();
        let ranges = journal.within(length);
        if ranges.is_empty() {
            return Ok(None);
        }
        let mut partial = self.new_partial(key)?;
        if let Some(size) = journal.size {
            partial.set_size(size)?;
        }
        copy(from, partial.file(), &ranges).context("copy a partial")?;
        partial.set_etag(journal.etag);
        partial.set_recorded(ranges);
        Ok(Some(partial))
    }

    /// Removes the abandoned partials of a content whose blob is stored. One that cannot be removed is left to `clean`.
    pub(crate) fn discard_abandoned(&self, key: &PartialKey) {
        for one in self.abandoned(key).unwrap_or_default() {
            let Ok(file) = locks::open_existing(&one.path, true) else { continue };
            // The lock is held until the file is gone.
            if self.0.locks.try_exclusive(&file).unwrap_or(false)
                && self.is_exclusive(&Journal::read(&one.path))
                && locks::still_names(&one.path, &file).unwrap_or(false)
            {
                let _ = durable::remove(&Layout::journal(&one.path));
                let _ = durable::remove(&one.path);
            }
        }
    }

    /// Whether there is a partial of a content, in work or abandoned.
    pub(crate) fn has_partial(&self, key: &PartialKey) -> Result<bool> {
        Ok(self.abandoned(key)?.iter().any(|one| one.worth > 0))
    }

    fn abandoned(&self, key: &PartialKey) -> Result<Vec<Abandoned>> {
        let prefix = format!("{key}.");
        let mut found = Vec::new();
        for path in entries(&self.layout().partials(), "list the partials")? {
            let Some(name) = file_name(&path) else { continue };
            if name.starts_with(&prefix) && !name.ends_with(JOURNAL_SUFFIX) {
                let length = fs::symlink_metadata(&path).map_or(0, |metadata| metadata.len());
                let worth = Journal::read(&path).within(length).into_iter().map(ByteRange::len).sum();
                found.push(Abandoned { path, worth });
            }
        }
        Ok(found)
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let open = || {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(FILE_MODE).open(path).map(fs::File::into_file)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                durable::create_folders(folder, Durability::Durable)?;
            }
            open()
        }
        other => other,
    }
}

/// Brings ranges of one file into another: shared where the file system can, else copied.
fn copy(from: &File, to: &File, ranges: &[ByteRange]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    let mut buffer = vec![0; COPY_BUFFER];
    for range in ranges {
        let mut at = range.start;
        while at < range.end {
            let want = usize::try_from(range.end - at).unwrap_or(COPY_BUFFER).min(COPY_BUFFER);
            let read = match from.read_at(&mut buffer[..want], at) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            to.write_all_at(&buffer[..read], at)?;
            at += read as u64;
        }
    }
    Ok(())
}
