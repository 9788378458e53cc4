//! Many processes, one file, one download.

use cache_testkit::{Content, HubConfig, HubFault, Matches, Origin};
use rustix::process::Signal;

use crate::mirror::{Mirror, get};
use crate::signals::signal;
use crate::world::{MODEL, World, finish, tree, until};

#[test]
fn fifty_processes_one_download() {
    let size = 3_000_000;
    let world = World::slow(size, 2_000_000);
    let children: Vec<_> = (0..50).map(|_| world.command(&["get", MODEL]).spawn().unwrap()).collect();
    let paths: Vec<_> = children.into_iter().map(|child| finish(child).ok().path()).collect();
    assert!(paths.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(fs_err::metadata(paths[0].join("model.bin")).unwrap().len(), size);
    assert_eq!(world.transfers(size), 1, "{:?}", world.hub.requests());
    let sent = world.hub.bytes_sent(MODEL, "model.bin");
    assert!(sent < 2 * size, "sent {sent} bytes of a file of {size}");
    assert_eq!(world.assert_blobs_intact(), 2);
}

#[test]
fn a_waiter_takes_over_when_the_leader_dies() {
    let size = 6_000_000;
    let world = World::slow(size, 1_000_000);
    let mut leader = world.command(&["get", MODEL]).spawn().unwrap();
    until("the leader to begin", || world.hub.total_bytes_sent() > 400_000);
    let waiters: Vec<_> = (0..4).map(|_| world.command(&["get", MODEL]).spawn().unwrap()).collect();
    leader.kill().unwrap();
    leader.wait().unwrap();
    world.hub.set_rate(0);
    for waiter in waiters {
        finish(waiter).ok();
    }
    assert!(world.hub.bytes_sent(MODEL, "model.bin") <= 2 * size);
    world.assert_blobs_intact();
}

/// A hub with one file that comes in one piece.
fn world(size: u64) -> World {
    let world = World::empty(HubConfig::default());
    world.hub.add_model(MODEL, [("model.bin", Content::seeded(3, size))]);
    world
}

#[test]
fn each_transfer_is_counted_once() {
    let size = 8 << 20;
    let world = world(size);
    let other = world.folder().join("other").display().to_string();
    // Without single flight there are as many as here, where each has a store of its own.
    for store in [None, Some(("MODEL_CACHE_DIR", other.as_str()))] {
        world.run_with(store.as_slice(), &["get", MODEL]).ok();
    }
    assert_eq!(world.transfers(size), 2);
}

#[test]
fn a_second_try_of_the_beginning_is_no_transfer() {
    let size = 8 << 20;
    let world = world(size);
    world.hub.trouble(Matches::path("model.bin").at(Origin::Cdn).first(1), HubFault::Stall(0));
    world.get();
    let requests = world.hub.requests();
    let from_cdn = requests.iter().filter(|seen| seen.origin == Origin::Cdn);
    let begins = from_cdn.filter(|seen| seen.header("range").is_some_and(|range| range.starts_with("bytes=0-")));
    assert_eq!((begins.count(), world.transfers(size)), (2, 1), "{requests:?}");
    world.hub.release();
}

#[test]
fn a_stopped_leader_stops_no_other() {
    let size = 24 << 20;
    let world = World::slow(size, 1_000_000);
    let soon = [("MODEL_CACHE_LEADER_TIMEOUT", "1s")];
    let first = world.command(&["get", MODEL]).spawn().unwrap();
    until("the leader to begin", || world.hub.total_bytes_sent() > 400_000);
    signal(&first, Signal::STOP);
    world.hub.set_rate(0);
    let second = world.command(&["get", MODEL]).envs(soon).spawn().unwrap();
    let mut serve = world.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mirror = Mirror::run(
        {
            serve.envs(soon);
            serve
        },
        world.folder(),
    );
    let answer = get(&mirror.url, "/org/model/resolve/main/model.bin");
    assert!(answer.status == 200 && answer.body.len() as u64 == size, "{} {}", answer.status, answer.body.len());
    let second = finish(second).ok().path();
    signal(&first, Signal::CONT);
    assert_eq!(finish(first).ok().path(), second);
    assert_eq!(world.assert_blobs_intact(), 2);
    let partials = tree(&world.store().join("partial"));
    let locks = tree(&world.store().join("locks")).into_iter().filter(|(name, _)| name.contains('.'));
    assert_eq!((partials.len(), locks.count()), (0, 0), "what the stopped one had is gone");
}
