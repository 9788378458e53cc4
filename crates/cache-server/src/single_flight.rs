//! [`SingleFlight`]: requests in flight, one for each key. Each runs to its end without waiters.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

/// Questions under way. Clones are the same ones.
pub(crate) struct SingleFlight<K, T>(Arc<Mutex<HashMap<K, SharedCall<T>>>>);

/// One question under way.
#[derive(Debug, Clone)]
pub(crate) struct SharedCall<T> {
    /// When it began.
    pub(crate) since: Instant,
    end: watch::Receiver<Option<T>>,
}

impl<T: Clone> SharedCall<T> {
    /// Waits for the end; `None` when the task was lost.
    pub(crate) async fn end(&self) -> Option<T> {
        let mut end = self.end.clone();
        end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone())
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Hash + Eq + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The question of a key, if it is under way.
    pub(crate) fn join(&self, key: &K) -> Option<SharedCall<T>> {
        self.lock().get(key).cloned()
    }

    /// Starts the question of a key on a task of its own, unless it is under way.
    pub(crate) fn start(&self, key: &K, work: impl Future<Output = T> + Send + 'static) -> SharedCall<T> {
        let mut calls = self.lock();
        if let Some(call) = calls.get(key) {
            return call.clone();
        }
        let (sender, end) = watch::channel(None);
        let call = SharedCall { since: Instant::now(), end };
        calls.insert(key.clone(), call.clone());
        drop(calls);
        let listed = Listed { calls: self.clone(), key: key.clone() };
        let task = async move {
            let end = work.await;
            // Off the list first: a later request starts a new call.
            drop(listed);
            sender.send_replace(Some(end));
        };
        tokio::spawn(task.in_current_span());
        call
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

impl<K, T> SingleFlight<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, SharedCall<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry of the list, taken off when this is dropped.
struct Listed<K: Hash + Eq, T> {
    calls: SingleFlight<K, T>,
    key: K,
}

impl<K: Hash + Eq, T> Drop for Listed<K, T> {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.key);
    }
}

impl<K, T> Clone for SingleFlight<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T> fmt::Debug for SingleFlight<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SingleFlight({})", self.lock().len())
    }
}
