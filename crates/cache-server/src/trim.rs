//! [`ConnectionCount`]: memory of many connections, given back to the system when they are gone.
//!
//! glibc keeps freed memory in the arena of each thread. After thousands of clients that is most of a server's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Simultaneous connections whose freed memory is worth returning: some 10 MiB.
const MANY: usize = 256;
/// Divisor: memory is returned when this part of them is left.
const REMAINDER: usize = 4;

/// The open connections. Clones count the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionCount(Arc<ConnectionCounts>);

#[derive(Debug, Default)]
struct ConnectionCounts {
    open: AtomicUsize,
    /// The most that were open since memory was last given back.
    most: AtomicUsize,
}

/// Counts one open connection until it is dropped, after all else of the connection.
#[derive(Debug)]
#[must_use]
pub(crate) struct CountedConnection(ConnectionCount);

impl ConnectionCount {
    pub(crate) fn join(&self) -> CountedConnection {
        let open = self.0.open.fetch_add(1, Ordering::AcqRel) + 1;
        self.0.most.fetch_max(open, Ordering::AcqRel);
        CountedConnection(self.clone())
    }

    /// Counts one less. Returns whether enough connections have ended since the peak.
    fn leave(&self) -> bool {
        let open = self.0.open.fetch_sub(1, Ordering::AcqRel) - 1;
        let most = self.0.most.load(Ordering::Acquire);
        let is_over = most >= MANY && open <= most / REMAINDER;
        is_over && self.0.most.compare_exchange(most, open, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        if self.0.leave()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn_blocking(trim);
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: takes a number and touches only what the allocator knows to be free.
    #[expect(unsafe_code, reason = "no crate in the tree has malloc_trim(3) in a safe wrapper")]
    let gave_back = unsafe { libc::malloc_trim(0) };
    tracing::debug!(gave_back, "free memory was given back");
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_back_when_most_have_left() {
        let open_connections = ConnectionCount::default();
        let given_back = |count| (0..count).filter(|_| open_connections.leave()).count();
        let come = |count| (0..count).for_each(|_| std::mem::forget(open_connections.join()));
        come(MANY - 1);
        assert_eq!(given_back(MANY - 1), 0, "too few");
        come(4 * MANY);
        assert_eq!(given_back(3 * MANY - 1), 0);
        assert_eq!(given_back(1), 1);
        assert_eq!(given_back(MANY), 1, "the quarter of them was many");
        come(10);
        assert_eq!(given_back(10), 0);
    }
}
