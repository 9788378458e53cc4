//! A mirror whose upstream hangs, is gone, or is asked for too much.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::huggingface::{python, succeed};
use crate::mirror::{Answer, Mirror, ask, get};
use crate::signals::signal;
use crate::world::{MODEL, World, model, tree};

/// Far longer than a mirror needs that does not wait, far shorter than one that waits for each answer.
const HANGS: Duration = Duration::from_secs(30);

/// A mirror of a world's hub, and a second one, of which the first is upstream. Moving names count for a moment only.
struct Chain {
    world: World,
    first: Mirror,
    second: Mirror,
}

impl Chain {
    fn start() -> Self {
        let world = World::new();
        let first = Mirror::start(&world);
        let second = Mirror::run(Self::second(&world, &first.url), world.folder());
        Self { world, first, second }
    }

    fn second(world: &World, upstream: &str) -> Command {
        let mut command = world.command(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .env("MODEL_CACHE_DIR", world.folder().join("second"))
            .env("MODEL_CACHE_SERVER_REFRESH", "1s")
            .env("HF_ENDPOINT", upstream);
        command
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // A stopped process can be killed, and waits for nothing.
        signal(self.first.child(), Signal::CONT);
    }
}

/// What clients ask of a model that is there.
fn questions() -> Vec<String> {
    let files = ["config.json", "model.safetensors", "1_Pooling/config.json"];
    let api = ["", "/revision/main", "/tree/main?recursive=true", "/refs", "/commits/main"];
    let files = files.iter().map(|file| format!("/{MODEL}/resolve/main/{file}"));
    files.chain(api.iter().map(|rest| format!("/api/models/{MODEL}{rest}"))).collect()
}

fn said(answer: &Answer) -> (u16, Option<&str>, &[u8]) {
    (answer.status, answer.header("x-repo-commit"), &answer.body)
}

/// Asks until the answer is marked as an old one, which is always what it was before.
fn stale(url: &str, path: &str, before: &Answer) {
    loop {
        let now = get(url, path);
        assert_eq!((said(&now), now.status), (said(before), 200), "{path}");
        if now.header("x-model-cache-stale") == Some("1") {
            return;
        }
    }
}

fn download(chain: &Chain, name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = chain.world.folder().join(name);
    let mut hf = Command::new(python().with_file_name("hf"));
    hf.env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", chain.world.folder().join("home"))
        .env("HF_ENDPOINT", &chain.second.url)
        .env("HF_HOME", chain.world.folder().join(format!("{name}-home")))
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .env("HF_HUB_DISABLE_UPDATE_CHECK", "1");
    succeed(hf.args(["download", MODEL, "--local-dir"]).arg(&folder));
    files(&folder)
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    tree(folder).into_iter().filter(|(path, _)| !path.starts_with(".cache")).collect()
}

#[test]
fn a_stopped_upstream_keeps_nobody_waiting() {
    let chain = Chain::start();
    let before: Vec<Answer> = questions().iter().map(|path| get(&chain.second.url, path)).collect();
    assert!(before.iter().all(|answer| answer.status == 200), "{before:?}");
    // Files that nobody has fetched are upstream's alone.
    assert!(download(&chain, "before") == model());
    signal(chain.first.child(), Signal::STOP);
    let began = Instant::now();
    for (path, before) in questions().iter().zip(&before) {
        stale(&chain.second.url, path, before);
    }
    assert!(download(&chain, "stopped") == model());
    assert!(began.elapsed() < HANGS, "{:?}", began.elapsed());
    signal(chain.first.child(), Signal::CONT);
    let path = format!("/{MODEL}/resolve/main/config.json");
    while get(&chain.second.url, &path).header("x-model-cache-stale").is_some() {}
}

#[test]
fn an_upstream_that_is_gone_is_no_rate_limit() {
    let chain = Chain::start();
    let before: Vec<Answer> = questions().iter().map(|path| get(&chain.second.url, path)).collect();
    let mut first = Command::new("kill");
    succeed(first.args(["-9", &chain.first.child().id().to_string()]));
    // More than the circuit of the upstream takes.
    for number in 0..30 {
        let unknown = ask(&chain.second.url, "HEAD", &format!("/org/m{number}/resolve/main/x"), &[], b"");
        assert!(matches!(unknown.status, 503 | 504), "{unknown:?}");
        assert!(unknown.header("x-error-message").is_some_and(|why| why.contains("upstream")), "{unknown:?}");
    }
    for (path, before) in questions().iter().zip(&before) {
        stale(&chain.second.url, path, before);
    }
}

#[test]
fn invented_names_leave_upstream_alone() {
    let world = World::new();
    let mirror = Mirror::start(&world);
    assert_eq!(get(&mirror.url, &format!("/{MODEL}/resolve/main/config.json")).status, 200);
    let before = world.requests();
    let ask = &|n: u32| get(&mirror.url, &format!("/{MODEL}/resolve/v{n}/config.json")).status;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..400).map(|n| scope.spawn(move || ask(n))).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| matches!(status, 404 | 429)), "{statuses:?}");
    let asked = world.requests() - before;
    assert!(asked < 70, "{asked} questions for 400 names");
    // What is known is not held up.
    for path in questions() {
        assert_eq!(get(&mirror.url, &path).status, 200, "{path}");
    }
}
