//! A list of models, mirrored.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use cache_testkit::Content;
use fs_err as fs;
use serde_json::Value;

use crate::world::{MODEL, Run, World, finish, model, tree};

fn list(world: &World, text: &str) -> PathBuf {
    let path = world.folder().join("models.txt");
    fs::write(&path, text).unwrap();
    path
}

fn sync(world: &World, more: &[&str]) -> Run {
    let path = world.folder().join("models.txt");
    let mut arguments = vec!["sync", path.to_str().unwrap(), "--json"];
    arguments.extend(more);
    world.run(&arguments)
}

/// `(ref, state)` of each line, then `(model, state)` of what fell off.
fn states(report: &Value) -> Vec<(&str, &str)> {
    let all = |key: &str, name: &'static str| {
        report[key]
            .as_array()
            .unwrap()
            .iter()
            .map(move |one| (one[name].as_str().unwrap(), one["state"].as_str().unwrap()))
    };
    all("models", "ref").chain(all("fallen", "model")).collect()
}

fn world() -> World {
    let world = World::new();
    for name in ["org/second", "org/third"] {
        world.hub.add_model(name, [("config.json", Content::bytes(format!("{{\"name\":\"{name}\"}}")))]);
    }
    world
}

#[test]
fn a_list_is_fetched_and_then_only_what_moved() {
    let world = world();
    list(&world, &format!("# ours\n{MODEL} include=*.json\norg/second # small\n"));
    let planned = sync(&world, &["--dry-run"]).ok().json();
    assert_eq!(states(&planned), [(MODEL, "new"), ("org/second", "new")]);
    assert_eq!(world.assert_blobs_intact(), 0, "a dry run fetched");
    let first = sync(&world, &[]).ok().json();
    assert_eq!(states(&first), [(MODEL, "new"), ("org/second", "new")]);
    let json: Vec<_> = model().into_iter().filter(|(path, _)| path.ends_with(".json")).collect();
    assert_eq!(tree(&world.run(&["path", MODEL, "--include", "*.json"]).ok().path()), json);
    let bytes = world.hub.total_bytes_sent();
    assert_eq!(states(&sync(&world, &[]).ok().json()), [(MODEL, "same"), ("org/second", "same")]);
    assert_eq!(world.hub.total_bytes_sent(), bytes);

    world.hub.add_model("org/second", [("config.json", Content::bytes("{\"moved\":1}"))]);
    list(&world, &format!("{MODEL}\norg/second\norg/absent\n"));
    let run = sync(&world, &[]).ends(3);
    assert!(run.err.contains("org/absent"), "{run:?}");
    let moved = run.json();
    assert_eq!(states(&moved), [(MODEL, "completed"), ("org/second", "moved"), ("org/absent", "failed")]);
    assert_eq!(moved["models"][1]["from"], first["models"][1]["commit"]);
    let second = world.run(&["get", "--offline", "org/second/config.json"]).ok().path();
    assert_eq!(fs::read(second).unwrap(), b"{\"moved\":1}");
}

#[test]
fn what_the_list_brought_goes_when_told_and_nothing_else() {
    let world = world();
    world.hub.add_model("org/fourth", [("a.txt", Content::bytes("four"))]);
    // This one the user has got, and it is on the list too.
    world.get();
    list(&world, &format!("{MODEL}\norg/second\norg/third\norg/fourth\n"));
    sync(&world, &[]).ok();
    world.run(&["pin", "org/third"]).ok();
    let other = world.folder().join("other.txt");
    fs::write(&other, "org/fourth\n").unwrap();
    world.run(&["sync", other.to_str().unwrap()]).ok();

    list(&world, "# all gone\norg/absent\n");
    let expected =
        |fate| [("org/absent", "failed"), ("org/fourth", "kept"), ("org/second", fate), ("org/third", "kept")];
    assert_eq!(states(&sync(&world, &[]).ends(3).json()), expected("would go"));
    assert_eq!(states(&sync(&world, &["--prune", "--dry-run"]).ends(3).json()), expected("would go"));
    world.run(&["get", "--offline", "org/second"]).ok();
    assert_eq!(states(&sync(&world, &["--prune"]).ends(3).json()), expected("removed"));
    world.run(&["get", "--offline", "org/second"]).ends(3);
    for kept in [MODEL, "org/third", "org/fourth"] {
        world.run(&["get", "--offline", kept]).ok();
    }
    assert_eq!(tree(&world.run(&["path", MODEL]).ok().path()), model());
    // What was removed is forgotten, and counts as brought again once it is.
    list(&world, "org/second\n");
    assert!(states(&sync(&world, &["--prune"]).ok().json()).contains(&("org/second", "new")));
    list(&world, "org/absent\n");
    assert!(states(&sync(&world, &["--prune"]).ends(3).json()).contains(&("org/second", "removed")));
}

#[test]
fn a_list_that_makes_no_sense_removes_nothing() {
    let world = world();
    world.run(&["registry", "add", "mine", "org/second"]).ok();
    list(&world, "mine\n");
    sync(&world, &[]).ok();
    // The name is gone and nobody knows any more which model it was.
    world.run(&["registry", "rm", "mine"]).ok();
    list(&world, "mine--\n");
    let run = sync(&world, &["--prune"]).ends(2);
    assert!(run.err.contains("nothing is removed"), "{run:?}");
    list(&world, "# nothing\n");
    assert!(sync(&world, &["--prune"]).ends(2).err.contains("the list is empty"));
    list(&world, "org/second priority=3\n");
    assert!(sync(&world, &["--prune"]).ends(2).err.contains("models.txt:1:"));
    world.run(&["get", "--offline", "org/second"]).ok();
    world.run(&["sync", "--ref", "org/second", "--prune"]).ends(2);
    world.run(&["sync", "/nowhere/list"]).ends(3);
    world.run(&["sync", "--ref", MODEL, "--ref", "org/third"]).ok();
    world.run(&["get", "--offline", "org/third"]).ok();
}

#[test]
fn on_a_schedule_it_stays_until_a_signal() {
    let world = world();
    list(&world, &format!("{MODEL}\n"));
    world.run(&["sync", "--ref", MODEL, "--schedule", "now and then"]).ends(2);
    // What happens at the times is tested with a clock of its own.
    let path = world.folder().join("models.txt");
    let mut child = world.command(&["sync", path.to_str().unwrap(), "--schedule", "0 3 1 1 *"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("next sync at ") && line.contains("-01-01 03:00"), "{line:?}");
    assert!(child.try_wait().unwrap().is_none(), "it did not stay");
    let process = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    finish(child).ok();
    assert_eq!(world.requests(), 0, "it synced before its time");
}
