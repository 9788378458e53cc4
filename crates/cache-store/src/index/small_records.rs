//! Records of a version's small files, in one file: one each would cost more than the files.
//!
//! A line each: digest, device, inode, size, times in nanoseconds. A small file without a record is hashed when it is used,
//! so that a lost or stale record costs time and nothing else.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::Metadata;

use cache_core::{Sha256, Version};

use crate::fs::durable::{self, Durability};
use crate::index::records::{Record, SMALL_FILE, is_relinked};
use crate::store::Store;

/// Largest file of records that is read, in bytes: those of three hundred thousand files.
const MAX_RECORDS: u64 = 64 << 20;

/// The states in which the small files of a version were found intact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SmallRecords(BTreeMap<Sha256, Record>);

/// The state of a file without its link count, which the ctime covers.
fn state(metadata: &Metadata) -> Record {
    Record { links: 0, ..Record::of(metadata) }
}

impl SmallRecords {
    /// Whether a file is still in the state in which it was found intact.
    pub(crate) fn has(&self, name: &Sha256, metadata: &Metadata) -> bool {
        self.0.get(name).is_some_and(|record| *record == state(metadata))
    }

    fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let mut words = line.split(' ');
            let name = words.next()?.parse().ok()?;
            let mut number = || words.next()?.parse::<i128>().ok();
            let mut unsigned = || u64::try_from(number()?).ok();
            let (dev, inode, size) = (unsigned()?, unsigned()?, unsigned()?);
            let (mtime_ns, ctime_ns) = (number()?, number()?);
            Some((name, Record { dev, inode, size, mtime_ns, ctime_ns, ..Record::default() }))
        };
        Self(text.lines().filter_map(line).collect())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, Record { dev, inode, size, mtime_ns, ctime_ns, .. }) in &self.0 {
            let _ = writeln!(text, "{name} {dev} {inode} {size} {mtime_ns} {ctime_ns}");
        }
        text
    }
}

/// Collects the records of a version's small files while they are linked.
pub(crate) struct SmallRecordsUpdate<'a> {
    /// The records from before.
    known: &'a SmallRecords,
    /// Blobs that were verified or published just now.
    sound: &'a HashSet<Sha256>,
    noted: SmallRecords,
}

impl<'a> SmallRecordsUpdate<'a> {
    pub(crate) fn new(known: &'a SmallRecords, sound: &'a HashSet<Sha256>) -> Self {
        Self { known, sound, noted: SmallRecords::default() }
    }

    /// Notes one file; `before` and `after` are from around the change of its names.
    pub(crate) fn note(&mut self, name: &Sha256, before: &Metadata, after: &Metadata) {
        let is_sound = self.sound.contains(name) || self.known.has(name, before);
        if after.len() <= SMALL_FILE && is_sound && is_relinked(before, after) {
            self.noted.0.insert(*name, state(after));
        }
    }

    /// Stores what was noted, if it is new. Derived: a failure costs time at most.
    pub(crate) fn store(self, store: &Store, version: &Version) {
        if self.noted == *self.known {
            return;
        }
        let (path, text) = (store.layout().small_records(version), self.noted.text());
        if let Err(error) = durable::write(store.layout(), &path, text.as_bytes(), Durability::Derived) {
            tracing::debug!(%error, "the records of small files could not be stored");
        }
    }
}

impl Store {
    /// The records of a version's small files; none when there are none, or they make no sense.
    #[must_use]
    pub fn small_records(&self, version: &Version) -> SmallRecords {
        cache_fs::read_text(self.layout().small_records(version), MAX_RECORDS)
            .map_or_else(|_| SmallRecords::default(), |text| SmallRecords::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_records_survive_being_written() {
        let name = |n| Sha256::from_bytes([n; 32]);
        let record = |n: u64| Record { inode: n, size: 2, mtime_ns: -5, ctime_ns: 1 << 62, ..Record::default() };
        let records = SmallRecords(BTreeMap::from([(name(1), record(1)), (name(2), record(2))]));
        assert_eq!(SmallRecords::parse(&records.text()), records);
        let torn = format!("{}{} 1 2", records.text(), name(3));
        assert_eq!(SmallRecords::parse(&torn), records);
    }
}
