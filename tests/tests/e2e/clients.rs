//! Real clients through the mirror: cold, warm, and with upstream gone, always the same answers and the same bytes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cache_testkit::{Content, Files, HubConfig, HubFault, Matches, fixtures};

use crate::huggingface::{python, succeed, text};
use crate::mirror::{Mirror, ask, get};
use crate::servers::{minilm, tool};
use crate::world::{MODEL, World, model, tree};

/// A program that has nothing of this process's environment but the search path, and this for a Hub.
fn client(world: &World, program: &Path, endpoint: &str, cache: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", world.folder().join("home"))
        .env("HF_ENDPOINT", endpoint)
        .env("HF_HOME", cache)
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .env("HF_HUB_DISABLE_UPDATE_CHECK", "1");
    command
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// From now on the hub answers nobody.
fn gone(world: &World) {
    world.hub.trouble(Matches::default(), HubFault::Hangup);
}

/// Runs it against a fresh mirror, against the same one warm, and once more after the hub has gone; in between the
/// mirror is started anew. Each time with a cache of its own.
fn thrice(world: &World, mut run: impl FnMut(&str, &Path)) {
    let cache = |name: &str| world.folder().join(name);
    {
        let mirror = Mirror::start(world);
        run(&mirror.url, &cache("cold"));
        let sent = world.hub.total_bytes_sent();
        run(&mirror.url, &cache("warm"));
        assert_eq!(world.hub.total_bytes_sent(), sent, "what is there is not fetched again");
        gone(world);
        run(&mirror.url, &cache("gone"));
    }
    let mirror = Mirror::start(world);
    run(&mirror.url, &cache("restarted"));
}

#[test]
fn the_api_says_through_the_mirror_what_it_says_without() {
    let world = World::new();
    world.hub.add_dataset(
        "org/set",
        [("data/train.parquet", Content::seeded(5, 70_000)), ("README.md", Content::bytes("#"))],
    );
    world.hub.tag(MODEL, "v1", &world.commit().parse().unwrap());
    let script = script("api.py");
    let ask = |endpoint: &str, name: &str, kind: &str, cache: &Path| {
        let mut python = client(&world, &python(), endpoint, cache);
        let said = succeed(python.arg(&script).args([name, kind])).stdout;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&said).unwrap()
    };
    let same = |ours: &serde_json::Map<_, _>, theirs: &serde_json::Map<_, _>, cache: &Path| {
        assert!(theirs.keys().eq(ours.keys()));
        // Of what is not in the store only upstream can say that it does not exist.
        let alone = cache.ends_with("gone") || cache.ends_with("restarted");
        for (question, answer) in theirs.iter().filter(|(question, _)| !(alone && *question == "absent")) {
            assert_eq!(&ours[question], answer, "{question}");
        }
    };
    let direct = world.folder().join("direct");
    let model = ask(world.hub.url(), MODEL, "model", &direct);
    let set = ask(world.hub.url(), "org/set", "dataset", &direct);
    thrice(&world, |url, cache| {
        same(&ask(url, MODEL, "model", cache), &model, cache);
        same(&ask(url, "org/set", "dataset", cache), &set, cache);
    });
}

#[test]
fn huggingface_hub_downloads_snapshots() {
    let world = World::empty(HubConfig::default().xet(true).relative_redirects(true));
    world.hub.add_model(MODEL, fixtures::model());
    thrice(&world, |url, cache| {
        let code = format!("from huggingface_hub import snapshot_download; print(snapshot_download('{MODEL}'))");
        let output = succeed(client(&world, &python(), url, cache).args(["-W", "error", "-c", &code]));
        assert_eq!(tree(Path::new(&text(&output.stdout))), model());
        let hf = python().with_file_name("hf");
        let folder = cache.join("here");
        succeed(client(&world, &hf, url, cache).args(["download", MODEL, "--local-dir"]).arg(&folder));
        let mut got = tree(&folder);
        got.retain(|(path, _)| !path.starts_with(".cache"));
        assert_eq!(got, model());
        succeed(client(&world, &hf, url, cache).args(["cache", "verify", MODEL]));
    });
}

/// The real model, as it would be on the Hub.
fn real_model(folder: &Path) -> Vec<(String, Content)> {
    tree(folder).into_iter().map(|(path, bytes)| (path, Content::bytes(bytes))).collect()
}

