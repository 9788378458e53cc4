//! Arguments of `stats`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Begin to count anew.
    #[arg(long)]
    pub(crate) reset: bool,
}
