//! Arguments of `sync`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::schedule::Schedule;

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The list: on each line REF [revision=R] [include=GLOB] [exclude=GLOB]; # begins a comment.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "reference")]
    pub(crate) file: Option<PathBuf>,
    /// A model instead of a list; may be repeated.
    #[arg(long = "ref", value_name = "REF", conflicts_with = "file")]
    pub(crate) reference: Vec<String>,
    /// Stay, and sync at these times: minute, hour, day of month, month, day of week, in local time.
    #[arg(long, value_name = "CRON", value_parser = |text: &str| super::told(Schedule::parse(text)))]
    pub(crate) schedule: Option<Schedule>,
    /// Remove what earlier syncs of this list have brought and is no longer on it. Pinned models stay.
    #[arg(long, conflicts_with = "reference")]
    pub(crate) prune: bool,
    /// Ask the sources, and say what would be fetched and removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
