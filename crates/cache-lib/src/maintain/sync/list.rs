//! The list: a reference on each line.

use std::collections::BTreeSet;

use crate::{Cache, Error, ErrorKind, Get, Hasher, RefText, Result, Revision, Sha256, redact_text};

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncEntry {
    /// The reference, or a registered name.
    pub reference: RefText,
    /// A branch, a tag or a commit.
    pub revision: Option<Revision>,
    /// Only files that match one of these.
    pub include: Vec<String>,
    /// No files that match one of these.
    pub exclude: Vec<String>,
}

impl SyncEntry {
    fn parse(line: &str) -> Result<Option<Self>, String> {
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(reference) = words.next() else { return Ok(None) };
        let mut entry = Self { reference: reference.into(), revision: None, include: Vec::new(), exclude: Vec::new() };
        for word in words {
            match word.split_once('=').filter(|(_, value)| !value.is_empty()) {
                Some(("revision", value)) => entry.revision = Some(value.parse().map_err(|error| format!("{error}"))?),
                Some(("include", value)) => entry.include.push(value.to_owned()),
                Some(("exclude", value)) => entry.exclude.push(value.to_owned()),
                _ => return Err(format!("{:?} is none of revision=, include= and exclude=", redact_text(word))),
            }
        }
        Ok(Some(entry))
    }

    pub(super) fn get(&self, cache: &Cache) -> Get {
        let mut get = cache.get(&self.reference);
        if let Some(revision) = &self.revision {
            get = get.revision(revision.as_str());
        }
        get = self.include.iter().fold(get, |get, pattern| get.include(pattern));
        self.exclude.iter().fold(get, |get, pattern| get.exclude(pattern))
    }
}

/// Models to mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncList {
    name: Option<String>,
    entries: Vec<SyncEntry>,
}

impl SyncList {
    /// Reads a text: on each line `REF [revision=R] [include=GLOB]… [exclude=GLOB]…`, `#` begins a comment. `name` is
    /// what the list is known by from one sync to the next, such as its file's absolute path.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] with all lines that make no sense.
    pub fn parse(name: impl Into<String>, text: &str) -> Result<Self> {
        let name = name.into();
        let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
        let mut known = BTreeSet::new();
        for (at, line) in text.lines().enumerate() {
            match SyncEntry::parse(line) {
                Ok(None) => {}
                Ok(Some(entry)) if !known.insert((entry.reference.clone(), entry.revision.clone())) => {
                    mistakes.push(format!("{name}:{}: {} is listed twice", at + 1, entry.reference));
                }
                Ok(Some(entry)) => entries.push(entry),
                Err(why) => mistakes.push(format!("{name}:{}: {why}", at + 1)),
            }
        }
        if mistakes.is_empty() {
            return Ok(Self { name: Some(name), entries });
        }
        Err(Error::new(ErrorKind::Usage, mistakes.join("\n       "))
            .with_hint("nothing was downloaded; a line is REF [revision=R] [include=GLOB] [exclude=GLOB]"))
    }

    /// References that are no list of their own: nothing is remembered of them, so nothing falls off.
    #[must_use]
    pub fn of(references: impl IntoIterator<Item = impl Into<RefText>>) -> Self {
        let entry =
            |reference: RefText| SyncEntry { reference, revision: None, include: Vec::new(), exclude: Vec::new() };
        Self { name: None, entries: references.into_iter().map(Into::into).map(entry).collect() }
    }

    /// The lines, in order.
    #[must_use]
    pub fn entries(&self) -> &[SyncEntry] {
        &self.entries
    }

    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// What its record in the store is known by.
    pub(super) fn key(&self) -> Option<Sha256> {
        let mut hasher = Hasher::new();
        hasher.update(self.name.as_ref()?.as_bytes());
        Some(hasher.finish().sha256)
    }
}
