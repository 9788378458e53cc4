//! Arguments of a batch.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// Also get what this file lists, `-` for stdin: a line is REF [revision=R] [sha256=D] [include=GLOB]
    /// [exclude=GLOB] [to=DIR] [priority=N], and # begins a comment. What a line says counts instead of the options.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) from: Vec<PathBuf>,
    /// How soon it is wanted: of several, the higher begins first.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i32,
}
