//! One module a command.

#[cfg(feature = "local")]
mod adopt;
mod completions;
mod config;
mod demo;
mod doctor;
mod env;
#[cfg(feature = "bundle")]
mod export;
mod gc;
mod get;
#[cfg(feature = "bundle")]
mod import;
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
mod request;
mod rm;
mod serve;
mod setup;
mod stats;
mod sync;
mod text;
mod token;
mod variants;
mod verify;

use cache_config::Config;
use cache_lib::{Cache, Result};

use self::setup::{build, builder, open};
use crate::args::{Arguments, Command, Shared};
use crate::output::Output;

/// Runs a command; the answer is its exit code.
pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<u8> {
    let shared = &arguments.shared;
    match &arguments.command {
        Command::Get(args) => get::run(shared, args, output),
        #[cfg(feature = "local")]
        Command::Adopt(args) => adopt::run(&open(shared, output)?, args, output),
        Command::Ls(args) => ls::run(&open(shared, output)?, args, output),
        Command::Info(args) => info::run(&open(shared, output)?, args, output),
        Command::Path(args) => path::run(&open(shared, output)?, args, output),
        Command::Verify(args) => verify::run(&open(shared, output)?, args, output),
        Command::Rm(args) => on_store(shared, output, |cache| rm::run(cache, args, output)),
        Command::Gc(args) => on_store(shared, output, |cache| gc::run(cache, args, output)),
        Command::Pin(args) => pin::pin(&open(shared, output)?, args, output),
        Command::Unpin(args) => pin::unpin(&open(shared, output)?, args, output),
        Command::Registry(command) => registry::run(&open(shared, output)?, command, output),
        Command::Lock(args) => lock::run(&open(shared, output)?, args, output),
        Command::Outdated(args) => outdated::outdated(&open(shared, output)?, args, output),
        Command::Update(args) => outdated::update(&build(args.time.apply(builder(shared)?), output)?, args, output),
        Command::Sync(args) => sync::run(&build(args.time.apply(builder(shared)?), output)?, args, output),
        #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
        Command::Push(args) => push::run(&open(shared, output)?, args, output),
        Command::Serve(args) => serve::run(shared, args, output),
        #[cfg(feature = "bundle")]
        Command::Export(args) => export::run(&open(shared, output)?, args, output),
        #[cfg(feature = "bundle")]
        Command::Import(args) if args.list => import::list(args, output),
        #[cfg(feature = "bundle")]
        Command::Import(args) => import::run(&open(shared, output)?, args, output),
        #[cfg(feature = "bundle")]
        Command::Keygen(args) => export::keygen(args, output),
        Command::Quarantine(command) => quarantine::run(&open(shared, output)?, command, output),
        Command::Env(args) => env::run(&open(shared, output)?, args, output),
        Command::Doctor(args) => doctor::run(shared, args, output),
        Command::Stats(args) => stats::run(&open(shared, output)?, args, output),
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
        config.warnings().iter().for_each(|warning| output.status(format_args!("warning: {warning}")));
    }
    crate::logging::start(&config.settings().log)
}

/// Runs a command that changes the store, and names the locks that it had to go on without.
fn on_store(shared: &Shared, output: &Output, run: impl FnOnce(&Cache) -> Result<u8>) -> Result<u8> {
    let cache = open(shared, output)?;
    let result = run(&cache);
    for text in cache.store().lock_timeouts() {
        output.status(format_args!("warning: {text}"));
    }
    result
}
