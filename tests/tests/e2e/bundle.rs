//! Bundles: out of one store, into another one that has no network.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

use cache_testkit::{Content, HubConfig, fixtures};
use rustix::process::Signal;

use crate::signals::signal;
use crate::world::{MODEL, Run, World, finish, model, tree, until};

/// The command in another place, where there is no hub.
fn there(world: &World, arguments: &[&str]) -> Run {
    let store = elsewhere(world);
    world.run_with(&[("MODEL_CACHE_DIR", store.to_str().unwrap()), ("HF_ENDPOINT", "http://127.0.0.1:9")], arguments)
}

fn elsewhere(world: &World) -> PathBuf {
    world.folder().join("elsewhere")
}

fn file(world: &World, name: &str) -> String {
    world.folder().join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_model_goes_through_a_pipe_and_works_offline() {
    let world = World::new();
    let here = world.get();
    let mut export = world.command(&["export", MODEL, "--zstd", "-o", "-"]).spawn().unwrap();
    let mut import = world.command(&["import", "-", "--json"]);
    import.env("MODEL_CACHE_DIR", elsewhere(&world)).stdin(Stdio::from(export.stdout.take().unwrap()));
    let imported = finish(import.spawn().unwrap()).ok();
    assert!(export.wait().unwrap().success());
    assert!(imported.err.contains("not signed"), "{imported:?}");
    let json = imported.json();
    assert_eq!(json["versions"][0]["refs"][0], "main");
    let before = world.requests();
    let got = there(&world, &["get", MODEL, "--offline"]).ok().path();
    assert_eq!(tree(&got), model());
    assert_eq!(json["versions"][0]["path"].as_str().unwrap(), got.to_str().unwrap());
    assert_eq!(world.requests(), before);
    // The view of Hugging Face programs is that of a store which fetched it.
    let hub = |store: PathBuf| {
        let mut files = tree(&store.join("hub"));
        files.retain(|(path, _)| path.starts_with("models--"));
        files
    };
    assert_eq!(hub(elsewhere(&world)), hub(world.store()));
    assert!(here.starts_with(world.store().join("hub")));
    assert!(there(&world, &["ls"]).ok().out.contains(MODEL));
    there(&world, &["verify"]).ok();
}

#[test]
fn two_stores_filled_in_another_order_write_the_same_bytes() {
    let world = World::new();
    world.hub.add_model("org/second", [("a.txt", "a"), ("b.bin", "b")]);
    let (one, other, third) = (file(&world, "one.tar"), file(&world, "other.tar"), file(&world, "third.tar"));
    world.run(&["get", MODEL, "org/second"]).ok();
    world.run(&["export", MODEL, "org/second", "-o", &one]).ok();
    world.run(&["export", "org/second", MODEL, "-o", &third]).ok();
    let store = elsewhere(&world);
    let elsewhere = |arguments: &[&str]| world.run_with(&[("MODEL_CACHE_DIR", store.to_str().unwrap())], arguments);
    elsewhere(&["get", "org/second"]).ok();
    elsewhere(&["get", &format!("{MODEL}/config.json")]).ok();
    elsewhere(&["get", MODEL]).ok();
    elsewhere(&["export", "org/second", MODEL, MODEL, "-o", &other]).ok();
    let bytes = |path: &str| fs_err::read(path).unwrap();
    assert!(bytes(&one) == bytes(&other) && bytes(&one) == bytes(&third));
    let text = String::from_utf8_lossy(&bytes(&one)).into_owned();
    assert!(!text.contains(world.folder().to_str().unwrap()), "a path of this machine is in the bundle");
}

#[test]
fn only_what_is_in_the_store_is_exported() {
    let world = World::new();
    let out = file(&world, "models.tar");
    world.run(&["export", MODEL, "-o", &out]).fails(3, "model-cache get org/model");
    world.run(&["get", &format!("{MODEL}/config.json")]).ok();
    world.run(&["export", MODEL, "-o", &out]).fails(3, "files are not in the store");
    assert!(!fs_err::exists(&out).unwrap());
    let one = format!("{MODEL}/config.json");
    assert_eq!(world.run(&["export", &one, "-o", &out]).ok().line(), out);
    there(&world, &["import", &out]).ok();
    there(&world, &["get", &one, "--offline"]).ok();
    there(&world, &["get", MODEL, "--offline"]).fails(3, "files are not in the store");
    world.run(&["export", &one, "-o", world.folder().to_str().unwrap()]).fails(2, "not a regular file");
    world.run(&["export", &one, "-o", "-", "--json"]).ends(2);
    there(&world, &["import", &file(&world, "nowhere")]).fails(3, "bundle not found");
    there(&world, &["import", got_config(&world).to_str().unwrap()]).fails(4, "bundle");
}

fn got_config(world: &World) -> PathBuf {
    world.run(&["path", &format!("{MODEL}/config.json")]).ok().path()
}

#[test]
fn a_tampered_blob_is_refused_and_nothing_shows() {
    let world = World::new();
    world.get();
    let out = file(&world, "models.tar");
    world.run(&["export", MODEL, "-o", &out]).ok();
    let length = fs_err::metadata(&out).unwrap().len();
    let mut bundle = fs_err::OpenOptions::new().read(true).write(true).open(&out).unwrap();
    // The last byte of the last blob, before what fills its block and the end.
    let mut last = vec![0; 2048];
    bundle.seek(SeekFrom::Start(length - 2048)).unwrap();
    bundle.read_exact(&mut last).unwrap();
    let at = last.iter().rposition(|byte| *byte != 0).unwrap();
    bundle.seek(SeekFrom::Start(length - 2048 + at as u64)).unwrap();
    bundle.write_all(&[last[at] ^ 1]).unwrap();
    drop(bundle);
    there(&world, &["import", &out]).fails(4, "checksum mismatch in the bundle");
    assert_eq!(there(&world, &["ls", "--json"]).ok().json()["models"].as_array().map_or(0, Vec::len), 0);
    there(&world, &["get", MODEL, "--offline"]).ends(3);
    // The listing alone does not read so far.
    assert!(there(&world, &["import", "--list", &out]).ok().out.contains(MODEL));
}

#[test]
fn a_signature_is_made_checked_and_missed() {
    let world = World::new();
    world.get();
    let [key, other, out, plain] = ["key", "other", "signed.tar", "plain.tar"].map(|name| file(&world, name));
    let [public, wrong] = [&key, &other].map(|key| format!("{key}.pub"));
    assert_eq!(world.run(&["keygen", &key]).ok().line(), public);
    let id = world.run(&["keygen", &other, "--json"]).ok().json()["key"].as_str().unwrap().to_owned();
    world.run(&["keygen", &key]).fails(2, "keys are not overwritten");
    let signed = world.run(&["export", MODEL, "-o", &out, "--sign", &key, "--json"]).ok().json();
    world.run(&["export", MODEL, "-o", &plain]).ok();
    let ours = signed["signed_by"].as_str().unwrap();
    assert_ne!(ours, id);
    there(&world, &["import", &out, "--verify-key", &wrong]).fails(4, ours);
    there(&world, &["import", &plain, "--verify-key", &public]).fails(4, "not signed");
    there(&world, &["import", &out, "--verify-key", &key]).fails(2, "not a public");
    world.run(&["export", MODEL, "-o", &plain, "--sign", &public]).fails(2, "not a private");
    let listed = there(&world, &["import", "--list", &out]).ok();
    assert!(listed.err.contains(ours) && listed.err.contains("not checked"), "{listed:?}");
    assert!(!elsewhere(&world).join("manifests").exists() || there(&world, &["ls"]).ok().out.is_empty());
    let imported = there(&world, &["import", &out, "--verify-key", &public]).ok();
    assert!(imported.err.contains(&format!("signed by {ours}, signature verified")), "{imported:?}");
    there(&world, &["get", MODEL, "--offline"]).ok();
}

#[test]
fn since_carries_what_is_new_and_asks_for_its_base() {
    let world = World::new();
    world.get();
    let (first, second) = (file(&world, "first.tar.zst"), file(&world, "second.tar"));
    world.run(&["export", MODEL, "-o", &first, "--zstd"]).ok();
    let mut newer = fixtures::model();
    newer.retain(|(path, _)| *path != "config.json");
    newer.push(("config.json", Content::bytes("newer")));
    world.hub.commit(MODEL, "main", newer);
    world.get();
    let json = world.run(&["export", MODEL, "-o", &second, "--since", &first, "--json"]).ok().json();
    assert_eq!((json["blobs"].as_array().unwrap().len(), &json["bytes"]), (1, &5.into()));
    let base = json["base"].as_str().unwrap();
    assert!(there(&world, &["import", "--list", &first]).ok().out.contains(base));
    there(&world, &["import", &second]).fails(3, base);
    there(&world, &["import", &first]).ok();
    there(&world, &["import", &second]).ok();
    let got = there(&world, &["get", MODEL, "--offline"]).ok().path();
    assert_eq!(fs_err::read_to_string(got.join("config.json")).unwrap(), "newer");
    assert_eq!(tree(&got).len(), model().len());
}

#[test]
fn a_killed_import_goes_on_with_the_blobs_that_are_there() {
    let world = World::empty(HubConfig::default());
    let files = [("a.bin", Content::seeded(1, 3_000_000)), ("b.bin", Content::seeded(2, 3_000_000))];
    world.hub.add_model(MODEL, files);
    world.get();
    let out = file(&world, "models.tar");
    world.run(&["export", MODEL, "-o", &out]).ok();
    let bytes = fs_err::read(&out).unwrap();
    let mut import = world.command(&["import", "-"]);
    let mut child = import.env("MODEL_CACHE_DIR", elsewhere(&world)).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // The first blob, and half of the second one.
    pipe.write_all(&bytes[..4_500_000]).unwrap();
    let blobs = || tree(&elsewhere(&world).join("blobs")).len();
    until("the first blob is published", || blobs() == 1);
    signal(&child, Signal::KILL);
    assert_eq!(finish(child).code, 137);
    there(&world, &["get", MODEL, "--offline"]).fails(3, "not in the store");
    let json = there(&world, &["import", &out, "--json"]).ok().json();
    assert_eq!((&json["taken"], &json["present"]), (&1.into(), &1.into()));
    assert_eq!(tree(&there(&world, &["get", MODEL, "--offline"]).ok().path()).len(), 2);
    assert_eq!(tree(&elsewhere(&world).join("partial")), []);
    drop(pipe);
}

#[test]
fn an_import_holds_the_quota_and_is_not_evicted_by_it() {
    let world = World::empty(HubConfig::default());
    for (seed, name) in [(1, "org/old"), (2, "org/new")] {
        world.hub.add_model(name, [("model.bin", Content::seeded(seed, 600_000))]);
        world.run(&["get", name]).ok();
        world.run(&["export", name, "-o", &file(&world, &format!("{seed}.tar"))]).ok();
    }
    there(&world, &["import", &file(&world, "1.tar")]).ok();
    let store = elsewhere(&world);
    let limited = |quota: &str, name: &str| {
        let variables = [("MODEL_CACHE_DIR", store.to_str().unwrap()), ("MODEL_CACHE_QUOTA", quota)];
        world.run_with(&variables, &["import", &file(&world, name)])
    };
    limited("500kB", "2.tar").fails(7, "the quota is");
    assert!(limited("1MB", "2.tar").ok().err.contains("evicted"));
    there(&world, &["get", "org/new", "--offline"]).ok();
    there(&world, &["get", "org/old", "--offline"]).ends(3);
}

#[test]
fn a_quantisation_is_exported_alone() {
    let world = World::new();
    let files = [
        ("model-Q4_K_M.gguf", Content::seeded(4, 9000)),
        ("model-Q8_0.gguf", Content::seeded(8, 9000)),
        ("README.md", "x".into()),
    ];
    world.hub.add_model("org/quants", files);
    world.run(&["get", "org/quants"]).ok();
    let out = file(&world, "quant.tar");
    world.run(&["export", "org/quants:Q4_K_M", "-o", &out]).ok();
    there(&world, &["import", &out]).ok();
    let got = there(&world, &["get", "org/quants:Q4_K_M", "--offline"]).ok().path();
    assert_eq!(fs_err::read(got).unwrap(), fixtures::bytes(4, 9000));
    there(&world, &["get", "org/quants:Q8_0", "--offline"]).ends(3);
}
