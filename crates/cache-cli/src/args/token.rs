//! Arguments of `token`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token for a user of `serve`, and print it once.
    New(NewTokenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewTokenArgs {
    /// User name in the configuration.
    #[arg(value_name = "NAME", default_value = "name")]
    pub(crate) name: String,
    /// Models the user may read, such as 'org/*' or 'datasets/org/*'; may be repeated. `*` also matches `/`.
    #[arg(long, value_name = "GLOB")]
    pub(crate) read: Vec<String>,
}
