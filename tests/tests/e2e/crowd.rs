//! The mirror under load and in trouble: many clients, bad bytes, idle connections, a kill.

use std::io::Write as _;
use std::net::TcpStream;

use cache_testkit::{Content, HubConfig, HubFault, Matches};
use rustix::process::Signal;

use crate::mirror::{Answer, Mirror, ask, get};
use crate::world::{MODEL, World, tree, until};

const FILE: &str = "/org/model/resolve/main/model.bin";

/// A hub with one file that is no small one.
fn world(size: u64) -> (World, Vec<u8>) {
    let world = World::empty(HubConfig::default());
    let content = Content::seeded(11, size);
    world.hub.add_model(MODEL, [("model.bin", content.clone())]);
    (world, content.to_vec().unwrap())
}

#[test]
fn two_hundred_clients_cost_upstream_one_file() {
    let (world, content) = world(8 << 20);
    let mirror = Mirror::start(&world);
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let answer = get(&mirror.url, FILE);
                assert!(answer.status == 200 && answer.body == content, "{} {}", answer.status, answer.body.len());
            });
        }
    });
    assert_eq!(world.transfers(content.len() as u64), 1);
    // In bytes it is a little more than the file: of a slow connection the rest is asked for a second time.
    assert!(world.hub.bytes_sent(MODEL, "model.bin") < 2 * content.len() as u64);
    assert_eq!(get(&mirror.url, FILE).header("x-cache"), None, "strangers learn nothing of fetches");
    let asked = |part: &str| world.hub.requests().iter().filter(|seen| seen.path.contains(part)).count();
    assert_eq!((asked("/revision/main"), asked("/tree/")), (1, 1));
}

#[test]
fn a_bad_file_never_arrives_whole() {
    let (world, content) = world(4 << 20);
    let mirror = Mirror::start(&world);
    world.hub.trouble(Matches::path("model.bin"), HubFault::Flip(1_000_000));
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| get(&mirror.url, FILE))).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for answer in &answers {
        assert!(answer.status != 200 || !answer.is_whole(), "{} bytes came", answer.body.len());
    }
    assert_eq!(world.assert_blobs_intact(), 0);
    // Bytes from the middle may be served before the end is judged; the end is not.
    let end = ask(&mirror.url, "GET", FILE, &[("Range", "bytes=-10")], &[]);
    assert!(end.status != 206 || !end.is_whole(), "{end:?}");
    world.hub.clear_trouble();
    let answer = get(&mirror.url, FILE);
    assert!(answer.status == 200 && answer.body == content);
}

/// Bytes that the journals of partials say are there.
fn noted(world: &World) -> u64 {
    let journals = tree(&world.store().join("partial")).into_iter().filter(|(path, _)| path.ends_with(".journal"));
    let bytes = |journal: Vec<u8>| {
        let journal: serde_json::Value = serde_json::from_slice(&journal).unwrap_or_default();
        let ranges = ["ranges", "unsynced"].iter().filter_map(|name| journal[name].as_array()).flatten();
        ranges.map(|range| range[1].as_u64().unwrap_or(0) - range[0].as_u64().unwrap_or(0)).max().unwrap_or(0)
    };
    journals.map(|(_, journal)| bytes(journal)).sum()
}

#[test]
fn a_server_killed_in_the_middle_goes_on_after_a_restart() {
    let (world, content) = world(192 << 20);
    let mirror = Mirror::start(&world);
    world.hub.trouble(Matches::path("model.bin"), HubFault::Stall(160 << 20));
    let url = mirror.url.clone();
    let client = std::thread::spawn(move || get(&url, FILE));
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(world.hub.stalled(1));
    until("most of it is noted", || noted(&world) >= 100 << 20);
    mirror.end(Signal::KILL);
    assert!(!client.join().unwrap().is_whole());
    world.hub.clear_trouble();
    world.hub.release();
    let before = world.hub.bytes_sent(MODEL, "model.bin");
    let mirror = Mirror::start(&world);
    let answer = get(&mirror.url, FILE);
    assert!(answer.status == 200 && answer.body == content);
    let again = world.hub.bytes_sent(MODEL, "model.bin") - before;
    assert!(again < 120 << 20, "{again} bytes were fetched again");
    world.assert_blobs_intact();
}

#[test]
fn idle_connections_keep_nobody_out() {
    let (world, content) = world(1 << 20);
    let mut command = world.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("MODEL_CACHE_SERVER_CONNECTIONS_PER_CLIENT", "2000");
    let mirror = Mirror::run(command, world.folder());
    let host = mirror.url.strip_prefix("http://").unwrap();
    let idle: Vec<TcpStream> = (0..900)
        .map(|_| {
            let mut stream = TcpStream::connect(host).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(get(&mirror.url, FILE).body, content);
    }
    drop(idle);
}

#[test]
fn a_server_that_is_told_to_stop_lets_requests_end() {
    let (world, content) = world(8 << 20);
    let mirror = Mirror::start(&world);
    world.hub.trouble(Matches::path("model.bin"), HubFault::Stall(4 << 20));
    let url = mirror.url.clone();
    let client = std::thread::spawn(move || get(&url, FILE));
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(world.hub.stalled(1));
    crate::signals::signal(mirror.child(), Signal::TERM);
    // It takes no new ones from now on; then the old one may go on.
    until("nobody listens", || TcpStream::connect(mirror.url.strip_prefix("http://").unwrap()).is_err());
    world.hub.release();
    let answer = client.join().unwrap();
    assert!(answer.body == content, "{} bytes", answer.body.len());
    assert!(mirror.end(Signal::TERM).success());
}
