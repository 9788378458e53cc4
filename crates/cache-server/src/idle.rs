//! Connections that nothing happens on. hyper's own limit begins with the first byte and ends with HTTP/1.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The requests of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request is under way until this is dropped; in the extensions of each request.
#[derive(Debug)]
pub(crate) struct UnderWay(Requests);

impl Requests {
    pub(crate) fn begin(&self) -> Arc<UnderWay> {
        self.0.begun.fetch_add(1, Ordering::AcqRel);
        Arc::new(UnderWay(self.clone()))
    }

    /// Waits until for so long there was no request, at most twice as long.
    pub(crate) async fn none_for(&self, patience: Duration) {
        loop {
            let ended = self.0.ended.load(Ordering::Acquire);
            tokio::time::sleep(patience).await;
            if self.0.begun.load(Ordering::Acquire) == ended {
                return;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_keeps_the_connection_however_long_it_takes() {
        let (requests, second) = (Requests::default(), Duration::from_secs(1));
        let idle = || tokio::time::timeout(3 * second, requests.none_for(second));
        let long = requests.begin();
        assert!(idle().await.is_err());
        drop(requests.begin());
        assert!(idle().await.is_err());
        drop(long);
        assert!(idle().await.is_ok());
    }
}
