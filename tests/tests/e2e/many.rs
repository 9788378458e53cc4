//! Many processes, one file, one download.

use cache_testkit::{Origin, Seen};

use crate::world::{MODEL, World, finish};

#[test]
fn fifty_processes_one_download() {
    let size = 3_000_000;
    let world = World::slow(size, 2_000_000);
    let children: Vec<_> = (0..50).map(|_| world.command(&["get", MODEL]).spawn().unwrap()).collect();
    let paths: Vec<_> = children.into_iter().map(|child| finish(child).ok().path()).collect();
    assert!(paths.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(fs_err::metadata(paths[0].join("model.bin")).unwrap().len(), size);
    // A slow range is split and its tail asked for again, so more is sent than the file has; but it is begun once.
    let from_the_start =
        |seen: &&Seen| seen.origin == Origin::Cdn && seen.header("range").is_none_or(|r| r.starts_with("bytes=0-"));
    assert_eq!(world.hub.requests().iter().filter(from_the_start).count(), 1, "{:?}", world.hub.requests());
    let sent = world.hub.bytes_sent(MODEL, "model.bin");
    assert!(sent < 2 * size, "sent {sent} bytes of a file of {size}");
    assert_eq!(world.assert_blobs_intact(), 2);
}

#[test]
fn a_waiter_takes_over_when_the_leader_dies() {
    let size = 6_000_000;
    let world = World::slow(size, 1_000_000);
    let mut leader = world.command(&["get", MODEL]).spawn().unwrap();
    crate::world::until("the leader to begin", || world.hub.total_bytes_sent() > 400_000);
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
