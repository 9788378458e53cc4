//! Visibility records: read access to a repository, as last reported. A missing record means unknown.

use std::time::{Duration, SystemTime};

use cache_core::{Error, ErrorKind, Evidence, ModelId, RepoPath, Result, Visibility};
use serde::{Deserialize, Serialize};

use crate::fs::durable::Durability;
use crate::fs::failpoints::point;
use crate::locking::locks::VISIBILITY;
use crate::store::Store;

/// Name of the document. Older versions read its `visibility` alone, and do not serve what is `restricted`.
const NAME: &str = "visibility.json";
/// Age from which an unchanged visibility is written again, to renew its time.
const REWRITE: Duration = Duration::from_secs(3600);

/// A visibility, and when and how it was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisibilityRecord {
    /// The visibility.
    pub visibility: Visibility,
    /// How it was learned.
    pub evidence: Evidence,
    /// Start of the request to the source.
    pub seen: SystemTime,
}

/// The record on the disk.
#[derive(Serialize, Deserialize)]
struct Document {
    /// `public`, or `restricted` for all else: the two words that older versions know.
    visibility: LegacyVisibility,
    kind: Visibility,
    evidence: Evidence,
    /// Microseconds since 1970, rounded up: what is recorded is never older than it was.
    seen: u64,
    /// Folder names are shortened, and fold on some file systems.
    model: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LegacyVisibility {
    Public,
    Restricted,
}

impl VisibilityRecord {
    /// A record from a request that began at `seen`.
    #[must_use]
    pub fn new(visibility: Visibility, evidence: Evidence, seen: SystemTime) -> Self {
        Self { visibility, evidence, seen }
    }

    /// Whether this record takes the place of `old`.
    ///
    /// Closing goes before opening: public counts only if its request began after that of `old`.
    #[must_use]
    pub fn replaces(&self, old: &Self) -> bool {
        let later = self.seen > old.seen;
        match (self.visibility, old.visibility) {
            (new, old_one) if new == old_one => {
                let age = self.seen.duration_since(old.seen).unwrap_or_default();
                later && (age >= REWRITE || self.evidence != old.evidence)
            }
            (Visibility::Public, _) => later,
            (_, Visibility::Public) => true,
            // Less is known than before.
            (Visibility::Unknown, _) => false,
            (_, Visibility::Unknown) => true,
            _ => later,
        }
    }
}

impl Store {
    /// The visibility record of a model; `None` without a valid one.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when the file system fails.
    pub fn visibility(&self, model: &ModelId) -> Result<Option<VisibilityRecord>> {
        let Some(bytes) = self.document(model, &name()?)? else { return Ok(None) };
        let Ok(document) = serde_json::from_slice::<Document>(&bytes) else { return Ok(None) };
        let agrees = (document.visibility == LegacyVisibility::Public) == document.kind.is_public();
        if !agrees || document.model != model.to_string() {
            return Ok(None);
        }
        let seen = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(document.seen));
        let Some(seen) = seen else { return Ok(None) };
        Ok(Some(VisibilityRecord::new(document.kind, document.evidence, seen)))
    }

    /// Records a visibility durably, where it [replaces](VisibilityRecord::replaces) the stored one. Returns the one in force.
    ///
    /// A read-only store is left as it is.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when it cannot be written. The stored record stays in force.
    pub fn put_visibility(&self, model: &ModelId, record: &VisibilityRecord) -> Result<VisibilityRecord> {
        if self.read_only().is_some() {
            return Ok(self.visibility(model)?.unwrap_or(*record));
        }
        if let Some(old) = self.visibility(model)?.filter(|old| !record.replaces(old)) {
            return Ok(old);
        }
        let lock = self.lock(VISIBILITY, true)?;
        if lock.is_none() && record.visibility.is_public() {
            // What another process closes meanwhile would be opened again.
            let text = format!("record the visibility of {model}: lock timed out: another process holds it");
            return Err(Error::new(ErrorKind::Storage, text));
        }
        if let Some(old) = self.visibility(model)?.filter(|old| !record.replaces(old)) {
            return Ok(old);
        }
        let seen = record.seen.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let document = Document {
            visibility: if record.visibility.is_public() {
                LegacyVisibility::Public
            } else {
                LegacyVisibility::Restricted
            },
            kind: record.visibility,
            evidence: record.evidence,
            seen: u64::try_from(seen.as_nanos().div_ceil(1000)).unwrap_or_default(),
            model: model.to_string(),
        };
        let bytes = serde_json::to_vec(&document)
            .map_err(|error| Error::storage(format_args!("record the visibility of {model}"), error.into()))?;
        self.write(&self.layout().document(model, &name()?), &bytes, Durability::Durable)?;
        point("visibility.done");
        Ok(*record)
    }
}

