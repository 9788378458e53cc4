//! Four processes on one store, and all that happens to processes: others that evict, signals, wrong clocks, and a hub
//! with a bad day. The plan follows from a seed; how the processes interleave is the kernel's.

mod check;
mod generator;
mod hub;
mod mix;
mod plan;
mod planner;
mod run;
mod scenes;

use crate::failure::Result;
use crate::torture::plan::{Plan, Tally};
use crate::torture::setup::Setup;

pub(crate) const MUTANTS: [&str; 5] =
    ["late-lease", "no-leader-timeout", "resume-without-validator", "journal-keeps-lock", "race-throttled"];

pub(crate) fn run(setup: &Setup, plan: &Plan) -> Result<Tally> {
    println!("crowd: seed {}", plan.seed);
    let mut tally = Tally::default();
    let mut planner = planner::Planner::new(plan.seed);
    let mut stage = run::Stage::new(setup, plan.mutant)?;
    let (mut rounds, mut cycles) = (0, 0);
    while !tally.enough(plan) {
        let round = planner.round();
        let mut problems = stage.play(&round)?;
        if problems.is_empty() && round.ends_cycle {
            problems.extend(stage.collect()?);
            cycles += 1;
        }
        rounds += 1;
        tally.points += round.seats.iter().map(|seat| seat.len() as u64).sum::<u64>();
        let again = format!("again: cargo xtask torture crowd --seed {} --points {}", plan.seed, tally.points);
        if !problems.is_empty() {
            problems.iter_mut().for_each(|problem| problem.push_str(&format!("\n    {again}")));
            // What is wrong with a store stays wrong: the next round begins with another.
            stage.renew()?;
        }
        tally.failures.extend(problems);
    }
    tally.notes.push(format!("seed {}, {rounds} rounds, {cycles} of them ended with a collection", plan.seed));
    tally.notes.extend(stage.notes());
    Ok(tally)
}
