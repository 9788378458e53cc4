//! Logs on stderr, only when `MODEL_CACHE_LOG` asks for them.

use tracing_subscriber::EnvFilter;

/// Starts logging as `MODEL_CACHE_LOG` says (`debug`, `cache_net=trace` …); `MODEL_CACHE_LOG_FORMAT=json` for machines.
pub(crate) fn start() {
    let Some(filter) = std::env::var("MODEL_CACHE_LOG").ok().filter(|filter| !filter.is_empty()) else { return };
    let builder =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr).with_ansi(false);
    let json = std::env::var("MODEL_CACHE_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    // A program that embeds this may have its own subscriber already.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}
