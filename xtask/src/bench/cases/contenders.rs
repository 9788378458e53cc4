//! What the cases make their contenders of.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::bench::case::{Check, Contender, Make, Prepare};
use crate::bench::fixtures::Stage;

/// Our name in every table.
pub(super) const OURS: &str = "model-cache";

/// Our command with a store of its own.
pub(super) fn ours(stage: &Stage, store: &Path) -> Command {
    let mut command = Command::new(&stage.ours.command);
    command.env("MODEL_CACHE_DIR", store).env("HF_ENDPOINT", &stage.hub).env_remove("HF_TOKEN");
    command
}

pub(super) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Starts from an empty output folder, and accepts whatever a successful run leaves.
pub(super) fn contender(name: &str, out: PathBuf, make: Make) -> Contender {
    let prepare: Prepare = Box::new(move || Stage::clear(&out));
    Contender { name: name.to_owned(), prepare, make, check: Box::new(|| Ok(())) }
}

/// A file of this size must have been written.
pub(super) fn has_size(path: PathBuf, size: u64) -> Check {
    Box::new(move || match fs::metadata(&path)?.len() {
        found if found == size => Ok(()),
        found => Err(format!("{}: {found} bytes instead of {size}", path.display()).into()),
    })
}

/// `hf download` into a cache of its own.
pub(super) fn hf(stage: &Stage, program: &Path, model: &str, workers: &str, endpoint: &str) -> Command {
    let mut command = command(&program.to_string_lossy(), &["download", model, "--max-workers", workers]);
    let settings =
        [("HF_HUB_DISABLE_PROGRESS_BARS", "1"), ("HF_HUB_DISABLE_TELEMETRY", "1"), ("HF_HUB_DISABLE_XET", "1")];
    command.envs(settings).env("HF_ENDPOINT", endpoint).env("HF_HOME", stage.out().join("hf")).env_remove("HF_TOKEN");
    command
}

/// Commands rebuilt for each run from the same parts.
fn again(make: impl Fn() -> Vec<Command> + 'static) -> Make {
    Box::new(move || vec![make()])
}

/// The settings of a command, to build it again.
#[derive(Clone)]
struct Recipe {
    program: PathBuf,
    arguments: Vec<String>,
    set: Vec<(String, String)>,
}

impl Recipe {
    fn of(command: &Command) -> Self {
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        Self {
            program: command.get_program().into(),
            arguments: command.get_args().map(text).collect(),
            set: command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.set.iter().map(|(name, value)| (name, value)));
        // The first is not to be sent; the second, where it is set, is not understood by every program that speaks S3.
        command.env_remove("HF_TOKEN").env_remove("AWS_CA_BUNDLE");
        command
    }
}

pub(super) fn recipes(commands: &[Command]) -> Make {
    let recipes: Vec<Recipe> = commands.iter().map(Recipe::of).collect();
    again(move || recipes.iter().map(Recipe::command).collect())
}

pub(super) fn get(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = ours(stage, &stage.out().join("store"));
    command.args(arguments);
    command
}

pub(super) fn no_hf() -> Vec<String> {
    vec!["hf download: no python3".to_owned()]
}
