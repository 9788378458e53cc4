//! Configuration: files, environment and flags, and what is said of mistakes in them.

use std::path::PathBuf;

use cache_testkit::{Content, FaultServer};

use crate::world::{MODEL, Run, World, finish};

/// Writes the user's file.
fn configure(world: &World, text: &str) -> PathBuf {
    let folder = world.folder().join("home/.config/model-cache");
    fs_err::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");
    fs_err::write(&file, text).unwrap();
    file
}

/// Runs the command in a project's folder.
fn run_in_project(world: &World, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let project = world.folder().join("project");
    fs_err::create_dir_all(&project).unwrap();
    finish(world.command(arguments).envs(variables.iter().copied()).current_dir(project).spawn().unwrap())
}

fn project(world: &World, text: &str) {
    fs_err::create_dir_all(world.folder().join("project")).unwrap();
    fs_err::write(world.folder().join("project/model-cache.toml"), text).unwrap();
}

#[test]
fn flags_win_over_environment_over_project_over_user() {
    let world = World::new();
    let shown = |variables: &[(&str, &str)], arguments: &[&str]| {
        let arguments = [&["config", "show", "log.level", "--json"], arguments].concat();
        let json = run_in_project(&world, variables, &arguments).ok().json()["settings"][0].clone();
        (json["value"].as_str().unwrap_or("").to_owned(), json["origin"]["kind"].as_str().unwrap().to_owned())
    };
    let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(shown(&[], &[]), is("", "default"));
    let file = configure(&world, "[log]\nlevel = \"error\"\n");
    assert_eq!(shown(&[], &[]), is("error", "file"));
    let run = world.run(&["config", "show", "log.level"]).ok();
    assert!(run.line().ends_with(&format!("{}:2", file.display())), "{run:?}");
    project(&world, "[log]\nlevel = \"warn\"");
    assert_eq!(shown(&[], &[]), is("warn", "file"));
    assert_eq!(shown(&[("MODEL_CACHE_LOG", "info")], &[]), is("info", "environment"));
    assert_eq!(shown(&[("MODEL_CACHE_LOG", "info")], &["--log-level", "off"]), is("off", "flag"));
}

#[test]
fn config_check_names_lines_and_nearest_keys() {
    let world = World::new();
    world.run(&["config", "check"]).ok();
    let file = configure(&world, "[store]\nquotta = \"1GB\"\n\n[transfer]\njobs = 0\n");
    let check = world.run(&["config", "check"]).ends(2);
    assert!(check.out.contains(&format!("{}:2:1: store.quotta", file.display())), "{check:?}");
    assert!(
        check.out.contains("did you mean `store.quota`?") && check.out.contains(":5:8: transfer.jobs"),
        "{check:?}"
    );
    let json = world.run(&["config", "check", "--json"]).ends(2).json();
    assert_eq!(json["mistakes"][1]["place"]["line"], 5);
    let run = world.run(&["ls"]).fails(2, "store.quotta");
    assert!(run.err.contains("did you mean") && !run.err.contains("jobs"), "{run:?}");
    world.run(&["config", "path"]).ok();
    world.run(&["completions", "bash"]).ok();
    let other = world.folder().join("fine.json");
    fs_err::write(&other, "{ \"store\": { \"quota\": \"1GB\" } }").unwrap();
    let other = other.to_str().unwrap();
    world.run(&["config", "check", other]).ok();
    world.run(&["ls", "--config", other]).ok();
    world.run_with(&[("MODEL_CACHE_CONFIG", other)], &["ls"]).ok();
    let json = world.run(&["config", "show", "store.quota", "--json", "--config", other]).ok().json();
    assert_eq!(json["settings"][0]["value"], 1_000_000_000_u64);
    world.run(&["config", "show", "store.quotta", "--config", other]).fails(2, "did you mean `store.quota`?");
    world.run(&["ls", "--config", "/nowhere.toml"]).fails(2, "/nowhere.toml");
}

