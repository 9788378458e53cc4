//! Work on the disk.

use cache_lib::{Error, ErrorKind, Result};

/// Runs what reads or writes the disk away from the runtime's own threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => Err(Error::interrupted()),
        Err(error) => Err(Error::new(ErrorKind::Storage, format!("a worker failed: {error}"))),
    }
}
