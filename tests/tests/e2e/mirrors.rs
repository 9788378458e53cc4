//! Mirrors of a model: who helps, who lies, who may say what.

use cache_testkit::{Content, Hub, HubConfig, HubFault, Matches, fixtures};

use crate::world::{MODEL, World, finish};

const SIZE: u64 = 48 << 20;

fn content() -> Content {
    Content::seeded(11, SIZE)
}

/// A world whose hub has one model of one large file, sent at this rate to each connection.
fn world(rate: u64) -> World {
    let world = World::empty(HubConfig::default().rate(rate));
    world.hub.add_model(MODEL, files());
    world
}

fn files() -> [(&'static str, Content); 2] {
    [("model.bin", content()), ("config.json", Content::bytes("{}"))]
}

/// A mirror of that hub: the same model, the same commit.
fn mirror(rate: u64) -> Hub {
    let hub = Hub::spawn(HubConfig::default().rate(rate)).unwrap();
    hub.add_model(MODEL, files());
    hub
}

fn host(hub: &Hub) -> &str {
    hub.url().strip_prefix("http://").unwrap()
}

#[track_caller]
fn is_right(folder: &std::path::Path) {
    assert!(fs_err::read(folder.join("model.bin")).unwrap() == content().to_vec().unwrap());
}

#[test]
fn slow_corrupt_and_dying_mirrors_do_no_harm() {
    let world = world(16 << 20);
    let (slow, liar, dying) = (mirror(20 << 10), mirror(16 << 20), mirror(16 << 20));
    liar.trouble(Matches::path("model.bin"), HubFault::FlipEvery(1 << 20));
    dying.trouble(Matches::path("model.bin").after(2), HubFault::Hangup);
    let mirrors = [&slow, &liar, &dying].map(Hub::url);
    let run =
        world.run(&["get", MODEL, "--json", "--mirror", mirrors[0], "--mirror", mirrors[1], "--mirror", mirrors[2]]);
    let json = run.ok().json();
    let result = &json["results"][0];
    is_right(result["path"].as_str().unwrap().as_ref());
    let warnings = result["warnings"].to_string();
    assert!(warnings.contains(host(&liar)) && warnings.contains("wrong bytes"), "{warnings}");
    assert!(!warnings.contains(host(&slow)) && !warnings.contains(host(&dying)), "{warnings}");
    assert_eq!(world.assert_blobs_intact(), 2);
}

#[test]
fn large_file_comes_from_all_mirrors() {
    let world = world(16 << 20);
    let others = [mirror(16 << 20), mirror(16 << 20)];
    let path = world.run(&["get", MODEL, "--mirror", others[0].url(), "--mirror", others[1].url()]).ok().path();
    is_right(&path);
    assert!(others.iter().all(|hub| hub.bytes_sent(MODEL, "model.bin") > 0));
    let stats = world.run(&["stats", "--json"]).ok().out;
    assert!(others.iter().all(|hub| stats.contains(&format!("hf({})", host(hub)))), "{stats}");
}

#[test]
fn the_hubs_token_goes_to_no_mirror() {
    let world = world(0);
    world.hub.add_user("hf_secret", "me");
    let other = mirror(0);
    world.run_with(&[("HF_TOKEN", "hf_secret")], &["get", MODEL, "--mirror", other.url()]).ok();
    assert!(world.hub.requests().iter().any(|seen| seen.header("authorization").is_some()));
    let seen = other.requests();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.header("authorization").is_none()));
}

#[test]
fn only_a_trusted_mirror_lists_while_the_hub_is_down() {
    let world = world(0);
    let other = mirror(0);
    let config = world.folder().join("config.toml");
    let run = |trusted: bool| {
        let text = format!("[transfer]\nretries = 0\n[mirrors.near]\nurl = {:?}\ntrusted = {trusted}\n", other.url());
        fs_err::write(&config, text).unwrap();
        let mut command = world.command(&["get", MODEL]);
        // Nobody listens there.
        command.env("HF_ENDPOINT", "http://127.0.0.1:1").env("MODEL_CACHE_CONFIG", &config);
        finish(command.spawn().unwrap())
    };
    run(false).fails(5, "Connection refused");
    let got = run(true).ok();
    is_right(&got.path());
    assert!(got.err.contains(host(&other)) && got.err.contains("trusted"), "{got:?}");
}

#[test]
fn the_preferred_mirror_brings_all_that_it_has() {
    let world = world(0);
    let near = mirror(0);
    let config = world.folder().join("config.toml");
    let text = format!("[mirrors.near]\nurl = {:?}\npreference = 10\nmodels = [\"org/*\"]\n", near.url());
    fs_err::write(&config, text).unwrap();
    let path = world.run_with(&[("MODEL_CACHE_CONFIG", config.to_str().unwrap())], &["get", MODEL]).ok().path();
    is_right(&path);
    assert_eq!(world.hub.bytes_sent(MODEL, "model.bin"), 0);
}

#[test]
fn folder_mirror_is_copied_and_verified() {
    let world = world(0);
    let folder = world.folder().join("nas/org/model");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("model.bin"), content().to_vec().unwrap()).unwrap();
    let address = format!("{}/nas/{{model}}", world.folder().display());
    let path = world.run(&["get", MODEL, "--mirror", &address]).ok().path();
    is_right(&path);
    assert_eq!(world.hub.bytes_sent(MODEL, "model.bin"), 0);
    // A wrong file there is found out, named, and fetched instead.
    let world = self::world(0);
    let folder = world.folder().join("nas");
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("model.bin"), Content::seeded(12, SIZE).to_vec().unwrap()).unwrap();
    let run = world.run(&["get", MODEL, "--mirror", folder.to_str().unwrap()]).ok();
    is_right(&run.path());
    assert!(run.err.contains("wrong bytes") && run.err.contains("nas"), "{run:?}");
}

#[test]
fn a_web_server_is_a_mirror_by_the_paths_of_the_files() {
    let world = World::new();
    let other = mirror(0);
    other.add_model(MODEL, fixtures::model());
    // The hub's own plain addresses serve as a web server.
    let base = format!("{}/{{model}}/resolve/main", other.url());
    world.run(&["get", MODEL, "--mirror", &base]).ok();
    world.run(&["verify", MODEL]).ok();
}

#[test]
fn nonsense_is_refused_before_anything_is_asked() {
    let world = World::new();
    let run = world.run(&["get", MODEL, "--mirror", "org/name"]);
    assert!(run.code == 2 && run.err.contains("mirror"), "{run:?}");
    assert_eq!(world.requests(), 0);
}
