//! The plan of a run, as pure data: one seed gives one sequence of rounds, operations, faults and signals.

use std::time::Duration;

use crate::torture::content::Noise;
use crate::torture::crowd::hub::Change;
use crate::torture::crowd::{mix, scenes};

/// Processes side by side.
pub(crate) const SEATS: usize = 4;
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
    fn collects(&self) -> bool {
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

/// Makes operations, numbered in the order in which they are made.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(crate) noise: Noise,
    next: u64,
    /// Rounds of this cycle that are still to come, the next one last.
    cycle: Vec<Round>,
}

impl Planner {
    pub(crate) fn new(seed: u64) -> Self {
        Self { noise: Noise::new(seed), next: 0, cycle: Vec::new() }
    }

    /// The next round.
    pub(crate) fn round(&mut self) -> Round {
        if self.cycle.is_empty() {
            self.cycle = self.new_cycle();
            self.cycle.reverse();
        }
        self.cycle.pop().unwrap_or_default()
    }

    /// A number that no other operation and no scene has had.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// An operation that is expected to succeed.
    pub(crate) fn operation(&mut self, scene: &'static str, arguments: &[&str]) -> Operation {
        Operation {
            number: self.number(),
            scene,
            starts: When::Free,
            changes: Vec::new(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: Vec::new(),
            clock: 0,
            signals: Vec::new(),
            limit: LIMIT,
            expects: Expects::Codes(&[0]),
            shows: Vec::new(),
            sent: None,
            twin: None,
            asks: Vec::new(),
        }
    }

    /// Every scene once, in an order of its own, packed into rounds whose free seats are filled with a mixture.
    fn new_cycle(&mut self) -> Vec<Round> {
        let mut bag: Vec<scenes::Scene> = scenes::ALL.to_vec();
        for at in (1..bag.len()).rev() {
            let with = usize::try_from(self.noise.below(at as u64 + 1)).unwrap_or_default();
            bag.swap(at, with);
        }
        let mut rounds: Vec<Round> = Vec::new();
        for scene in bag {
            let seats = scene(self);
            match rounds.iter_mut().find(|round| round.seats.len() + seats.len() <= SEATS) {
                Some(round) => round.seats.extend(seats),
                None => rounds.push(Round { seats, ends_cycle: false }),
            }
        }
        for round in &mut rounds {
            while round.seats.len() < SEATS {
                round.seats.push(mix::seat(self));
            }
            let collects = round.seats.iter().flatten().any(Operation::collects);
            for operation in round.seats.iter_mut().flatten().filter(|_| collects) {
                operation.sent.take_if(|sent| sent.resumes);
            }
        }
        rounds.push(Round { seats: (0..SEATS).map(|_| mix::seat(self)).collect(), ends_cycle: true });
        rounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(seed: u64) -> Vec<Round> {
        let mut planner = Planner::new(seed);
        (0..12).map(|_| planner.round()).collect()
    }

    #[test]
    fn one_seed_gives_one_plan() {
        assert_eq!(rounds(7), rounds(7));
        assert_ne!(rounds(7), rounds(8));
    }

    #[test]
    fn cycle_holds_every_scene_on_four_seats() {
        let mut planner = Planner::new(1);
        let mut scenes = std::collections::BTreeSet::new();
        loop {
            let round = planner.round();
            assert_eq!(round.seats.len(), SEATS);
            scenes.extend(round.seats.iter().flatten().map(|operation| operation.scene));
            if round.ends_cycle {
                break;
            }
        }
        assert_eq!(scenes.len(), scenes::ALL.len() + 1, "{scenes:?}");
    }

    /// Another seed has to be looked for when the scenes or their order change.
    #[test]
    fn quick_seed_plays_the_mutants_scenes_first() {
        let first = &rounds(crate::torture::QUICK_SEED)[..2];
        let scenes: std::collections::BTreeSet<_> =
            first.iter().flat_map(|round| round.seats.iter().flatten()).map(|operation| operation.scene).collect();
        for scene in ["robbed", "stopped", "spliced", "cancelled", "throttled"] {
            assert!(scenes.contains(scene), "{scene} is not among {scenes:?}");
        }
    }

    #[test]
    fn operations_are_numbered_once() {
        let mut numbers: Vec<u64> =
            rounds(3).iter().flat_map(|round| round.seats.iter().flatten()).map(|one| one.number).collect();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }
}
