//! [`QueryCache`]: what upstream has said, by key, and the questions behind it.
//!
//! One question for each key is under way at a time. While it is, and has not been answered in time, the last known
//! answer is given out, marked as stale. What is refused is kept apart from what is there, so that invented names push
//! out no useful answer.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cache_lib::Error;
use cache_lib::failpoints::{Mutant, mutant};
use tokio::time::Instant;

use crate::bounded::LruCache;
use crate::caller::Identity;
use crate::hub_error::HubError;
use crate::single_flight::{SharedCall, SingleFlight};
use crate::upstream::StaleGrace;

/// Refusals that are remembered, at least. They come at the pace of unknown names, so that it takes a flood many minutes
/// to push out one that is not used.
const REFUSALS: usize = 4096;

/// What there is to find out about one key.
#[async_trait]
pub(super) trait CachedQuery: Send + Sync + 'static {
    type Answer: Clone + Send + Sync + 'static;

    /// Asks; returns the answer and its lifetime. Runs to its end also without waiters.
    async fn ask(&self) -> (Result<Self::Answer, HubError>, Duration);

    /// What is known without asking.
    async fn known(&self) -> KnownAnswer<Self::Answer>;

    /// Waits for the right to ask about what nothing is known of.
    ///
    /// # Errors
    /// [`HubError::Limited`] when too much of that is asked.
    async fn admit(&self) -> Result<(), HubError>;
}

/// What is known without asking.
#[derive(Debug)]
pub(super) enum KnownAnswer<V> {
    Nothing,
    /// Counts where there is no newer answer.
    Old(V),
    /// Counts for so long; there is no need to ask.
    Current(V, Duration),
}

/// An answer, and whether it is the last known one in place of a newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CachedAnswer<V> {
    pub(crate) value: V,
    pub(crate) stale: bool,
}

#[derive(Debug)]
struct CachedEntry<V> {
    answer: CachedAnswer<V>,
    until: Instant,
}

type End<V> = (Identity, Result<V, HubError>);

/// Cached answers by key. Clones are the same ones.
#[derive(Debug)]
pub(super) struct QueryCache<K, V> {
    kept: Arc<Mutex<State<K, V>>>,
    /// What the store knows is looked up by one for all; whether it is anything.
    looks: SingleFlight<K, bool>,
    calls: SingleFlight<K, End<V>>,
    grace: Arc<StaleGrace>,
    /// How long an old answer counts once it took the place of a newer one.
    again: Duration,
}

#[derive(Debug)]
struct State<K, V> {
    good: LruCache<K, CachedEntry<V>>,
    /// Refusals by identity: another token may get another answer.
    refused: LruCache<(K, Identity), Refused>,
}

/// Why an identity got no answer.
#[derive(Debug)]
struct Refused {
    refusal: HubError,
    until: Instant,
    /// Whether upstream's last answer to the identity was a refusal. A failure is no answer.
    no: bool,
}

/// Next step for a key.
enum Next<V> {
    Answer(Result<CachedAnswer<V>, HubError>),
    /// Wait for the question under way; the old answer, if one would do.
    Wait(SharedCall<End<V>>, Option<V>),
    /// Look for what is known, then ask.
    Look,
}

