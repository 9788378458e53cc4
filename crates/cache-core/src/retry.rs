//! One budget of retries, shared by the request layer and the transfer engine.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Error, Event, Progress};

/// One retry, as the observer gets it.
#[derive(Debug)]
pub struct RetryNote<'a> {
    /// The host that failed.
    pub host: &'a str,
    /// The attempt that failed, from 1.
    pub attempt: u32,
    /// Time until the next attempt.
    pub wait: Duration,
    /// The error.
    pub error: &'a Error,
}

type Observer = dyn Fn(&RetryNote<'_>) + Send + Sync;

/// Retry budget of one operation, shared by all layers that retry.
///
/// Clones share the budget. Progress refills it: what must not go on for ever is failing, not fetching a large file
/// over a bad link.
#[derive(Clone)]
pub struct RetryBudget(Arc<Shared>);

struct Shared {
    allowed: u32,
    used: AtomicU32,
    attempts: AtomicU32,
    observer: Option<Box<Observer>>,
}

impl RetryBudget {
    /// A budget of `allowed` retries in a row without progress.
    #[must_use]
    pub fn new(allowed: u32) -> Self {
        Self(Arc::new(Shared { allowed, used: AtomicU32::new(0), attempts: AtomicU32::new(1), observer: None }))
    }

    /// A budget that reports its retries to `observer`, which must not block.
    pub fn with_observer(allowed: u32, observer: impl Fn(&RetryNote<'_>) + Send + Sync + 'static) -> Self {
        let shared = Shared {
            allowed,
            used: AtomicU32::new(0),
            attempts: AtomicU32::new(1),
            observer: Some(Box::new(observer)),
        };
        Self(Arc::new(shared))
    }

    /// A budget that reports its retries as progress events.
    #[must_use]
    pub fn with_progress(allowed: u32, progress: Arc<dyn Progress>) -> Self {
        let limit = allowed.saturating_add(1);
        Self::with_observer(allowed, move |&RetryNote { host, attempt, wait, error }| {
            progress.event(&Event::Retrying { host, attempt, limit, wait, reason: error.message() });
        })
    }

    /// No budget: only the caller retries; layers below return errors as they are.
    #[must_use]
    pub fn none() -> Self {
        Self::new(0)
    }

    /// Whether this is [`RetryBudget::none`].
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.allowed == 0
    }

    /// Takes one retry: the number of retries in a row so far, from 1; `None` when the budget is used up.
    #[must_use]
    pub fn take(&self) -> Option<u32> {
        let taken = self
            .0
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| (used < self.0.allowed).then_some(used + 1))
            .ok()?;
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
        Some(taken + 1)
    }

    /// Reports a retry that was taken to the observer.
    pub fn note(&self, note: &RetryNote<'_>) {
        if let Some(observer) = &self.0.observer {
            observer(note);
        }
    }

    /// Refills the budget: bytes have arrived.
    pub fn progressed(&self) {
        self.0.used.store(0, Ordering::Relaxed);
    }

    /// Attempts made so far, the first one included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts.load(Ordering::Relaxed)
    }
}

impl Default for RetryBudget {
    /// Five retries: with the usual back-off that is about half a minute of patience.
    fn default() -> Self {
        Self::new(5)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.0.used.load(Ordering::Relaxed);
        write!(f, "RetryBudget({used} of {}, {} attempts)", self.0.allowed, self.attempts())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_refills_and_attempts_add_up() {
        let budget = RetryBudget::new(2);
        let other = budget.clone();
        assert_eq!((budget.take(), other.take(), budget.take()), (Some(1), Some(2), None));
        budget.progressed();
        assert_eq!(other.take(), Some(1));
        assert_eq!(budget.attempts(), 4);
    }
}
