//! Arguments of `stats`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Reset the counters after printing them.
    #[arg(long)]
    pub(crate) reset: bool,
}
