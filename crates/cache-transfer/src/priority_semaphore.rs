//! A semaphore that serves the highest priority first; limits the large files under way.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A semaphore; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct PrioritySemaphore(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Waiters: highest priority first, then in order of arrival.
    waiting: BTreeMap<(Reverse<i32>, u64), oneshot::Sender<PriorityPermit>>,
    next: u64,
}

/// The right to fetch one large file; dropping it hands it on.
#[derive(Debug)]
pub(crate) struct PriorityPermit(PrioritySemaphore);

impl PrioritySemaphore {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State { free: count.max(1), waiting: BTreeMap::new(), next: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit.
    pub(crate) async fn acquire(&self, priority: i32) -> PriorityPermit {
        let waiter = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return PriorityPermit(self.clone());
            }
            let (sender, waiter) = oneshot::channel();
            let key = (Reverse(priority), state.next);
            state.next += 1;
            state.waiting.insert(key, sender);
            waiter
        };
        match waiter.await {
            Ok(permit) => permit,
            // Nobody drops a waiting sender.
            Err(_) => PriorityPermit(self.clone()),
        }
    }
}

impl Drop for PriorityPermit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.lock();
            // Who has gone meanwhile gets no turn.
            state.waiting.retain(|_, sender| !sender.is_closed());
            let next = state.waiting.pop_first();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some((_, sender)) = next {
            // If it has gone just now, the turn comes back and is dropped again.
            drop(sender.send(Self(self.0.clone())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn highest_priority_waiter_goes_first() {
        let semaphore = PrioritySemaphore::new(1);
        let first = semaphore.acquire(0).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for priority in [0, 5, 9, -1, 5] {
            let (semaphore, order) = (semaphore.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _permit = semaphore.acquire(priority).await;
                order.lock().unwrap().push(priority);
            }));
            tokio::task::yield_now().await;
        }
        tasks.remove(2).abort();
        tokio::task::yield_now().await;
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [5, 5, 0, -1]);
        assert_eq!(semaphore.lock().free, 1);
    }
}
