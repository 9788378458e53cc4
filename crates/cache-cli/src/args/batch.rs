//! Arguments of a batch.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// Also download what this file lists, - for stdin: REF [revision=R] [sha256=D] [include=GLOB] [exclude=GLOB]
    /// [to=DIR] [priority=N] on each line, # for comments. A line overrides the options.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) from: Vec<PathBuf>,
    /// Order among several downloads: the highest starts first.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i32,
}
