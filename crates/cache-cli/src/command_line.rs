//! The whole command line, as the parser, the completions and the reference need it.

use clap::CommandFactory as _;

use crate::args::{Arguments, help};

/// The command with all its arguments: for completions, man pages and the reference.
#[must_use]
pub fn command() -> clap::Command {
    help::layout(Arguments::command()).version(version()).bin_name("model-cache")
}

/// Commit and features behind the version.
fn version() -> &'static str {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TEXT.get_or_init(|| {
        let mut features = cache_lib::features().to_vec();
        features.extend(cfg!(feature = "bundle").then_some("bundle"));
        features.sort_unstable();
        format!("{} ({}; features: {})", env!("CARGO_PKG_VERSION"), env!("MODEL_CACHE_COMMIT"), features.join(" "))
    })
}
