//! The plan of a run, as pure data: rounds, operations, faults and signals.

use std::time::Duration;

use crate::torture::crowd::hub::Change;

/// The longest time of an operation that nothing holds up.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// How long a leader may stand still before others do without it.
pub(crate) const LEADER_TIMEOUT: Duration = Duration::from_secs(2);

/// When something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// As soon as the seat is free.
    Free,
    /// So long after the operation began.
    After(Duration),
    /// When so many bytes of a file have been sent since the operation `by` began, or that has ended.
    Sent { file: String, bytes: u64, by: u64 },
    /// When another operation of the round has ended.
    Ended(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Stop,
    Continue,
    Interrupt,
    Kill,
}

/// How an operation may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expects {
    /// With one of these exit codes.
    Codes(&'static [i32]),
    /// Anyhow, because a signal came: but in time, and with no panic.
    Anything,
}

/// What the server may have sent by the end of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) files: Vec<(String, u64)>,
    /// In percent of the sizes.
    pub(crate) percent: u64,
    /// Whether it is so only while nothing of what a killed one left is collected.
    pub(crate) resumes: bool,
}

/// A request to the mirror that an operation runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Whether the mirror may say that it cannot serve the file now.
    pub(crate) may_be_refused: bool,
    /// A model and a file of it.
    pub(crate) model: String,
    pub(crate) file: String,
    pub(crate) from: Option<u64>,
    /// Bytes after which the client hangs up.
    pub(crate) most: Option<usize>,
    pub(crate) starts: When,
    pub(crate) limit: Duration,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) number: u64,
    /// The scene it belongs to.
    pub(crate) scene: &'static str,
    pub(crate) starts: When,
    pub(crate) changes: Vec<Change>,
    /// `{hub}` stands for the hub's address.
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Seconds by which its clock is wrong.
    pub(crate) clock: i64,
    pub(crate) signals: Vec<(When, Signal)>,
    pub(crate) limit: Duration,
    pub(crate) expects: Expects,
    /// Files that the printed path must show.
    pub(crate) shows: Vec<String>,
    pub(crate) sent: Option<Sent>,
    /// Length of a file of which no unfinished twin may be left.
    pub(crate) twin: Option<u64>,
    /// Requests to make of it, if it is a mirror.
    pub(crate) asks: Vec<Ask>,
}

impl Operation {
    /// Whether it may remove what no living process has leased.
    pub(crate) fn evicts(&self) -> bool {
        self.has_quota() || matches!(self.arguments.first().map(String::as_str), Some("gc" | "rm"))
    }

    /// Whether it may remove what a killed process has left.
    pub(crate) fn collects(&self) -> bool {
        let by_size = self.arguments.iter().any(|argument| argument == "--max-size");
        self.has_quota() || (self.evicts() && (by_size || self.clock >= 86_400))
    }

    fn has_quota(&self) -> bool {
        self.environment.iter().any(|(name, _)| *name == "MODEL_CACHE_QUOTA")
    }
}

/// What the seats do in one round, each in order; the round ends when all have ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) seats: Vec<Vec<Operation>>,
    /// Whether the store is collected and its debris counted afterwards.
    pub(crate) ends_cycle: bool,
}
