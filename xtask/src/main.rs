//! `cargo xtask`: what a developer and CI do with this workspace.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command for developers: printing is its work")]

mod bench;
mod ci;
mod failure;
mod fuzz;
mod generate;
mod shell;
mod tests_run;
mod tidy;
mod tools;
mod torture;

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// Checks, generates, measures and tortures the model cache.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All that CI runs: formatting, lints, tests, docs, licences, invariants, generated files, features, torture.
    Ci(ci::Arguments),
    /// Check the invariants of ARCHITECTURE.md and the house rules.
    Tidy(tidy::Arguments),
    /// Write the man pages, the completions and the CLI reference.
    Gen(generate::Arguments),
    /// Measure beside curl, aria2c, wget, hf and openssl, and write docs/benchmarks.md.
    Bench(bench::Arguments),
    /// Change kept inputs at random and hand them to everything that reads what strangers wrote.
    Fuzz(fuzz::Arguments),
    /// Kill it, cut its power, fail its I/O, break its locks; then look at what is left.
    Torture(torture::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let tasks: BTreeSet<String> =
        Arguments::command().get_subcommands().map(|task| task.get_name().to_owned()).collect();
    let result = match arguments.command {
        Command::Ci(arguments) => ci::run(&arguments, &tasks),
        Command::Tidy(arguments) => tidy::run(arguments, tasks),
        Command::Gen(arguments) => generate::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Torture(arguments) => torture::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
