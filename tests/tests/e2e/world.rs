//! A hub, a store and a home folder of one test, and the command run in them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use cache_testkit::{Content, Hub, HubConfig, Origin, Seen, fixtures};
use serde_json::Value;

/// The model that most tests get.
pub(crate) const MODEL: &str = "org/model";

/// One test's surroundings.
pub(crate) struct World {
    pub(crate) hub: Hub,
    folder: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The one line on stdout.
    pub(crate) fn line(&self) -> &str {
        let line = self.out.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {self:?}"));
        assert!(!line.contains('\n'), "more than one line: {self:?}");
        line
    }

    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(self.line())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.ends(0)
    }

    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// That it failed with this code, said so with a hint, and answered nothing.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, said: &str) -> Self {
        let run = self.ends(code);
        assert!(run.err.contains("error: ") && run.err.contains(said), "{said:?} is not in {run:?}");
        // Arguments that clap refuses are explained by clap.
        let errors = run.err.matches("error: ").count();
        assert!(run.err.matches("hint: ").count() >= errors, "an error without a hint: {run:?}");
        assert_eq!(run.out, "", "an answer in spite of a failure");
        run
    }
}

impl World {
    /// A hub with the fixture model, and an empty store.
    pub(crate) fn new() -> Self {
        let world = Self::empty(HubConfig::default());
        world.hub.add_model(MODEL, fixtures::model());
        world
    }

    pub(crate) fn empty(config: HubConfig) -> Self {
        let hub = Hub::spawn(config).unwrap();
        let folder = tempfile::Builder::new().prefix("model-cache-e2e-").tempdir().unwrap();
        Self { hub, folder }
    }

    /// A hub with one model of one large file, sent no faster than this to each connection.
    pub(crate) fn slow(size: u64, bytes_per_second: u64) -> Self {
        let world = Self::empty(HubConfig::default().rate(bytes_per_second));
        world.hub.add_model(MODEL, [("model.bin", Content::seeded(7, size)), ("config.json", Content::bytes("{}"))]);
        world
    }

    /// The fixture model's commit.
    pub(crate) fn commit(&self) -> String {
        self.run(&["info", MODEL, "--json"]).ok().json()["commit"].as_str().unwrap().to_owned()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Writes the user's configuration.
    pub(crate) fn write_config(&self, text: &str) {
        let folder = self.folder.path().join("home/.config/model-cache");
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("config.toml"), text).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command, with nothing of this process's environment but the search path.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path().join("home"))
            .env("MODEL_CACHE_DIR", self.store())
            .env("HF_ENDPOINT", self.hub.url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments).spawn().unwrap())
    }

    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        finish(self.command(arguments).envs(variables.iter().copied()).spawn().unwrap())
    }

    /// Gets the fixture model.
    pub(crate) fn get(&self) -> PathBuf {
        self.run(&["get", MODEL]).ok().path()
    }

    /// How many requests of any kind have come.
    pub(crate) fn requests(&self) -> usize {
        self.hub.requests().len()
    }

    /// Transfers of a large file of at most 16 MiB that have begun. The first request of each asks for the whole. One
    /// for the beginning alone comes from within a transfer: a connection that is silent for two seconds, as all are on
    /// a busy machine now and then, has its range halved and its last part fetched a second time.
    pub(crate) fn transfers(&self, size: u64) -> usize {
        let whole = format!("bytes=0-{}", size - 1);
        let begins =
            |seen: &&Seen| seen.origin == Origin::Cdn && seen.header("range").is_none_or(|range| range == whole);
        self.hub.requests().iter().filter(begins).count()
    }

    /// Every blob in the store, hashed again: its name must be the hash. Returns how many there are.
    pub(crate) fn assert_blobs_intact(&self) -> usize {
        let store = cache_lib::Store::open(self.store(), cache_lib::StoreOptions::default()).unwrap();
        let blobs = store.blobs().unwrap();
        for blob in &blobs {
            let bytes = fs_err::read(&blob.path).unwrap();
            assert_eq!(Content::bytes(bytes).sha256(), blob.name, "{}", blob.path.display());
        }
        blobs.len()
    }
}

/// The command under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_model-cache-e2e"))
}

/// Waits for a run's end.
pub(crate) fn finish(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        code: code(output.status),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The exit code as a shell shows it: 128 and the signal for a killed process.
pub(crate) fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Waits until something is so; a test that waits in vain fails after a minute.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < patience, "in vain: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// All files below a folder, and what links lead to, by their paths. Links that lead nowhere have no bytes.
pub(crate) fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if fs_err::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push((name, fs_err::read(&path).unwrap_or_default()));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// The fixture model as [`tree`] shows it.
pub(crate) fn model() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> =
        fixtures::model().into_iter().map(|(path, content)| (path.to_owned(), content.to_vec().unwrap())).collect();
    files.sort();
    files
}
