//! Work on the disk.

use cache_lib::{Error, ErrorKind, Result};
use tokio::sync::Semaphore;

/// Most pieces of blocking work at once: a file system that hangs must not take all blocking threads of the runtime.
const MOST_BLOCKING: usize = 128;

static BLOCKING: Semaphore = Semaphore::const_new(MOST_BLOCKING);

/// Runs work that may wait for the file system on a blocking thread of the runtime.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let place = BLOCKING.acquire().await.map_err(|_| Error::interrupted())?;
    let task = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    match task.await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => Err(Error::interrupted()),
        Err(error) => Err(Error::new(ErrorKind::Storage, format!("a worker failed: {error}"))),
    }
}
