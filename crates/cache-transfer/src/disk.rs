//! Work that may wait for the file system, on the runtime's blocking threads.

use cache_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Most pieces of work at once: a file system that hangs must not take all blocking threads of the runtime.
const MOST: usize = 128;

static PERMITS: Semaphore = Semaphore::const_new(MOST);

/// Runs work on a blocking thread. Dropping the future does not stop work that has begun.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let lost = || Error::new(ErrorKind::Storage, "store task: lost");
    let permit = PERMITS.acquire().await.map_err(|error| lost().with_source(error))?;
    let task = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    task.await.map_err(|error| lost().with_source(error))?
}

/// Runs work on which nothing depends on a blocking thread, unless all are busy. Does not wait for it.
pub(crate) fn in_passing(work: impl FnOnce() + Send + 'static) {
    if let (Ok(permit), Ok(runtime)) = (PERMITS.try_acquire(), Handle::try_current()) {
        drop(runtime.spawn_blocking(move || {
            work();
            drop(permit);
        }));
    }
}

/// Runs work on a blocking thread of the runtime, or in place where there is none or it has ended. For
/// [`StoreOptions::with_background`](cache_store::StoreOptions::with_background).
pub fn in_background(work: Box<dyn FnOnce() + Send>) {
    let work = Pending(Some(work));
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(work))),
        Err(_) => drop(work),
    }
}

/// Work that a runtime which ends drops rather than runs.
struct Pending(Option<Box<dyn FnOnce() + Send>>);

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            work();
        }
    }
}
