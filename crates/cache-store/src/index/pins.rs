//! Pins, which keep versions from eviction, and marks of last use, which order it.

use std::time::{Duration, SystemTime};

use cache_core::{Commit, Error, ModelId, Result, Version};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::fs::durable::{self, Durability};
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::listing::folders;
use crate::fs::mode::{FILE_MODE, share};
use crate::locking::locks;
use crate::store::Store;

/// Largest pin that is read, in bytes.
const MAX_PIN: u64 = 64 << 10;
/// Uses closer together than this are one.
const USE_GRAIN: Duration = Duration::from_secs(60);

/// A version, or all versions of a model, that no eviction takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pin {
    /// Which model.
    pub model: ModelId,
    /// Which version of it; `None` for all.
    pub commit: Option<Commit>,
}

impl Pin {
    /// Whether this pin keeps a version.
    #[must_use]
    pub fn covers(&self, version: &Version) -> bool {
        self.model == version.model && self.commit.as_ref().is_none_or(|commit| *commit == version.commit)
    }
}

impl Store {
    /// Keeps a version, or all of a model, from eviction for good.
    ///
    /// # Errors
    /// A storage error.
    pub fn pin(&self, model: &ModelId, commit: Option<&Commit>) -> Result<()> {
        self.writable()?;
        let pin = Pin { model: model.clone(), commit: commit.cloned() };
        let text = serde_json::to_vec(&pin).map_err(|error| Error::storage("write a pin", error.into()))?;
        self.write(&self.layout().pin(model, commit), &text, Durability::Durable)
    }

    /// Takes a pin away. Whether there was one.
    ///
    /// # Errors
    /// A storage error.
    pub fn unpin(&self, model: &ModelId, commit: Option<&Commit>) -> Result<bool> {
        self.writable()?;
        let path = self.layout().pin(model, commit);
        let was = durable::remove(&path).context("remove a pin")?;
        if let Some(folder) = path.parent() {
            durable::remove_empty_folders(folder, &self.layout().pins());
        }
        Ok(was)
    }

    /// All pins, in order.
    ///
    /// # Errors
    /// [`Storage`](cache_core::ErrorKind::Storage) when they cannot be read.
    pub fn pins(&self) -> Result<Vec<Pin>> {
        let mut pins = Vec::new();
        for scheme in folders(&self.layout().pins())? {
            for model in folders(&scheme)? {
                for entry in fs::read_dir(model).context("list the pins")? {
                    let path = entry.context("list the pins")?.path();
                    let Some(bytes) = cache_fs::read(path, MAX_PIN).or_absent().context("read a pin")? else {
                        continue;
                    };
                    pins.extend(serde_json::from_slice::<Pin>(&bytes).ok());
                }
            }
        }
        pins.sort();
        Ok(pins)
    }

    /// Notes that a version is used now. At most one write a minute.
    ///
    /// # Errors
    /// A storage error; in a read-only store it does nothing.
    pub fn touch(&self, version: &Version) -> Result<()> {
        let now = self.0.clock.now();
        if self.read_only().is_some() || self.last_use(version).is_some_and(|last| is_close(last, now)) {
            return Ok(());
        }
        let path = self.layout().use_marker(version);
        let what = || format!("note the use of {version}");
        let open = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(FILE_MODE).custom_flags(locks::nofollow()).open(&path)
        };
        let file = match open().or_absent().context(what())? {
            Some(file) => file,
            None => {
                if let Some(folder) = path.parent() {
                    durable::create_folders(folder, Durability::Derived).context(what())?;
                }
                open().context(what())?
            }
        };
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = Timespec { tv_sec: since.as_secs().cast_signed(), tv_nsec: i64::from(since.subsec_nanos()) };
        share(file.file(), &path);
        let set = |time| rustix::fs::futimens(file.file(), &Timestamps { last_access: time, last_modification: time });
        let noted = match set(time) {
            // Another user's file takes no other time than the system's.
            Err(Errno::PERM) => set(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }),
            other => other,
        };
        noted.context(what())
    }

    /// When a version was last used, as far as anything was noted.
    #[must_use]
    pub fn last_use(&self, version: &Version) -> Option<SystemTime> {
        fs::symlink_metadata(self.layout().use_marker(version)).ok()?.modified().ok()
    }
}

fn is_close(last: SystemTime, now: SystemTime) -> bool {
    match now.duration_since(last) {
        Ok(age) => age < USE_GRAIN,
        // Noted by a clock that ran ahead: believed as little as it is much.
        Err(ahead) => ahead.duration() < USE_GRAIN,
    }
}
