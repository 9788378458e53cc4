//! Keeping the store in order: rm, gc, pin, quota, quarantine.

use cache_testkit::Content;

use crate::world::{MODEL, World};

#[test]
fn rm_removes_and_says_how_much() {
    let world = World::new();
    let path = world.get();
    let run = world.run(&["rm", MODEL]).ok();
    assert!(run.out.starts_with(&format!("removed {MODEL}@")) && run.out.contains("freed"), "{run:?}");
    assert!(!path.exists());
    assert_eq!(world.assert_blobs_intact(), 0);
    world.run(&["rm", MODEL]).fails(3, "not in the store");
    world.run(&["path", MODEL]).fails(3, "not in the store");
    world.get();
}

#[test]
fn bytes_shared_with_another_model_stay() {
    let world = World::new();
    world.hub.add_model("org/twin", cache_testkit::fixtures::model());
    world.get();
    let before = world.hub.total_bytes_sent();
    world.run(&["get", "org/twin"]).ok();
    assert_eq!(world.hub.total_bytes_sent(), before, "bytes that were here were sent again");
    world.run(&["rm", MODEL]).ok();
    world.run(&["path", "org/twin"]).ok();
    world.run(&["verify"]).ok();
}

#[test]
fn a_pin_holds_against_rm_and_gc() {
    let world = World::new();
    world.get();
    world.run(&["pin", MODEL]).ok();
    assert!(world.run(&["ls"]).ok().out.contains("pinned"));
    world.run(&["rm", MODEL]).fails(2, "pinned");
    world.run(&["gc", "--max-size", "0"]).ok();
    world.run(&["path", MODEL]).ok();
    world.run(&["unpin", MODEL]).ok();
    world.run(&["unpin", MODEL]).fails(3, "not pinned");
    world.run(&["pin", "org/nowhere"]).fails(3, "not in the store");
    world.run(&["gc", "--max-size", "0"]).ok();
    world.run(&["path", MODEL]).fails(3, "not in the store");
    assert_eq!(world.assert_blobs_intact(), 0);
}

#[test]
fn a_dry_run_says_what_would_go_and_why_and_changes_nothing() {
    let world = World::new();
    world.get();
    let run = world.run(&["gc", "--max-size", "1kB", "--dry-run"]).ok();
    assert!(run.out.contains(MODEL) && run.out.contains("would"), "{run:?}");
    world.run(&["path", MODEL]).ok();
    let json = world.run(&["gc", "--max-size", "1kB", "--dry-run", "--json"]).ok().json();
    assert!(json["freed_bytes"].as_u64().unwrap() > 0, "{json}");
    world.run(&["gc", "--older-than", "30d"]).ok();
    world.run(&["path", MODEL]).ok();
    let json = world.run(&["gc", "--max-size", "1kB", "--json"]).ok().json();
    assert!(json["freed_bytes"].as_u64().unwrap() > 0, "{json}");
    world.run(&["path", MODEL]).fails(3, "not in the store");
}

#[test]
fn gc_deletes_partial_downloads_on_request() {
    let world = World::new();
    world.get();
    let partial = world.store().join("partial").join(format!("sha256-{}.0123456789abcdef", "ab".repeat(32)));
    let journal = partial.with_extension("0123456789abcdef.journal");
    fs_err::write(&partial, vec![0; 5000]).unwrap();
    fs_err::write(&journal, r#"{"size":5000,"ranges":[[0,1000]]}"#).unwrap();
    world.run(&["gc"]).ok();
    world.run(&["gc", "--partials=1h"]).ok();
    let json = world.run(&["gc", "--partials", "--dry-run", "--json"]).ok().json();
    assert!(json["removable_partials"]["bytes"] == 5000 && json["removable_partials"]["files"] == 2, "{json}");
    let run = world.run(&["gc", "--partials", "--dry-run"]).ok();
    assert!(run.out.contains("would delete 5.0 kB of partial downloads"), "{run:?}");
    assert!(partial.exists() && journal.exists());
    let json = world.run(&["gc", "--partials", "--json"]).ok().json();
    assert!(json["cleaned"]["partial"]["bytes"] == 5000, "{json}");
    assert!(!partial.exists() && !journal.exists());
    world.run(&["path", MODEL]).ok();
}

#[test]
fn a_quota_holds_after_every_fetch() {
    let world = World::new();
    let quota = [("MODEL_CACHE_QUOTA", "1MB")];
    for (at, name) in ["org/a", "org/b", "org/c"].into_iter().enumerate() {
        world.hub.add_model(name, [("x.bin", Content::seeded(at as u64, 600_000))]);
        let run = world.run_with(&quota, &["get", name, "--json"]).ok();
        let evicted = run.json()["results"][0]["evicted"].as_array().unwrap().len();
        assert_eq!(evicted, usize::from(at > 0), "{run:?}");
        assert!(at != 1 || run.err.contains("warning: evicted org/a, 600 kB, to stay below 1.0 MB"), "{run:?}");
        let json = world.run(&["ls", "--json"]).ok().json();
        assert!(json["bytes"].as_u64().unwrap() <= 1_000_000, "{json}");
        world.run(&["path", name]).ok();
    }
    world.run(&["path", "org/a"]).fails(3, "not in the store");
}

#[test]
fn single_files_go_and_are_not_missed() {
    let world = World::new();
    let path = world.get();
    let run = world.run(&["gc", "--files", "--max-size", "10kB"]).ok();
    assert!(run.out.contains("model.safetensors"), "{run:?}");
    assert!(path.join("config.json").exists());
    world.run(&["path", &format!("{MODEL}/config.json")]).ok();
    world.run(&["path", MODEL]).fails(3, "model.safetensors");
    world.run(&["verify"]).ok();
    assert_eq!(world.get(), path);
}

#[test]
fn an_empty_variable_is_none() {
    let world = World::new();
    let run = world.run_with(&[("MODEL_CACHE_DIR", ""), ("MODEL_CACHE_QUOTA", "")], &["env", "--json"]).ok();
    let store = run.json()["MODEL_CACHE_DIR"].as_str().unwrap().to_owned();
    assert!(store.starts_with(world.folder().to_str().unwrap()) && store.ends_with("model-cache"), "{store}");
}
