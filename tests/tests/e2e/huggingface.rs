//! The real `huggingface_hub` reads the view offline, and downloads the same bytes from the same hub.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::world::{MODEL, World, model, tree};

const VERSION: &str = "huggingface_hub==2.4.0";

/// A virtual environment with `huggingface_hub`, made once in the target folder and kept.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let venv = target.join("venv");
    let python = venv.join("bin/python");
    let lock = fs_err::File::create(target.join("venv.lock")).unwrap();
    lock.file().lock().unwrap();
    let ready = venv.join(VERSION);
    if !ready.exists() {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", VERSION]));
        fs_err::write(&ready, "").unwrap();
    }
    python
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A program of the environment, with the view of this world.
fn program(world: &World, name: &str) -> Command {
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

fn text(bytes: &[u8]) -> String {
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
}
