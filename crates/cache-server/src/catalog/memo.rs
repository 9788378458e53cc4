//! [`Memo`]: answers by key, each asked for by one at a time and kept for its time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::caller::Identity;
use crate::hub_error::HubError;

/// One answer, and until when it counts.
#[derive(Debug)]
struct MemoEntry<V> {
    value: Result<V, HubError>,
    /// Identity that asked. A refusal counts for it alone.
    identity: Identity,
    until: Instant,
}

impl<V> MemoEntry<V> {
    fn counts_for(&self, identity: Identity) -> bool {
        self.until > Instant::now() && (self.value.is_ok() || self.identity == identity)
    }
}

type Slot<V> = Arc<tokio::sync::Mutex<Option<MemoEntry<V>>>>;

/// Answers by key. Concurrent requests for one key share one question.
#[derive(Debug)]
pub(super) struct Memo<K, V> {
    slots: Mutex<HashMap<K, Slot<V>>>,
    most: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Memo<K, V> {
    /// At most so many answers; what has lapsed goes first.
    pub(super) fn new(most: usize) -> Self {
        Self { slots: Mutex::default(), most }
    }

    /// The kept answer, if there is one. Neither asks nor waits.
    pub(super) fn kept(&self, key: &K, identity: Identity) -> Option<Result<V, HubError>> {
        let slot = Arc::clone(self.lock().get(key)?);
        let kept = slot.try_lock().ok()?;
        kept.as_ref().filter(|kept| kept.counts_for(identity)).map(|kept| kept.value.clone())
    }

    /// The answer that is kept, or what `ask` makes of the last good one.
    pub(super) async fn get<F>(
        &self,
        key: K,
        identity: Identity,
        ask: impl FnOnce(Option<V>) -> F,
    ) -> Result<V, HubError>
    where
        F: Future<Output = (Result<V, HubError>, Duration)>,
    {
        let slot = self.slot(key);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.counts_for(identity)) {
            return kept.value.clone();
        }
        let last = kept.as_ref().and_then(|kept| kept.value.clone().ok());
        let (value, counts) = ask(last).await;
        *kept = Some(MemoEntry { value: value.clone(), identity, until: Instant::now() + counts });
        value
    }

    fn slot(&self, key: K) -> Slot<V> {
        let mut slots = self.lock();
        if slots.len() >= self.most && !slots.contains_key(&key) {
            let now = Instant::now();
            // A slot in use is awaited by a request.
            slots.retain(|_, slot| slot.try_lock().map_or(true, |kept| kept.as_ref().is_some_and(|k| k.until > now)));
            if slots.len() >= self.most {
                slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            }
        }
        Arc::clone(slots.entry(key).or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, Slot<V>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_asks_for_all_and_again_when_the_answer_has_lapsed() {
        let memo = Memo::<&str, u32>::new(8);
        let asked = std::cell::Cell::new(0);
        let ask = |_| async {
            asked.set(asked.get() + 1);
            tokio::time::sleep(Duration::from_secs(1)).await;
            (Ok(asked.get()), Duration::from_secs(60))
        };
        let get = async || memo.get("a", Identity::Anonymous, ask).await.unwrap();
        let both = futures::future::join(get(), get()).await;
        assert_eq!((both, asked.get()), ((1, 1), 1));
        assert_eq!(get().await, 1);
        assert_eq!(memo.kept(&"a", Identity::Anonymous).unwrap().unwrap(), 1);
        assert!(memo.kept(&"b", Identity::Anonymous).is_none() && memo.lock().len() == 1);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(get().await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_grow_without_end() {
        let memo = Memo::<u32, u32>::new(4);
        for key in 0..100 {
            memo.get(key, Identity::Anonymous, |_| async move { (Ok(key), Duration::from_secs(60)) }).await.unwrap();
        }
        assert!(memo.lock().len() <= 4);
    }
}
