//! `cargo xtask fuzz`: every fuzz target, for its time.

use clap::Args;

use crate::failure::Result;
use crate::shell::cargo;
use crate::tests_run::{self, Count};
use crate::tools;

/// Seconds of each target in CI.
const SECONDS: u64 = 60;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Seconds that each target runs.
    #[arg(long, default_value_t = SECONDS)]
    seconds: u64,
    /// The seed of a run, to repeat it; without it another one each time.
    #[arg(long)]
    seed: Option<u64>,
    /// Only targets whose test or module has this in its name.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut count = Count::default();
    with(arguments, &mut count)?;
    println!("{count}, {} s each", arguments.seconds);
    Ok(())
}

/// As CI runs it.
pub(crate) fn minute(count: &mut Count) -> Result<()> {
    with(&Arguments { seconds: SECONDS, seed: None, only: String::new() }, count)
}

fn with(arguments: &Arguments, count: &mut Count) -> Result<()> {
    tools::subcommand("cargo-nextest")?;
    let filter = format!("test(/(^|::)fuzz::/) and test(/{}/) and not package(cache-testkit)", arguments.only);
    let mut command = cargo(&["nextest", "run", "--workspace", "--features", "xtask/gen", "-E", &filter]);
    command.env("FUZZ_SECONDS", arguments.seconds.to_string());
    if let Some(seed) = arguments.seed {
        command.env("FUZZ_SEED", seed.to_string());
    }
    tests_run::run(&mut command, count)
}
