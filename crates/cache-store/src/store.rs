//! [`Store`]: opening one, and what every part of it shares.

pub(crate) mod amount;
pub(crate) mod background;
pub(crate) mod options;
pub(crate) mod policy;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use cache_core::{Error, ErrorKind, Result, UrlKey};
use fs_err as fs;
use rustix::fs::{Access, AtFlags, CWD};

use crate::fs::access::{self, BlobModes, StoreMode, Writers};
use crate::fs::clock::Clock;
use crate::fs::durable::{self, Durability};
use crate::fs::io_context::{IoContext as _, OrAbsent as _};
use crate::fs::layout::{CACHEDIR_TAG, Layout, VERSION};
use crate::locking::flight_table::SmallFlights;
use crate::locking::lease_table::LeaseTable;
use crate::locking::locks::{CommonLock, GC, Locks, OpenLock};
use crate::store::amount::Amount;
use crate::store::background::Background;
use crate::store::options::StoreOptions;
use crate::store::policy::EvictPolicy;

/// Largest version marker that is read, in bytes.
const MAX_VERSION: u64 = 4 << 10;

/// The store: blobs, manifests and refs, and the views made from them. Cheap to clone; clones share their leases.
///
/// All calls block on the file system; asynchronous callers put them where blocking is allowed.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) layout: Layout,
    policy: EvictPolicy,
    pub(crate) quarantine_age: Option<Duration>,
    pub(crate) clock: Clock,
    pub(crate) locks: Locks,
    pub(crate) leases: Mutex<LeaseTable>,
    pub(crate) counter: Mutex<Option<OpenLock>>,
    pub(crate) small_flights: SmallFlights,
    common_gc: CommonLock,
    pub(crate) evicted: Mutex<Amount>,
    /// When the quarantine, seen empty, was changed last.
    pub(crate) empty_quarantine: Mutex<Option<SystemTime>>,
    pub(crate) background: Background,
    pub(crate) blob_modes: BlobModes,
    read_only: Option<String>,
    read_only_wanted: bool,
    pub(crate) url_key: OnceLock<UrlKey>,
    /// Poison marks that were written.
    pub(crate) marked: AtomicUsize,
}

