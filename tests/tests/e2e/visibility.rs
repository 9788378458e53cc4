//! What a mirror serves to strangers when upstream cannot say who may read it.

use cache_testkit::{Access, HubFault, Matches, fixtures};

use crate::mirror::{Answer, Mirror, ask, get};
use crate::world::{MODEL, World};

const TOKEN: &str = "hf_ann";
const BEARER: (&str, &str) = ("Authorization", "Bearer hf_ann");

/// A world with a public, a private and a gated model in its store, fetched by the command with a token.
fn filled() -> World {
    let world = World::new();
    world.hub.add_user(TOKEN, "ann");
    for (name, access) in [("org/private", Access::private(["ann"])), ("org/gated", Access::gated(["ann"]))] {
        world.hub.add_model(name, fixtures::model());
        world.hub.set_access(name, access);
    }
    for name in [MODEL, "org/private", "org/gated"] {
        world.run_with(&[("HF_TOKEN", TOKEN)], &["get", name]).ok();
    }
    world
}

fn config(mirror: &Mirror, name: &str) -> Answer {
    get(&mirror.url, &format!("/{name}/resolve/main/config.json"))
}

fn info(mirror: &Mirror, name: &str) -> Answer {
    get(&mirror.url, &format!("/api/models/{name}"))
}

/// That a stranger gets the answer of a repository that does not exist.
#[track_caller]
fn is_closed(mirror: &Mirror, name: &str) {
    let absent = [config(mirror, "org/absent"), info(mirror, "org/absent")];
    for (answer, absent) in [config(mirror, name), info(mirror, name)].iter().zip(&absent) {
        assert_eq!((answer.status, &answer.body), (absent.status, &absent.body), "{name}: {answer:?}");
    }
    let listed = get(&mirror.url, "/api/models?full=true");
    assert!(!String::from_utf8_lossy(&listed.body).contains(name), "{name}: {listed:?}");
}

#[test]
fn private_model_served_offline_is_closed() {
    let world = filled();
    let mirror = Mirror::with(&world, &["--offline"]);
    is_closed(&mirror, "org/private");
    is_closed(&mirror, "org/gated");
    // Nothing has to be set for what is plainly public.
    assert_eq!(config(&mirror, MODEL).status, 200);
    let told = info(&mirror, MODEL).json();
    assert_eq!((&told["private"], &told["gated"]), (&false.into(), &false.into()));
}

#[test]
fn closed_models_are_told_at_the_start() {
    let world = filled();
    let said = Mirror::with(&world, &["--offline"]).said("to open them, ");
    assert!(said.contains("2 of 3 models are closed") && said.contains("server.anonymous"), "{said}");
    assert!(said.contains("model-cache token new") && !said.contains("org/private"), "{said}");
    let listed = world.run(&["ls", "--json"]).ok().json();
    let visibility = |name: &str| {
        let mut models = listed["models"].as_array().unwrap().iter();
        models.find(|model| model["model"].as_str().unwrap().ends_with(name)).unwrap()["visibility"].clone()
    };
    assert_eq!([MODEL, "org/private", "org/gated"].map(visibility), ["public", "private", "gated"]);
}

#[test]
fn anonymous_globs_open_without_users() {
    let world = filled();
    world.write_config("[server]\nanonymous = [\"org/private\"]\n");
    let mirror = Mirror::with(&world, &["--offline"]);
    assert_eq!(config(&mirror, "org/private").status, 200);
    let told = info(&mirror, "org/private").json();
    assert_eq!((&told["private"], &told["gated"]), (&true.into(), &false.into()), "open and still private");
    is_closed(&mirror, "org/gated");
    world.write_config("[server]\nanonymous = [\"org/g*\"]\n");
    let mirror = Mirror::with(&world, &["--offline"]);
    assert_eq!(info(&mirror, "org/gated").json()["gated"], "manual");
    is_closed(&mirror, "org/private");
}

