//! kill -9 at random points: the next run succeeds, and nothing wrong is ever visible. Two hundred kills in all, in
//! four tests so that they run side by side.

use std::time::Duration;

use cache_testkit::{Content, HubConfig};
use rustix::process::Signal;

use crate::signals::signal;
use crate::world::{World, finish, tree};

const KILLS: u32 = 50;

/// A small generator with a seed (SplitMix64), so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

fn kill_at_random(seed: u64) {
    let mut random = Random(seed);
    // Slow enough for a run to take longer than a process needs to start, fast enough for two hundred of them.
    let world = World::empty(HubConfig::default().rate(6_000_000));
    let mut killed = 0;
    let mut round = 0_u64;
    while killed < KILLS {
        round += 1;
        let model = format!("org/m{round}");
        let files = [
            ("model.bin", Content::seeded(seed * 1000 + round, 1_200_000 + random.below(500_000))),
            ("part.bin", Content::seeded(seed * 2000 + round, 200_000)),
            ("config.json", Content::bytes(format!("{{\"round\": {round}}}"))),
        ];
        let mut expected: Vec<(String, Vec<u8>)> =
            files.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec().unwrap())).collect();
        expected.sort();
        world.hub.add_model(&model, files);
        // Several kills on the way to one model: what the first left is what the second starts from.
        for _ in 0..=random.below(4) {
            let mut child = world.command(&["get", &model, "--quiet"]).spawn().unwrap();
            std::thread::park_timeout(Duration::from_micros(random.below(350_000)));
            if child.try_wait().unwrap().is_none() {
                signal(&child, Signal::KILL);
                killed += 1;
            }
            finish(child);
            world.assert_blobs_intact();
        }
        let run = world.run(&["get", &model]).ok();
        assert_eq!(tree(&run.path()), expected, "seed {seed}, round {round}");
    }
    world.assert_blobs_intact();
    world.run(&["verify"]).ok();
    world.run(&["gc"]).ok();
    world.run(&["verify"]).ok();
}

#[test]
fn fifty_kills_with_the_first_seed() {
    kill_at_random(1);
}

#[test]
fn fifty_kills_with_the_second_seed() {
    kill_at_random(2);
}

#[test]
fn fifty_kills_with_the_third_seed() {
    kill_at_random(3);
}

#[test]
fn fifty_kills_with_the_fourth_seed() {
    kill_at_random(4);
}