/// What a program prints of the real model from each kind of mirror; as from its own folder.
fn same_as_from_the_folder(folder: &Path, code: &str, begins: &str) {
    let world = World::empty(HubConfig::default());
    world.hub.add_model("sentence-transformers/all-MiniLM-L6-v2", Files::from(real_model(folder)));
    let run = |url: &str, cache: &Path, name: &str| {
        text(&succeed(client(&world, &python(), url, cache).args(["-c", code, name])).stdout)
    };
    let direct = run(world.hub.url(), world.folder(), folder.to_str().unwrap());
    assert!(direct.starts_with(begins), "{direct}");
    thrice(&world, |url, cache| assert_eq!(run(url, cache, "sentence-transformers/all-MiniLM-L6-v2"), direct));
}

#[test]
fn transformers_reads_a_real_model() {
    let Some(folder) = minilm() else { return };
    let code = "import sys\n\
                from safetensors import safe_open\n\
                from transformers import AutoConfig, AutoTokenizer\n\
                from transformers.utils import cached_file\n\
                config = AutoConfig.from_pretrained(sys.argv[1])\n\
                tokens = AutoTokenizer.from_pretrained(sys.argv[1])('hello mirror', return_tensors='np')\n\
                weights = safe_open(cached_file(sys.argv[1], 'model.safetensors'), 'np')\n\
                words = weights.get_tensor('embeddings.word_embeddings.weight')\n\
                print(tokens['input_ids'].tolist(), config.hidden_size, words.shape, words.sum())";
    same_as_from_the_folder(&folder, code, "[[101, 7592, 5259, 102]] 384 (30522, 384)");
}

/// Needs torch, which `cargo xtask ci --with torch` installs.
#[test]
fn transformers_runs_a_real_model() {
    let Some(folder) = minilm() else { return };
    if tool("torchrun").is_none() {
        return;
    }
    let code = "import sys\n\
                from transformers import AutoModel, AutoTokenizer\n\
                tokens = AutoTokenizer.from_pretrained(sys.argv[1])('hello mirror', return_tensors='pt')\n\
                meaning = AutoModel.from_pretrained(sys.argv[1])(**tokens).last_hidden_state\n\
                print(tokens['input_ids'].tolist(), tuple(meaning.shape), meaning.sum().item())";
    same_as_from_the_folder(&folder, code, "[[101, 7592, 5259, 102]] (1, 4, 384)");
}