#[test]
fn unknown_models_open_by_assume_public_only() {
    let world = filled();
    // A store that knows of none.
    fs_err::remove_dir_all(world.store().join("documents")).unwrap();
    let mirror = Mirror::with(&world, &["--offline"]);
    is_closed(&mirror, MODEL);
    is_closed(&mirror, "org/private");
    drop(mirror);
    let mirror = Mirror::with(&world, &["--offline", "--assume-public"]);
    assert_eq!(config(&mirror, MODEL).status, 200);
    assert_eq!(config(&mirror, "org/private").status, 200);
    drop(mirror);
    // What is known is not assumed.
    world.run_with(&[("HF_TOKEN", TOKEN)], &["get", "org/private"]).ok();
    let mirror = Mirror::with(&world, &["--offline", "--assume-public"]);
    is_closed(&mirror, "org/private");
}

#[test]
fn users_taken_away_leave_models_closed() {
    let world = filled();
    let token = "mct_of-ann";
    let sha256 = cache_testkit::Content::bytes(token).sha256();
    world.write_config(&format!("[users.ann]\ntoken-sha256 = \"{sha256}\"\nread = [\"org/private\"]\n"));
    let mirror = Mirror::with(&world, &["--offline"]);
    let path = "/org/private/resolve/main/config.json";
    let bearer = format!("Bearer {token}");
    assert_eq!(ask(&mirror.url, "GET", path, &[("Authorization", &bearer)], &[]).status, 200);
    is_closed(&mirror, "org/private");
    drop(mirror);
    world.write_config("");
    is_closed(&Mirror::with(&world, &["--offline"]), "org/private");
}

#[test]
fn model_turned_private_is_closed_once_seen() {
    let world = filled();
    world.hub.set_access(MODEL, Access::private(["ann"]));
    world.run_with(&[("HF_TOKEN", TOKEN)], &["get", MODEL]).ok();
    is_closed(&Mirror::with(&world, &["--offline"]), MODEL);
    // Seen by a refusal alone.
    world.hub.set_access(MODEL, Access::Public);
    world.run(&["get", MODEL]).ok();
    assert_eq!(config(&Mirror::with(&world, &["--offline"]), MODEL).status, 200);
    world.hub.set_access(MODEL, Access::private(["ann"]));
    world.run(&["get", MODEL]).ends(3);
    is_closed(&Mirror::with(&world, &["--offline"]), MODEL);
}

#[test]
fn upstream_gone_serves_public_models_only() {
    let world = filled();
    let mirror = Mirror::start(&world);
    world.hub.trouble(Matches::default(), HubFault::Status(503));
    assert_eq!(config(&mirror, MODEL).status, 200);
    let (private, absent) = (config(&mirror, "org/private"), config(&mirror, "org/absent"));
    assert_eq!((private.status, &private.body), (absent.status, &absent.body), "{private:?}");
}

#[test]
fn pinned_commit_and_bundle_keep_visibility() {
    let world = filled();
    let commit = world.run_with(&[("HF_TOKEN", TOKEN)], &["info", "org/private", "--json"]).ok().json();
    let pinned = format!("org/private@{}", commit["commit"].as_str().unwrap());
    fs_err::remove_dir_all(world.store()).unwrap();
    world.run_with(&[("HF_TOKEN", TOKEN)], &["get", &pinned]).ok();
    world.run(&["get", MODEL]).ok();
    let bundle = world.folder().join("models.tar");
    let bundle = bundle.to_str().unwrap();
    world.run(&["export", &pinned, MODEL, "--offline", "-o", bundle]).ok();
    fs_err::remove_dir_all(world.store()).unwrap();
    world.run(&["import", bundle]).ok();
    let mirror = Mirror::with(&world, &["--offline", "--assume-public"]);
    is_closed(&mirror, "org/private");
    drop(mirror);
    assert_eq!(config(&Mirror::with(&world, &["--offline"]), MODEL).status, 200);
}

#[test]
fn strangers_learn_nothing_of_fetches() {
    let world = filled();
    let mirror = Mirror::start(&world);
    let path = "/org/private/resolve/main/config.json";
    let private = ask(&mirror.url, "GET", path, &[BEARER], &[]);
    assert_eq!((private.status, private.header("x-cache")), (200, None));
    assert_eq!(config(&mirror, MODEL).header("x-cache"), None);
    let metrics = get(&mirror.url, "/metrics");
    let text = String::from_utf8_lossy(&metrics.body);
    for word in ["quarantine", "circuit", "fetch", "127.0.0.1", "bytes", "hits"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}
