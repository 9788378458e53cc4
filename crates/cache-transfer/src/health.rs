//! What an engine has learned of its sources: who lied is not asked again, who is down comes last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a source that could not be reached comes after the others.
const SHUNNED: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
enum State {
    Lied,
    DownUntil(Instant),
}

/// The sources of an engine by their names. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<HashMap<String, State>>>);

impl Health {
    fn states(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It sent bytes that are not the file's: nothing is taken from it any more.
    pub(crate) fn lied(&self, source: &str) {
        self.states().insert(source.to_owned(), State::Lied);
    }

    /// It could not be reached, or broke off again and again.
    pub(crate) fn failed(&self, source: &str) {
        let down = State::DownUntil(Instant::now() + SHUNNED);
        let mut states = self.states();
        match states.get(source) {
            Some(State::Lied) => {}
            _ => drop(states.insert(source.to_owned(), down)),
        }
    }

    pub(crate) fn is_liar(&self, source: &str) -> bool {
        matches!(self.states().get(source), Some(State::Lied))
    }

    pub(crate) fn is_down(&self, source: &str) -> bool {
        matches!(self.states().get(source), Some(State::DownUntil(until)) if *until > Instant::now())
    }
}
