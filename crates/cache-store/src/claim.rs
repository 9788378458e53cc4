//! Getting a [`Partial`]: an abandoned one of the same content, or a new one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use cache_core::{ByteRange, FileEntry, Result, Version};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use crate::PartialKey;
use crate::doing::{Absent as _, Doing as _};
use crate::durable::{self, Keep};
use crate::layout::{JOURNAL_SUFFIX, Layout};
use crate::locks;
use crate::partial::{Journal, Partial, boot_id};
use crate::space::is_local;
use crate::store::Store;
use crate::torture::point;
use crate::verify::Damage;

/// Bytes of the buffer with which ranges are copied.
const COPY_BUFFER: usize = 1 << 20;

struct Abandoned {
    path: PathBuf,
    /// Bytes that are recorded in it.
    worth: u64,
}

impl Store {
    /// What a download of a file is known by: its content, as far as that is known in advance.
    #[must_use]
    pub fn partial_key(version: &Version, file: &FileEntry) -> PartialKey {
        PartialKey::of(version, file)
    }

    /// Gets the file into which a content is fetched: the one an earlier process has left, or a new one. When the size
    /// is known, the room is checked and taken.
    ///
    /// # Errors
    /// [`NoSpace`](cache_core::ErrorKind::NoSpace) with what is needed and what is there, or a storage error.
    pub fn partial(&self, key: &PartialKey, size: Option<u64>) -> Result<Partial> {
        self.writable()?;
        let mut partial = match self.claim(key)? {
            Some(claimed) => claimed,
            None => self.new_partial(key)?,
        };
        if let Some(size) = size {
            partial.set_size(size)?;
        }
        Ok(partial)
    }

    /// A partial for mending a damaged blob: it begins with the damaged bytes, and has the intact ranges recorded.
    ///
    /// # Errors
    /// [`NoSpace`](cache_core::ErrorKind::NoSpace) or a storage error.
    pub fn repair_partial(&self, damaged: &Damage) -> Result<Partial> {
        self.writable()?;
        let mut partial = self.new_partial(&PartialKey::sha256(&damaged.name))?;
        if !damaged.intact.is_empty() {
            let what = || format!("copy what is intact of {}", damaged.path.display());
            let from = fs::File::open(&damaged.path).doing(what())?;
            copy(from.file(), partial.file(), &damaged.intact).doing(what())?;
            partial.set_recorded(damaged.intact.clone());
        }
        if let Some(size) = damaged.expected_size {
            partial.set_size(size)?;
        }
        Ok(partial)
    }

    pub(crate) fn new_partial(&self, key: &PartialKey) -> Result<Partial> {
        loop {
            let path = self.layout().partial(key);
            let what = || format!("make {}", path.display());
            let file = new_file(&path).doing(what())?;
            // Between the two a collector may have taken it for abandoned: then it is its, and we make another.
            if self.0.locks.try_exclusive(&file).doing(what())? && locks::names(&path, &file).doing(what())? {
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
            let opened = fs::OpenOptions::new().read(true).write(true).custom_flags(locks::nofollow()).open(&one.path);
            // Another process was faster, or it is nothing that can be opened for writing.
            let Ok(file) = opened else { continue };
            let file = file.into_file();
            if !file.metadata().doing(what())?.is_file() || !self.0.locks.try_exclusive(&file).doing(what())? {
                continue;
            }
            // Only now does nobody write it any more, where locks work.
            let journal = Journal::read(&one.path);
            if !self.may_take(&journal) {
                if let Some(copied) = self.copy_abandoned(key, &file, journal)? {
                    return Ok(Some(copied));
                }
                continue;
            }
            if !locks::names(&one.path, &file).doing(what())? {
                continue;
            }
            point("claim.locked");
            let path = self.layout().partial(key);
            // Before the data, so that a kill in between loses nothing: what is left over describes nothing.
            if !journal.within(file.metadata().doing(what())?.len()).is_empty() {
                journal.write(self, &path)?;
            }
            point("claim.journal");
            // Of all who try, the rename succeeds for one, even where locks exclude nobody.
            if durable::rename_new(&one.path, &path, Keep::Derived).or_absent().doing(what())?.is_none() {
                let _ = durable::remove(&Layout::journal(&path));
                continue;
            }
            if !locks::names(&path, &file).doing(what())? {
                continue;
            }
            point("claim.renamed");
            let _ = durable::remove(&Layout::journal(&one.path));
            return Ok(Some(Partial::new(self, key, path, file, Some(journal))));
        }
        Ok(None)
    }

    /// Whether the lock proves that nobody writes: where locks work and everyone who could write is on this machine.
    fn may_take(&self, journal: &Journal) -> bool {
        self.locks_work() && (is_local(self.root()) || (!journal.boot.is_empty() && journal.boot == boot_id()))
    }

    /// A possibly living writer keeps its file; we go on with a copy of what it recorded.
    fn copy_abandoned(&self, key: &PartialKey, from: &File, journal: Journal) -> Result<Option<Partial>> {
        let length = from.metadata().doing("look at a partial")?.len();
        let ranges = journal.within(length);
        if ranges.is_empty() {
            return Ok(None);
        }
        let mut partial = self.new_partial(key)?;
        if let Some(size) = journal.size {
            partial.set_size(size)?;
        }
        copy(from, partial.file(), &ranges).doing("copy a partial")?;
        partial.set_etag(journal.etag);
        partial.set_recorded(ranges);
        Ok(Some(partial))
    }

    fn abandoned(&self, key: &PartialKey) -> Result<Vec<Abandoned>> {
        let prefix = format!("{key}.");
        let folder = self.layout().partials();
        let Some(entries) = fs::read_dir(folder).or_absent().doing("list the partials")? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.doing("list the partials")?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(&prefix) && !name.ends_with(JOURNAL_SUFFIX) {
                let path = entry.path();
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
        options.read(true).write(true).create_new(true).open(path).map(fs::File::into_file)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                durable::create_folders(folder, Keep::Durable)?;
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
