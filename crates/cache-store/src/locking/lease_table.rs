//! The lease file of a process, and what is written in it.
//!
//! The file is a row of slots of 64 bytes, each the name of a blob or blank. A slot never straddles a page, so that a
//! reader sees a name whole. Any number of leases on one blob share a slot.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use cache_core::{Result, Sha256};

use crate::fs::durable;
use crate::fs::io_context::IoContext as _;
use crate::fs::layout::Layout;
use crate::locking::locks::{self, FileId, Locks};

const SLOT: usize = 64;
/// Slots written by one call.
const MAX_ROW: usize = 256;
/// Least time between two renewals.
const RENEWAL: Duration = Duration::from_secs(3600);

/// The leases of this process.
#[derive(Debug, Default)]
pub(crate) struct LeaseTable {
    /// The file, its path and its identity.
    file: Option<(File, PathBuf, FileId)>,
    slots: HashMap<Sha256, Slot>,
    free: Vec<u64>,
    next: u64,
    /// When the file's time was last renewed, where that matters.
    renewed: Option<SystemTime>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    at: u64,
    count: usize,
}

impl LeaseTable {
    /// Whether the lease file is there, as this process has made it.
    pub(crate) fn is_on_disk(&self) -> Result<bool> {
        let Some((_, path, id)) = &self.file else { return Ok(false) };
        Ok(locks::metadata_if_same(path, *id).context("look at the lease file")?.is_some())
    }

    /// Whether all of these blobs are leased already.
    pub(crate) fn has_all(&self, names: &[Sha256]) -> bool {
        names.iter().all(|name| self.slots.contains_key(name))
    }

    /// Opens the lease file of this process; writes it again if it was removed.
    pub(crate) fn open(&mut self, layout: &Layout, locks: &Locks) -> Result<()> {
        if self.is_on_disk()? {
            return Ok(());
        }
        loop {
            let path = layout.lease();
            let what = || format!("make the lease file {}", path.display());
            let file = locks::open(&path).context(what())?;
            let id = locks::id_of(&file.metadata().context(what())?);
            if !locks.try_exclusive(&file).context(what())?
                || locks::metadata_if_same(&path, id).context(what())?.is_none()
            {
                continue;
            }
            let named = path.display().to_string();
            self.file = Some((file, path, id));
            self.renewed = None;
            let written = self.write(self.slots.iter().map(|(name, slot)| (slot.at, name.to_string())).collect());
            if written.is_err() {
                self.file = None;
            }
            return written.context(format_args!("write the lease file {named}"));
        }
    }

    pub(crate) fn take(&mut self, names: &[Sha256]) -> std::io::Result<()> {
        let mut fresh = Vec::new();
        for name in names {
            if let Some(slot) = self.slots.get_mut(name) {
                slot.count += 1;
                continue;
            }
            let at = self.free.pop().unwrap_or_else(|| {
                self.next += 1;
                self.next - 1
            });
            self.slots.insert(*name, Slot { at, count: 1 });
            fresh.push((at, name.to_string()));
        }
        let written = self.write(fresh);
        if written.is_err() {
            self.give_back(names);
        }
        written
    }

    /// Fills slots of the file, those side by side with one call.
    fn write(&self, mut slots: Vec<(u64, String)>) -> std::io::Result<()> {
        let Some((file, ..)) = &self.file else { return Ok(()) };
        slots.sort_unstable_by_key(|(at, _)| *at);
        let mut rest = slots.as_slice();
        while let Some((first, _)) = rest.first() {
            let in_row = rest.iter().zip(*first..).take_while(|((at, _), next)| at == next);
            let (row, others) = rest.split_at(in_row.count().min(MAX_ROW));
            let bytes: String = row.iter().map(|(_, name)| format!("{name:<SLOT$}")).collect();
            file.write_all_at(bytes.as_bytes(), first * SLOT as u64)?;
            rest = others;
        }
        Ok(())
    }

    /// Renews the file's time, now and then: without locks nothing else shows that this process lives.
    pub(crate) fn renew(&mut self, now: SystemTime) {
        let is_recent = |renewed| now.duration_since(renewed).is_ok_and(|age| age < RENEWAL);
        if let Some((file, ..)) = self.file.as_ref().filter(|_| !self.renewed.is_some_and(is_recent)) {
            let _ = file.set_modified(now);
            self.renewed = Some(now);
        }
    }

    pub(crate) fn give_back(&mut self, names: &[Sha256]) {
        let mut blank = Vec::new();
        for name in names {
            let Some(slot) = self.slots.get_mut(name) else { continue };
            slot.count -= 1;
            if slot.count == 0 {
                blank.push((slot.at, String::new()));
                self.free.push(slot.at);
                self.slots.remove(name);
            }
        }
        // A slot that could not be blanked only keeps a blob for longer.
        let _ = self.write(blank);
    }
}

impl Drop for LeaseTable {
    fn drop(&mut self) {
        if let Some((_file, path, id)) = self.file.take()
            && locks::metadata_if_same(&path, id).is_ok_and(|there| there.is_some())
        {
            let _ = durable::remove(&path);
        }
    }
}

/// The names in a lease file.
pub(crate) fn names_in(file: &[u8]) -> impl Iterator<Item = Sha256> {
    file.chunks_exact(SLOT).filter_map(|slot| std::str::from_utf8(slot).ok()?.parse().ok())
}
