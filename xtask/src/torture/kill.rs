//! SIGKILL, at every system call that changes something and at every fail point of the store.

use std::process::Command;

use crate::failure::Result;
use crate::torture::plan::{Plan, Tally};
use crate::torture::process;
use crate::torture::setup::{From, LIMIT, Setup};
use crate::torture::strace::{self, MUTATING};

pub(crate) fn run(setup: &Setup, plan: &Plan) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut ways = ways();
    // A short run takes a few points of each way; a long one walks through all of them again and again, because
    // threads run in another order each time.
    let stride = if plan.points < 200 { 7 } else { 1 };
    let mut at: Vec<u64> = (0..).map(|index| 1 + index % stride).take(ways.len()).collect();
    let mut reached = vec![0; ways.len()];
    while !tally.enough(plan) {
        for (way, (at, reached)) in ways.iter_mut().zip(at.iter_mut().zip(&mut reached)) {
            if tally.enough(plan) {
                break;
            }
            let killed = point(setup, plan, way, *at, &mut tally)?;
            *reached = if killed { *at.max(reached) } else { *reached };
            // Survived: the way is walked to its end, and begins again one step further on.
            *at = if killed { *at + stride } else { 1 + *at % stride };
        }
    }
    for (way, reached) in ways.iter().zip(&reached) {
        tally.notes.push(format!("{}: up to call {reached}", way.name));
    }
    Ok(tally)
}

/// What is being done when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Fetching from a hub that sends wrong bytes.
    Refuse,
    Fetch,
    /// Evicting what was fetched before.
    Evict,
}

/// Changes the command so that it dies at the Nth time.
type Kill = Box<dyn Fn(&Command, u64) -> Command>;

struct Way {
    name: String,
    work: Work,
    kill: Kill,
}

fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for work in [Work::Refuse, Work::Fetch, Work::Evict] {
        let failpoint = move |command: &Command, at: u64| {
            let mut copy = clone(command);
            copy.env("MODEL_CACHE_FAILPOINT", format!("*=abort:{at}"));
            copy
        };
        ways.push(Way { name: format!("{work:?}: fail points"), work, kill: Box::new(failpoint) });
        for set in MUTATING {
            let kill = move |command: &Command, at: u64| {
                strace::inject(command, set, &format!("signal=SIGKILL:when={at}"), None)
            };
            ways.push(Way { name: format!("{work:?}: {set}"), work, kill: Box::new(kill) });
        }
    }
    ways
}

fn clone(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    copy
}

/// One run that is killed, and all that must hold afterwards. Whether it was killed.
fn point(setup: &Setup, plan: &Plan, way: &Way, at: u64, tally: &mut Tally) -> Result<bool> {
    let store = setup.store();
    let command = match way.work {
        Work::Refuse => setup.get(&store, From::Lying, plan.mutant),
        Work::Fetch => setup.get(&store, From::Honest, plan.mutant),
        Work::Evict => {
            process::run(setup.get(&store, From::Honest, plan.mutant), LIMIT)?;
            setup.command(&store, From::Honest, plan.mutant, &["gc", "--quiet", "--max-size", "1KB"])
        }
    };
    let ended = process::run((way.kill)(&command, at), LIMIT)?;
    let mut problems = setup.inspect(&store);
    match (ended.killed(), ended.ok(), way.work) {
        (true, ..) | (_, true, Work::Evict) => {}
        (_, true, Work::Fetch) => problems.extend(setup.acknowledged(&store, &ended)),
        (_, true, Work::Refuse) => problems.push("wrong bytes were accepted".to_owned()),
        (_, false, Work::Refuse) if ended.status.code() == Some(4) => {}
        _ => problems.push(ended.words()),
    }
    problems.extend(setup.recovers(&store, plan.mutant)?);
    setup.discard(&store, &problems)?;
    tally.point(&format!("{} at {at}, {}", way.name, store.display()), problems);
    Ok(ended.killed())
}
