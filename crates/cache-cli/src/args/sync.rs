//! Arguments of `sync`.

use std::path::PathBuf;

use cache_lib::RefText;
use clap::{Args, ValueHint};

use crate::schedule::Schedule;

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// List of models: REF [revision=R] [include=GLOB] [exclude=GLOB] on each line, # for comments.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "reference")]
    pub(crate) file: Option<PathBuf>,
    /// Model to sync instead of a list; may be repeated.
    #[arg(long = "ref", value_name = "REF", conflicts_with = "file")]
    pub(crate) reference: Vec<RefText>,
    /// Keep running, and sync at these times (cron, local time), such as "0 3 * * *" for every day at three.
    #[arg(long, value_name = "CRON", value_parser = |text: &str| super::values::with_hint(Schedule::parse(text)))]
    pub(crate) schedule: Option<Schedule>,
    /// Remove models of earlier syncs that are no longer listed; pinned models stay.
    #[arg(long, conflicts_with = "reference")]
    pub(crate) prune: bool,
    /// Show what would be downloaded and removed, without doing it.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) time: super::time::TimeArgs,
}
