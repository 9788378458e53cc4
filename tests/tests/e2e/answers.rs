//! What the commands answer, for people and for programs.

use serde_json::Value;

use crate::world::{MODEL, World, model};

#[test]
fn ls_lists_and_info_explains() {
    let world = World::new();
    assert_eq!(world.run(&["ls", "--json"]).ok().json()["models"], Value::Array(Vec::new()));
    world.get();
    let listed = world.run(&["ls"]).ok();
    assert!(listed.out.contains(MODEL) && listed.out.contains("main"), "{listed:?}");
    let json = world.run(&["ls", "--json"]).ok().json();
    let entry = &json["models"][0];
    assert_eq!(entry["model"], MODEL);
    assert_eq!(entry["files"], model().len());
    assert_eq!(entry["bytes"], model().iter().map(|(_, bytes)| bytes.len()).sum::<usize>());
    assert!(world.run(&["ls", "elsewhere"]).ok().out.lines().count() <= 1);

    let info = world.run(&["info", MODEL]).ok();
    assert!(info.out.contains("config.json") && info.out.contains("sha256:"), "{info:?}");
    let json = world.run(&["info", MODEL, "--json"]).ok().json();
    assert_eq!(json["refs"][0], "main");
    assert!(json["files"].as_array().unwrap().iter().all(|file| file["cached"] == true), "{json}");
}

#[test]
fn info_of_what_is_not_here_fetches_no_file() {
    let world = World::new();
    let json = world.run(&["info", MODEL, "--json"]).ok().json();
    assert!(json["files"].as_array().unwrap().iter().all(|file| file["cached"] == false), "{json}");
    assert_eq!(world.hub.total_bytes_sent(), 0);
    world.run(&["info", MODEL, "--offline"]).fails(3, "not in the store");
}

#[test]
fn path_is_a_hit_or_exit_3_and_never_a_request() {
    let world = World::new();
    let before = world.requests();
    world.run(&["path", MODEL]).fails(3, "not in the store");
    assert_eq!(world.requests(), before);
    let path = world.get();
    let before = world.requests();
    assert_eq!(world.run(&["path", MODEL]).ok().path(), path);
    assert_eq!(world.run(&["path", &format!("{MODEL}/config.json")]).ok().path(), path.join("config.json"));
    world.run(&["path", &format!("{MODEL}/nothing")]).fails(3, "nothing");
    let json = world.run(&["path", MODEL, "--json"]).ok().json();
    assert_eq!(json["path"], path.to_str().unwrap());
    assert_eq!(world.requests(), before);
}

#[test]
fn get_answers_in_json() {
    let world = World::new();
    let json = world.run(&["get", MODEL, "org/nowhere", "--json", "--quiet"]).ends(3).json();
    let fine = &json["results"][0];
    assert_eq!(fine["ref"], MODEL);
    assert_eq!(fine["revision"], "main");
    assert_eq!(fine["bytes"], fine["fetched_bytes"]);
    for file in fine["files"].as_array().unwrap() {
        assert_eq!(file["outcome"], "fetched");
        assert_eq!(file["verified"], true, "{file}");
        assert_eq!(file["sha256"].as_str().unwrap().len(), 64);
    }
    let failed = &json["results"][1]["error"];
    assert_eq!(failed["kind"], "not-found");
    assert_eq!(failed["exit_code"], 3);
    let again = world.run(&["get", MODEL, "--json"]).ok().json();
    assert_eq!(again["results"][0]["fetched_bytes"], 0);
    assert_eq!(again["results"][0]["files"][0]["outcome"], "hit");
}

#[test]
fn every_command_answers_in_json() {
    let world = World::new();
    world.get();
    for arguments in [
        &["ls"][..],
        &["info", MODEL],
        &["path", MODEL],
        &["verify"],
        &["gc", "--dry-run", "--max-size", "1GB"],
        &["gc"],
        &["pin", MODEL],
        &["unpin", MODEL],
        &["quarantine", "ls"],
        &["env"],
        &["doctor"],
        &["completions", "bash"],
        &["config", "show"],
        &["config", "path"],
        &["config", "init"],
        &["rm", MODEL],
    ] {
        let arguments = [arguments, &["--json"]].concat();
        let run = world.run(&arguments).ok();
        assert!(run.json().is_object(), "{arguments:?}: {run:?}");
    }
    let run = world.run(&["path", MODEL, "--json"]).ends(3);
    assert_eq!(run.json()["error"]["kind"], "not-cached", "{run:?}");
}

#[test]
fn env_is_for_a_shell_to_evaluate() {
    let world = World::new();
    let hub = world.store().join("hub");
    let run = world.run(&["env"]).ok();
    let evaluated = std::process::Command::new("sh")
        .args(["-c", "eval \"$1\"; printf %s \"$HF_HUB_CACHE\"", "sh", &run.out])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(evaluated.stdout).unwrap(), hub.to_str().unwrap());
    assert!(world.run(&["env", "--shell", "fish"]).ok().out.starts_with("set -gx HF_HUB_CACHE '"));
    assert!(world.run(&["env", "--shell", "powershell"]).ok().out.starts_with("$env:HF_HUB_CACHE = '"));
}

#[test]
fn version_help_and_completions() {
    let world = World::new();
    let version = world.run(&["--version"]).ok();
    assert!(version.line().starts_with("model-cache ") && version.line().contains("features: "), "{version:?}");
    let help = world.run(&["--help"]).ok();
    for command in ["get", "ls", "info", "path", "verify", "rm", "gc", "pin", "unpin", "quarantine", "env", "doctor"] {
        assert!(help.out.contains(&format!("  {command} ")), "{command}");
        world.run(&[command, "--help"]).ok();
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(world.run(&["completions", shell]).ok().out.contains("model-cache"), "{shell}");
    }
}

#[test]
fn doctor_finds_what_is_wrong() {
    let world = World::new();
    let well = world.run(&["doctor"]).ok();
    for area in ["store", "links", "locks", "disk", "proxy", "token", "endpoint"] {
        assert!(well.out.contains(area), "{area}: {well:?}");
    }
    let ill = world.run_with(&[("HF_ENDPOINT", "http://127.0.0.1:9")], &["doctor"]).ends(1);
    assert!(ill.out.contains("BAD   endpoint") && ill.out.contains("HF_ENDPOINT"), "{ill:?}");
    world.run_with(&[("HF_ENDPOINT", "http://127.0.0.1:9")], &["doctor", "--offline"]).ok();
    let proxy = world.run_with(&[("https_proxy", "::nonsense::")], &["doctor"]).ends(1);
    assert!(proxy.out.contains("BAD   proxy"), "{proxy:?}");
    let token = world.run_with(&[("HF_TOKEN", "hf_nobody_knows_this")], &["doctor"]).ends(1);
    assert!(token.out.contains("BAD   token") && !token.out.contains("hf_nobody"), "{token:?}");
    let json = world.run(&["doctor", "--json"]).ok().json();
    assert_eq!(json["healthy"], true);
}

#[test]
fn demo_needs_nothing() {
    let world = World::new();
    let run = world.run_with(&[("HF_ENDPOINT", "http://127.0.0.1:9"), ("MODEL_CACHE_OFFLINE", "1")], &["demo"]).ok();
    assert!(run.out.contains("repaired") || run.err.contains("repaired"), "{run:?}");
    assert!(!world.store().exists(), "the demo touched the user's store");
}
