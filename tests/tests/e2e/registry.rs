//! Names for models, and what has moved.

use cache_testkit::{Content, fixtures};

use crate::world::{MODEL, World, finish};

fn versions(world: &World) -> Vec<String> {
    ["1.0.0", "1.4.0", "2.0.0", "3.0.0-rc.1"]
        .map(|version| {
            let name = format!("org/v{}", version.split('.').next().unwrap());
            let content = Content::bytes(format!("{name} {version}"));
            let commit = world.hub.add_model(&name, [("x.txt", content)]);
            let reference = format!("{name}@{commit}");
            world.run(&["registry", "add", "m", &reference, "--version", version]).ok();
            version.to_owned()
        })
        .into()
}

#[test]
fn a_name_is_added_listed_shown_used_and_removed() {
    let world = World::new();
    let run = world.run(&["registry", "add", "mine", MODEL, "--tag", "stable", "--platform", "any"]).ok();
    assert_eq!(run.line(), format!("mine@1.0.0 is {MODEL}"));
    assert!(run.err.contains("hf://mine"), "{run:?}");
    let before = world.run(&["get", "mine", "--include", "*.json"]).ok().path();
    assert_eq!(world.run(&["path", MODEL, "--include", "*.json"]).ok().path(), before);
    assert_eq!(world.run(&["path", "mine@stable/config.json"]).ok().path(), before.join("config.json"));
    for command in ["info", "verify", "pin", "unpin"] {
        world.run(&[command, "mine@^1"]).ok();
    }
    let listed = world.run(&["registry", "ls"]).ok();
    assert!(listed.out.contains("mine") && listed.out.contains("stable"), "{listed:?}");
    let shown = world.run(&["registry", "show", "mine", "--json"]).ok().json();
    assert_eq!((&shown["version"], &shown["meant"]["reference"]), (&"1.0.0".into(), &MODEL.into()));

    world.run(&["registry", "add", "mine", MODEL]).fails(2, "--version");
    world.run(&["registry", "add", "org/name", MODEL]).fails(2, "cannot be a registered name");
    world.run(&["get", "mine@7"]).fails(3, "no version");
    world.run(&["registry", "rm", "min"]).fails(3, "mine");
    world.run(&["registry", "rm", "mine"]).ok();
    world.run(&["registry", "show", "mine"]).fails(3, "registered");
    world.run(&["path", MODEL, "--include", "*.json"]).ok();
}

#[test]
fn a_requirement_chooses_the_version() {
    let world = World::new();
    versions(&world);
    for (text, version) in [
        ("m", "2.0.0"),
        ("m@latest", "2.0.0"),
        ("m@^1.0", "1.4.0"),
        ("m@=1.0.0", "1.0.0"),
        ("m@3.0.0-rc.1", "3.0.0-rc.1"),
    ] {
        assert_eq!(world.run(&["registry", "show", text, "--json"]).ok().json()["version"], version, "{text}");
    }
    let path = world.run(&["get", "m@~1"]).ok().path();
    assert_eq!(fs_err::read_to_string(path.join("x.txt")).unwrap(), "org/v1 1.4.0");
    let requests = world.requests();
    world.run(&["get", "m@~1"]).ok();
    assert_eq!(world.requests(), requests, "a pinned version that is here was asked for");
}

#[test]
fn names_with_requirements_stand_in_lists() {
    let world = World::new();
    versions(&world);
    let list = world.folder().join("list");
    fs_err::write(&list, "m@~1\nm@7\n").unwrap();
    let list = list.to_str().unwrap();
    world.run(&["get", "--from", list]).fails(2, "list:2: ");
    fs_err::write(list, "m@~1\n").unwrap();
    let path = world.run(&["get", "--from", list]).ok().path();
    assert_eq!(fs_err::read_to_string(path.join("x.txt")).unwrap(), "org/v1 1.4.0");
}

#[test]
fn processes_that_add_side_by_side_lose_nothing() {
    let world = World::new();
    for round in 0..10 {
        let children: Vec<_> = (0..8)
            .map(|process| {
                let name = format!("m{process}-{round}");
                world.command(&["registry", "add", &name, MODEL]).spawn().unwrap()
            })
            .collect();
        for child in children {
            finish(child).ok();
        }
    }
    let all = world.run(&["registry", "ls", "--json"]).ok().json();
    assert_eq!(all["models"].as_object().unwrap().len(), 80);
}

#[test]
fn a_version_for_other_machines_is_refused() {
    let world = World::new();
    let other = if cfg!(target_os = "macos") { "linux-aarch64" } else { "macos-aarch64" };
    world.run(&["registry", "add", "m", MODEL, "--version", "2.0.0", "--platform", other]).ok();
    world.run(&["registry", "add", "m", MODEL, "--version", "1.0.0", "--platform", std::env::consts::OS]).ok();
    let run = world.run(&["get", "m"]).fails(1, other);
    assert!(run.err.contains(std::env::consts::ARCH) && run.err.contains("1.0.0"), "{run:?}");
    assert_eq!(world.hub.total_bytes_sent(), 0);
    world.run(&["get", "m@1"]).ok();
    world.run(&["registry", "add", "n", MODEL, "--platform", "rtx4090"]).fails(2, "rtx4090");
}

