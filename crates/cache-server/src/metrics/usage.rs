//! [`UsageCache`]: how full the store is, read at most every half minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_lib::{Amount, Result, Store};
use tokio::time::Instant;

/// How long a probe waits for the store.
pub(crate) const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long what was found on the disk counts. A walk through a large store takes a while.
const DISK_AGE: Duration = Duration::from_secs(30);

/// Result of a walk through the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StoreUsage {
    pub(crate) blobs: Amount,
    pub(crate) versions: u64,
    pub(crate) partial: u64,
    pub(crate) quarantine: Amount,
    pub(crate) free: u64,
    pub(crate) size: u64,
}

impl StoreUsage {
    fn of(store: &Store) -> Result<Self> {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let inventory = store.inventory()?;
        let bad = store.quarantined()?;
        let space = store.disk_space()?;
        Ok(Self {
            blobs: Amount { files: count(inventory.blobs.len()), bytes: inventory.size() },
            versions: count(inventory.versions.len()),
            partial: inventory.debris.partial.bytes,
            quarantine: Amount { files: count(bad.len()), bytes: bad.iter().map(|entry| entry.size).sum() },
            free: space.free,
            size: space.total,
        })
    }
}

/// The last walk through the store.
#[derive(Debug, Default)]
pub(crate) struct UsageCache(Arc<Mutex<LastWalk>>);

#[derive(Debug, Default)]
struct LastWalk {
    found: Option<StoreUsage>,
    began: Option<Instant>,
    walking: bool,
}

impl UsageCache {
    /// What the last walk found. One that is too old starts another; only the first is waited for.
    pub(crate) async fn look(&self, store: &Store) -> Option<StoreUsage> {
        if let Some(walk) = self.walk(store)
            && self.lock().found.is_none()
        {
            // The walk goes on when its request is canceled; the next one finds its result.
            let _ = tokio::time::timeout(STORE_TIMEOUT, walk).await;
        }
        self.lock().found
    }

    fn walk(&self, store: &Store) -> Option<tokio::task::JoinHandle<()>> {
        let mut last = self.lock();
        if last.walking || last.began.is_some_and(|began| began.elapsed() < DISK_AGE) {
            return None;
        }
        last.walking = true;
        last.began = Some(Instant::now());
        drop(last);
        let (last, store) = (Arc::clone(&self.0), store.clone());
        Some(tokio::task::spawn_blocking(move || {
            let found =
                StoreUsage::of(&store).inspect_err(|error| tracing::warn!(%error, "the store cannot be measured"));
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            last.walking = false;
            last.found = found.ok();
        }))
    }

    fn lock(&self) -> MutexGuard<'_, LastWalk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use cache_lib::StoreOptions;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_store_is_walked_now_and_then_and_once_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let disk = UsageCache::default();
        assert_eq!(disk.look(&store).await.unwrap().blobs, Amount::default());
        let blob = dir.path().join("blobs/ab");
        fs_err::create_dir_all(&blob).unwrap();
        fs_err::write(blob.join(format!("ab{}", "0".repeat(62))), b"12345").unwrap();
        assert!(disk.walk(&store).is_none(), "the last walk is new enough");
        assert_eq!(disk.look(&store).await.unwrap().blobs.bytes, 0);
        tokio::time::advance(DISK_AGE).await;
        let walk = disk.walk(&store).unwrap();
        walk.await.unwrap();
        assert_eq!(disk.look(&store).await.unwrap().blobs, Amount { files: 1, bytes: 5 });
        tokio::time::advance(DISK_AGE).await;
        // As while a walk takes its time.
        disk.lock().walking = true;
        assert!(disk.walk(&store).is_none(), "one is under way");
    }
}
