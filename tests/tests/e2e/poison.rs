//! A source that sends wrong bytes once, and real clients that resume: none ends well with a wrong file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cache_testkit::{Content, HubConfig, HubFault, Matches};
use rustix::process::Signal;

use crate::mirror::{Mirror, ask, get};
use crate::servers::{found, tool};
use crate::world::{MODEL, World, until};

const FILE: &str = "/org/model/resolve/main/model.bin";
const SIZE: u64 = 24 << 20;

/// Where a client keeps what it has, and what it is to get.
struct Client<'a> {
    mirror: &'a Mirror,
    folder: PathBuf,
    content: &'a [u8],
}

impl Client<'_> {
    /// Runs a program in the folder. When it ends well, the file is right.
    #[track_caller]
    fn run(&self, program: &Path, arguments: &[&str], file: &str) -> Output {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("HF_ENDPOINT", &self.mirror.url)
            .env("HF_HUB_DISABLE_TELEMETRY", "1")
            .env("HF_HUB_DISABLE_UPDATE_CHECK", "1");
        let output = command.output().unwrap();
        let right = || fs_err::read(self.folder.join(file)).unwrap() == self.content;
        assert!(!output.status.success() || right(), "{} ended well with a wrong file", program.display());
        output
    }

    fn url(&self) -> String {
        format!("{}{FILE}", self.mirror.url)
    }
}

/// Whether a transfer was found wrong and put away.
fn is_quarantined(world: &World) -> bool {
    let mut entries = fs_err::read_dir(world.store().join("quarantine")).into_iter().flatten().flatten();
    entries.any(|entry| entry.path().extension().is_some_and(|extension| extension == "data"))
}

/// Lets a client meet a flipped bit at some percent of the file, in one transfer; the next ones are right.
fn with_flip(percent: u64, test: impl FnOnce(&Client<'_>)) {
    let world = World::empty(HubConfig::default());
    let content = Content::seeded(21, SIZE);
    world.hub.add_model(MODEL, [("model.bin", content.clone())]);
    let mirror = Mirror::start(&world);
    world.hub.trouble(Matches::path("model.bin"), HubFault::Flip(SIZE * percent / 100));
    let folder = world.folder().join("client");
    fs_err::create_dir_all(&folder).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until("the wrong transfer is put away", || is_quarantined(&world));
            world.hub.clear_trouble();
        });
        test(&Client { mirror: &mirror, folder, content: &content.to_vec().unwrap() });
    });
    let answer = get(&mirror.url, FILE);
    assert!(answer.status == 200 && answer.body == content.to_vec().unwrap());
}

fn hf(percent: u64) {
    let Some(hf) = tool("hf") else { return };
    with_flip(percent, |client| {
        let run = || client.run(&hf, &["download", MODEL, "model.bin", "--local-dir", "."], "model.bin");
        // It resumes by itself, else its next run does.
        let ended = (0..3).any(|_| run().status.success());
        assert!(ended, "hf gets the file in the end");
    });
}

fn curl(percent: u64) {
    if !found("curl") {
        return;
    }
    with_flip(percent, |client| {
        let url = client.url();
        for arguments in [["-fsSL", "-C", "-", "-o", "file", &url], ["-sSL", "-C", "-", "-o", "file", &url]] {
            for _ in 0..2 {
                assert!(!client.run(Path::new("curl"), &arguments, "file").status.success());
            }
        }
        fs_err::remove_file(client.folder.join("file")).unwrap();
        assert!(client.run(Path::new("curl"), &["-fsSL", "-C", "-", "-o", "file", &url], "file").status.success());
    });
}

fn wget(percent: u64) {
    if !found("wget") {
        return;
    }
    with_flip(percent, |client| {
        // The first run resumes by itself.
        for _ in 0..3 {
            let output = client.run(Path::new("wget"), &["-q", "-c", "-O", "file", &client.url()], "file");
            assert!(!output.status.success());
        }
    });
}

