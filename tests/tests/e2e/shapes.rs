//! Snapshots of what programs and people read: an error of every kind, and the keys of every `--json` answer.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use cache_testkit::{Access, Content, HubConfig, HubFault, Matches, Origin, fixtures};
use rustix::process::Signal;
use serde_json::Value;

use crate::adopt::ollama;
use crate::signals::signal;
use crate::world::{MODEL, Run, World, finish, until};

/// The text without what changes from run to run: addresses, folders, hashes and times.
fn scrubbed(world: &World, text: &str) -> String {
    let text =
        text.replace(world.store().to_str().unwrap(), "[STORE]").replace(world.folder().to_str().unwrap(), "[FOLDER]");
    let mut pieces = text.split("127.0.0.1:");
    let first = pieces.next().unwrap_or_default().to_owned();
    let text = pieces.fold(first, |text, piece| {
        format!("{text}127.0.0.1:[PORT]{}", piece.trim_start_matches(|c: char| c.is_ascii_digit()))
    });
    let is_hash = |word: &str| word.len() >= 12 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let scrub = |piece: &str| {
        if is_hash(piece) {
            "[HASH]".to_owned()
        } else if piece.split_once('.').is_some_and(|(a, b)| [a, b].iter().all(|part| part.parse::<u32>().is_ok())) {
            "[N]".to_owned()
        } else {
            piece.to_owned()
        }
    };
    text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_' && c != '-')
        .map(|piece| {
            let end = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            format!("{}{}", scrub(end), &piece[end.len()..])
        })
        .collect()
}

/// What stderr says of an error: without progress and warnings.
fn errors(world: &World, run: &Run) -> String {
    let from = run.err.find("error: ").unwrap_or_else(|| panic!("no error: {run:?}"));
    format!("exit {}\n{}\n", run.code, scrubbed(world, &run.err[from..]))
}

#[test]
fn error_of_each_kind_matches_snapshot() {
    let world = World::new();
    let wrong = "1".repeat(64);
    let old = world.folder().join("future.lock");
    fs_err::write(&old, "format = 99\n").unwrap();
    let file = world.folder().join("a-file");
    fs_err::write(&file, "").unwrap();
    let mut text = String::new();
    let mut show = |title: &str, world: &World, run: Run| {
        text.push_str(&format!("# {title}\n{}\n", errors(world, &run)));
    };
    show("usage", &world, world.run(&["get", "not a name"]));
    show("not-found", &world, world.run(&["get", "org/nowhere"]));
    show("not-found, a file", &world, world.run(&["get", &format!("{MODEL}/nothing.bin")]));
    show("not-found, a pattern", &world, world.run(&["get", MODEL, "--include", "*.gguf", "--exclude", "x"]));
    show("not-cached", &world, world.run(&["get", MODEL, "--offline"]));
    let weights = format!("{MODEL}/model.safetensors");
    show("integrity, before the download", &world, world.run(&["get", &weights, "--sha256", &wrong]));
    world.hub.trouble(Matches::path("model.safetensors").at(Origin::Cdn), HubFault::Flip(7));
    show("integrity, after the download", &world, world.run(&["get", &weights]));
    world.hub.clear_trouble();
    show("network", &world, world.run_with(&[("HF_ENDPOINT", "http://127.0.0.1:9")], &["get", MODEL]));
    show("network, address", &world, world.run_with(&[("HF_ENDPOINT", "nonsense")], &["get", MODEL]));
    world.hub.set_access(MODEL, Access::gated(["reader"]));
    show("unauthorized", &world, world.run(&["get", MODEL]));
    show("no-space", &world, {
        world.hub.add_model("org/large", [("model.bin", Content::seeded(7, 2_000_000))]);
        world.run_with(&[("MODEL_CACHE_QUOTA", "1MB")], &["get", "org/large"])
    });
    show("storage", &world, world.run(&["ls", "--store", file.to_str().unwrap()]));
    show("unsupported", &world, world.run(&["get", "--locked", old.to_str().unwrap()]));
    let stalled = World::slow(2_000_000, 0);
    stalled.hub.trouble(Matches::path("model.bin").at(Origin::Cdn), HubFault::Stall(0));
    show("timed-out", &stalled, stalled.run(&["get", &format!("{MODEL}/model.bin"), "--deadline", "2s"]));
    stalled.hub.clear_trouble();
    let slow = World::slow(8_000_000, 500_000);
    let child = slow.command(&["get", MODEL]).spawn().unwrap();
    until("some of it", || slow.hub.total_bytes_sent() > 100_000);
    signal(&child, Signal::INT);
    show("interrupted", &slow, finish(child));
    insta::assert_snapshot!("errors", text);
}

/// Keys and types, one line each. A list has the shape of its first item that says most.
fn shape(value: &Value, indent: usize, text: &mut String) {
    let line = |text: &mut String, word: &str| text.push_str(&format!(" {word}\n"));
    match value {
        Value::Null => line(text, "null"),
        Value::Bool(_) => line(text, "boolean"),
        Value::Number(_) => line(text, "number"),
        Value::String(_) => line(text, "string"),
        Value::Array(items) => match items.iter().max_by_key(|item| item.to_string().matches(':').count()) {
            None => line(text, "[]"),
            Some(item) if item.is_object() => {
                text.push_str(" list of\n");
                members(item, indent + 1, text);
            }
            Some(item) => {
                text.push_str(" list of");
                shape(item, indent, text);
            }
        },
        Value::Object(_) => {
            text.push('\n');
            members(value, indent + 1, text);
        }
    }
}

