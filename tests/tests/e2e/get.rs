//! `get`: the main job.

use cache_testkit::{Content, FaultServer, HubConfig, Personality, fixtures};

use crate::world::{MODEL, World, model, tree};

#[test]
fn get_prints_the_snapshot_and_nothing_else() {
    let world = World::new();
    let run = world.run(&["get", MODEL]).ok();
    assert_eq!(tree(&run.path()), model());
    assert!(run.path().starts_with(world.store().join("hub")), "{run:?}");
    assert!(run.err.contains("verified"), "{run:?}");
    let quiet = World::new();
    assert_eq!(quiet.run(&["get", MODEL, "--quiet"]).ok().err, "");
}

#[test]
fn a_pinned_commit_that_is_here_costs_no_request() {
    let world = World::new();
    world.get();
    let commit = world.commit();
    let before = world.requests();
    let path = world.run(&["get", MODEL, "--revision", &commit]).ok().path();
    assert_eq!(tree(&path), model());
    assert_eq!(world.run(&["get", &format!("{MODEL}@{commit}/config.json")]).ok().path(), path.join("config.json"));
    assert_eq!(world.requests(), before, "{:?}", world.hub.requests());
}

#[test]
fn main_that_is_here_costs_one_small_request() {
    let world = World::new();
    world.get();
    let before = world.hub.total_bytes_sent();
    let requests = world.requests();
    world.get();
    assert_eq!(world.hub.total_bytes_sent(), before, "file bytes were sent again");
    assert_eq!(world.requests() - requests, 1, "{:?}", world.hub.requests());
}

#[test]
fn a_new_commit_brings_only_what_is_new() {
    let world = World::new();
    let old = world.get();
    let mut files = fixtures::model();
    files.retain(|(path, _)| *path != "config.json");
    files.push(("config.json", Content::bytes("{\"new\": true}")));
    world.hub.add_model(MODEL, files);
    let before = world.hub.total_bytes_sent();
    let new = world.get();
    assert_ne!(old, new);
    assert_eq!(fs_err::read_to_string(new.join("config.json")).unwrap(), "{\"new\": true}");
    assert_eq!(tree(&old), model(), "the old snapshot has changed");
    let sent = world.hub.total_bytes_sent() - before;
    assert!(sent < 1000, "{sent} bytes for a new file of 13");
}

#[test]
fn one_file_is_one_file() {
    let world = World::new();
    let run = world.run(&["get", &format!("{MODEL}/config.json")]).ok();
    assert!(run.path().ends_with("config.json"));
    assert!(fs_err::metadata(run.path()).unwrap().is_file());
    let snapshot = run.path().parent().unwrap().to_path_buf();
    assert_eq!(tree(&snapshot).len(), 1, "more was fetched than was asked for");
    // What is missing is fetched later, into the same snapshot.
    assert_eq!(world.get(), snapshot);
    assert_eq!(tree(&snapshot), model());
}

#[test]
fn patterns_choose_and_leave_out() {
    let world = World::new();
    let path = world.run(&["get", MODEL, "--include", "*.json", "--exclude", "tokenizer*"]).ok().path();
    let names: Vec<String> = tree(&path).into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"config.json".to_owned()));
    assert!(names.iter().all(|name| name.ends_with(".json") && !name.starts_with("tokenizer")), "{names:?}");
    let run = world.run(&["get", MODEL, "--include", "*.pth"]).fails(3, "matches --include '*.pth'");
    assert!(run.err.contains("hint: ") && run.err.contains("config.json"), "{run:?}");
}

#[test]
fn a_quantisation_is_the_gguf_files_that_carry_it() {
    let world = World::empty(HubConfig::default());
    let files = ["m-Q4_K_M.gguf", "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "README.md"];
    world.hub.add_model("org/quants", files.map(|name| (name, Content::bytes(name.repeat(100)))));
    let one = world.run(&["get", "org/quants:q4_k_m"]).ok();
    assert!(one.path().ends_with("m-Q4_K_M.gguf"), "{one:?}");
    let parts = world.run(&["get", "org/quants:Q8_0", "--json"]).ok().json();
    assert_eq!(parts["results"][0]["files"].as_array().unwrap().len(), 2);
    let run = world.run(&["get", "org/quants:Q2_K"]).fails(3, "Q2_K");
    assert!(run.err.contains("Q4_K_M, Q8_0"), "{run:?}");
}

#[test]
fn several_at_once_and_one_that_fails_stops_no_other() {
    let world = World::new();
    world.hub.add_model("org/other", [("x.bin", Content::seeded(3, 100_000))]);
    let run = world.run(&["get", "org/nowhere", MODEL, "org/other"]).ends(3);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines.len(), 2, "{run:?}");
    assert!(lines[0].contains("models--org--model") && lines[1].contains("models--org--other"));
    assert!(run.err.contains("error: org/nowhere"), "{run:?}");
}

