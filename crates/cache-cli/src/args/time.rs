//! Arguments about time limits.

use std::time::Duration;

use cache_lib::CacheBuilder;
use clap::Args;

use super::values::age;

/// Time limits of downloads.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimeArgs {
    /// Time limit, such as 10m; `update` and `sync`: for each model. The same command resumes the download.
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub(crate) deadline: Option<Duration>,
    /// Longest wait for a rate-limiting host [default: 5m].
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub(crate) max_wait: Option<Duration>,
}

impl TimeArgs {
    /// Sets these limits on the builder.
    pub(crate) fn apply(&self, mut builder: CacheBuilder) -> CacheBuilder {
        if let Some(wait) = self.max_wait {
            builder = builder.max_wait(wait);
        }
        if let Some(time) = self.deadline {
            builder = builder.deadline(time);
        }
        builder
    }
}
