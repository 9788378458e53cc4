//! Checks of quota and free space before the first byte is requested.

use crate::task::blocking;
use crate::units::Size;
use crate::{Cache, Error, ErrorKind, FileEntry, Result};

/// Refuses a download that cannot fit.
///
/// # Errors
/// [`ErrorKind::NoSpace`].
pub(crate) async fn check(cache: &Cache, missing: &[FileEntry]) -> Result<()> {
    let needed = missing.iter().filter_map(|file| file.size).fold(0, u64::saturating_add);
    if let Some(quota) = cache.quota().filter(|&quota| needed > quota) {
        return Err(Error::new(
            ErrorKind::NoSpace,
            format!("quota exceeded: {} needed, the quota is {}", Size(needed), Size(quota)),
        )
        .with_hint("raise MODEL_CACHE_QUOTA, or download fewer files")
        .with_reason(crate::Reason::QuotaExceeded));
    }
    let cache = cache.clone();
    blocking(move || check_free_space(&cache, needed)).await
}

/// Refuses a number of bytes that the disk has no room for.
///
/// # Errors
/// [`ErrorKind::NoSpace`].
pub(crate) fn check_free_space(cache: &Cache, needed: u64) -> Result<()> {
    let free = cache.store().free_space()?;
    if needed <= free {
        return Ok(());
    }
    // Partial downloads have their room already.
    let partial = cache.store().debris()?.partial.bytes;
    if needed <= free.saturating_add(partial) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NoSpace,
        format!("disk full: {} needed, {} free in {}", Size(needed), Size(free), cache.store().root().display()),
    )
    .with_hint("free disk space, or choose another disk for the store")
    .with_reason(crate::Reason::DiskFull))
}
