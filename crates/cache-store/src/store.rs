//! [`Store`]: opening one, and what every part of it shares.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::{Error, ErrorKind, Result};
use fs_err as fs;
use rustix::fs::{Access, AtFlags, CWD};

use crate::clock::Clock;
use crate::doing::{Absent as _, Doing as _};
use crate::durable::{self, Keep};
use crate::evict::{EvictOrder, EvictPolicy};
use crate::inventory::Amount;
use crate::layout::{CACHEDIR_TAG, Layout, VERSION};
use crate::lease::Book;
use crate::locks::Locks;

/// How to open a store.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Bytes that the blobs may take up in all. `None`: as much as the disk holds.
    pub quota: Option<u64>,
    /// What goes first to hold the quota.
    pub order: EvictOrder,
    /// Versions not used for longer than this go whenever the quota is enforced, and with no quota as well.
    pub ttl: Option<Duration>,
    /// Never write, even where it would be possible.
    pub read_only: bool,
    pub(crate) clock: Clock,
    pub(crate) lying_locks: bool,
}

impl StoreOptions {
    /// Limits the bytes of all blobs.
    #[must_use]
    pub fn with_quota(mut self, bytes: Option<u64>) -> Self {
        self.quota = bytes;
        self
    }

    /// Evicts in this order to hold the quota.
    #[must_use]
    pub fn with_order(mut self, order: EvictOrder) -> Self {
        self.order = order;
        self
    }

    /// Limits how long a version may lie unused.
    #[must_use]
    pub fn with_ttl(mut self, age: Option<Duration>) -> Self {
        self.ttl = age;
        self
    }

    /// Opens without ever writing.
    #[must_use]
    pub fn with_read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Uses another clock. For tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Behaves as on a file system whose locks exclude nobody. For tests.
    #[must_use]
    pub fn with_lying_locks(mut self, lie: bool) -> Self {
        self.lying_locks = lie;
        self
    }
}

/// The store: blobs, manifests and refs, and the views made from them. Cheap to clone; clones share their leases.
///
/// All calls block on the file system; asynchronous callers put them where blocking is allowed.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) layout: Layout,
    policy: EvictPolicy,
    pub(crate) clock: Clock,
    pub(crate) locks: Locks,
    pub(crate) leases: Mutex<Book>,
    pub(crate) evicted: Mutex<Amount>,
    read_only: Option<String>,
    read_only_wanted: bool,
}

impl Store {
    /// Opens a store, and makes it first where there is none.
    ///
    /// A store that cannot be written, or that a newer build has made, is opened read-only: it still serves hits.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when there is no store and none can be made.
    pub fn open(root: impl Into<PathBuf>, options: StoreOptions) -> Result<Self> {
        let root = std::path::absolute(root.into()).doing("find the store")?;
        let layout = Layout::new(root);
        let read_only = read_only_reason(&layout, &options)?;
        Ok(Self(Arc::new(Inner {
            layout,
            policy: EvictPolicy::default()
                .with_max_size(options.quota)
                .with_order(options.order)
                .with_older_than(options.ttl),
            clock: options.clock,
            locks: Locks::new(options.lying_locks),
            leases: Mutex::default(),
            evicted: Mutex::default(),
            read_only,
            read_only_wanted: options.read_only,
        })))
    }

    /// The folder of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.layout().root()
    }

    /// The folder to set `HF_HUB_CACHE` to.
    #[must_use]
    pub fn hub_dir(&self) -> PathBuf {
        self.layout().hub()
    }

    /// Why nothing can be written, if so.
    #[must_use]
    pub fn read_only(&self) -> Option<&str> {
        self.0.read_only.as_deref()
    }

    /// Whether it can be read now, and written unless it was opened not to be. Writes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] saying what is wrong with it.
    pub fn check(&self) -> Result<()> {
        fs::read_to_string(self.layout().version()).map_err(|error| Error::storage("look at the store", error))?;
        if self.0.read_only_wanted {
            return Ok(());
        }
        self.writable()?;
        if writable(self.root()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Storage, format!("the store {} cannot be written any more", self.root().display()))
            .with_hint("look whether its file system was mounted read-only, and at its owner"))
    }

    /// The blobs that evictions through this handle and its clones have removed since it was opened.
    #[must_use]
    pub fn evicted(&self) -> Amount {
        *self.0.evicted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes that the blobs may take up in all.
    #[must_use]
    pub fn quota(&self) -> Option<u64> {
        self.0.policy.max_size
    }

    /// What is evicted without being asked for: the quota, its order and the time to live.
    #[must_use]
    pub fn evict_policy(&self) -> &EvictPolicy {
        &self.0.policy
    }

    /// Whether file locks exclude anyone on this file system. Found out once, at the first question.
    #[must_use]
    pub fn locks_work(&self) -> bool {
        self.0.locks.work(|name| self.layout().store_lock(name))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.0.layout
    }

    /// Refuses to go on in a read-only store.
    pub(crate) fn writable(&self) -> Result<()> {
        match &self.0.read_only {
            None => Ok(()),
            Some(reason) => Err(Error::new(
                ErrorKind::Storage,
                format!("the store {} is read-only: {reason}", self.root().display()),
            )
            .with_hint("choose another store with MODEL_CACHE_DIR, or run as its owner")),
        }
    }

    /// Waits for one of the store's own locks; dropping the file releases it.
    pub(crate) fn lock(&self, name: &'static str, exclusive: bool) -> Result<std::fs::File> {
        let path = self.layout().store_lock(name);
        self.0.locks.wait(&path, exclusive).doing(format_args!("lock {}", path.display()))
    }

    /// Writes a small file of the store whole.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8], keep: Keep) -> Result<()> {
        durable::write(self.layout(), path, bytes, keep).doing(format_args!("write {}", path.display()))
    }
}

fn read_only_reason(layout: &Layout, options: &StoreOptions) -> Result<Option<String>> {
    let version = fs::read_to_string(layout.version()).or_absent();
    match version {
        Ok(Some(text)) => match text.trim().parse::<u32>() {
            Ok(VERSION) => {}
            Ok(newer) if newer > VERSION => {
                return Ok(Some(format!("it has version {newer}, this build knows {VERSION}; update model-cache")));
            }
            _ => return Ok(Some(format!("its version marker says {:?}", text.chars().take(20).collect::<String>()))),
        },
        Ok(None) if options.read_only => {}
        Ok(None) => {
            if let Err(error) = create(layout) {
                // An existing folder that cannot be written is an empty, read-only store.
                let there = layout.root().is_dir() && !writable(layout.root());
                return if there { Ok(Some(error.to_string())) } else { Err(error) };
            }
        }
        Err(error) => return Err(Error::storage("open the store", error)),
    }
    if options.read_only {
        return Ok(Some("it was opened so".to_owned()));
    }
    Ok((!writable(layout.root())).then(|| "its folder cannot be written by this user".to_owned()))
}

fn writable(folder: &Path) -> bool {
    rustix::fs::accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// Makes a store. The version marker comes last: a store without one is made again.
fn create(layout: &Layout) -> Result<()> {
    let what = || format!("make the store {}", layout.root().display());
    for folder in layout.folders() {
        durable::create_folders(&folder, Keep::Durable).doing(what())?;
    }
    for tag in [layout.tag(), layout.hub_tag()] {
        durable::write(layout, &tag, CACHEDIR_TAG.as_bytes(), Keep::Durable).doing(what())?;
    }
    durable::write(layout, &layout.version(), format!("{VERSION}\n").as_bytes(), Keep::Durable).doing(what())
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("root", &self.root()).field("read_only", &self.0.read_only).finish()
    }
}
