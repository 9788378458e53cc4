//! Quarantine: bad files are kept with the reason, and never in the way.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cache_core::{Digest, Digests, Error, ErrorKind, Result, Sha256, Version};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::blobs::Blob;
use crate::clock::nonce;
use crate::doing::{Absent as _, Doing as _};
use crate::durable::{self, Keep};
use crate::layout::Layout;
use crate::partial::Partial;
use crate::store::Store;
use crate::verify::hash_file;

/// Why a file was put away, and what it was meant to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QuarantineRecord {
    /// What is wrong, for people.
    pub reason: String,
    /// The version it was fetched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The file's path in that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where the bytes came from: a host or a folder, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the metadata promised, as `sha256:…` or `git-sha1:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What the bytes were found to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Digests>,
}

impl QuarantineRecord {
    /// A record with a reason.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// For which file of which version.
    #[must_use]
    pub fn with_file(mut self, version: &Version, path: &cache_core::RepoPath) -> Self {
        self.version = Some(version.clone());
        self.path = Some(path.to_string());
        self
    }

    /// Where the bytes came from; no credentials.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What was promised and what was found.
    #[must_use]
    pub fn with_digests(mut self, expected: Option<Digest>, actual: Digests) -> Self {
        self.expected = expected.map(|digest| digest.to_string());
        self.actual = Some(actual);
        self
    }

    pub(crate) fn with_blob(mut self, name: Sha256) -> Self {
        self.expected = Some(Digest::Sha256(name).to_string());
        self
    }
}

/// A file in quarantine.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct QuarantineEntry {
    /// Names it for `quarantine show`, `restore` and `rm`.
    pub id: String,
    /// Why it is here.
    pub record: QuarantineRecord,
    /// Length in bytes.
    pub size: u64,
    /// Since when.
    pub since: SystemTime,
    /// Where the bytes lie.
    pub data: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    since: SystemTime,
    #[serde(flatten)]
    record: QuarantineRecord,
}

impl Store {
    /// Puts a fetched file away. Returns its id.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be moved; it is then still a partial.
    pub fn quarantine(&self, partial: Partial, record: QuarantineRecord) -> Result<String> {
        self.writable()?;
        let (file, path) = partial.close()?;
        let id = self.quarantine_file(&path, record);
        let _ = durable::remove(&Layout::journal(&path));
        drop(file);
        id
    }

    /// Puts a file of the store away.
    pub(crate) fn quarantine_file(&self, path: &Path, record: QuarantineRecord) -> Result<String> {
        self.writable()?;
        let id = nonce();
        let since = self.0.clock.now();
        let text = serde_json::to_vec_pretty(&Stored { since, record })
            .map_err(|error| Error::storage("write a quarantine record", error.into()))?;
        // The record first: without it nobody would know what the file is.
        self.write(&self.layout().quarantine_record(&id), &text, Keep::Durable)?;
        let moved = durable::rename_new(path, &self.layout().quarantined(&id), Keep::Durable);
        if moved.is_err() {
            let _ = durable::remove(&self.layout().quarantine_record(&id));
        }
        moved.doing(format_args!("put {} in quarantine", path.display()))?;
        Ok(id)
    }

    /// Removes what has been in quarantine for longer than `age`. Returns how many files that were.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when one cannot be removed.
    pub fn quarantine_expire(&self, age: Duration) -> Result<usize> {
        let now = self.0.clock.now();
        let old = |entry: &QuarantineEntry| now.duration_since(entry.since).is_ok_and(|since| since > age);
        let expired: Vec<QuarantineEntry> = self.quarantined()?.into_iter().filter(old).collect();
        expired.iter().try_for_each(|entry| self.quarantine_remove(&entry.id))?;
        Ok(expired.len())
    }

    /// Everything in quarantine, oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the folder cannot be read.
    pub fn quarantined(&self) -> Result<Vec<QuarantineEntry>> {
        let what = "list the quarantine";
        let Some(entries) = fs::read_dir(self.layout().quarantine()).or_absent().doing(what)? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.doing(what)?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            // A record whose file never came, or is being removed.
            if let Ok(entry) = self.quarantine_show(id) {
                found.push(entry);
            }
        }
        found.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        Ok(found)
    }

    /// One file in quarantine.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none with this id.
    pub fn quarantine_show(&self, id: &str) -> Result<QuarantineEntry> {
        let unknown = || {
            Error::new(ErrorKind::NotFound, format!("nothing in quarantine has the id {id:?}"))
                .with_hint("`model-cache quarantine ls` lists the ids")
        };
        if id.len() != 16 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let read = |path: PathBuf| fs::read(path).or_absent().doing("read a quarantine record");
        let text = read(self.layout().quarantine_record(id))?.ok_or_else(unknown)?;
        let data = self.layout().quarantined(id);
        let metadata = fs::symlink_metadata(&data).or_absent().doing("look at a quarantined file")?;
        let size = metadata.filter(std::fs::Metadata::is_file).ok_or_else(unknown)?.len();
        let stored: Stored = serde_json::from_slice(&text)
            .map_err(|error| Error::storage(format_args!("read the quarantine record {id}"), error.into()))?;
        Ok(QuarantineEntry { id: id.to_owned(), record: stored.record, size, since: stored.since, data })
    }

    /// Throws a file in quarantine away for good.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none with this id.
    pub fn quarantine_remove(&self, id: &str) -> Result<()> {
        self.writable()?;
        let entry = self.quarantine_show(id)?;
        let what = || format!("remove {id} from quarantine");
        durable::remove(&entry.data).doing(what())?;
        durable::remove(&self.layout().quarantine_record(id)).doing(what())?;
        Ok(())
    }

    /// Hashes a file in quarantine again and makes it the blob that its own SHA-256 names; never one that it was
    /// expected to be.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none with this id, else a storage error.
    pub fn quarantine_restore(&self, id: &str) -> Result<Blob> {
        self.writable()?;
        let entry = self.quarantine_show(id)?;
        let what = || format!("restore {id} from quarantine");
        // A second name, so that a kill in between leaves it in quarantine.
        let key = crate::PartialKey::unknown(&nonce());
        let path = self.layout().partial(&key);
        match durable::hard_link(self.layout(), &entry.data, &path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                fs::copy(&entry.data, &path).map(|_| ()).doing(what())?;
            }
            other => other.doing(what())?,
        }
        let file = fs::OpenOptions::new().read(true).open(&path).doing(what())?.into_file();
        let hashes = hash_file(&file, cache_core::Hasher::new().with_blocks()).doing(what())?;
        let partial = Partial::new(self, &key, path, file, None);
        let blob = self.publish(partial, &hashes, None)?;
        self.quarantine_remove(id)?;
        Ok(blob)
    }
}