fn members(value: &Value, indent: usize, text: &mut String) {
    for (key, value) in value.as_object().into_iter().flatten() {
        text.push_str(&format!("{:indent$}{key}:", "", indent = 2 * indent));
        shape(value, indent, text);
    }
}

#[test]
fn json_of_each_command_matches_snapshot() {
    let world = World::empty(HubConfig::default());
    world.hub.add_model(MODEL, fixtures::model());
    let path = |name: &str| world.folder().join(name).to_str().unwrap().to_owned();
    let (lock, bundle, names, key) = (path("models.lock"), path("model.tar"), path("names.toml"), path("key"));
    let list = path("models.txt");
    fs_err::write(&list, format!("{MODEL}\n")).unwrap();
    let (fresh, model) = (path("fresh"), format!("{MODEL}@main"));
    let mut text = String::new();
    let mut show = |arguments: &[&str]| {
        let run = world.run(&[arguments, &["--json"]].concat());
        let shown: Vec<String> = arguments.iter().map(|word| scrubbed(&world, word)).collect();
        text.push_str(&format!("$ model-cache {} --json, exit {}\n", shown.join(" "), run.code));
        members(&run.json(), 1, &mut text);
        text.push('\n');
        run
    };
    show(&["get", MODEL, "org/nowhere"]);
    show(&["get", MODEL, "--to", &path("placed")]);
    show(&["get", "org/nowhere/file"]);
    show(&["path", MODEL]);
    show(&["path", "org/nowhere"]);
    show(&["ls"]);
    show(&["info", MODEL]);
    show(&["verify"]);
    break_weights(&world);
    show(&["verify"]);
    let quarantined = show(&["quarantine", "ls"]).json();
    let id = quarantined["quarantine"][0]["id"].as_str().unwrap().to_owned();
    show(&["quarantine", "show", &id]);
    show(&["quarantine", "restore", &id]);
    show(&["verify", "--repair"]);
    show(&["quarantine", "rm", "--all"]);
    show(&["registry", "add", "chat", MODEL, "--pin"]);
    show(&["registry", "ls"]);
    show(&["registry", "show", "chat"]);
    world.run(&["registry", "export", &names]).ok();
    show(&["registry", "export", &path("again.toml")]);
    show(&["registry", "rm", "chat"]);
    show(&["registry", "import", &names]);
    show(&["registry", "discover", "--author", "org"]);
    show(&["lock", &lock, MODEL]);
    show(&["outdated"]);
    world.hub.add_model(MODEL, [("config.json", Content::bytes("{\"new\": 1}"))]);
    show(&["update", "--dry-run"]);
    show(&["update", MODEL]);
    show(&["sync", &list]);
    fs_err::write(&list, "# empty\n").unwrap();
    show(&["sync", &list, "--dry-run"]);
    show(&["pin", MODEL]);
    show(&["unpin", MODEL]);
    show(&["keygen", &key]);
    show(&["export", &model, "--output", &bundle, "--sign", &key]);
    show(&["import", &bundle, "--list"]);
    show(&["import", &bundle, "--store", &fresh]);
    let ollama = ollama(&world, "registry.ollama.ai/library/tiny/1b", b"GGUF tiny");
    show(&["adopt", ollama.to_str().unwrap()]);
    show(&["adopt", "/nowhere/at/all"]);
    show(&["gc", "--max-size", "1kB", "--dry-run"]);
    show(&["gc", "--max-size", "1kB"]);
    show(&["rm", "org/nowhere"]);
    show(&["stats"]);
    show(&["env"]);
    show(&["doctor"]);
    show(&["doctor", "--network"]);
    show(&["config", "show", "store"]);
    show(&["config", "check"]);
    show(&["config", "path"]);
    show(&["config", "init"]);
    show(&["token", "new", "alice", "--read", "org/*"]);
    show(&["completions", "bash"]);
    show(&["demo"]);
    text.push_str(&serve(&world));
    insta::assert_snapshot!("json", text);
}

/// Turns a bit around in the largest blob.
fn break_weights(world: &World) {
    let store = cache_lib::Store::open(world.store(), cache_lib::StoreOptions::default()).unwrap();
    let path: PathBuf = store.blobs().unwrap().into_iter().max_by_key(|blob| blob.size).unwrap().path;
    let mut bytes = fs_err::read(&path).unwrap();
    bytes[100] ^= 1;
    let sealed = fs_err::metadata(&path).unwrap().permissions();
    fs_err::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs_err::write(&path, bytes).unwrap();
    fs_err::set_permissions(&path, sealed).unwrap();
}

/// What `serve` prints before it serves.
fn serve(world: &World) -> String {
    let mut child = world.command(&["serve", "--listen", "127.0.0.1:0", "--json"]).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut shown = String::new();
    for line in lines {
        shown.push_str(&line);
        if line == "}" {
            break;
        }
    }
    signal(&child, Signal::TERM);
    child.wait().unwrap();
    let mut text = "$ model-cache serve --json\n".to_owned();
    members(&serde_json::from_str(&shown).unwrap(), 1, &mut text);
    text
}
