//! One module a command.

mod completions;
mod demo;
mod doctor;
mod env;
mod gc;
mod get;
mod info;
mod ls;
mod path;
mod pin;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod push;
mod quarantine;
mod rm;
mod verify;

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
        #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
        Command::Push(args) => push::run(&open(shared)?, args, output),
        Command::Quarantine(command) => quarantine::run(&open(shared)?, command, output),
        Command::Env(args) => env::run(&open(shared)?, args, output),
        Command::Doctor => doctor::run(shared, output),
        Command::Completions(args) => completions::run(args, output),
        Command::Demo => demo::run(output),
    }
}

/// The settings that every command shares.
fn builder(shared: &Shared) -> CacheBuilder {
    let mut builder = Cache::builder();
    if let Some(store) = &shared.store {
        builder = builder.root(store);
    }
    if shared.offline {
        builder = builder.offline(true);
    }
    builder
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