fn aria2c(percent: u64) {
    if !found("aria2c") {
        return;
    }
    with_flip(percent, |client| {
        let url = client.url();
        let common = ["-q", "-c", "--max-tries=2", "--retry-wait=1"];
        let run = |name: &str, connections: &[&str]| {
            let arguments = [&common[..], connections, &["-o", name, url.as_str()][..]].concat();
            (0..3).any(|_| client.run(Path::new("aria2c"), &arguments, name).status.success())
        };
        assert!(!run("parts", &["-x8", "-s8", "-k1M"]));
        // What begins when the transfer was found wrong comes in one go.
        assert!(run("one", &["-x1"]));
    });
}

macro_rules! at_percents {
    ($($name:ident: $client:ident($percent:literal);)*) => { $(#[test] fn $name() { $client($percent) })* };
}

at_percents! {
    hf_resumes_after_a_flip_at_1_percent: hf(1);
    hf_resumes_after_a_flip_at_40_percent: hf(40);
    hf_resumes_after_a_flip_at_99_percent: hf(99);
    curl_resumes_after_a_flip_at_1_percent: curl(1);
    curl_resumes_after_a_flip_at_40_percent: curl(40);
    curl_resumes_after_a_flip_at_99_percent: curl(99);
    wget_resumes_after_a_flip_at_1_percent: wget(1);
    wget_resumes_after_a_flip_at_40_percent: wget(40);
    wget_resumes_after_a_flip_at_99_percent: wget(99);
    aria2c_resumes_after_a_flip_at_1_percent: aria2c(1);
    aria2c_resumes_after_a_flip_at_40_percent: aria2c(40);
    aria2c_resumes_after_a_flip_at_99_percent: aria2c(99);
}

#[test]
fn poisoned_file_is_not_resumed_after_a_restart() {
    let world = World::empty(HubConfig::default());
    let content = Content::seeded(21, 4 << 20);
    world.hub.add_model(MODEL, [("model.bin", content.clone())]);
    world.hub.trouble(Matches::path("model.bin"), HubFault::Flip(1_000_000));
    let mirror = Mirror::start(&world);
    let part = get(&mirror.url, FILE);
    assert!(!part.is_whole());
    // Who breaks the connection has noted it before.
    mirror.end(Signal::KILL);
    world.hub.clear_trouble();
    let mirror = Mirror::start(&world);
    let from = |start: usize, agent: &str| {
        let range = format!("bytes={start}-");
        ask(&mirror.url, "GET", FILE, &[("Range", &range), ("User-Agent", agent)], &[])
    };
    for _ in 0..2 {
        // The process that died may have left the wrong bytes to go on from.
        let mut answers = (0..3).map(|_| from(part.body.len(), "unknown/None; hf_hub/2.4.0; python/3.11.2"));
        assert!(answers.any(|whole| whole.status == 200 && whole.body == content.to_vec().unwrap()));
        assert_eq!(from(part.body.len(), "curl/7.88.1").status, 409);
        let chained = from(1000, "model-cache/0.1.0");
        assert!(chained.status == 206 && chained.body == content.to_vec().unwrap()[1000..]);
    }
}

#[test]
fn verified_only_gives_out_no_unverified_byte() {
    let world = World::empty(HubConfig::default());
    let content = Content::seeded(21, 4 << 20);
    world.hub.add_model(MODEL, [("model.bin", content.clone())]);
    world.hub.trouble(Matches::path("model.bin"), HubFault::Flip(1_000_000));
    let mut command = world.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("MODEL_CACHE_SERVER_STREAM", "verified-only");
    let mirror = Mirror::run(command, world.folder());
    assert_eq!(get(&mirror.url, FILE).status, 502);
    world.hub.clear_trouble();
    until("it is fetched anew", || get(&mirror.url, FILE).body == content.to_vec().unwrap());
}
