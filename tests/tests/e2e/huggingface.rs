//! The real `huggingface_hub` and `transformers` read the view offline, and the former downloads the same bytes from the
//! same hub.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::world::{MODEL, World, binary, model, tree};

/// As in xtask/requirements.txt, which `cargo xtask ci` installs beforehand.
const PACKAGES: [&str; 2] = ["huggingface_hub==2.4.0", "transformers==5.23.0"];

/// A virtual environment with the Python clients, made once in the target folder and kept.
pub(crate) fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let venv = target.join("venv");
    let python = venv.join("bin/python");
    let lock = fs_err::File::create(target.join("venv.lock")).unwrap();
    lock.file().lock().unwrap();
    if PACKAGES.iter().any(|package| !venv.join(package).exists()) {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES));
        for package in PACKAGES {
            fs_err::write(venv.join(package), "").unwrap();
        }
    }
    python
}

pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A program of the environment, with the view of this world.
pub(crate) fn program(world: &World, name: &str) -> Command {
    let mut command = Command::new(python().with_file_name(name));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", world.folder().join("home"))
        .env("HF_HUB_CACHE", world.store().join("hub"))
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .env("HF_HUB_DISABLE_UPDATE_CHECK", "1");
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn huggingface_hub_reads_the_view_offline_without_warnings() {
    let world = World::new();
    world.get();
    let offline = |code: &str| {
        let output = succeed(program(&world, "python").env("HF_HUB_OFFLINE", "1").args(["-W", "error", "-c", code]));
        assert_eq!(text(&output.stderr), "", "{code}");
        text(&output.stdout)
    };
    let path = offline(&format!("from huggingface_hub import snapshot_download; print(snapshot_download('{MODEL}'))"));
    assert_eq!(tree(Path::new(&path)), model());
    let path = offline(&format!(
        "from huggingface_hub import hf_hub_download; print(hf_hub_download('{MODEL}', 'config.json'))"
    ));
    assert!(Path::new(&path).is_file());
    let scan = offline(
        "from huggingface_hub import scan_cache_dir; i = scan_cache_dir(); \
         print([len(i.warnings), [(r.repo_id, r.nb_files) for r in i.repos]])",
    );
    assert_eq!(scan, format!("[0, [('{MODEL}', {})]]", model().len()));
    let listed = succeed(program(&world, "hf").env("HF_HUB_OFFLINE", "1").args(["cache", "ls"]));
    assert!(text(&listed.stdout).contains(MODEL), "{listed:?}");
    assert_eq!(text(&listed.stderr), "");
}

#[test]
fn huggingface_hub_downloads_the_same_bytes_from_the_same_hub() {
    let world = World::new();
    let ours = world.get();
    let theirs = world.folder().join("theirs");
    let output = succeed(
        program(&world, "python")
            .env("HF_HUB_CACHE", &theirs)
            .env("HF_ENDPOINT", world.hub.url())
            .env("HF_HUB_DISABLE_XET", "1")
            .args([
                "-c",
                &format!("from huggingface_hub import snapshot_download; print(snapshot_download('{MODEL}'))"),
            ]),
    );
    let path = text(&output.stdout);
    assert_eq!(tree(Path::new(&path)), tree(&ours));
    assert_eq!(tree(&ours), model());
    // The names in both caches are the same, so either program finds what the other fetched.
    let names = |root: &Path| {
        let mut names: Vec<String> =
            tree(&root.join("models--org--model/snapshots")).into_iter().map(|f| f.0).collect();
        names.sort();
        names
    };
    assert_eq!(names(&theirs), names(&world.store().join("hub")));

    // A cache of theirs is taken over: what is in it is not fetched again.
    let store = world.folder().join("another").display().to_string();
    let old = theirs.join("models--org--model").display().to_string();
    world.run(&["--store", &store, "get", &old]).ok();
    let before = world.hub.total_bytes_sent();
    let taken = world.run(&["--store", &store, "get", MODEL]).ok().path();
    assert_eq!(tree(&taken), model());
    assert_eq!(world.hub.total_bytes_sent(), before);
}

#[test]
fn transformers_reads_the_view_offline_without_warnings() {
    let world = World::new();
    world.get();
    let code = format!(
        "from transformers import AutoConfig, AutoTokenizer\n\
         config = AutoConfig.from_pretrained('{MODEL}')\n\
         ids = AutoTokenizer.from_pretrained('{MODEL}')('hello world')['input_ids']\n\
         print(config.model_type, len(ids) > 0)"
    );
    // Its one remark at this level of talk is that there is no PyTorch, which is none about the cache.
    let mut python = program(&world, "python");
    python.env("HF_HUB_OFFLINE", "1").env("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1").args(["-W", "error", "-c", &code]);
    let output = succeed(&mut python);
    assert!(text(&output.stdout).ends_with("True"), "{output:?}");
    let stderr = text(&output.stderr);
    let remarks: Vec<&str> = stderr.lines().filter(|line| !line.contains("PyTorch was not found")).collect();
    assert!(remarks.is_empty(), "{remarks:?}");
}

#[test]
fn python_reads_with_huggingface_hub_what_get_stored() {
    let world = World::new();
    let programs = world.folder().join("bin");
    fs_err::create_dir_all(&programs).unwrap();
    fs_err::os::unix::fs::symlink(binary(), programs.join("model-cache")).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python/prefetch.py");
    let run = |arguments: &[&str]| {
        let mut python = program(&world, "python");
        python
            .env_remove("HF_HUB_CACHE")
            .env("PATH", &path)
            .env("MODEL_CACHE_DIR", world.store())
            .env("HF_ENDPOINT", world.hub.url())
            .args(["-W", "error"])
            .args(arguments);
        text(&succeed(&mut python).stdout)
    };
    let script = script.to_str().unwrap();
    let some = run(&[script, MODEL, "*.json"]);
    assert!(Path::new(&some).join("config.json").is_file());
    assert!(!Path::new(&some).join("model.safetensors").exists());
    assert_eq!(tree(Path::new(&run(&[script, MODEL]))), model());
    let folder = Path::new(script).parent().unwrap();
    let asked = format!(
        "import sys; sys.path.insert(0, {folder:?}); sys.dont_write_bytecode = True\n\
         import prefetch\n\
         print(prefetch.try_to_load_from_cache('{MODEL}', 'config.json') == \
         prefetch.hf_hub_download('{MODEL}', 'config.json'), \
         prefetch.try_to_load_from_cache('org/absent', 'config.json'))"
    );
    assert_eq!(run(&["-c", &asked]), "True None");
}
