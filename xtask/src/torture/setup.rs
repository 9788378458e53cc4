//! What all rigs share: the command with its fail points in, a hub that serves a small model, and one with wrong bytes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fs_err as fs;

use crate::failure::Result;
use crate::shell::{self, cargo, target};
use crate::torture::process::{self, Ended};
use crate::torture::store::{self, Expected};

/// The model that all rigs fetch.
pub(crate) const MODEL: &str = "org/good";
/// The file that the lying hub serves with one byte changed.
const TAMPERED: &str = "model.safetensors";
/// No healthy run takes this long, whatever was injected.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Hub {
    child: Child,
    url: String,
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub(crate) struct Setup {
    command: PathBuf,
    honest: Hub,
    lying: Hub,
    /// On memory, where there is some: only `power` needs a disk.
    folder: tempfile::TempDir,
    expected: Expected,
    stores: AtomicU64,
}

/// Which hub a run asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Honest,
    /// The metadata is right, one byte of the large file is not.
    Lying,
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let noise = |length: usize, mut state: u64| -> Vec<u8> {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        (0..length.div_ceil(8)).flat_map(|_| next()).take(length).collect()
    };
    BTreeMap::from([
        ("config.json".to_owned(), b"{\"model_type\": \"bert\"}\n".to_vec()),
        ("sub/vocab.txt".to_owned(), noise(3000, 5)),
        (TAMPERED.to_owned(), noise(3 << 20, 7)),
    ])
}

impl Setup {
    pub(crate) fn new(no_build: bool) -> Result<Self> {
        let build = target().join("debug");
        if !no_build {
            let command =
                ["build", "--quiet", "--package", "xtask", "--features", "torture", "--bin", "model-cache-torture"];
            shell::run(&mut cargo(&command))?;
            shell::run(&mut cargo(&["build", "--quiet", "--package", "cache-testkit", "--example", "hub"]))?;
        }
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
        let files = files();
        let start = |name: &str| hub(&build.join("examples/hub"), &folder.path().join(name), &files);
        let (honest, lying) = (start("honest")?, start("lying")?);
        let bad = folder.path().join("lying").join(MODEL).join(TAMPERED);
        let mut bytes = fs::read(&bad)?;
        if let Some(byte) = bytes.get_mut(2_000_000) {
            *byte ^= 1;
        }
        fs::write(&bad, bytes)?;
        let expected = Expected::new(files);
        Ok(Self {
            command: build.join("model-cache-torture"),
            honest,
            lying,
            folder,
            expected,
            stores: AtomicU64::new(0),
        })
    }

    /// A folder for a store that was not used before.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join(format!("store-{}", self.stores.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("strace.log")
    }

    /// The command on a store. A mutant has one guarded step switched off.
    pub(crate) fn command(&self, store: &Path, from: From, mutant: Option<&str>, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.command);
        let hub = if from == From::Honest { &self.honest } else { &self.lying };
        command.args(arguments).env("MODEL_CACHE_DIR", store).env("HF_ENDPOINT", &hub.url).env("RUST_BACKTRACE", "0");
        for name in ["HF_TOKEN", "HF_HUB_OFFLINE", "MODEL_CACHE_FAILPOINT", "MODEL_CACHE_MUTANT", "RUST_LOG"] {
            command.env_remove(name);
        }
        if let Some(mutant) = mutant {
            command.env("MODEL_CACHE_MUTANT", mutant);
        }
        command
    }

    /// `get` of the model.
    pub(crate) fn get(&self, store: &Path, from: From, mutant: Option<&str>) -> Command {
        self.command(store, from, mutant, &["get", "--quiet", MODEL])
    }

    /// What is wrong with a store after a run was broken off. Nothing needs to be there, but what is there is right.
    pub(crate) fn inspect(&self, store: &Path) -> Vec<String> {
        store::inspect(store, &self.expected)
    }

    /// What is wrong with a store and the printed path after a run that said it succeeded.
    pub(crate) fn acknowledged(&self, store: &Path, ended: &Ended) -> Vec<String> {
        let mut problems = store::inspect(store, &self.expected);
        problems.extend(store::snapshot(Path::new(ended.stdout.trim()), &self.expected));
        problems
    }

    /// The next run must succeed from whatever is there, and nothing may be left over after a collection a week later.
    pub(crate) fn recovers(&self, store: &Path, mutant: Option<&str>) -> Result<Vec<String>> {
        let ended = process::run(self.get(store, From::Honest, mutant), LIMIT)?;
        let mut problems = self.acknowledged(store, &ended);
        if !ended.ok() {
            problems.push(format!("the next run: {}", ended.words()));
        }
        store::age(store)?;
        let ended = process::run(self.command(store, From::Honest, mutant, &["gc", "--quiet"]), LIMIT)?;
        if !ended.ok() {
            problems.push(format!("gc: {}", ended.words()));
        }
        problems.extend(store::debris(store));
        problems.extend(self.inspect(store));
        Ok(problems)
    }

    /// Removes a store, unless it has something to show.
    pub(crate) fn discard(&self, store: &Path, problems: &[String]) -> Result<()> {
        if problems.is_empty() {
            fs::remove_dir_all(store)?;
        }
        Ok(())
    }
}

fn hub(program: &Path, root: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<Hub> {
    for (name, bytes) in files {
        let path = root.join(MODEL).join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    let mut child = Command::new(program)
        .arg("--root")
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    Ok(Hub { child, url: line.trim().to_owned() })
}
