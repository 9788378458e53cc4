//! Lock files: exactly what was, or a failure.

use cache_testkit::{Content, fixtures};

use crate::world::{MODEL, World, model, tree};

fn lock(world: &World, refs: &[&str]) -> String {
    let file = world.folder().join("models.lock").to_str().unwrap().to_owned();
    let mut arguments = vec!["lock", file.as_str()];
    arguments.extend(refs);
    world.run(&arguments).ok();
    file
}

/// The hub moves on: every file of the model is another one.
fn move_on(world: &World) -> String {
    world.hub.add_model(MODEL, [("config.json", Content::bytes("new"))]).to_string()
}

#[test]
fn locked_get_brings_the_locked_commit() {
    let world = World::new();
    world.run(&["registry", "add", "mine", MODEL]).ok();
    let old = world.commit();
    let file = lock(&world, &[MODEL, "mine", &format!("{MODEL}/config.json")]);
    let text = fs_err::read_to_string(&file).unwrap();
    assert_eq!(world.hub.total_bytes_sent(), 0, "locking fetches nothing");
    lock(&world, &[]);
    assert_eq!(fs_err::read_to_string(&file).unwrap(), text, "the same models give the same text");
    let new = move_on(&world);

    let other = world.folder().join("other").to_str().unwrap().to_owned();
    let get = ["get", "--store", &other, "--locked", &file];
    let run = world.run(&get).ok();
    let paths: Vec<_> = run.out.lines().collect();
    assert_eq!(paths.len(), 3, "{run:?}");
    assert_eq!(tree(paths[1].as_ref()), model());
    assert_eq!(paths[0], paths[1], "the name is resolved by the lock, where nothing is registered");
    assert!(paths[2].ends_with("config.json"), "{run:?}");
    let json = world.run(&[&get[..], &["mine", "--json", "--offline"]].concat()).ok().json();
    assert_eq!(json["results"][0]["commit"], old);
    assert_eq!(world.run(&["get", MODEL, "--json"]).ok().json()["results"][0]["commit"], new);

    lock(&world, &[]);
    let text = fs_err::read_to_string(&file).unwrap();
    assert!(text.contains(&new) && !text.contains(&old), "{text}");
}

#[test]
fn any_difference_fails_and_fetches_nothing() {
    let world = World::new();
    let file = lock(&world, &[MODEL]);
    let text = fs_err::read_to_string(&file).unwrap();
    let weights = fixtures::model().into_iter().find(|(path, _)| *path == "model.safetensors").unwrap().1;
    let commit = world.commit();
    let get = |said: &str, code: i32, text: String| {
        fs_err::write(&file, text).unwrap();
        world.run(&["get", "--locked", &file, MODEL]).fails(code, said);
        assert_eq!(world.hub.total_bytes_sent(), 0, "{said}");
    };
    get("model.safetensors", 4, text.replace(&weights.sha256().to_string(), &"1".repeat(64)));
    get("bytes", 4, text.replacen("size = ", "size = 9", 1));
    get("no-such-file", 3, text.replace("\"config.json\"", "\"no-such-file\""));
    get(&"f".repeat(40), 3, text.replace(&commit, &"f".repeat(40)));
    get("line", 2, text.replace("commit", "comit"));
    get("not in the lock file", 3, text.replace(MODEL, "org/else"));
    fs_err::write(&file, &text).unwrap();
    world.run(&["get", "--locked", &file]).ok();
    world.run(&["get", "--locked", &file, "--offline"]).ok();
    world.run(&["get", "--locked", "/no/such.lock"]).fails(3, "lock file not found");
    world.run(&["get", "--locked", &file, "--revision", "main"]).ends(2);

    // With all of it here, the lock is held to as well.
    fs_err::write(&file, text.replace(&weights.sha256().to_string(), &"1".repeat(64))).unwrap();
    world.run(&["get", "--locked", &file, "--offline"]).fails(4, "model.safetensors");
}

#[test]
fn the_digest_of_a_small_file_is_locked_once_it_is_here() {
    let world = World::new();
    let config = fixtures::model().into_iter().find(|(path, _)| *path == "config.json").unwrap().1;
    let sha256 = config.sha256().to_string();
    let text = fs_err::read_to_string(lock(&world, &[MODEL])).unwrap();
    assert!(text.contains("git_sha1") && !text.contains(&sha256), "{text}");
    world.get();
    let file = lock(&world, &[]);
    let text = fs_err::read_to_string(&file).unwrap();
    assert!(text.contains(&sha256), "{text}");
    let other = world.folder().join("other").to_str().unwrap().to_owned();
    fs_err::write(&file, text.replace(&sha256, &"1".repeat(64))).unwrap();
    world.run(&["get", "--store", &other, "--locked", &file]).fails(4, "config.json");
    fs_err::write(&file, text).unwrap();
    world.run(&["get", "--store", &other, "--locked", &file]).ok();
}

#[test]
fn lock_for_other_machines_is_refused() {
    let world = World::new();
    let other = if cfg!(target_os = "macos") { "linux-aarch64" } else { "macos-aarch64" };
    let register = |platform| ["registry", "add", "mine", MODEL, "--replace", "--platform", platform];
    world.run(&register(other)).ok();
    let file = lock(&world, &["mine"]);
    let elsewhere = world.folder().join("other").to_str().unwrap().to_owned();
    let get = ["get", "--store", &elsewhere, "--locked", &file];
    let run = world.run(&get).fails(1, other);
    assert!(run.err.contains(std::env::consts::ARCH), "{run:?}");
    assert_eq!(world.hub.total_bytes_sent(), 0);
    world.run(&register(std::env::consts::OS)).ok();
    world.run(&get).fails(1, other);
    lock(&world, &["mine"]);
    world.run(&get).ok();
}

#[test]
fn half_a_lock_is_not_written() {
    let world = World::new();
    let list = world.folder().join("list");
    fs_err::write(&list, format!("# models\n{MODEL} # the one\n\norg/gone\n")).unwrap();
    let (list, file) = (list.to_str().unwrap(), world.folder().join("l.lock"));
    world.run(&["lock", file.to_str().unwrap(), "--from", list]).fails(3, "org/gone");
    assert!(!file.exists());
    fs_err::write(list, format!("{MODEL}\n")).unwrap();
    world.run(&["lock", file.to_str().unwrap(), "--from", list]).ok();
    world.run(&["lock", world.folder().join("new.lock").to_str().unwrap()]).fails(2, "no models to lock");
    // A plain URL without a digest cannot be locked before it is here.
    let url = format!("{}/org/model/resolve/{}/config.json", world.hub.url(), world.commit());
    let file = file.to_str().unwrap();
    world.run(&["lock", file, &url]).fails(4, "no checksum");
    world.run(&["get", &url]).ok();
    world.run(&["lock", file, &url]).ok();
    let other = world.folder().join("other").to_str().unwrap().to_owned();
    world.run(&["get", "--store", &other, "--locked", file, &url]).ok();
}