#[test]
fn a_token_in_a_file_is_refused_and_never_shown() {
    let world = World::new();
    configure(&world, "[hub]\ntoken = \"hf_neverseen\"\n");
    for arguments in [&["ls"][..], &["config", "show"], &["config", "check"], &["config", "check", "--json"]] {
        let run = world.run(arguments).ends(2);
        let words = format!("{}{}", run.out, run.err);
        assert!(!words.contains("neverseen") && words.contains("env = "), "{run:?}");
    }
    configure(&world, "[hub]\ntoken = { env = \"MY_TOKEN\" }\n");
    let run = world.run_with(&[("MY_TOKEN", "hf_neverseen")], &["config", "show", "hub.token"]).ok();
    assert!(run.out.contains("{ env = \"MY_TOKEN\" } (set)") && !run.out.contains("neverseen"), "{run:?}");
    let json = world.run_with(&[("MY_TOKEN", "hf_neverseen")], &["config", "show", "--json"]).ok();
    assert!(!json.out.contains("neverseen"), "{json:?}");
    assert!(world.run(&["config", "show", "hub.token"]).ok().out.contains("(not set)"));
    let check = world.run(&["config", "check"]).ends(2);
    assert!(check.out.contains(":2:1: hub.token: no token found"), "{check:?}");
    world.hub.add_user("hf_neverseen", "me");
    let run = world.run_with(&[("MY_TOKEN", "hf_neverseen"), ("MODEL_CACHE_LOG", "trace")], &["get", MODEL]).ok();
    assert!(!run.err.contains("neverseen"), "{run:?}");
    let sent = world.hub.requests().iter().any(|request| format!("{request:?}").contains("neverseen"));
    assert!(sent, "the token was not sent to the hub");
}

#[test]
fn a_folder_that_is_not_trusted_sends_no_token_elsewhere() {
    let world = World::new();
    let other = World::new();
    project(&world, &format!("[hub]\nendpoint = {:?}\n", other.hub.url()));
    let get = |world: &World| {
        let mut command = world.command(&["get", MODEL]);
        command.env_remove("HF_ENDPOINT").env("HF_TOKEN", "hf_mine").current_dir(world.folder().join("project"));
        finish(command.spawn().unwrap())
    };
    let run = get(&world).fails(2, "hub.endpoint");
    assert!(run.err.contains("model-cache.toml:2:"), "{run:?}");
    assert_eq!(other.requests(), 0);
    configure(&world, &format!("project.trust = [{:?}]", world.folder()));
    other.hub.add_user("hf_mine", "me");
    get(&world).ok();
    assert!(other.requests() > 0);
}

#[test]
fn a_quota_and_a_policy_of_the_file_hold() {
    let world = World::new();
    configure(&world, "[store]\nquota = \"1MB\"\npolicy = \"size\"\n");
    for (name, size) in [("org/large", 600_000_u64), ("org/small", 200_000), ("org/last", 300_000)] {
        world.hub.add_model(name, [("x.bin", Content::seeded(size, size))]);
        world.run(&["get", name]).ok();
    }
    // The least recently used would have gone as well: it is the largest. What is next to the largest stays.
    world.run(&["path", "org/large"]).fails(3, "not in the store");
    world.run(&["path", "org/small"]).ok();
    let run = world.run(&["gc", "--dry-run", "--max-size", "400kB"]).ok();
    assert!(
        run.out.contains("org/last") && run.out.contains("largest, to stay below") && !run.out.contains("org/small"),
        "{run:?}"
    );
}

#[test]
fn a_digest_policy_of_the_file_holds() {
    let world = World::new();
    let server = FaultServer::spawn(Content::bytes("no digest")).unwrap();
    let url = server.url();
    let get = |policy: &str, more: &[&str]| {
        configure(&world, &format!("verify.digest = {policy:?}"));
        let _ = fs_err::remove_dir_all(world.store());
        world.run(&[&["get", url.as_str()], more].concat())
    };
    assert!(get("warn", &[]).ok().err.contains("not verified"));
    assert!(!get("off", &[]).ok().err.contains("not verified"));
    get("require", &[]).fails(4, "digest");
    get("off", &["--require-digest"]).fails(4, "digest");
}

#[test]
fn a_log_in_json_is_json() {
    let world = World::new();
    configure(&world, "[log]\nlevel = \"debug\"\nformat = \"json\"\n");
    let run = world.run(&["get", MODEL, "--quiet"]).ok();
    let lines: Vec<_> = run.err.lines().collect();
    assert!(!lines.is_empty());
    lines.iter().for_each(|line| assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}"));
    world.run(&["ls", "--log-level", "a=b=c"]).fails(2, "log.level");
}

#[test]
fn one_connection_is_enough() {
    let world = World::new();
    configure(&world, "[transfer]\nconnections = 1\njobs = 1\nretries = 0\n");
    world.get();
    world.assert_blobs_intact();
}

#[test]
fn what_init_prints_is_a_configuration() {
    let world = World::new();
    let text = world.run(&["config", "init"]).ok().out;
    configure(&world, &text);
    world.run(&["config", "check"]).ok();
    world.run(&["config", "show"]).ok();
}
