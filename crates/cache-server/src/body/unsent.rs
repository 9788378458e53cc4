//! [`Unsent`]: chunks of one body that the connection still holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::task::AtomicWaker;

/// Chunks of one body that were given out and not dropped. The connection drops them when they are sent.
#[derive(Debug, Default)]
pub(super) struct Unsent(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    chunks: AtomicUsize,
    body: AtomicWaker,
}

impl Unsent {
    /// The same bytes, counted until they are dropped.
    pub(super) fn count(&self, bytes: Bytes) -> Bytes {
        self.0.chunks.fetch_add(1, Ordering::AcqRel);
        Bytes::from_owner(Chunk { bytes, count: Arc::clone(&self.0) })
    }

    /// Waits until all of them are sent.
    pub(super) fn poll_sent(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.body.register(context.waker());
        if self.0.chunks.load(Ordering::Acquire) == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

struct Chunk {
    bytes: Bytes,
    count: Arc<Count>,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if self.count.chunks.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.count.body.wake();
        }
    }
}
