//! [`BodyLimit`]: the greatest length of a body whose server states no size.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cache_core::{Error, ErrorKind, RepoPath, Result, Size};
use cache_store::{EvictPolicy, Store};

use crate::disk;

/// The greatest length of one file. What evictions could free counts, and is found out once a body needs it.
#[derive(Debug)]
pub(crate) struct BodyLimit {
    /// Bytes that the disk has.
    disk: u64,
    limit: Mutex<StoreLimit>,
}

#[derive(Debug, Clone, Copy)]
struct StoreLimit {
    /// Bytes.
    bytes: u64,
    /// The quota, where it is less than the disk has.
    quota: Option<u64>,
    /// Whether evictions would bring more room.
    is_least: bool,
}

impl BodyLimit {
    /// Reads the totals of the store; `begun` bytes of the file are there. Blocks.
    pub(crate) fn of(store: &Store, begun: u64) -> Result<Self> {
        let space = store.disk_space()?;
        let disk = space.free.saturating_add(begun);
        let limit = limit(disk, store.quota(), space.used, true);
        Ok(Self { disk, limit: Mutex::new(limit) })
    }

    fn limit(&self) -> MutexGuard<'_, StoreLimit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a body may have this length. Takes stock of the store at most once.
    pub(crate) async fn admits(&self, store: &Store, length: u64) -> Result<bool> {
        let known = *self.limit();
        if length <= known.bytes || !known.is_least {
            return Ok(length <= known.bytes);
        }
        let taken = store.clone();
        let stays = disk::blocking(move || unevictable(&taken)).await?;
        let known = limit(self.disk, store.quota(), stays, false);
        *self.limit() = known;
        Ok(length <= known.bytes)
    }

    /// The error of a body that is longer.
    pub(crate) fn exceeded(&self, path: &RepoPath) -> Error {
        let StoreLimit { bytes, quota, .. } = *self.limit();
        let (limit, (hint, reason)) = match quota {
            Some(quota) => (
                format!("{} left under the quota of {}", Size(bytes), Size(quota)),
                ("raise the quota, or unpin models", cache_core::Reason::QuotaPinned),
            ),
            None => (
                format!("{} free on the disk", Size(bytes)),
                ("free disk space, or choose another disk with MODEL_CACHE_DIR", cache_core::Reason::DiskFull),
            ),
        };
        Error::new(ErrorKind::NoSpace, format!("{path}: no size stated, too large for the store: {limit}"))
            .with_hint(hint)
            .with_reason(reason)
    }
}

/// The limit beside `stored` bytes.
fn limit(disk: u64, quota: Option<u64>, stored: u64, is_least: bool) -> StoreLimit {
    match quota.map(|quota| (quota, quota.saturating_sub(stored))) {
        Some((quota, bytes)) if bytes < disk => StoreLimit { bytes, quota: Some(quota), is_least },
        _ => StoreLimit { bytes: disk, quota: None, is_least: false },
    }
}

/// Bytes that no eviction can free: pinned, or in use. The rest counts as room, as it does for files of known size.
fn unevictable(store: &Store) -> Result<u64> {
    let everything = EvictPolicy::default().with_max_size(Some(0));
    Ok(Store::plan(&store.inventory()?, &everything).after)
}

#[cfg(test)]
mod tests {
    use cache_store::StoreOptions;

    use super::*;

    #[test]
    fn room_is_the_disk_or_the_quota() {
        let dir = tempfile::tempdir().unwrap();
        let room = |quota, begun| {
            let options = StoreOptions::default().with_quota(quota);
            BodyLimit::of(&Store::open(dir.path(), options).unwrap(), begun).unwrap()
        };
        let path = RepoPath::parse("f").unwrap();
        let disk = room(None, 1 << 50);
        let bytes = |room: &BodyLimit| room.limit().bytes;
        assert!(bytes(&disk) >= 1 << 50 && bytes(&room(None, 0)) < 1 << 50, "what has arrived needs no more room");
        assert!(disk.exceeded(&path).message().contains("free on the disk"));
        let quota = room(Some(1000), 1 << 50);
        assert_eq!((bytes(&quota), quota.limit().quota), (1000, Some(1000)));
        assert!(quota.exceeded(&path).message().contains("quota of 1.0 kB"));
        assert_eq!(room(Some(u64::MAX), 0).limit().quota, None, "the disk has less");
    }
}