#[test]
fn digests_of_an_entry_are_held_to_before_anything_is_fetched() {
    let world = World::new();
    let weights = fixtures::model().into_iter().find(|(path, _)| *path == "model.safetensors").unwrap().1;
    let right = format!("model.safetensors={}", weights.sha256());
    let wrong = format!("model.safetensors={}", "1".repeat(64));
    world.run(&["registry", "add", "good", MODEL, "--digest", &right]).ok();
    world.run(&["registry", "add", "bad", MODEL, "--digest", &wrong]).ok();
    let run = world.run(&["get", "bad"]).fails(4, "model.safetensors");
    for part in ["the registry (bad@1.0.0)", &"1".repeat(64), &weights.sha256().to_string()] {
        assert!(run.err.contains(part), "{part}: {run:?}");
    }
    assert_eq!(world.hub.total_bytes_sent(), 0);
    world.run(&["get", "good"]).ok();
    // A small file has only a git id in the listing: what comes is held to the registry's digest all the same.
    let small = format!("config.json={}", "2".repeat(64));
    world.run(&["registry", "add", "small", MODEL, "--digest", &small]).ok();
    let other = World::new();
    other.run(&["registry", "add", "small", MODEL, "--digest", &small]).ok();
    other.run(&["get", "small"]).fails(4, "config.json");
    world.run(&["get", "small"]).fails(4, "config.json");
}

#[test]
fn fallback_is_used_with_a_warning() {
    let world = World::new();
    world.run(&["registry", "add", "m", "org/gone", "--fallback", "org/gone-too", "--fallback", MODEL]).ok();
    let run = world.run(&["get", "m"]).ok();
    assert!(run.err.contains(&format!("using {MODEL} instead")), "{run:?}");
    let run = world.run(&["path", "m"]).ok();
    assert!(run.path().is_dir());
    let digest = format!("model.safetensors={}", "1".repeat(64));
    world.run(&["registry", "add", "n", MODEL, "--digest", &digest, "--fallback", "org/other"]).ok();
    world.run(&["get", "n"]).fails(4, "model.safetensors");
}

#[test]
fn names_go_to_another_machine_and_models_are_discovered() {
    let world = World::new();
    world.get();
    world.hub.add_model("org/second", [("x", Content::bytes("x"))]);
    let found = world.run(&["registry", "discover", "--json"]).ok().json();
    assert_eq!(found["found"][0]["reference"], MODEL);
    let found = world.run(&["registry", "discover", "--author", "org", "--json"]).ok().json();
    assert_eq!(found["found"].as_array().unwrap().len(), 2);
    world.run(&["registry", "discover", "--search", "SECOND", "--add"]).ok();
    world.run(&["registry", "discover", "--add"]).ok();
    world.run(&["registry", "discover", "--author", "org", "--offline"]).fails(3, "offline");
    let file = world.folder().join("names.toml");
    let file = file.to_str().unwrap();
    world.run(&["registry", "export", file]).ok();
    assert_eq!(world.run(&["registry", "export"]).ok().out, fs_err::read_to_string(file).unwrap());

    let other = World::new();
    other.run(&["registry", "import", file]).ok();
    other.run(&["get", "model"]).ok();
    other.run(&["registry", "rm", "second"]).ok();
    other.run(&["registry", "add", "second", "org/else"]).ok();
    other.run(&["registry", "import", file]).fails(2, "second@1.0.0");
    other.run(&["registry", "import", file, "--replace"]).ok();
    fs_err::write(file, "format = 1\nmodel = 3\n").unwrap();
    other.run(&["registry", "import", file]).fails(2, "line");
}

#[test]
fn what_moved_is_shown_and_fetched_as_far_as_it_was_here() {
    let world = World::new();
    world.run(&["get", MODEL, "--include", "*.json"]).ok();
    world.run(&["registry", "add", "held", MODEL, "--pin"]).ok();
    world.run(&["outdated", "--exit-code"]).ok();
    let old = world.commit();
    let mut files = fixtures::model();
    files.retain(|(path, _)| *path != "config.json");
    files.push(("config.json", Content::bytes("{\"new\": 1}")));
    files.push(("more.json", Content::bytes("{}")));
    let new = world.hub.add_model(MODEL, files).to_string();
    // `info` of the name alone asks the Hub, but moves nothing.
    let run = world.run(&["outdated", "--json", "--exit-code"]).ends(1).json();
    let models = run["models"].as_array().unwrap();
    assert_eq!(models.len(), 2, "{run}");
    assert_eq!((&models[0]["here"], &models[0]["there"]), (&old.as_str().into(), &new.as_str().into()));
    assert!(models[0]["changed"].is_string() && models[1]["held"] == true, "{run}");

    let run = world.run(&["update", "--dry-run"]).ok();
    assert!(run.out.contains(&old[..12]) && run.err.contains("pinned"), "{run:?}");
    assert!(run.err.contains("would update"), "{run:?}");
    let run = world.run(&["update", "--json"]).ok().json();
    assert_eq!(run["updated"][0]["fetched"], serde_json::json!(["config.json"]), "{run}");
    let path = world.run(&["path", MODEL, "--include", "config.json"]).ok().path();
    assert_eq!(fs_err::read_to_string(path.join("config.json")).unwrap(), "{\"new\": 1}");
    assert!(!path.join("more.json").exists() && !path.join("model.safetensors").exists());
    assert_eq!(world.run(&["update", MODEL, "--json"]).ok().json()["updated"], serde_json::json!([]));
    world.run(&["outdated", &format!("{MODEL}@{old}")]).fails(2, "never changes");
    world.run(&["outdated", "--offline"]).ends(3);
}

#[test]
fn a_read_only_store_reads_names_and_refuses_new_ones() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    world.run(&["registry", "add", "m", MODEL]).ok();
    let mode = |mode| fs_err::set_permissions(world.store(), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    if fs_err::write(world.store().join("probe"), "x").is_ok() {
        mode(0o755);
        eprintln!("skipped: this user can write everywhere");
        return;
    }
    world.run(&["registry", "show", "m"]).ok();
    let run = world.run(&["registry", "add", "n", MODEL]);
    mode(0o755);
    run.fails(1, "read-only");
}
