//! Folders of Hugging Face programs, Ollama and LM Studio become part of the store, and keep working.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cache_testkit::Content;
use fs_err as fs;
use serde_json::{Value, json};

use crate::huggingface::{program, succeed, text};
use crate::world::{MODEL, World, finish, model, tree, until};

fn sha256(bytes: &[u8]) -> String {
    Content::bytes(bytes.to_vec()).sha256().to_string()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A real cache of the real `huggingface_hub`, filled from the world's hub.
fn hf_cache(world: &World, code: &str) -> PathBuf {
    let cache = world.folder().join("home/.cache/huggingface/hub");
    let mut python = program(world, "python");
    python.env("HF_HUB_CACHE", &cache).env("HF_ENDPOINT", world.hub.url()).env("HF_HUB_DISABLE_XET", "1");
    succeed(python.args(["-c", &format!("from huggingface_hub import *; {code}")]));
    cache
}

/// The states of all files of a report, by path.
fn states(report: &Value) -> Vec<(String, String)> {
    let mut states = Vec::new();
    for model in report["models"].as_array().unwrap() {
        for file in model["files"].as_array().unwrap() {
            let word = |key: &str| file[key].as_str().unwrap().to_owned();
            states.push((word("path"), word("state")));
        }
    }
    states
}

fn all_are(report: &Value, state: &str) -> bool {
    let states = states(report);
    !states.is_empty() && states.iter().all(|(_, found)| found == state)
}

#[test]
fn hugging_face_cache_is_adopted_without_copying() {
    let world = World::new();
    let cache = hf_cache(&world, &format!("snapshot_download('{MODEL}')"));
    let asked = world.requests();
    let folder = cache.to_str().unwrap();

    let planned = world.run(&["adopt", folder, "--dry-run", "--json"]).ok().json();
    assert!(all_are(&planned, "planned"), "{planned}");
    assert_eq!(world.assert_blobs_intact(), 0, "a dry run adopted");
    let report = world.run(&["adopt", folder, "--json"]).ok().json();
    assert!(all_are(&report, "linked"), "{report}");
    assert_eq!(report["models"][0]["revisions"], json!(["main"]));
    assert!(report["models"][0]["files"].as_array().unwrap().iter().all(|file| file["verified"] == true));

    // Ours: offline, by name, complete, and the very files of theirs.
    let ours = world.run(&["get", "--offline", MODEL]).ok().path();
    assert_eq!(tree(&ours), model());
    let theirs = cache.join("models--org--model/snapshots").join(world_commit(&report));
    for (path, _) in model() {
        let inode = |root: &Path| fs::metadata(root.join(&path)).unwrap().ino();
        assert_eq!(inode(&ours), inode(&theirs), "{path} was copied");
    }
    assert_eq!(world.requests(), asked, "somebody was asked");
    world.run(&["verify"]).ok();
    // Its listing is whole, so that online nothing but the commit is asked for.
    let bytes = world.hub.total_bytes_sent();
    let run = world.run(&["get", MODEL]).ok();
    assert!(!run.err.contains("warning"), "{run:?}");
    assert_eq!(world.hub.total_bytes_sent(), bytes);

    // Theirs: it reads its own folder and ours, verifies, fetches anew, and removes.
    let hf = |root: &Path, arguments: &[&str]| {
        let mut hf = program(&world, "hf");
        hf.env("HF_HUB_CACHE", root).env("HF_ENDPOINT", world.hub.url()).env("HF_HUB_DISABLE_XET", "1");
        succeed(hf.args(arguments))
    };
    let hub = world.store().join("hub");
    for root in [&cache, &hub] {
        let mut python = program(&world, "python");
        python.env("HF_HUB_CACHE", root).env("HF_HUB_OFFLINE", "1");
        let code = format!("from huggingface_hub import *; print(snapshot_download('{MODEL}'))");
        let found = text(&succeed(python.args(["-W", "error", "-c", &code])).stdout);
        assert_eq!(tree(Path::new(&found)), model());
        hf(root, &["cache", "verify", MODEL]);
    }
    hf(&cache, &["download", MODEL, "--force-download"]);
    assert_eq!(tree(&theirs), model());
    hf(&cache, &["cache", "rm", &format!("model/{MODEL}"), "--yes"]);
    assert!(!theirs.exists());
    assert_eq!(tree(&world.run(&["get", "--offline", MODEL]).ok().path()), model());
    world.run(&["verify"]).ok();
}

fn world_commit(report: &Value) -> String {
    report["models"][0]["commit"].as_str().unwrap().to_owned()
}

#[test]
fn a_part_of_a_repository_is_no_whole_one() {
    let world = World::new();
    let cache = hf_cache(&world, &format!("hf_hub_download('{MODEL}', 'config.json')"));
    // As older versions leave it: nobody knows what else there is.
    let _ = fs::remove_dir_all(cache.join("models--org--model/trees"));
    // The folder above the cache will do.
    world.run(&["adopt", cache.parent().unwrap().to_str().unwrap()]).ok();
    let offline = world.run(&["get", "--offline", MODEL]).ok();
    assert_eq!(tree(&offline.path()).len(), 1);
    assert!(offline.err.contains("only the adopted files"), "{offline:?}");
    assert!(!world.store().join("hub/models--org--model/trees").exists(), "a listing that is not whole was written");
    let whole = world.run(&["get", MODEL]).ok();
    assert_eq!(tree(&whole.path()), model());
    let offline = world.run(&["get", "--offline", MODEL]).ok();
    assert_eq!((tree(&offline.path()), offline.err.contains("adopted")), (model(), false));
}

#[test]
fn a_damaged_file_is_named_and_the_rest_goes_on() {
    let world = World::new();
    let cache = hf_cache(&world, &format!("snapshot_download('{MODEL}')"));
    let snapshots = cache.join("models--org--model/snapshots");
    let snapshot = fs::read_dir(&snapshots).unwrap().next().unwrap().unwrap().path();
    let damaged = fs::canonicalize(snapshot.join("model.safetensors")).unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    // A small file is known by its git id alone.
    let small = fs::canonicalize(snapshot.join("README.md")).unwrap();
    fs::write(&small, fs::read(&small).unwrap().to_ascii_uppercase()).unwrap();
    fs::remove_file(fs::canonicalize(snapshot.join("config.json")).unwrap()).unwrap();

    let run = world.run(&["adopt", cache.to_str().unwrap(), "--json"]).ends(4);
    assert!(run.err.contains("refused model.safetensors of org/model"), "{run:?}");
    assert!(run.err.contains("refused config.json of org/model"), "{run:?}");
    let report = run.json();
    assert_eq!(report["sound"], false);
    let refused: Vec<String> =
        states(&report).into_iter().filter(|(_, state)| state == "refused").map(|(path, _)| path).collect();
    assert_eq!(refused, ["README.md", "config.json", "model.safetensors"]);
    assert_eq!(fs::read(&damaged).unwrap(), bytes, "the damaged file was touched");
    assert_ne!(fs::metadata(&damaged).unwrap().permissions().mode() & 0o222, 0, "it is read-only now");
    assert_eq!(fs::metadata(&damaged).unwrap().nlink(), 1, "the store keeps a name of it");
    world.assert_blobs_intact();
    // What is missing is fetched, and only that.
    assert_eq!(tree(&world.run(&["get", MODEL]).ok().path()), model());
}

/// A folder as Ollama lays it out, with one model of two layers and a config.
pub(crate) fn ollama(world: &World, place: &str, weights: &[u8]) -> PathBuf {
    let models = world.folder().join("home/.ollama/models");
    let layer = |kind: &str, bytes: &[u8]| {
        write(&models.join(format!("blobs/sha256-{}", sha256(bytes))), bytes);
        json!({ "mediaType": kind, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
    };
    let config = layer("application/vnd.docker.container.image.v1+json", br#"{"model_format":"gguf"}"#);
    let layers = [
        layer("application/vnd.ollama.image.model", weights),
        layer("application/vnd.ollama.image.template", b"{{ .Prompt }}"),
        layer("application/vnd.ollama.image.license", b"one"),
        layer("application/vnd.ollama.image.license", b"two"),
        layer("application/vnd.ollama.image.params", br#"{"stop":["<|eot_id|>"]}"#),
    ];
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": config,
        "layers": layers,
    });
    write(&models.join("manifests").join(place), manifest.to_string().as_bytes());
    models
}

#[test]
fn ollamas_models_get_names_and_outlive_their_folder() {
    let world = World::new();
    let weights = Content::seeded(3, 300_000).to_vec().unwrap();
    let library = "registry.ollama.ai/library/llama3.2";
    let models = ollama(&world, &format!("{library}/1b"), &weights);
    ollama(&world, &format!("{library}/latest"), b"GGUF latest");
    ollama(&world, "hf.co/someone/Thing-GGUF/Q4_K_M", &weights);
    let before = tree(&models);
    let report = world.run(&["adopt", models.parent().unwrap().to_str().unwrap(), "--json"]).ok().json();
    assert_eq!(report["kind"], "ollama");
    let names: Vec<&str> = report["models"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["someone-thing-gguf@q4_k_m", "llama3.2@1b", "llama3.2"]);
    assert_eq!(tree(&models), before);
    // Ollama writes its manifests in place: they stay its own.
    assert_ne!(fs::metadata(models.join("manifests").join(library).join("1b")).unwrap().mode() & 0o200, 0);

    let again = world.run(&["adopt", models.to_str().unwrap(), "--json"]).ok().json();
    assert!(all_are(&again, "here"), "{again}");
    fs::remove_dir_all(&models).unwrap();
    let path = world.run(&["get", "--offline", "llama3.2@1b"]).ok().path();
    let files: Vec<String> = tree(&path).into_iter().map(|(name, _)| name).collect();
    assert_eq!(files, ["LICENSE", "LICENSE-2", "config.json", "model.gguf", "params.json", "template"]);
    assert_eq!(fs::read(path.join("model.gguf")).unwrap(), weights);
    assert_eq!(world.run(&["path", "llama3.2@1b"]).ok().path(), path);
    let latest = world.run(&["get", "llama3.2"]).ok().path();
    assert_eq!(fs::read(latest.join("model.gguf")).unwrap(), b"GGUF latest");
    assert!(world.run(&["ls"]).ok().out.contains("library/llama3.2/1b"));
}

#[test]
fn moved_ollama_tag_is_followed_taken_name_is_kept() {
    let world = World::new();
    let place = "registry.ollama.ai/library/tiny/1b";
    let models = ollama(&world, place, b"GGUF old");
    let folder = models.to_str().unwrap().to_owned();
    world.run(&["adopt", &folder]).ok();
    ollama(&world, place, b"GGUF new");
    world.run(&["adopt", &folder]).ok();
    let path = world.run(&["get", "tiny@1b"]).ok().path();
    assert_eq!(fs::read(path.join("model.gguf")).unwrap(), b"GGUF new");

    world.run(&["registry", "add", "mine", MODEL]).ok();
    ollama(&world, "registry.ollama.ai/library/mine/latest", b"GGUF mine");
    let run = world.run(&["adopt", &folder]).ok();
    assert!(run.err.contains("not registered") && run.err.contains("at revision"), "{run:?}");
    assert!(world.run(&["registry", "show", "mine"]).ok().out.contains(MODEL));
}

#[test]
fn damage_in_ollamas_folder_is_refused() {
    let world = World::new();
    let weights = Content::seeded(3, 100_000).to_vec().unwrap();
    let models = ollama(&world, "registry.ollama.ai/library/tiny/1b", &weights);
    fs::write(models.join(format!("blobs/sha256-{}", sha256(&weights))), vec![0; weights.len()]).unwrap();
    write(&models.join("manifests/registry.ollama.ai/library/torn/latest"), b"{\"layers\": [");
    let run = world.run(&["adopt", models.to_str().unwrap()]).ends(4);
    assert!(run.err.contains("refused model.gguf of file://") && run.err.contains("torn"), "{run:?}");
    world.run(&["path", "tiny@1b/template"]).ok();
    world.run(&["get", "tiny@1b"]).fails(4, "model.gguf");
    // What `ollama pull` has mended is taken from there.
    fs::write(models.join(format!("blobs/sha256-{}", sha256(&weights))), &weights).unwrap();
    let path = world.run(&["get", "tiny@1b"]).ok().path();
    assert_eq!(fs::read(path.join("model.gguf")).unwrap(), weights);
}

/// The beginning of a GGUF file without tensors: version 3, one key.
fn gguf() -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3u32.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    let key = b"general.file_type";
    bytes.extend((key.len() as u64).to_le_bytes());
    bytes.extend(key);
    bytes.extend(4u32.to_le_bytes());
    bytes.extend(15u32.to_le_bytes());
    bytes
}

#[test]
fn lm_studios_models_are_hashed_and_their_headers_checked() {
    let world = World::new();
    let models = world.folder().join("home/.lmstudio/models");
    let repository = models.join("someone/Thing-GGUF");
    write(&repository.join("Thing-Q4_K_M.gguf"), &gguf());
    write(&repository.join("mmproj.gguf"), &gguf()[..30]);
    write(&repository.join("next.gguf.part"), b"half");
    let run = world.run(&["adopt", models.to_str().unwrap(), "--json"]).ends(4);
    assert!(run.err.contains("refused mmproj.gguf") && run.err.contains("ends within its header"), "{run:?}");
    let report = run.json();
    assert_eq!((&report["kind"], &report["models"][0]["name"]), (&json!("lmstudio"), &json!("thing-gguf")));
    assert_eq!(
        states(&report),
        [("Thing-Q4_K_M.gguf".to_owned(), "linked".to_owned()), ("mmproj.gguf".to_owned(), "refused".to_owned())]
    );
    let again = world.run(&["adopt", models.to_str().unwrap(), "--json"]).ends(4).json();
    assert_eq!(states(&again)[0].1, "here", "an unchanged file was hashed again");
    // Mended it is adopted; and what has its bytes outlives the folder.
    fs::remove_file(repository.join("mmproj.gguf")).unwrap();
    world.run(&["adopt", models.to_str().unwrap()]).ok();
    fs::remove_dir_all(&models).unwrap();
    let path = world.run(&["get", "thing-gguf:Q4_K_M"]).ok().path();
    assert_eq!(fs::read(path).unwrap(), gguf());
}

#[test]
fn what_was_killed_goes_on() {
    let world = World::new();
    let models = world.folder().join("home/.lmstudio/models");
    for number in 0..40 {
        let bytes = Content::seeded(number, 1 << 20).to_vec().unwrap();
        write(&models.join(format!("someone/many/{number:02}.safetensors")), &bytes);
    }
    let before = tree(&models);
    let made = || world.store().join("version").exists();
    let blobs = || if made() { tree(&world.store().join("blobs")).len() } else { 0 };
    let mut child = world.command(&["adopt", models.to_str().unwrap(), "--quiet"]).spawn().unwrap();
    until("the first files are adopted", || child.try_wait().unwrap().is_some() || blobs() > 2);
    child.kill().unwrap();
    finish(child);
    assert!(world.assert_blobs_intact() > 2);
    assert_eq!(tree(&models), before);
    let report = world.run(&["adopt", models.to_str().unwrap(), "--json"]).ok().json();
    assert_eq!(states(&report).len(), 40);
    assert_eq!((world.assert_blobs_intact(), tree(&models)), (40, before));
    world.run(&["get", "many"]).ok();
}

#[test]
fn nonsense_is_refused_with_a_hint() {
    let world = World::new();
    let empty = world.folder().join("empty");
    fs::create_dir_all(&empty).unwrap();
    let empty = empty.to_str().unwrap();
    world.run(&["adopt", empty]).fails(2, "unrecognized layout");
    world.run(&["adopt", empty, "--kind", "ollama"]).fails(2, "not a folder of ollama");
    world.run(&["adopt", "/nowhere/at/all"]).ends(3);
    world.get();
    world.run(&["adopt", world.store().join("hub").to_str().unwrap()]).fails(2, "part of the store");
}

#[test]
fn another_file_system_is_an_error_unless_copies_are_allowed() {
    let world = World::new();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else { return };
    if fs::metadata(elsewhere.path()).unwrap().dev() == fs::metadata(world.folder()).unwrap().dev() {
        return;
    }
    let models = elsewhere.path().join("models");
    write(&models.join("someone/thing/a.gguf"), &gguf());
    let folder = models.to_str().unwrap();
    world.run(&["adopt", folder]).fails(1, "different file systems");
    assert_eq!(world.assert_blobs_intact(), 0);
    let report = world.run(&["adopt", folder, "--copy", "--json"]).ok().json();
    assert!(all_are(&report, "copied"), "{report}");
    assert_ne!(fs::metadata(models.join("someone/thing/a.gguf")).unwrap().mode() & 0o200, 0);
    world.run(&["get", "thing"]).ok();
}
