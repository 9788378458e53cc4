//! Logs on stderr, only when the settings ask for them; traces to a collector, only where built in and asked for.

use std::io;

use cache_config::{LogFormat, LogSettings};
use cache_lib::{Error, ErrorKind, Result, escape_json, escape_line, redact_text};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging as `log.level` says (`debug`, `cache_net=trace` …), in lines for people or in JSON.
///
/// # Errors
/// [`ErrorKind::Usage`] when the level is no filter, or the collector of traces has no usable address.
pub(crate) fn start(settings: &LogSettings) -> Result<()> {
    let layers: Vec<BoxedLayer> = lines(settings)?.into_iter().chain(traces()?).collect();
    if !layers.is_empty() {
        // A program that embeds this may have its own subscriber already.
        let _ = tracing_subscriber::registry().with(layers).try_init();
    }
    Ok(())
}

fn lines(settings: &LogSettings) -> Result<Option<BoxedLayer>> {
    let Some(level) = &settings.level else { return Ok(None) };
    let filter = EnvFilter::try_new(level).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("log.level: {level:?} is not a log filter: {error}"))
            .with_hint("write error, warn, info, debug, trace, off, or a filter such as cache_net=trace")
    })?;
    let layer = fmt::layer().with_ansi(false);
    Ok(Some(if settings.format == LogFormat::Json {
        layer.json().with_writer(|| Clean(|line| escape_json(line).into_owned())).with_filter(filter).boxed()
    } else {
        layer.with_writer(|| Clean(|line| escape_line(line).into_owned())).with_filter(filter).boxed()
    }))
}

/// Writes lines of the log to stderr without secrets of addresses, and escaped. Each write is one whole event.
struct Clean(fn(&str) -> String);

impl io::Write for Clean {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = (self.0)(&redact_text(text.trim_end_matches('\n')));
        writeln!(io::stderr().lock(), "{line}")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(feature = "otel")]
static TELEMETRY: std::sync::OnceLock<cache_server::Telemetry> = std::sync::OnceLock::new();

#[cfg(feature = "otel")]
fn traces() -> Result<Option<BoxedLayer>> {
    let Some(telemetry) = cache_server::Telemetry::from_env()? else { return Ok(None) };
    Ok(Some(TELEMETRY.get_or_init(|| telemetry).layer().boxed()))
}

#[cfg(not(feature = "otel"))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as with the feature")]
fn traces() -> Result<Option<BoxedLayer>> {
    Ok(None)
}

/// Sends what is not sent yet; the last thing a command does.
pub(crate) fn end() {
    #[cfg(feature = "otel")]
    if let Some(telemetry) = TELEMETRY.get() {
        telemetry.end();
    }
}
