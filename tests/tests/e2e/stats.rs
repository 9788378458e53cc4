//! What is counted of gets.

use cache_testkit::{HubFault, Matches};

use crate::world::{MODEL, World, model};

#[test]
fn hits_misses_sources_failures_and_disk() {
    let world = World::new();
    let empty = world.run(&["stats"]).ok();
    assert!(empty.out.contains("no downloads yet"), "{empty:?}");
    world.get();
    world.get();
    world.run(&["get", MODEL, "--offline"]).ok();
    world.run(&["get", "org/nowhere"]).ends(3);
    let (files, bytes) = (model().len(), model().iter().map(|(_, bytes)| bytes.len()).sum::<usize>());
    let json = world.run(&["stats", "--json"]).ok().json();
    assert_eq!((&json["gets"], &json["misses"], &json["hits"]), (&4.into(), &files.into(), &(2 * files).into()));
    assert_eq!(json["fetched_bytes"], bytes);
    assert_eq!(json["failures"]["not-found"], 1);
    assert!(json["since"].as_u64().unwrap() > 1_700_000_000);
    let of =
        |name: &str| json["models"].as_array().unwrap().iter().find(|entry| entry["model"] == name).unwrap().clone();
    assert_eq!(of(MODEL)["disk_bytes"], json["disk_bytes"]);
    assert_eq!((&of(MODEL)["gets"], &of(MODEL)["fetched_bytes"]), (&3.into(), &bytes.into()));
    assert_eq!(of("org/nowhere")["disk_bytes"], 0);
    let sources = json["sources"].as_array().unwrap();
    assert_eq!(sources.iter().map(|source| source["bytes"].as_u64().unwrap()).sum::<u64>(), bytes as u64);
    let page = world.run(&["stats", "--reset"]).ok();
    for part in ["since 20", "hits", "misses", "sources", "127.0.0.1", MODEL] {
        assert!(page.out.contains(part), "{part}: {page:?}");
    }
    assert_eq!(world.run(&["stats", "--json"]).ok().json()["gets"], 0);
}

#[test]
fn retries_are_counted_and_a_file_of_nonsense_is_survived() {
    let world = World::new();
    world.hub.trouble(Matches::path("config.json").first(1), HubFault::Status(503));
    world.get();
    let log = world.store().join("stats.jsonl");
    let json = world.run(&["stats", "--json"]).ok().json();
    assert!(json["retries"].as_u64().unwrap() >= 1, "{json}");
    fs_err::write(&log, b"\xff\xfe{]\n\n{\"gets\": -1}").unwrap();
    world.get();
    let json = world.run(&["stats", "--json"]).ok().json();
    assert_eq!((&json["gets"], &json["broken_lines"]), (&1.into(), &2.into()));
}

#[test]
fn files_of_this_machine_are_counted_with_their_bytes() {
    let world = World::new();
    let folder = world.folder().join("own");
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join("model.bin"), vec![7; 2_000_000]).unwrap();
    world.run(&["get", folder.to_str().unwrap()]).ok();
    let json = world.run(&["stats", "--json"]).ok().json();
    assert_eq!((&json["misses"], &json["fetched_bytes"]), (&1.into(), &2_000_000.into()), "{json}");
}
