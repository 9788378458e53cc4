//! `cargo xtask torture`: treats the command badly, and looks at the store with code of its own.

mod content;
mod crowd;
mod errors;
mod kill;
mod listing;
mod locked;
mod locks;
mod plan;
mod power;
mod process;
mod setup;
mod store;
mod strace;
mod upstream;
mod web;

use std::time::{Duration, Instant, SystemTime};

use clap::{Args, ValueEnum};

use crate::failure::Result;
use crate::torture::plan::{Plan, Tally};
use crate::torture::setup::Setup;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Which rigs; all when none is named.
    #[arg(value_name = "RIG", value_enum)]
    rigs: Vec<Name>,
    /// How many points each rig tries at least.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    points: u64,
    /// A short run, for CI.
    #[arg(long, conflicts_with = "points")]
    quick: bool,
    /// What the plan of `crowd` is made from; the same number gives the same operations, faults and signals.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How long `upstream` runs, in minutes.
    #[arg(long, default_value_t = 10, value_name = "N")]
    minutes: u64,
    /// Run the mutants, on which every rig must fail.
    #[arg(long)]
    mutant: bool,
    /// Torture the binaries as they are, without building them.
    #[arg(long)]
    no_build: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// SIGKILL at system calls and fail points.
    Kill,
    /// Power cuts on XFS and ext4.
    Power,
    /// Failing system calls.
    Errors,
    /// Locks that lie.
    Locks,
    /// Four processes on one store, with signals, wrong clocks and faults at the hub.
    Crowd,
    /// The mirror against a hub with every fault, strangers, and clients that resume.
    Upstream,
}

/// Points of a short run, and its longest time.
const QUICK: (u64, Duration) = (60, Duration::from_secs(40));
/// Its points are short, and some things take seconds to go wrong.
const QUICK_CROWD: (u64, Duration) = (1000, Duration::from_secs(50));
/// It has no points to end with.
const QUICK_UPSTREAM: (u64, Duration) = (u64::MAX, Duration::from_secs(40));
/// The seed of a short run: what the mutants are caught by comes first.
const QUICK_SEED: u64 = 140;

struct Rig {
    name: Name,
    /// Why it cannot run here.
    missing: fn() -> Option<String>,
    run: fn(&Setup, &Plan) -> Result<Tally>,
    mutants: &'static [&'static str],
    quick: (u64, Duration),
}

const RIGS: [Rig; 6] = [
    Rig {
        name: Name::Kill,
        missing: strace::missing,
        run: kill::run,
        mutants: &["publish-before-check", "no-digest-check"],
        quick: QUICK,
    },
    Rig { name: Name::Power, missing: power::missing, run: power::run, mutants: &["no-fsync"], quick: QUICK },
    Rig {
        name: Name::Errors,
        missing: strace::missing,
        run: errors::run,
        mutants: &["no-fsync", "no-digest-check"],
        quick: QUICK,
    },
    Rig {
        name: Name::Locks,
        missing: strace::missing,
        run: locks::run,
        mutants: &["believe-locks", "no-digest-check"],
        quick: QUICK,
    },
    Rig { name: Name::Crowd, missing: || None, run: crowd::run, mutants: &crowd::MUTANTS, quick: QUICK_CROWD },
    Rig {
        name: Name::Upstream,
        missing: || None,
        run: upstream::run,
        mutants: &upstream::MUTANTS,
        quick: QUICK_UPSTREAM,
    },
];

/// What CI runs: all rigs, then all mutants, each for a short time.
pub(crate) fn quick() -> Result<()> {
    let arguments = |mutant, no_build| Arguments {
        rigs: Vec::new(),
        points: 0,
        quick: true,
        seed: Some(1),
        minutes: 0,
        mutant,
        no_build,
    };
    let rigs = run(&arguments(false, false));
    let mutants = run(&arguments(true, true));
    rigs.and(mutants)
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let seed = match arguments.seed {
        Some(seed) => seed,
        None if arguments.quick => QUICK_SEED,
        None => u64::from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_micros()),
    };
    let chosen = RIGS.iter().filter(|rig| arguments.rigs.is_empty() || arguments.rigs.contains(&rig.name));
    let (skipped, ready): (Vec<&Rig>, Vec<&Rig>) = chosen.partition(|rig| (rig.missing)().is_some());
    for rig in &skipped {
        println!("skipped: {}: {}", rig.label(), (rig.missing)().unwrap_or_default());
    }
    if ready.is_empty() {
        return Ok(());
    }
    let setup = Setup::new(arguments.no_build)?;
    let mut failed = Vec::new();
    for rig in ready {
        let (points, limit) = match rig.name {
            _ if arguments.quick => (rig.quick.0, Some(rig.quick.1)),
            Name::Upstream => (u64::MAX, Some(Duration::from_secs(60 * arguments.minutes))),
            _ => (arguments.points, None),
        };
        if arguments.mutant {
            for mutant in rig.mutants {
                let until = limit.map(|limit| Instant::now() + limit);
                let tally = (rig.run)(&setup, &Plan { points, until, mutant: Some(mutant), seed })?;
                match tally.failures.first() {
                    Some(first) => {
                        println!("{}: mutant {mutant} caught after {} points: {first}", rig.label(), tally.points);
                    }
                    None => {
                        println!("{}: mutant {mutant} NOT caught in {} points", rig.label(), tally.points);
                        failed.push(format!("{} with {mutant}", rig.label()));
                    }
                }
            }
        } else {
            let start = Instant::now();
            let until = limit.map(|limit| start + limit);
            let tally = (rig.run)(&setup, &Plan { points, until, mutant: None, seed })?;
            report(rig, &tally, start.elapsed());
            if !tally.failures.is_empty() || tally.points == 0 {
                failed.push(rig.label().to_owned());
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

fn report(rig: &Rig, tally: &Tally, took: Duration) {
    let (name, points, seconds) = (rig.label(), tally.points, took.as_secs_f64());
    println!("{name}: {points} points, {} failures, {seconds:.0} s", tally.failures.len());
    for note in &tally.notes {
        println!("  {note}");
    }
    for failure in &tally.failures {
        println!("  FAILED {failure}");
    }
}

impl Rig {
    fn label(&self) -> &'static str {
        match self.name {
            Name::Kill => "kill",
            Name::Power => "power",
            Name::Errors => "errors",
            Name::Locks => "locks",
            Name::Crowd => "crowd",
            Name::Upstream => "upstream",
        }
    }
}
