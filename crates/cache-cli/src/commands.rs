//! One module a command.

mod completions;
mod config;
mod demo;
mod doctor;
mod env;
mod gc;
mod get;
mod info;
mod lock;
mod ls;
mod outdated;
mod path;
mod pin;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod push;
mod quarantine;
mod registry;
mod rm;
mod serve;
mod stats;
mod token;
mod variants;
mod verify;
mod wish;

use cache_lib::config::Config;
use cache_lib::{Cache, CacheBuilder, Commit, Result};

use crate::args::{Arguments, Command, Shared};
use crate::output::Output;

/// Runs a command; the answer is its exit code.
pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<u8> {
    let shared = &arguments.shared;
    match &arguments.command {
        Command::Get(args) => get::run(shared, args, output),
        Command::Ls(args) => ls::run(&open(shared)?, args, output),
        Command::Info(args) => info::run(&open(shared)?, args, output),
        Command::Path(args) => path::run(&open(shared)?, args, output),
        Command::Verify(args) => verify::run(&open(shared)?, args, output),
        Command::Rm(args) => rm::run(&open(shared)?, args, output),
        Command::Gc(args) => gc::run(&open(shared)?, args, output),
        Command::Pin(args) => pin::pin(&open(shared)?, args, output),
        Command::Unpin(args) => pin::unpin(&open(shared)?, args, output),
        Command::Registry(command) => registry::run(&open(shared)?, command, output),
        Command::Lock(args) => lock::run(&open(shared)?, args, output),
        Command::Outdated(args) => outdated::outdated(&open(shared)?, args, output),
        Command::Update(args) => outdated::update(&open(shared)?, args, output),
        #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
        Command::Push(args) => push::run(&open(shared)?, args, output),
        Command::Serve(args) => serve::run(shared, args, output),
        Command::Quarantine(command) => quarantine::run(&open(shared)?, command, output),
        Command::Env(args) => env::run(&open(shared)?, args, output),
        Command::Doctor(args) => doctor::run(shared, args, output),
        Command::Stats(args) => stats::run(&open(shared)?, args, output),
        Command::Config(command) => config::run(shared, command, output),
        Command::Token(command) => token::run(command, output),
        Command::Completions(args) => completions::run(args, output),
        Command::Demo => demo::run(output),
    }
}

/// Reads the settings. Commands that use none, or are there to mend them, run in spite of a mistake.
pub(crate) fn load(arguments: &mut Arguments, output: &Output) -> Result<()> {
    match Config::load(&config::options(&arguments.shared)) {
        Ok(config) => arguments.shared.config.loaded = config,
        Err(_) if matches!(arguments.command, Command::Config(_) | Command::Completions(_) | Command::Demo) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    let config = &arguments.shared.config.loaded;
    // `config` says them itself.
    if !matches!(arguments.command, Command::Config(_)) {
        config.warnings().iter().for_each(|warning| output.remark(format_args!("warning: {warning}")));
    }
    crate::logging::start(&config.settings().log)
}

/// The settings that every command shares. The flags are in them.
fn builder(shared: &Shared) -> CacheBuilder {
    Cache::builder().settings(shared.config.loaded.settings().clone())
}

fn open(shared: &Shared) -> Result<Cache> {
    builder(shared).build()
}

/// A commit's first digits.
fn short(commit: &Commit) -> &str {
    commit.as_str().get(..12).unwrap_or(commit.as_str())
}

/// `1 file`, `2 files`.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
