//! Bit rot: found by verify, mended by verify --repair.

use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use crate::world::{MODEL, World, model, tree};

/// Turns one bit of a stored file around, as a bad disk does.
fn flip(path: &Path, at: u64) {
    let path = fs_err::canonicalize(path).unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs_err::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.file().read_exact_at(&mut byte, at).unwrap();
    file.file().write_all_at(&[byte[0] ^ 1], at).unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn verify_finds_one_flipped_bit_and_repair_mends_it() {
    let world = World::new();
    let path = world.get();
    let whole = world.run(&["verify"]).ok();
    assert!(whole.out.contains("no errors"), "{whole:?}");
    flip(&path.join("model.safetensors"), 1000);
    let run = world.run(&["verify"]).ends(4);
    assert!(run.out.contains("model.safetensors") && run.out.contains("corrupted: checksum mismatch"), "{run:?}");
    assert!(run.err.contains("--repair"), "{run:?}");
    let run = world.run(&["verify", MODEL, "--repair"]).ok();
    assert!(run.out.contains("repaired"), "{run:?}");
    world.run(&["verify", "--all"]).ok();
    assert_eq!(tree(&path), model());
    let json = world.run(&["quarantine", "ls", "--json"]).ok().json();
    assert_eq!(json["quarantine"].as_array().unwrap().len(), 1, "the damaged file is kept: {json}");
}

#[test]
fn what_verify_found_is_out_of_use_until_got() {
    let world = World::new();
    let path = world.get();
    let listed = |world: &World| world.run(&["ls", "--json"]).ok().json()["models"][0]["files"].as_u64().unwrap();
    let all = listed(&world);
    flip(&path.join("model.safetensors"), 1000);
    world.run(&["verify"]).ends(4);
    assert_eq!(listed(&world), all - 1);
    let run = world.run(&["path", MODEL]).ends(4);
    assert!(run.err.contains("corrupted") && run.err.contains("model-cache get"), "{run:?}");
    world.run(&["get", MODEL, "--offline"]).ends(4);
    world.run(&["verify"]).ends(4);
    world.get();
    assert_eq!(tree(&path), model());
    world.run(&["verify"]).ok();
}

#[test]
fn a_blob_that_is_gone_is_found_and_fetched() {
    let world = World::new();
    let path = world.get();
    let weights = fs_err::canonicalize(path.join("model.safetensors")).unwrap();
    let name = world.run(&["path", MODEL, "--json"]).ok().json()["files"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["path"] == "model.safetensors")
        .unwrap()["sha256"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    // The view holds the same bytes under its own name; both have to go to be really gone.
    let store = cache_lib::Store::open(world.store(), cache_lib::StoreOptions::default()).unwrap();
    fs_err::remove_file(store.blob(&name).unwrap().unwrap().path).unwrap();
    if weights.exists() {
        fs_err::remove_file(weights).unwrap();
    }
    let json = world.run(&["verify", "--json"]).ends(4).json();
    assert!(json["bad"].as_array().unwrap().iter().all(|bad| bad["trouble"] == "missing"), "{json}");
    world.run(&["verify", "--repair"]).ok();
    assert_eq!(tree(&path), model());
}

#[test]
fn without_the_network_the_damage_is_told_and_nothing_is_lost() {
    let world = World::new();
    let path = world.get();
    flip(&path.join("model.safetensors"), 0);
    let run = world.run(&["verify", "--repair", "--offline"]).ends(4);
    assert!(run.out.contains("not repaired"), "{run:?}");
    assert!(!path.join("model.safetensors").exists(), "what is corrupted is out of use");
    let kept = world.run(&["quarantine", "ls", "--json"]).ok().json();
    assert_eq!(kept["quarantine"].as_array().unwrap().len(), 1, "{kept}");
    world.run(&["verify", "--repair"]).ok();
    world.run(&["verify"]).ok();
}

#[test]
fn quarantine_shows_restores_and_removes() {
    let world = World::new();
    let path = world.get();
    flip(&path.join("model.safetensors"), 5);
    world.run(&["verify", "--repair"]).ok();
    let json = world.run(&["quarantine", "ls", "--json"]).ok().json();
    let id = json["quarantine"][0]["id"].as_str().unwrap().to_owned();
    let shown = world.run(&["quarantine", "show", &id]).ok();
    assert!(shown.out.contains("checksum mismatch") || shown.out.contains("corrupted"), "{shown:?}");
    let restored = world.run(&["quarantine", "restore", &id]).ok();
    assert!(restored.out.contains("blobs"), "{restored:?}");
    world.assert_blobs_intact();
    assert_eq!(tree(&path), model(), "a restored file must not take the place of the right one");
    flip(&path.join("model.safetensors"), 5);
    world.run(&["verify", MODEL, "--repair"]).ok();
    world.run(&["quarantine", "rm", "--all"]).ok();
    let json = world.run(&["quarantine", "ls", "--json"]).ok().json();
    assert!(json["quarantine"].as_array().unwrap().is_empty(), "{json}");
    world.run(&["quarantine", "show", "nothing"]).fails(3, "nothing");
}
