//! The circuit of one host: a state machine without a clock of its own.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{BreakerPolicy, BreakerState};

/// Most outcomes kept in the window; enough for a rate, little enough to forget fast.
const MAX_OUTCOMES: usize = 128;

/// Wait suggested to those who come while another one tries.
const WHILE_PROBING: Duration = Duration::from_secs(1);

/// How a request ended, as far as the host's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Fine,
    Failed,
    /// It says nothing: cancelled, or the host was merely busy.
    Unknown,
}

/// The leave to send one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Usual,
    /// The one request that decides whether the host is back.
    Probe,
}

/// Closed: all pass. Open: none pass until then. Half-open: one is trying.
#[derive(Debug)]
enum State {
    Closed(VecDeque<(Instant, bool)>),
    Open(Instant),
    HalfOpen,
}

#[derive(Debug)]
pub(super) struct Circuit(State);

impl Default for Circuit {
    fn default() -> Self {
        Self(State::Closed(VecDeque::new()))
    }
}

impl Circuit {
    /// Whether forgetting it loses nothing that matters.
    pub(super) fn is_healthy(&self) -> bool {
        matches!(&self.0, State::Closed(outcomes) if outcomes.iter().all(|(_, failed)| !failed))
    }

    /// What the next request would meet.
    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.0 {
            State::Closed(_) => BreakerState::Closed,
            State::Open(until) if now < until => BreakerState::Open,
            State::Open(_) | State::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// Lets a request through, or says how long to stay away.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Pass, Duration> {
        match self.0 {
            State::Closed(_) => Ok(Pass::Usual),
            State::Open(until) if now < until => Err(until - now),
            State::Open(_) => {
                self.0 = State::HalfOpen;
                Ok(Pass::Probe)
            }
            State::HalfOpen => Err(WHILE_PROBING),
        }
    }

    /// Learns how a request ended. Whether the circuit has just opened.
    pub(super) fn record(&mut self, policy: &BreakerPolicy, now: Instant, pass: Pass, outcome: Outcome) -> bool {
        match (&mut self.0, pass, outcome) {
            (State::HalfOpen, Pass::Probe, Outcome::Fine) => *self = Self::default(),
            (State::HalfOpen, Pass::Probe, Outcome::Failed) => self.0 = State::Open(now + policy.cool_down),
            // The next one may try at once.
            (State::HalfOpen, Pass::Probe, Outcome::Unknown) => self.0 = State::Open(now),
            (State::Closed(outcomes), _, Outcome::Fine | Outcome::Failed) => {
                outcomes.push_back((now, outcome == Outcome::Failed));
                while outcomes.len() > MAX_OUTCOMES
                    || outcomes.front().is_some_and(|&(at, _)| now.duration_since(at) > policy.window)
                {
                    outcomes.pop_front();
                }
                if too_many(outcomes, policy) {
                    self.0 = State::Open(now + policy.cool_down);
                    return true;
                }
            }
            // What was sent before the circuit opened is old news.
            _ => {}
        }
        false
    }
}

fn too_many(outcomes: &VecDeque<(Instant, bool)>, policy: &BreakerPolicy) -> bool {
    let failed = outcomes.iter().filter(|(_, failed)| *failed).count();
    let ratio = |part: usize, whole: usize| {
        f64::from(u32::try_from(part).unwrap_or(u32::MAX)) / f64::from(u32::try_from(whole).unwrap_or(u32::MAX))
    };
    failed > 0 && outcomes.len() >= policy.minimum && ratio(failed, outcomes.len()) >= policy.failure_rate
}