fn name() -> Result<RepoPath> {
    RepoPath::parse(NAME).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::options::StoreOptions;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    struct World {
        store: Store,
        model: ModelId,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
            Self { store, model: ModelId::hub("org/name").unwrap(), _folder: folder }
        }

        fn put(&self, visibility: Visibility, evidence: Evidence, seconds: u64) -> Visibility {
            let record = VisibilityRecord::new(visibility, evidence, at(seconds));
            let counts = self.store.put_visibility(&self.model, &record).unwrap();
            assert_eq!(self.store.visibility(&self.model).unwrap(), Some(counts));
            counts.visibility
        }

        fn write(&self, text: &str) {
            self.store.put_document(&self.model, &name().unwrap(), text.as_bytes()).unwrap();
        }

        fn read(&self) -> Option<Visibility> {
            self.store.visibility(&self.model).unwrap().map(|record| record.visibility)
        }
    }

    #[test]
    fn closing_record_wins_over_an_opening_one() {
        use Evidence::{Anonymous, Refused, Token};
        use Visibility::{Gated, Private, Public, Unknown};
        let world = World::new();
        assert_eq!(world.read(), None);
        for (word, evidence, seconds, counts) in [
            (Unknown, Token, 100, Unknown),
            (Public, Anonymous, 100, Unknown),
            (Public, Anonymous, 101, Public),
            // Asked for before, answered after.
            (Private, Token, 90, Private),
            (Public, Anonymous, 80, Private),
            (Public, Anonymous, 90, Private),
            (Unknown, Refused, 200, Private),
            (Gated, Token, 80, Private),
            (Gated, Token, 300, Gated),
            (Public, Anonymous, 301, Public),
            (Unknown, Refused, 301, Unknown),
        ] {
            assert_eq!(world.put(word, evidence, seconds), counts, "{word} at {seconds}");
        }
    }

    #[test]
    fn without_the_lock_a_record_only_closes() {
        let world = World::new();
        let other = Store::open(world.store.root(), StoreOptions::default()).unwrap();
        let held = other.lock(VISIBILITY, true).unwrap();
        assert!(held.is_some());
        let put = |visibility| {
            let record = VisibilityRecord::new(visibility, Evidence::Anonymous, at(100));
            world.store.put_visibility(&world.model, &record)
        };
        assert_eq!(put(Visibility::Public).unwrap_err().kind(), ErrorKind::Storage);
        assert_eq!(world.read(), None);
        put(Visibility::Private).unwrap();
        assert_eq!(world.read(), Some(Visibility::Private));
    }

    #[test]
    fn same_word_is_rewritten_once_an_hour() {
        let world = World::new();
        let seen = || world.store.visibility(&world.model).unwrap().unwrap().seen;
        world.put(Visibility::Public, Evidence::Anonymous, 100);
        world.put(Visibility::Public, Evidence::Anonymous, 3699);
        assert_eq!(seen(), at(100));
        world.put(Visibility::Public, Evidence::Anonymous, 3700);
        assert_eq!(seen(), at(3700));
    }

    #[test]
    fn invalid_record_is_none() {
        let world = World::new();
        world.put(Visibility::Public, Evidence::Anonymous, 100);
        let name = name().unwrap();
        let text = String::from_utf8(world.store.document(&world.model, &name).unwrap().unwrap()).unwrap();
        let cut = &text[..text.len() / 2];
        let other = text.replace("org/name", "org/else");
        let split = text.replace("\"kind\":\"public\"", "\"kind\":\"private\"");
        // The last is what older versions wrote.
        for bad in ["", "{}", cut, &other, &split, "{\"visibility\":\"public\"}"] {
            world.write(bad);
            assert_eq!(world.read(), None, "{bad}");
        }
        world.write(&text);
        assert_eq!(world.read(), Some(Visibility::Public));
    }

    #[test]
    fn older_versions_read_closed_as_restricted() {
        let world = World::new();
        for closed in [Visibility::Unknown, Visibility::Gated, Visibility::Private] {
            world.put(closed, Evidence::Token, 100 + u64::from(closed != Visibility::Unknown));
            let bytes = world.store.document(&world.model, &name().unwrap()).unwrap().unwrap();
            let text: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(text["visibility"], "restricted", "{closed}");
        }
    }
}
