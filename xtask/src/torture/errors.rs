//! System calls that fail, each kind at each time, until a run no longer meets one.

use fs_err as fs;

use crate::failure::Result;
use crate::torture::plan::{Plan, Tally};
use crate::torture::process;
use crate::torture::setup::{From, LIMIT, Setup};
use crate::torture::strace::{self, MUTATING, Met};

const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EDQUOT", "EINTR"];
/// Calls that must happen, or durability is only claimed.
const REQUIRED: &str = "fsync,fdatasync";

pub(crate) fn run(setup: &Setup, plan: &Plan) -> Result<Tally> {
    let mut tally = Tally::default();
    must_sync(setup, plan, &mut tally)?;
    must_refuse(setup, plan, &mut tally)?;
    let pairs: Vec<(&str, &str)> =
        MUTATING.iter().flat_map(|set| ERRORS.iter().map(move |error| (*set, *error))).collect();
    // A short run takes a few times of each pair, a long one all.
    let stride = (40 * 40 / plan.points.max(1)).clamp(1, 9);
    let mut open: Vec<Option<u64>> = pairs.iter().zip(0..).map(|(_, index)| Some(1 + index % stride)).collect();
    while open.iter().any(Option::is_some) && !tally.enough(plan) {
        for ((set, error), at) in pairs.iter().zip(&mut open) {
            let Some(time) = *at else { continue };
            if tally.enough(plan) {
                break;
            }
            *at = point(setup, plan, set, error, time, &mut tally)?.then_some(time + stride);
        }
    }
    let done = open.iter().filter(|at| at.is_none()).count();
    tally.notes.push(format!("{done} of {} pairs of call and error were walked to their end", pairs.len()));
    Ok(tally)
}

/// One run in which a call fails once. Whether one failed.
fn point(setup: &Setup, plan: &Plan, set: &str, error: &str, at: u64, tally: &mut Tally) -> Result<bool> {
    let (store, log) = (setup.store(), setup.log());
    let command = setup.get(&store, From::Honest, plan.mutant);
    let ended = process::run(strace::inject(&command, set, &format!("error={error}:when={at}"), Some(&log)), LIMIT)?;
    let log = fs::read_to_string(&log).unwrap_or_default();
    let met = strace::met(&log);
    let mut problems = setup.inspect(&store);
    if ended.ok() {
        problems.extend(setup.acknowledged(&store, &ended));
    } else if met != Met::Runtime {
        let answer = !ended.hung && ended.status.code().is_some_and(|code| code <= 7);
        // Not an answer: a hang, a panic, a signal, or a failure for no reason.
        if met == Met::Nothing || !answer {
            let call = strace::injected(&log).join(" and ");
            problems.push(format!("{} after {call}", ended.words()));
        }
    }
    problems.extend(setup.recovers(&store, plan.mutant)?);
    setup.discard(&store, &problems)?;
    tally.point(&format!("{set} {error} at {at}, {}", store.display()), problems);
    Ok(met != Met::Nothing)
}

/// A failed sync of the bytes must fail the run: after it the kernel has forgotten what was lost.
fn must_sync(setup: &Setup, plan: &Plan, tally: &mut Tally) -> Result<()> {
    let store = setup.store();
    let command = setup.get(&store, From::Honest, plan.mutant);
    let ended = process::run(strace::inject(&command, REQUIRED, "error=EIO", None), LIMIT)?;
    let mut problems = Vec::new();
    if ended.ok() {
        problems.push("succeeded although nothing could be synced".to_owned());
    }
    problems.extend(setup.recovers(&store, plan.mutant)?);
    setup.discard(&store, &problems)?;
    tally.point("every sync fails", problems);
    Ok(())
}

/// Wrong bytes are refused, and an error while they are refused does not let them through.
fn must_refuse(setup: &Setup, plan: &Plan, tally: &mut Tally) -> Result<()> {
    for (set, error) in [("rename,renameat,renameat2", "EIO"), ("link,linkat,symlink,symlinkat", "ENOSPC")] {
        let store = setup.store();
        let command = setup.get(&store, From::Lying, plan.mutant);
        let ended = process::run(strace::inject(&command, set, &format!("error={error}"), None), LIMIT)?;
        let mut problems = setup.inspect(&store);
        if ended.ok() || ended.hung {
            problems.push(format!("wrong bytes: {}", ended.words()));
        }
        problems.extend(setup.recovers(&store, plan.mutant)?);
        setup.discard(&store, &problems)?;
        tally.point(&format!("wrong bytes and {error} at {set}"), problems);
    }
    Ok(())
}
