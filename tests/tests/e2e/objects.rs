//! Buckets as a source, and pushing into them: against SeaweedFS, moto and Azurite.

use std::path::Path;
use std::sync::Arc;

use cache_core::ModelRef;
use cache_net::{HttpClient, HttpConfig, Secret};
use cache_object::{ObjectConfig, ObjectSource, S3Credentials};
use cache_testkit::conformance::{self, SourceUnderTest};
use cache_testkit::{Content, fixtures};
use rustix::process::Signal;

use crate::servers::{Link, Store, Variables, minilm, refusing};
use crate::signals::signal;
use crate::world::{Run, World, finish, tree, until};

/// The command with these variables.
fn run(world: &World, variables: &Variables, arguments: &[&str]) -> Run {
    world.run_with(&variables.pairs(), arguments)
}

/// Pushes the real model, gets it into another store, and compares; then once more, which sends nothing.
fn there_and_back(variables: &Variables, target: &str, model: &Path) {
    let (here, elsewhere) = (World::new(), World::new());
    let folder = model.to_str().unwrap();
    let pushed = run(&here, variables, &["push", folder, target]).ok();
    assert_eq!(pushed.line(), target);
    let got = run(&elsewhere, variables, &["get", target, "--require-digest"]).ok();
    assert_eq!(tree(&got.path()), tree(model));
    let again = run(&here, variables, &["push", folder, target, "--json"]).ok().json();
    assert_eq!((again["uploaded"].as_u64(), again["sent_bytes"].as_u64()), (Some(0), Some(0)), "{again}");
    let commit = again["commit"].as_str().unwrap();
    let pinned = World::new();
    let got = run(&pinned, variables, &["get", target, "--revision", commit, "--include", "*.json"]).ok();
    assert!(got.path().join("config.json").is_file());
    run(&pinned, variables, &["get", target, "--revision", "v2"]).fails(3, "v2");
}

