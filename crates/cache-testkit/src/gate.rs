//! [`Gate`]: where stalled bodies wait until a test lets them go on.

use std::sync::Arc;

use tokio::sync::watch;

/// Where stalled bodies wait. Opening it lets all go on that wait now, not those that come later.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<watch::Sender<Waiting>>);

#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    /// Bodies that have come to wait, ever.
    arrived: u64,
    /// Times the gate was opened.
    opened: u64,
}

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Waiting::default())))
    }
}

impl Gate {
    /// Waits until the gate opens.
    pub(crate) async fn wait(self) {
        let mut seen = self.0.subscribe();
        let opened = seen.borrow().opened;
        self.0.send_modify(|waiting| waiting.arrived += 1);
        // The sender lives as long as this gate: no error can come.
        let _ = seen.wait_for(|waiting| waiting.opened > opened).await;
    }

    /// Lets all that wait go on.
    pub(crate) fn open(&self) {
        self.0.send_modify(|waiting| waiting.opened += 1);
    }

    /// Waits until so many bodies have come to wait, ever.
    pub(crate) async fn arrived(&self, count: u64) {
        // As above.
        let _ = self.0.subscribe().wait_for(|waiting| waiting.arrived >= count).await;
    }
}
