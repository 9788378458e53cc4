//! Little of what the system gives: few open files, and a lock that its process does not release.

use std::process::{Command, Stdio};

use cache_testkit::{Content, HubConfig};
use rustix::process::Signal;

use crate::signals::signal;
use crate::world::{MODEL, Run, World, finish, until};

/// The command with at most so many open files.
fn with_open_files(world: &World, limit: u32, arguments: &[&str]) -> Run {
    let command = world.command(arguments);
    let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &script])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    finish(limited.spawn().unwrap())
}

#[test]
fn many_files_arrive_with_few_open_ones() {
    let world = World::empty(HubConfig::default());
    let small = (0..30).map(|nth| (format!("{nth}.json"), Content::seeded(nth, 1000 + nth)));
    let large = (0..11).map(|nth| (format!("{nth}.bin"), Content::seeded(nth, 700_000 + nth)));
    world.hub.add_model(MODEL, small.chain(large).collect::<Vec<_>>());
    for limit in [64, 48] {
        let run = with_open_files(&world, limit, &["get", MODEL]).ok();
        assert!(!run.err.contains("too many recent failures"), "{limit}: {run:?}");
        assert_eq!(world.assert_blobs_intact(), 41);
        world.run(&["rm", MODEL]).ok();
    }
}

/// From a limit at which nothing works to one at which all does: whichever step fails, the hint is there.
#[test]
fn few_open_files_fail_with_their_hint() {
    let world = World::empty(HubConfig::default());
    world.hub.add_model(MODEL, [("a.bin", Content::seeded(1, 700_000)), ("b.json", Content::seeded(2, 1000))]);
    world.write_config("[transfer]\nretries = 0\n");
    let mut failures = 0;
    for limit in (12..=24).step_by(4) {
        let run = with_open_files(&world, limit, &["get", MODEL]);
        failures += u32::from(run.code != 0);
        let hinted =
            run.err.contains("open files (os error") && run.err.contains("hint: raise the limit of open files");
        assert!(run.code == 0 || hinted, "{limit}: {run:?}");
        world.run(&["rm", MODEL]);
    }
    assert!(failures > 0, "no limit was too low");
}

#[cfg(target_os = "linux")]
#[test]
fn a_stopped_collector_keeps_nobody_waiting() {
    let world = World::new();
    world.get();
    let lock = world.store().join("locks").join("gc");
    let mut collector = Command::new("flock").arg("-F").arg(&lock).args(["sleep", "600"]).spawn().unwrap();
    let file = fs_err::File::open(&lock).unwrap();
    until("the collector to have its lock", || file.file().try_lock().is_err() || file.file().unlock().is_err());
    signal(&collector, Signal::STOP);
    for command in [&["get", MODEL][..], &["path", MODEL], &["gc"], &["rm", MODEL]] {
        let run = world.run(command).ok();
        assert!(!run.err.contains("hub unreachable"), "the hub is blamed: {run:?}");
        let named = run.err.contains("locks/gc") && run.err.contains(&format!("process {}", collector.id()));
        assert!(named || command[0] == "path", "{command:?}: {run:?}");
    }
    collector.kill().unwrap();
    collector.wait().unwrap();
}
