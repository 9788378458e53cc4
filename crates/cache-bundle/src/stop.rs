//! [`Stop`]: ends blocking work when its future is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::{Error, Result};
use cache_lib::Cache;

/// Whether the work is to end early.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the work at its next check.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails with [`ErrorKind::Interrupted`](cache_core::ErrorKind::Interrupted) once it is set.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Error::interrupted()) } else { Ok(()) }
    }
}

/// Runs blocking work that stops when the future is dropped.
pub(crate) async fn stoppable<T: Send + 'static>(work: impl FnOnce(&Stop) -> Result<T> + Send + 'static) -> Result<T> {
    struct Guard(Stop);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.set();
        }
    }
    let stop = Stop::default();
    let _guard = Guard(stop.clone());
    Cache::run_blocking(move || work(&stop)).await
}
