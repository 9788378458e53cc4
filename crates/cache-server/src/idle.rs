//! Connections that nothing happens on. hyper's own limit begins with the first byte and ends with HTTP/1; and a client
//! of HTTP/2 that gives its answers no window keeps the socket alive with pings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The requests of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<RequestCounts>);

#[derive(Debug, Default)]
struct RequestCounts {
    begun: AtomicU64,
    ended: AtomicU64,
    /// How often more of an answer was taken.
    taken: AtomicU64,
    /// Answers of which something waits to be taken.
    offered: AtomicUsize,
}

/// A request is under way until this is dropped; in the extensions of each request.
#[derive(Debug)]
pub(crate) struct RequestGuard {
    requests: Requests,
    multiplexed: bool,
    offered: AtomicBool,
}

impl Requests {
    /// `multiplexed`: the answers share the connection, each with a window of its own.
    pub(crate) fn begin(&self, multiplexed: bool) -> Arc<RequestGuard> {
        self.0.begun.fetch_add(1, Ordering::AcqRel);
        Arc::new(RequestGuard { requests: self.clone(), multiplexed, offered: AtomicBool::new(false) })
    }

    /// Waits until for so long there was no request, at most twice as long.
    pub(crate) async fn none_for(&self, limit: Duration) {
        loop {
            let ended = self.0.ended.load(Ordering::Acquire);
            tokio::time::sleep(limit).await;
            if self.0.begun.load(Ordering::Acquire) == ended {
                return;
            }
        }
    }

    /// Waits until for so long nothing was taken although something was offered, at most twice as long.
    pub(crate) async fn unread_for(&self, limit: Duration) {
        loop {
            let (taken, offered) = (self.0.taken.load(Ordering::Acquire), self.0.offered.load(Ordering::Acquire));
            tokio::time::sleep(limit).await;
            let still = self.0.offered.load(Ordering::Acquire) > 0;
            if offered > 0 && still && self.0.taken.load(Ordering::Acquire) == taken {
                return;
            }
        }
    }
}

impl RequestGuard {
    /// More of the answer is ready for the client.
    pub(crate) fn offer(&self) {
        if self.multiplexed && !self.offered.swap(true, Ordering::AcqRel) {
            self.requests.0.offered.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The connection asks for more: there is room for it.
    pub(crate) fn take(&self) {
        if self.offered.swap(false, Ordering::AcqRel) {
            self.requests.0.offered.fetch_sub(1, Ordering::AcqRel);
        }
        self.requests.0.taken.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.take();
        self.requests.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn request_under_way_keeps_its_connection() {
        let (requests, second) = (Requests::default(), Duration::from_secs(1));
        let idle = || tokio::time::timeout(3 * second, requests.none_for(second));
        let long = requests.begin(false);
        assert!(idle().await.is_err());
        drop(requests.begin(false));
        assert!(idle().await.is_err());
        drop(long);
        assert!(idle().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_ends_the_wait() {
        let second = Duration::from_secs(1);
        let unread =
            async |requests: &Requests| tokio::time::timeout(3 * second, requests.unread_for(second)).await.is_ok();
        let requests = Requests::default();
        let one = requests.begin(true);
        assert!(!unread(&requests).await, "nothing is ready");
        one.offer();
        assert!(unread(&requests).await);
        one.take();
        assert!(!unread(&requests).await, "it waits for upstream");
        // Another answer of the same connection moves on.
        one.offer();
        let other = requests.begin(true);
        let moving = async {
            for _ in 0..20 {
                other.offer();
                tokio::time::sleep(second / 4).await;
                other.take();
            }
        };
        assert!(!futures::future::join(unread(&requests), moving).await.0);
        drop(one);
        assert!(!unread(&requests).await);
        let socket = requests.begin(false);
        socket.offer();
        assert!(!unread(&requests).await, "of HTTP/1 the socket tells");
    }
}
