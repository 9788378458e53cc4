//! Queues of the tasks of one process that want the same small file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cache_store::PartialKey;
use tokio::sync::OwnedMutexGuard;

/// The tasks of this process that want one small file, in the order of coming: its lock alone would make them poll.
#[derive(Debug, Default)]
pub(crate) struct SmallFileQueues(Mutex<HashMap<PartialKey, Weak<tokio::sync::Mutex<PreviousTask>>>>);

/// Result of the previous task.
#[derive(Debug, Default)]
pub(crate) struct PreviousTask {
    /// It failed on the network.
    pub(crate) unreachable: bool,
}

impl SmallFileQueues {
    /// Waits for the tasks that came before. Whether there was one.
    pub(crate) async fn enter(&self, key: &PartialKey) -> (OwnedMutexGuard<PreviousTask>, bool) {
        let queue = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match queues.get(key).and_then(Weak::upgrade) {
                Some(queue) => queue,
                None => {
                    queues.retain(|_, queue| queue.strong_count() > 0);
                    let queue = Arc::default();
                    queues.insert(key.clone(), Arc::downgrade(&queue));
                    queue
                }
            }
        };
        match Arc::clone(&queue).try_lock_owned() {
            Ok(place) => (place, false),
            Err(_) => (queue.lock_owned().await, true),
        }
    }
}
