//! [`StoreOptions`]: how a store is opened.

use std::time::Duration;

use crate::fs::access::StoreMode;
use crate::fs::clock::Clock;
use crate::store::background::Spawn;
use crate::store::policy::EvictOrder;

/// How long files stay in quarantine when nothing else is configured.
const QUARANTINE_AGE: Duration = Duration::from_secs(7 * 86_400);

/// How to open a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Most bytes of blobs, quarantine and partial downloads together; `None` for no limit.
    pub quota: Option<u64>,
    /// What is evicted first to hold the quota.
    pub order: EvictOrder,
    /// Age since last use at which versions are evicted, with a quota or without.
    pub ttl: Option<Duration>,
    /// How long files stay in quarantine; 7 days unless set. `None`: until they are removed.
    pub quarantine_age: Option<Duration>,
    /// Never write, even where it would be possible.
    pub read_only: bool,
    /// Access of other users. An existing store of this user gets it, too.
    pub mode: StoreMode,
    /// Where the I/O of dropped guards runs. `None`: on the thread that drops them.
    pub background: Option<Spawn>,
    pub(crate) clock: Clock,
    pub(crate) broken_locks: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            quota: None,
            order: EvictOrder::default(),
            ttl: None,
            quarantine_age: Some(QUARANTINE_AGE),
            read_only: false,
            mode: StoreMode::default(),
            background: None,
            clock: Clock::default(),
            broken_locks: false,
        }
    }
}

impl StoreOptions {
    /// Limits the bytes of all blobs, of the quarantine and of partial downloads.
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

    /// Limits how long a version may stay unused.
    #[must_use]
    pub fn with_ttl(mut self, age: Option<Duration>) -> Self {
        self.ttl = age;
        self
    }

    /// Limits how long files stay in quarantine.
    #[must_use]
    pub fn with_quarantine_age(mut self, age: Option<Duration>) -> Self {
        self.quarantine_age = age;
        self
    }

    /// Opens without ever writing.
    #[must_use]
    pub fn with_read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens the store to a group, or to its owner alone.
    #[must_use]
    pub fn with_mode(mut self, mode: StoreMode) -> Self {
        self.mode = mode;
        self
    }

    /// Runs the I/O of dropped guards elsewhere: asynchronous callers drop them on threads that must not wait.
    #[must_use]
    pub fn with_background(mut self, spawn: Spawn) -> Self {
        self.background = Some(spawn);
        self
    }

    /// Uses another clock. For tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Behaves as on a file system whose locks exclude no process. For tests.
    #[must_use]
    pub fn with_broken_locks(mut self, broken: bool) -> Self {
        self.broken_locks = broken;
        self
    }
}
