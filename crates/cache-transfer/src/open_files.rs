//! Few open files: fewer transfers at once, and another try when others of the process have been closed.

use std::time::Duration;

use cache_core::{ErrorKind, Result};

/// Open files of the process apart from transfers: streams, the runtime, the store's own.
const OTHERS: u64 = 24;
/// Open files of a file under way: its partial, lock and reader, and connections to the hub and the storage behind it.
const EACH: u64 = 6;
/// Times that a file is tried again for which no file could be opened.
const RETRIES: u32 = 5;
/// The wait before the first of them; each further one is twice as long.
const WAIT: Duration = Duration::from_millis(200);

/// Files, each with its connection, that may be under way at once with so many open files.
pub(crate) fn at_once(open_files: u64) -> usize {
    usize::try_from(open_files.saturating_sub(OTHERS) / EACH).unwrap_or(usize::MAX).max(1)
}

/// Runs a fetch; where no file can be opened, again when others of the process may have been closed.
pub(crate) async fn retrying<T, F: Future<Output = Result<T>>>(fetch: impl Fn() -> F) -> Result<T> {
    let mut wait = WAIT;
    for _ in 0..RETRIES {
        match fetch().await {
            // Of storage errors no other is retryable.
            Err(error) if error.kind() == ErrorKind::Storage && error.is_retryable() => {
                tracing::debug!(%error, "no file can be opened; trying again");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            result => return result,
        }
    }
    fetch().await
}
