//! Broken locks: every flock succeeds and excludes no process, as on some cluster file systems.

use std::time::Duration;

use crate::failure::Result;
use crate::torture::plan::{Plan, Tally};
use crate::torture::setup::{From, Setup};
use crate::torture::{process, strace};

/// Processes that fetch the same model at once.
const CROWD: usize = 16;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(setup: &Setup, plan: &Plan) -> Result<Tally> {
    let mut tally = Tally::default();
    while !tally.enough(plan) {
        round(setup, plan, &mut tally)?;
    }
    tally.notes.push(format!("{CROWD} processes in each of {} rounds", tally.points));
    Ok(tally)
}

/// Every other process asks a hub that sends wrong bytes: a process that shares a file with one of those has them.
fn round(setup: &Setup, plan: &Plan, tally: &mut Tally) -> Result<()> {
    let store = setup.store();
    let mut crowd = Vec::with_capacity(CROWD);
    for number in 0..CROWD {
        let from = if number % 2 == 0 { From::Honest } else { From::Lying };
        let command = setup.get(&store, from, plan.mutant);
        crowd.push((from, process::start(strace::inject(&command, "flock", "retval=0", None), LIMIT)?));
    }
    let mut problems = Vec::new();
    for (from, running) in crowd {
        let ended = running.finish()?;
        match (from, ended.status.code()) {
            // Somebody else's right bytes were there already.
            (_, Some(0)) => problems.extend(setup.acknowledged(&store, &ended)),
            (From::Lying, Some(4)) if !ended.hung => {}
            _ => problems.push(format!("{from:?}: {}", ended.words())),
        }
    }
    problems.extend(setup.inspect(&store));
    problems.extend(setup.recovers(&store, plan.mutant)?);
    setup.discard(&store, &problems)?;
    tally.point(&format!("round in {}", store.display()), problems);
    Ok(())
}
