//! `cargo xtask gen`: what is derived from the command's own definition. Only the `gen` feature links the command.

use clap::Args;

use crate::failure::Result;

#[cfg(feature = "gen")]
mod markdown;
#[cfg(feature = "gen")]
mod outputs;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail when what is committed differs.
    #[arg(long)]
    pub(crate) check: bool,
}

#[cfg(not(feature = "gen"))]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut command = crate::shell::cargo(&["run", "--quiet", "--package", "xtask", "--features", "gen", "--", "gen"]);
    if arguments.check {
        command.arg("--check");
    }
    crate::shell::run(&mut command)
}

#[cfg(feature = "gen")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let outputs = outputs::all()?;
    if arguments.check { outputs::check(&outputs) } else { outputs::write(&outputs) }
}
