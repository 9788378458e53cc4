//! The circuit of one host: a state machine without a clock of its own.

use std::collections::VecDeque;
use std::time::Duration;

use cache_core::Retry;
use tokio::time::Instant;

/// Thresholds of a circuit breaker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BreakerPolicy {
    /// Window in which outcomes count.
    pub window: Duration,
    /// Fewer outcomes than this in the window prove nothing.
    pub minimum: usize,
    /// The share of failures, from 0 to 1, at which the circuit opens.
    pub failure_rate: f64,
    /// Time for which it stays open before one request may try.
    pub cool_down: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { window: Duration::from_secs(30), minimum: 10, failure_rate: 0.5, cool_down: Duration::from_secs(10) }
    }
}

/// State of a host's circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It is sent.
    Closed,
    /// One request finds out whether the host is back; others are turned away.
    HalfOpen,
    /// It is turned away.
    Open,
}

/// Most outcomes kept in the window; enough for a rate, little enough to forget fast.
const MAX_OUTCOMES: usize = 128;

/// Suggested wait while another request probes the host.
const WHILE_PROBING: Duration = Duration::from_secs(1);

/// Outcome of a request for the host's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallOutcome {
    Fine,
    Failed,
    /// No connection: the host refuses them, or has no address.
    Refused,
    /// It says nothing: cancelled, or the host was merely busy.
    Unknown,
}

/// The leave to send one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
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
pub(super) struct Circuit {
    state: State,
    /// Whether the last failure was a refused connection.
    refused: bool,
}

impl Default for Circuit {
    fn default() -> Self {
        Self { state: State::Closed(VecDeque::new()), refused: false }
    }
}

/// A request that is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CircuitOpen {
    /// Advice for the next attempt.
    pub(super) retry: Retry,
    /// Whether the host refused connections.
    pub(super) refused: bool,
}

impl Circuit {
    /// Whether forgetting it loses nothing that matters.
    pub(super) fn is_healthy(&self) -> bool {
        matches!(&self.state, State::Closed(outcomes) if outcomes.iter().all(|(_, failed)| !failed))
    }

    /// State for the next request.
    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed(_) => BreakerState::Closed,
            State::Open(until) if now < until => BreakerState::Open,
            State::Open(_) | State::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// Lets a request through, or tells when to retry; never at a host that refused.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Admission, CircuitOpen> {
        let refused = self.refused;
        match self.state {
            State::Closed(_) => Ok(Admission::Usual),
            State::Open(until) if now < until => {
                let retry = if refused { Retry::Never } else { Retry::After(until - now) };
                Err(CircuitOpen { retry, refused })
            }
            State::Open(_) => {
                self.state = State::HalfOpen;
                Ok(Admission::Probe)
            }
            State::HalfOpen => Err(CircuitOpen { retry: Retry::After(WHILE_PROBING), refused }),
        }
    }

    /// Learns how a request ended. Whether the circuit has just opened.
    pub(super) fn record(
        &mut self,
        policy: &BreakerPolicy,
        now: Instant,
        pass: Admission,
        outcome: CallOutcome,
    ) -> bool {
        if let CallOutcome::Failed | CallOutcome::Refused = outcome {
            self.refused = outcome == CallOutcome::Refused;
        }
        match (&mut self.state, pass, outcome) {
            (State::HalfOpen, Admission::Probe, CallOutcome::Fine) => *self = Self::default(),
            (State::HalfOpen, Admission::Probe, CallOutcome::Failed | CallOutcome::Refused) => {
                self.state = State::Open(now + policy.cool_down);
            }
            // The next one may try at once.
            (State::HalfOpen, Admission::Probe, CallOutcome::Unknown) => self.state = State::Open(now),
            (State::Closed(outcomes), _, CallOutcome::Fine | CallOutcome::Failed | CallOutcome::Refused) => {
                outcomes.push_back((now, outcome != CallOutcome::Fine));
                while outcomes.len() > MAX_OUTCOMES
                    || outcomes.front().is_some_and(|&(at, _)| now.duration_since(at) > policy.window)
                {
                    outcomes.pop_front();
                }
                if too_many(outcomes, policy) {
                    self.state = State::Open(now + policy.cool_down);
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
