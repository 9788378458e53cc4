//! Logs on stderr, only when the settings ask for them.

use cache_lib::config::{LogFormat, LogSettings};
use cache_lib::{Error, ErrorKind, Result};
use tracing_subscriber::EnvFilter;

/// Starts logging as `log.level` says (`debug`, `cache_net=trace` …), in lines for people or in JSON.
///
/// # Errors
/// [`ErrorKind::Usage`] when the level is no filter.
pub(crate) fn start(settings: &LogSettings) -> Result<()> {
    let Some(level) = &settings.level else { return Ok(()) };
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("log.level: {level:?} is no filter of a log: {error}"))
            .with_hint("write error, warn, info, debug, trace, off, or a filter such as cache_net=trace")
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // A program that embeds this may have its own subscriber already.
    let _ = if settings.format == LogFormat::Json { builder.json().try_init() } else { builder.try_init() };
    Ok(())
}
