//! Source health: a source that sent wrong bytes is not used again, one that is down comes last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Time for which an unreachable source comes last.
const RETRY_LAST_FOR: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
enum State {
    Untrusted,
    DownUntil(Instant),
}

/// The sources of an engine by their names. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceHealth(Arc<Mutex<HashMap<String, State>>>);

impl SourceHealth {
    fn states(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records wrong bytes: the source is not used any more.
    pub(crate) fn mark_untrusted(&self, source: &str) {
        self.states().insert(source.to_owned(), State::Untrusted);
    }

    /// Records a source as unreachable.
    pub(crate) fn failed(&self, source: &str) {
        let down = State::DownUntil(Instant::now() + RETRY_LAST_FOR);
        let mut states = self.states();
        match states.get(source) {
            Some(State::Untrusted) => {}
            _ => drop(states.insert(source.to_owned(), down)),
        }
    }

    pub(crate) fn is_untrusted(&self, source: &str) -> bool {
        matches!(self.states().get(source), Some(State::Untrusted))
    }

    pub(crate) fn is_down(&self, source: &str) -> bool {
        matches!(self.states().get(source), Some(State::DownUntil(until)) if *until > Instant::now())
    }
}