/// A folder with two files, the larger of which is sent in parts.
fn two_files(world: &World, seed: u64, size: u64) -> String {
    let folder = world.folder().join(format!("model-{seed}"));
    fs_err::create_dir_all(&folder).unwrap();
    fs_err::write(folder.join("model.bin"), Content::seeded(seed, size).to_vec().unwrap()).unwrap();
    fs_err::write(folder.join("config.json"), format!("{{\"seed\": {seed}}}")).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn seaweedfs_keeps_a_real_model_and_amazons_program_reads_it() {
    let (Some(store), Some(model)) = (Store::seaweed(), minilm()) else { return };
    there_and_back(&store.s3(), "s3://models/minilm", &model);
    let keys = store.keys("minilm");
    assert!(keys.iter().any(|key| key.starts_with("minilm/blobs/53/53aa51172d142c89")), "{keys:?}");

    let world = World::new();
    let folder = model.to_str().unwrap();
    run(&world, &store.s3(), &["push", folder, "s3://models/plain/", "--as-files"]).ok();
    let copy = world.folder().join("copy");
    store.aws(&["s3", "cp", "--recursive", "--quiet", "s3://models/plain/", copy.to_str().unwrap()]);
    for ours in ["SHA256SUMS", "manifest.json"] {
        fs_err::remove_file(copy.join(ours)).unwrap();
    }
    assert_eq!(tree(&copy), tree(&model));
    let got = run(&World::new(), &store.s3(), &["get", "s3://models/plain", "--require-digest"]).ok();
    drop(got);

    // What was not pushed is a model too, and so is one object.
    store.aws(&["s3", "cp", "--recursive", "--quiet", folder, "s3://models/raw/"]);
    let raw = World::new();
    let got = run(&raw, &store.s3(), &["get", "s3://models/raw/"]).ok();
    assert_eq!(tree(&got.path()), tree(&model));
    let sum = Content::bytes(fs_err::read(model.join("vocab.txt")).unwrap()).sha256();
    let list = raw.folder().join("sums");
    fs_err::write(&list, format!("{sum}  vocab.txt\n")).unwrap();
    store.aws(&["s3", "cp", "--quiet", list.to_str().unwrap(), "s3://models/raw/SHA256SUMS"]);
    let got = run(&raw, &store.s3(), &["get", "s3://models/raw/vocab.txt", "--require-digest"]).ok();
    assert_eq!(fs_err::read(got.path()).unwrap(), fs_err::read(model.join("vocab.txt")).unwrap());
}

#[test]
fn moto_keeps_a_real_model_by_amazons_and_by_googles_protocol() {
    let (Some(store), Some(model)) = (Store::moto(), minilm()) else { return };
    there_and_back(&store.s3(), "s3://models/minilm", &model);
    there_and_back(&store.gcs(), "gs://models/google", &model);
}

#[test]
fn azurite_keeps_a_real_model() {
    let (Some(store), Some(model)) = (Store::azurite(), minilm()) else { return };
    there_and_back(&store.azure(), "az://models/minilm", &model);
    let world = World::new();
    run(&world, &store.azure(), &["get", "az://nowhere/x"]).fails(3, "bucket not found");
    let wrong = store.azure().with("AZURE_STORAGE_KEY", "aGVsbG8=");
    run(&world, &wrong, &["get", "az://models/minilm"]).fails(6, "credentials");
}

#[test]
fn a_push_that_was_killed_goes_on_where_it_was() {
    let Some(store) = Store::seaweed() else { return };
    let world = World::new();
    let folder = two_files(&world, 1, 64 << 20);
    let link = Link::to(store.port());
    let variables = store.s3().with("AWS_ENDPOINT_URL", &link.url);
    // Four parts of 8 MiB go side by side: of 48 MiB at least two parts are whole, whatever the order.
    link.stall_up(48 << 20);
    let mut command = world.command(&["push", &folder, "s3://models/m", "--quiet"]);
    let child = command.envs(variables.pairs()).spawn().unwrap();
    until("the push is in the middle", || link.is_stalled());
    signal(&child, Signal::KILL);
    finish(child);
    // Nothing is visible that is not whole.
    run(&World::new(), &store.s3(), &["get", "s3://models/m/manifest.json"]).fails(3, "no object");
    link.open();
    run(&world, &variables, &["push", &folder, "s3://models/m"]).ok();
    assert!(link.sent_up() < 56 << 20, "all was sent again: {}", link.sent_up());
    let got = run(&World::new(), &store.s3(), &["get", "s3://models/m", "--json"]).ok().json();
    assert_eq!(got["results"][0]["bytes"].as_u64(), Some((64 << 20) + 11), "{got}");
}

#[test]
fn altered_and_swapped_objects_are_quarantined() {
    let Some(store) = Store::moto() else { return };
    let world = World::new();
    let folder = two_files(&world, 2, 20 << 20);
    run(&world, &store.s3(), &["push", &folder, "s3://models/m", "--as-files"]).ok();
    let other = world.folder().join("other");
    fs_err::write(&other, "{\"seed\": 3}").unwrap();
    store.aws(&["s3", "cp", "--quiet", other.to_str().unwrap(), "s3://models/m/config.json"]);
    let victim = World::new();
    run(&victim, &store.s3(), &["get", "s3://models/m"]).fails(4, "quarantine");
    assert!(run(&victim, &store.s3(), &["quarantine", "ls"]).ok().out.contains("config.json"));

    let same = |name: &str| format!("s3://models/same/{name}");
    let pair = world.folder().join("pair");
    fs_err::create_dir_all(&pair).unwrap();
    for (name, text) in [("a.txt", "one"), ("b.txt", "two")] {
        fs_err::write(pair.join(name), text).unwrap();
    }
    run(&world, &store.s3(), &["push", pair.to_str().unwrap(), "s3://models/same", "--as-files"]).ok();
    for (from, to) in [("a.txt", "c"), ("b.txt", "a.txt"), ("c", "b.txt")] {
        store.aws(&["s3", "cp", "--quiet", &same(from), &same(to)]);
    }
    run(&World::new(), &store.s3(), &["get", "s3://models/same"]).fails(4, "expected sha256");
    // Pushing again mends it.
    run(&world, &store.s3(), &["push", pair.to_str().unwrap(), "s3://models/same", "--as-files"]).ok();
    run(&World::new(), &store.s3(), &["get", "s3://models/same"]).ok();
}

#[test]
fn an_object_that_changes_on_the_way_is_never_mixed() {
    let Some(store) = Store::seaweed() else { return };
    let world = World::new();
    let (old, new) = (world.folder().join("old"), world.folder().join("new"));
    for (path, seed) in [(&old, 5), (&new, 6)] {
        fs_err::write(path, Content::seeded(seed, 64 << 20).to_vec().unwrap()).unwrap();
    }
    let put = |from: &Path| store.aws(&["s3", "cp", "--quiet", from.to_str().unwrap(), "s3://models/m/model.bin"]);
    put(&old);
    let link = Link::to(store.port());
    let variables = store.s3().with("AWS_ENDPOINT_URL", &link.url);
    link.stall_down(8 << 20);
    let mut command = world.command(&["get", "s3://models/m"]);
    let child = command.envs(variables.pairs()).spawn().unwrap();
    until("the fetch is in the middle", || link.is_stalled());
    put(&new);
    link.open();
    let ended = finish(child);
    if ended.code == 0 {
        let bytes = fs_err::read(ended.path().join("model.bin")).unwrap();
        assert!([&old, &new].into_iter().any(|path| fs_err::read(path).unwrap() == bytes), "a mixture: {ended:?}");
    } else {
        ended.fails(4, "changed during the download");
    }
    let again = run(&world, &store.s3(), &["get", "s3://models/m"]).ok();
    assert!(fs_err::read(again.path().join("model.bin")).unwrap() == fs_err::read(&new).unwrap());
}

#[test]
fn what_a_bucket_refuses_is_said() {
    let Some(store) = Store::seaweed() else { return };
    let world = World::new();
    let folder = two_files(&world, 4, 20 << 20);
    let good = store.s3();
    run(&world, &good, &["get", "s3://nowhere/m"]).fails(3, "bucket not found");
    run(&world, &good, &["get", "s3://models/nothing"]).fails(3, "no object");
    run(&world, &good, &["push", &folder, "s3://nowhere/m"]).fails(3, "bucket not found");
    run(&world, &good.clone().with("AWS_SECRET_ACCESS_KEY", "wrong"), &["get", "s3://models/m"]).fails(6, "secret key");
    run(&world, &good.clone().with("AWS_ACCESS_KEY_ID", "nobody"), &["get", "s3://models/m"])
        .fails(6, "unknown credentials");
    let reader = good.clone().with("AWS_ACCESS_KEY_ID", "reader").with("AWS_SECRET_ACCESS_KEY", "reads");
    run(&world, &reader, &["push", &folder, "s3://models/m"]).fails(6, "PutObject");
    let nobody = good.clone().without(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    run(&world, &nobody, &["get", "s3://models/m"]).fails(6, "~/.aws/config");
    run(&world, &good.clone().with("AWS_PROFILE", "none"), &["get", "s3://models/m"]).fails(2, "no AWS profile");
    run(&world, &good.clone().without(&["AWS_ALLOW_HTTP"]), &["get", "s3://models/m"]).fails(2, "AWS_ALLOW_HTTP");
    run(&world, &good, &["push", &folder, "org/name"]).fails(2, "s3://bucket/prefix");
    run(&world, &good, &["push", &folder, "s3://models/m", "--offline"]).fails(3, "offline");
}

#[test]
fn what_amazon_would_refuse_is_said() {
    let world = World::new();
    let says = |status: &str, headers: &str, code: &str| {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
        Variables::s3(&refusing(status, headers, &body), "id", "key").with("AWS_SESSION_TOKEN", "token")
    };
    let get = ["get", "s3://models/m"];
    run(&world, &says("400 Bad Request", "", "ExpiredToken"), &get).fails(6, "have expired");
    run(&world, &says("403 Forbidden", "", "RequestTimeTooSkewed"), &get).fails(6, "clock");
    let elsewhere = says("301 Moved", "x-amz-bucket-region: eu-central-1\r\n", "PermanentRedirect");
    run(&world, &elsewhere, &get).fails(2, "AWS_REGION=eu-central-1");
    run(&world, &says("403 Forbidden", "", "InvalidObjectState"), &get).fails(1, "restore");
}

/// Profiles give the keys where no variable does.
#[test]
fn a_profile_gives_keys_and_endpoint() {
    let Some(store) = Store::seaweed() else { return };
    let world = World::new();
    let aws = world.folder().join("home/.aws");
    fs_err::create_dir_all(&aws).unwrap();
    let config = format!("[profile lab]\nregion = us-east-1\nendpoint_url = {}\n", store.url());
    fs_err::write(aws.join("config"), config).unwrap();
    let keys = "[lab]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = a-secret-for-tests\n";
    fs_err::write(aws.join("credentials"), keys).unwrap();
    let file = world.folder().join("one.txt");
    fs_err::write(&file, "one").unwrap();
    store.aws(&["s3", "cp", "--quiet", file.to_str().unwrap(), "s3://models/one/one.txt"]);
    let run = world.run_with(&[("AWS_PROFILE", "lab"), ("AWS_ALLOW_HTTP", "true")], &["get", "s3://models/one"]).ok();
    assert_eq!(fs_err::read_to_string(run.path().join("one.txt")).unwrap(), "one");
}

#[test]
fn a_hostile_key_is_refused() {
    let Some(store) = Store::moto() else { return };
    for (prefix, key) in [("a", "a/NUL.txt"), ("b", "b/x\\y"), ("c", "c/../../etc/passwd"), ("d", "d//x")] {
        store.aws(&["s3api", "put-object", "--bucket", "models", "--key", key]);
        let world = World::new();
        run(&world, &store.s3(), &["get", &format!("s3://models/{prefix}")]).fails(4, "refused");
    }
}

fn source(store: &Store) -> (ObjectSource, cache_core::ModelId) {
    let model: ModelRef = "s3://models/conforming".parse().unwrap();
    let cache_core::ModelId::Bucket(bucket) = &model.model else { panic!("{model} is no bucket") };
    let mut config = ObjectConfig::default();
    config.s3.endpoint = Some(store.url().parse().unwrap());
    config.s3.allow_http = true;
    config.s3.credentials = Some(S3Credentials {
        access_key_id: Secret::new("AKIDEXAMPLE"),
        secret_access_key: Secret::new("a-secret-for-tests"),
        session_token: None,
    });
    let http = HttpClient::new(HttpConfig::default()).unwrap();
    (ObjectSource::new(bucket, &config, http).unwrap(), model.model.clone())
}

async fn conforms(store: Option<Store>) {
    let Some(store) = store else { return };
    let store = Arc::new(store);
    let contents = || {
        [
            ("README.md", Content::bytes("# A model\n")),
            ("empty.txt", Content::bytes("")),
            ("sub/a b#ä.json", Content::bytes("{\"odd\": \"name\"}\n")),
            ("weights/model.safetensors", Content::from(fixtures::bytes(5, 300_000))),
        ]
    };
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in contents() {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content.to_vec().unwrap()).unwrap();
    }
    store.aws(&["s3", "cp", "--recursive", "--quiet", folder.path().to_str().unwrap(), "s3://models/conforming/"]);
    // As consoles show an empty folder.
    store.aws(&["s3api", "put-object", "--bucket", "models", "--key", "conforming/sub/"]);
    conformance::source(|| {
        let (source, model) = source(&store);
        let missing: ModelRef = "s3://models/missing".parse().unwrap();
        SourceUnderTest::new(source, model, contents()).missing(missing.model).serves_ranges().keep(Arc::clone(&store))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_seaweedfs_conforms() {
    conforms(Store::seaweed()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_moto_conforms() {
    conforms(Store::moto()).await;
}