#[test]
fn huggingface_for_node_reads_a_model() {
    let Some(installed) = tool("azurite").map(|azurite| azurite.parent().unwrap().join("../x.js")) else { return };
    let world = World::empty(HubConfig::default());
    world.hub.add_model(MODEL, fixtures::model());
    let said = |url: &str, cache: &Path| -> serde_json::Value {
        let mut node = client(&world, Path::new("node"), url, cache);
        let output = succeed(node.arg(script("hub.mjs")).arg(&installed).args([url, MODEL]));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let direct = said(world.hub.url(), world.folder());
    assert_eq!(direct["files"].as_array().unwrap().len(), model().len());
    thrice(&world, |url, cache| assert_eq!(said(url, cache), direct));
}

#[test]
fn aria2_and_curl_fetch_in_ranges() {
    let world = World::empty(HubConfig::default());
    let content = Content::seeded(3, 24 << 20);
    world.hub.add_model(MODEL, [("model.bin", content.clone())]);
    let digest = content.sha256();
    thrice(&world, |url, cache| {
        fs_err::create_dir_all(cache).unwrap();
        let file = format!("{url}/{MODEL}/resolve/main/model.bin");
        let run = |command: &mut Command| -> Output {
            succeed(command.current_dir(cache).env_clear().env("PATH", std::env::var_os("PATH").unwrap()))
        };
        if crate::servers::found("aria2c") {
            let checksum = format!("--checksum=sha-256={digest}");
            run(Command::new("aria2c").args(["-q", "-x8", "-s8", "-k1M", "-o", "aria", &checksum, &file]));
            assert_eq!(Content::bytes(fs_err::read(cache.join("aria")).unwrap()).sha256(), digest);
        }
        run(Command::new("curl").args(["-fsSL", "-o", "whole", &file]));
        fs_err::write(cache.join("part"), &fs_err::read(cache.join("whole")).unwrap()[..10_000_000]).unwrap();
        run(Command::new("curl").args(["-fsSL", "-C", "-", "-o", "part", &file]));
        for name in ["whole", "part"] {
            assert_eq!(Content::bytes(fs_err::read(cache.join(name)).unwrap()).sha256(), digest, "{name}");
        }
        let part = run(Command::new("curl").args(["-fsSL", "-r", "5000000-5000009", &file]));
        assert_eq!(part.stdout, &content.to_vec().unwrap()[5_000_000..5_000_010]);
    });
}

#[test]
fn hf_hub_1_0_downloads_a_snapshot() {
    let world = World::empty(HubConfig::default().xet(true));
    world.hub.add_model(MODEL, fixtures::model());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    thrice(&world, |url, cache| {
        let client = hf_hub::HFClient::builder().endpoint(url).cache_dir(cache).token("\n").build().unwrap();
        let (owner, name) = hf_hub::split_id(MODEL);
        let model_handle = client.model(owner, name);
        let path = runtime.block_on(async { model_handle.snapshot_download().send().await }).unwrap();
        assert_eq!(tree(&path), model());
    });
}

/// hf-hub before 1.0 sends no HEAD: it asks for the first byte, and wants to know the commit from that answer.
#[test]
fn hf_hub_0_4_downloads_files() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/hf-hub-0.4");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("clients");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    succeed(
        Command::new(cargo)
            .args(["build", "--quiet", "--locked"])
            .current_dir(&project)
            .env("CARGO_TARGET_DIR", &target),
    );
    let program = target.join("debug/hf-hub-client");
    let world = World::empty(HubConfig::default());
    world.hub.add_model(MODEL, fixtures::model());
    let commit = world.commit();
    let expected = model();
    let files: Vec<String> = expected.iter().map(|(path, _)| path.clone()).collect();
    thrice(&world, |url, cache| {
        let output = succeed(client(&world, &program, url, cache).arg(url).arg(cache).arg(MODEL).args(&files));
        let said = text(&output.stdout);
        let mut lines = said.lines();
        assert_eq!(lines.next(), Some(commit.as_str()));
        let got: Vec<(String, Vec<u8>)> =
            lines.zip(&files).map(|(path, name)| (name.clone(), fs_err::read(path).unwrap())).collect();
        assert_eq!(got, expected);
    });
}

/// What llama.cpp asks, in its order: refs, the tree in one page, HEAD, and a range after a break.
#[test]
fn llama_cpp_asks_in_its_order() {
    let world = World::empty(HubConfig::default().page_size(2));
    let content = Content::seeded(9, 3 << 20);
    let mut files = vec![("model-Q4_K_M.gguf".to_owned(), content.clone())];
    files.extend((0..5).map(|n| (format!("part-{n}.txt"), Content::bytes(format!("{n}")))));
    world.hub.add_model(MODEL, Files::from(files));
    thrice(&world, |url, _| {
        let refs = get(url, &format!("/api/models/{MODEL}/refs")).json();
        let main = refs["branches"].as_array().unwrap().iter().find(|branch| branch["name"] == "main").unwrap();
        let commit = main["targetCommit"].as_str().unwrap();
        let listed = get(url, &format!("/api/models/{MODEL}/tree/{commit}?recursive=true"));
        assert_eq!(listed.header("link"), None, "it does not turn pages");
        let listed = listed.json();
        let file = listed.as_array().unwrap().iter().find(|entry| entry["path"] == "model-Q4_K_M.gguf").unwrap();
        assert_eq!(file["lfs"]["oid"], content.sha256().to_string());
        let path = format!("/{MODEL}/resolve/{commit}/model-Q4_K_M.gguf");
        let head = ask(url, "HEAD", &path, &[], &[]);
        assert_eq!((head.status, head.header("accept-ranges"), head.body.len()), (200, Some("bytes"), 0));
        assert_eq!(head.header("content-length"), Some("3145728"));
        let etag = head.header("etag").unwrap().to_owned();
        let rest = ask(url, "GET", &path, &[("Range", "bytes=1000000-"), ("If-Range", &etag)], &[]);
        assert_eq!((rest.status, rest.header("content-range")), (206, Some("bytes 1000000-3145727/3145728")));
        assert_eq!(rest.body, &content.to_vec().unwrap()[1_000_000..]);
    });
}