#[test]
fn real_files_where_the_user_wants_them() {
    let world = World::new();
    let target = world.folder().join("out");
    let to = target.to_str().unwrap();
    assert_eq!(world.run(&["get", MODEL, "--to", to]).ok().path(), target);
    assert_eq!(tree(&target), model());
    let config = target.join("config.json");
    assert!(fs_err::symlink_metadata(&config).unwrap().is_file());
    // They are the user's own: changing one does not change the store.
    fs_err::write(&config, "mine").unwrap();
    world.run(&["verify"]).ok();
    let again = world.run(&["get", MODEL, "--to", to, "--json"]).ok().json();
    let exported = &again["results"][0]["exported"];
    assert_eq!(exported["kept"].as_u64().unwrap(), model().len() as u64 - 1, "{again}");
    assert_eq!(tree(&target), model());
    let one = world.run(&["get", &format!("{MODEL}/config.json"), "--to", to]).ok();
    assert_eq!(one.path(), config);
}

#[test]
fn a_digest_given_by_the_user_is_held_against_the_file() {
    let world = World::new();
    let weights = format!("{MODEL}/model.safetensors");
    let right = fixtures::model().into_iter().find(|(path, _)| *path == "model.safetensors").unwrap().1.sha256();
    world.run(&["get", &weights, "--sha256", &right.to_string()]).ok();
    world.run(&["get", &weights, "--sha256", &"0".repeat(64)]).fails(4, "expected");
    world.run(&["get", MODEL, "--sha256", &right.to_string()]).fails(2, "one file");
    world.run(&["get", &weights, "--sha256", "xyz"]).ends(2);
}

#[test]
fn datasets_and_branches() {
    let world = World::new();
    world.hub.add_dataset("org/data", [("d.csv", Content::bytes("a,b\n"))]);
    let path = world.run(&["get", "hf://datasets/org/data"]).ok().path();
    assert_eq!(tree(&path), [("d.csv".to_owned(), b"a,b\n".to_vec())]);
    world.run(&["get", MODEL, "--revision", "no-such-branch"]).fails(3, "no-such-branch");
}

#[test]
fn a_limit_is_taken_as_people_write_it() {
    let world = World::new();
    world.run(&["get", MODEL, "--limit-rate", "50MB/s", "--jobs", "2"]).ok();
    let run = world.run(&["get", MODEL, "--limit-rate", "quick"]).ends(2);
    assert!(run.err.contains("50MB/s"), "{run:?}");
}

#[test]
fn a_rate_limit_costs_no_byte_twice() {
    let world = World::new();
    let content = Content::seeded(3, 500_000);
    let server = FaultServer::spawn(content.clone()).unwrap();
    let digest = content.sha256().to_string();
    world.run(&["get", &server.url(), "--sha256", &digest, "--limit-rate", "200kB/s"]).ok();
    assert!(server.bytes_sent() <= 525_000, "{} bytes were sent", server.bytes_sent());
}

#[test]
fn outdated_names_urls_without_validator() {
    let world = World::new();
    let server = FaultServer::spawn(Content::seeded(4, 3000)).unwrap();
    for (personality, blind) in [(Personality::Good, false), (Personality::NoEtag, true)] {
        server.always(personality);
        world.run(&["get", &server.url()]).ok();
        let run = world.run(&["outdated"]).ok();
        assert_eq!(run.out.contains("no validator"), blind, "{run:?}");
        assert_eq!(run.err.contains("--sha256"), blind, "{run:?}");
        let json = world.run(&["outdated", "--json"]).ok().json();
        assert_eq!(json["models"][0]["no_validator"], blind, "{json}");
        world.run(&["rm", &server.url()]).ok();
    }
    // The digest is one.
    let digest = server.content().sha256().to_string();
    world.run(&["get", &server.url(), "--sha256", &digest]).ok();
    let run = world.run(&["outdated"]).ok();
    assert!(!run.out.contains("no validator"), "{run:?}");
}