impl Store {
    /// Opens a store; creates it if there is none.
    ///
    /// A store that cannot be written, or that a newer build has made, is opened read-only: it still serves hits.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when there is no store and none can be made.
    pub fn open(root: impl Into<PathBuf>, options: StoreOptions) -> Result<Self> {
        let root = std::path::absolute(root.into()).context("find the store")?;
        let layout = Layout::new(root);
        let read_only = read_only_reason(&layout, &options)?;
        if read_only.is_none() {
            options.mode.apply(layout.root()).context("set store.mode")?;
        }
        Ok(Self(Arc::new(Inner {
            layout,
            policy: EvictPolicy::default()
                .with_max_size(options.quota)
                .with_order(options.order)
                .with_older_than(options.ttl),
            quarantine_age: options.quarantine_age,
            clock: options.clock,
            locks: Locks::new(options.broken_locks),
            leases: Mutex::default(),
            counter: Mutex::default(),
            small_flights: SmallFlights::default(),
            common_gc: CommonLock::default(),
            evicted: Mutex::default(),
            empty_quarantine: Mutex::default(),
            background: Background::new(options.background),
            blob_modes: BlobModes::of(options.mode),
            read_only,
            read_only_wanted: options.read_only,
            url_key: OnceLock::new(),
            marked: AtomicUsize::new(0),
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

    /// Checks that it can be read now, and written unless opened read-only. Writes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] saying what is wrong with it.
    pub fn check(&self) -> Result<()> {
        cache_fs::read_text(self.layout().version(), MAX_VERSION)
            .map_err(|error| Error::storage("look at the store", error))?;
        if self.0.read_only_wanted {
            return Ok(());
        }
        self.writable()?;
        if writable(self.root()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Storage, format!("the store {} is no longer writable", self.root().display()))
            .with_hint("check its owner, and whether its file system is mounted read-only"))
    }

    /// The blobs that this handle and its clones have evicted so far.
    #[must_use]
    pub fn evicted(&self) -> Amount {
        *self.0.evicted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes that the blobs may take up in all.
    #[must_use]
    pub fn quota(&self) -> Option<u64> {
        self.0.policy.max_size
    }

    /// The time, by the store's own clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// What is evicted without being asked for: the quota, its order and the time to live.
    #[must_use]
    pub fn evict_policy(&self) -> &EvictPolicy {
        &self.0.policy
    }

    /// Whether file locks are known to exclude others on this file system. Tested at the first use; a test that fails
    /// is repeated at the next one.
    #[must_use]
    pub fn locks_work(&self) -> bool {
        self.lock_test() == Some(true)
    }

    /// Whether file locks work; `None` while that is unknown.
    pub(crate) fn lock_test(&self) -> Option<bool> {
        self.0.locks.are_working(|name| self.layout().store_lock(name))
    }

    /// Users besides the owner that may write the store's folders, or replace the store itself.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when a folder cannot be read.
    pub fn writers(&self) -> Result<Writers> {
        access::writers(self.layout())
    }

    /// Runs the I/O of a dropped guard: in the background if the options name one, else here.
    pub(crate) fn in_background(&self, work: impl FnOnce() + Send + 'static) {
        self.0.background.run(work);
    }

    /// Waits for the guards that this process has dropped so far.
    pub(crate) fn settle_background(&self) {
        self.0.background.settle();
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
    ///
    /// `None` when another process, which may be stopped, does not release it in time. The caller continues without it:
    /// no integrity depends on a lock.
    pub(crate) fn lock(&self, name: &'static str, exclusive: bool) -> Result<Option<std::fs::File>> {
        self.lock_within(name, exclusive, Duration::MAX)
    }

    /// As [`lock`](Self::lock), but waits no longer than this.
    pub(crate) fn lock_within(
        &self,
        name: &'static str,
        exclusive: bool,
        longest: Duration,
    ) -> Result<Option<std::fs::File>> {
        if exclusive && name == GC {
            // What this process has given back must not look leased to its own collector.
            self.settle_background();
        }
        let path = self.layout().store_lock(name);
        self.0.locks.wait(&path, exclusive, longest).context(format_args!("lock {}", path.display()))
    }

    /// Takes the shared `gc` lock, in common with other threads of this process.
    ///
    /// Held until all clones of it are dropped.
    pub(crate) fn share_gc(&self, longest: Duration) -> Result<Option<Arc<std::fs::File>>> {
        self.0.common_gc.share(|| self.lock_within(GC, false, longest))
    }

    /// Returns a message for each lock that timed out, with its holder if known.
    #[must_use]
    pub fn lock_timeouts(&self) -> Vec<String> {
        self.0.locks.timeouts()
    }

    /// Waits for the lock around changes of user data, which must not be lost.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when another process does not release it in time.
    pub(crate) fn lock_user_data(&self, name: &'static str) -> Result<std::fs::File> {
        let path = self.layout().store_lock(name);
        self.0.locks.forget_stalled(&path);
        self.lock(name, true)?.ok_or_else(|| {
            let known = self.0.locks.timeout(&path);
            let text = known.unwrap_or_else(|| format!("lock {}: timed out", path.display()));
            Error::new(ErrorKind::Storage, text).with_hint("wait for that process or end it, then try again")
        })
    }

    /// Time since a file was changed; nothing for one that is missing.
    pub(crate) fn age(&self, path: &Path) -> Duration {
        let modified = fs::symlink_metadata(path).ok().and_then(|metadata| metadata.modified().ok());
        modified.map_or(Duration::ZERO, |modified| self.0.clock.age(modified))
    }

    /// Writes a small file of the store whole.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
        durable::write(self.layout(), path, bytes, durability).context(format_args!("write {}", path.display()))
    }
}

fn read_only_reason(layout: &Layout, options: &StoreOptions) -> Result<Option<String>> {
    let version = cache_fs::read_text(layout.version(), MAX_VERSION).or_absent();
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
            if let Err(error) = create(layout, options.mode) {
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
fn create(layout: &Layout, mode: StoreMode) -> Result<()> {
    let what = || format!("make the store {}", layout.root().display());
    // Its rights come first: what is made in it takes after it.
    durable::create_root(layout.root()).context(what())?;
    mode.apply(layout.root()).context(what())?;
    for folder in layout.folders() {
        durable::create_folders(&folder, Durability::Durable).context(what())?;
    }
    for tag in [layout.tag(), layout.hub_tag()] {
        durable::write(layout, &tag, CACHEDIR_TAG.as_bytes(), Durability::Durable).context(what())?;
    }
    durable::write(layout, &layout.version(), format!("{VERSION}\n").as_bytes(), Durability::Durable).context(what())
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("root", &self.root()).field("read_only", &self.0.read_only).finish()
    }
}
