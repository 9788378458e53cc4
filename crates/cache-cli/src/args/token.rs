//! Arguments of `token`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a user of `serve`, and print it, once. What stands for it in the configuration goes to stderr.
    New(NewTokenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewTokenArgs {
    /// The user's name in the configuration.
    #[arg(value_name = "NAME", default_value = "name")]
    pub(crate) name: String,
    /// What the user may read, such as 'org/*' or 'datasets/org/*'; may be repeated. `*` also crosses `/`.
    #[arg(long, value_name = "GLOB")]
    pub(crate) read: Vec<String>,
}
