//! Ctrl-C and SIGTERM.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{MODEL, World, finish, until};

pub(crate) fn signal(child: &Child, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}

fn stops_and_goes_on(with: Signal) {
    let size = 8_000_000;
    let world = World::slow(size, 500_000);
    let child = world.command(&["get", MODEL]).spawn().unwrap();
    until("half of it", || world.hub.total_bytes_sent() > size / 2);
    let began = Instant::now();
    signal(&child, with);
    let run = finish(child);
    let took = began.elapsed();
    assert_eq!(run.code, 130, "{run:?}");
    assert_eq!(run.out, "");
    assert!(
        run.err.contains("error: interrupted") && run.err.contains("hint: run the same command again to resume"),
        "{run:?}"
    );
    // A second is the promise; a busy machine that runs other tests gets more.
    assert!(took < Duration::from_secs(5), "{took:?}");
    world.assert_blobs_intact();
    world.hub.set_rate(0);
    let before = world.hub.total_bytes_sent();
    let run = world.run(&["get", MODEL]).ok();
    assert!(!run.out.is_empty());
    let sent = world.hub.total_bytes_sent() - before;
    assert!(sent < size, "all of it was sent again: {sent}");
}

#[test]
fn ctrl_c_stops_cleanly_and_the_next_run_goes_on() {
    stops_and_goes_on(Signal::INT);
}

#[test]
fn sigterm_too() {
    stops_and_goes_on(Signal::TERM);
}
