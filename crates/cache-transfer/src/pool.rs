//! Buffers between the network and the disk, from one bounded pool: memory does not grow with files or connections.

use std::sync::{Arc, Mutex, PoisonError};

use cache_store::SMALL_FILE;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one buffer: large enough that the page cache takes it in large folios, small enough for the CPU's cache.
const BUFFER: usize = 128 << 10;
const _: () = assert!(BUFFER as u64 >= SMALL_FILE, "a small file fits one buffer");

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    permits: Arc<Semaphore>,
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A buffer on loan; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct PoolBuffer {
    bytes: Vec<u8>,
    free: Arc<Mutex<Vec<Vec<u8>>>>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// A pool of at most `buffers` buffers, made when they are first needed.
    pub(crate) fn new(buffers: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(buffers)), free: Arc::default() }
    }

    /// Whether all buffers are on loan.
    pub(crate) fn is_empty(&self) -> bool {
        self.permits.available_permits() == 0
    }

    /// Waits for a buffer. It comes empty.
    pub(crate) async fn take(&self) -> Option<PoolBuffer> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let bytes = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = bytes.unwrap_or_else(|| Vec::with_capacity(BUFFER));
        Some(PoolBuffer { bytes, free: Arc::clone(&self.free), _permit: permit })
    }
}

impl PoolBuffer {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() == BUFFER
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes from the front of `bytes` what has room, and returns how much that was.
    pub(crate) fn fill(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(BUFFER - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        taken
    }
}

impl Drop for PoolBuffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}