impl<K, V> QueryCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps the most recently used: up to `most` answers, and refusals apart from them.
    pub(super) fn new(most: usize, grace: Arc<StaleGrace>, again: Duration) -> Self {
        let state = State { good: LruCache::new(most.div_ceil(2)), refused: LruCache::new(REFUSALS) };
        let (looks, calls) = (SingleFlight::default(), SingleFlight::default());
        Self { kept: Arc::new(Mutex::new(state)), looks, calls, grace, again }
    }

    /// The answer for a key: one that counts, a new one, or the old one where the new one does not come in time.
    pub(super) async fn get<Q>(
        &self,
        key: K,
        identity: Identity,
        question: impl Fn() -> Q,
    ) -> Result<CachedAnswer<V>, HubError>
    where
        Q: CachedQuery<Answer = V>,
    {
        let mut ready = None;
        loop {
            let (call, old) = match self.next(&key, identity, ready.take()) {
                Next::Answer(answer) => return answer,
                Next::Wait(call, old) => (call, old),
                Next::Look => {
                    let question = Arc::new(question());
                    self.look(&key, &question).await?;
                    ready = Some(question);
                    continue;
                }
            };
            let end = match &old {
                None => call.end().await,
                Some(_) if mutant(Mutant::NoStaleAnswers) => call.end().await,
                Some(old) => {
                    let until = self.grace.deadline(call.since);
                    match tokio::time::timeout_at(until, call.end()).await {
                        Ok(end) => end,
                        Err(_) => {
                            self.grace.record_timeout(call.since);
                            return Ok(CachedAnswer { value: old.clone(), stale: true });
                        }
                    }
                }
            };
            match end {
                None => return Err(Error::interrupted().into()),
                Some((_, Ok(value))) => return Ok(CachedAnswer { value, stale: false }),
                Some((asked_by, Err(refusal))) => match self.stale_fallback(&key, identity, &refusal) {
                    Some(old) => return Ok(old),
                    None if asked_by == identity || matches!(refusal, HubError::Unavailable(_)) => return Err(refusal),
                    // It was another's question.
                    None => {}
                },
            }
        }
    }

    /// Next step. Starts the ready question if there is no answer and none is in flight.
    fn next<Q: CachedQuery<Answer = V>>(&self, key: &K, identity: Identity, ready: Option<Arc<Q>>) -> Next<V> {
        let now = Instant::now();
        let mut state = self.lock();
        let was_refused = state.was_refused(key, identity);
        let old = match state.good.get(key) {
            Some(kept) if kept.until > now && !(kept.answer.stale && was_refused) => {
                return Next::Answer(Ok(kept.answer.clone()));
            }
            Some(kept) if !was_refused => Some(kept.answer.value.clone()),
            _ => None,
        };
        if let Some(refused) = state.refused.get(&(key.clone(), identity))
            && refused.until > now
        {
            return Next::Answer(Err(refused.refusal.clone()));
        }
        // Still locked: a question that has ended meanwhile has left its answer.
        match (self.calls.join(key), ready) {
            (Some(call), _) => Next::Wait(call, old),
            (None, Some(question)) => Next::Wait(self.start(key, identity, question), old),
            (None, None) => Next::Look,
        }
    }

    /// Keeps what is known without asking. Where nothing is, waits for the right to ask.
    async fn look<Q: CachedQuery<Answer = V>>(&self, key: &K, question: &Arc<Q>) -> Result<(), HubError> {
        if self.lock().good.get(key).is_some() {
            return Ok(());
        }
        let (answers, asking, wanted) = (self.clone(), Arc::clone(question), key.clone());
        let look = self.looks.start(key, async move {
            let (value, counts) = match asking.known().await {
                KnownAnswer::Nothing => return false,
                KnownAnswer::Old(value) => (value, Duration::ZERO),
                KnownAnswer::Current(value, counts) => (value, counts),
            };
            // Not in place of what has come meanwhile.
            if answers.lock().good.get(&wanted).is_none() {
                answers.keep(&wanted, &value, counts);
            }
            true
        });
        match look.end().await {
            Some(true) => Ok(()),
            // Another's question is as good.
            Some(false) if self.calls.join(key).is_some() => Ok(()),
            Some(false) => question.admit().await,
            None => Err(Error::interrupted().into()),
        }
    }

    /// Starts the question, or joins it.
    fn start<Q: CachedQuery<Answer = V>>(&self, key: &K, identity: Identity, question: Arc<Q>) -> SharedCall<End<V>> {
        let (answers, wanted) = (self.clone(), key.clone());
        self.calls.start(key, async move {
            let (answer, counts) = question.ask().await;
            match &answer {
                Ok(value) => {
                    answers.keep(&wanted, value, counts);
                    answers.lock().refused.remove(&(wanted, identity));
                }
                Err(refusal) => answers.refuse(wanted, identity, refusal, counts),
            }
            (identity, answer)
        })
    }

    fn keep(&self, key: &K, value: &V, counts: Duration) {
        let kept =
            CachedEntry { answer: CachedAnswer { value: value.clone(), stale: false }, until: Instant::now() + counts };
        self.lock().good.insert(key.clone(), kept);
    }

    /// Upstream has refused, or has not answered: then what was known counts again for a while, except for an identity to
    /// whom the last word was a no.
    fn refuse(&self, key: K, identity: Identity, refusal: &HubError, counts: Duration) {
        let now = Instant::now();
        let mut state = self.lock();
        let no = !refusal.is_unavailable() || state.was_refused(&key, identity);
        if !no && let Some(kept) = state.good.get(&key) {
            kept.answer.stale = true;
            kept.until = now + self.again;
            return;
        }
        state.refused.insert((key, identity), Refused { refusal: refusal.clone(), until: now + counts, no });
    }

    /// The old answer in place of one that does not come.
    fn stale_fallback(&self, key: &K, identity: Identity, refusal: &HubError) -> Option<CachedAnswer<V>> {
        let mut state = self.lock();
        if !refusal.is_unavailable() || state.was_refused(key, identity) {
            return None;
        }
        let value = state.good.get(key)?.answer.value.clone();
        Some(CachedAnswer { value, stale: true })
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.good.len() + state.refused.len() + self.looks.len() + self.calls.len()
    }
}

impl<K: Hash + Eq + Clone, V> State<K, V> {
    /// Whether the last answer to this identity was a refusal, which no older answer replaces.
    fn was_refused(&mut self, key: &K, identity: Identity) -> bool {
        self.refused.get(&(key.clone(), identity)).is_some_and(|refused| refused.no)
    }
}

impl<K, V> Clone for QueryCache<K, V> {
    fn clone(&self) -> Self {
        let (looks, calls) = (self.looks.clone(), self.calls.clone());
        let (kept, grace) = (Arc::clone(&self.kept), Arc::clone(&self.grace));
        Self { kept, looks, calls, grace, again: self.again }
    }
}

#[cfg(test)]
mod tests;
