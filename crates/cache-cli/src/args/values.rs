//! Values of several options: how they are read and explained.

use std::time::Duration;

use cache_lib::{Error, Mirror, Sha256, units};

/// Heading of the options that every command takes.
pub(super) const GLOBAL: &str = "Global options";

pub(super) const REF_HELP: &str = "org/name, org/name@revision, org/name/file, org/name:Q4_K_M, hf://datasets/org/name, \
                        https://host/file.gguf, s3://bucket/prefix, or ./folder";

/// A rate limit; `None` for unlimited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteRate(pub(crate) Option<u64>);

/// Puts the hint into the message, because clap shows only that.
pub(super) fn with_hint<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| match crate::hints::hint(&error) {
        Some(hint) => format!("{}; {hint}", error.message()),
        None => error.message().to_owned(),
    })
}

pub(super) fn mirror(text: &str) -> Result<Mirror, String> {
    with_hint(Mirror::new(text))
}

pub(super) fn rate(text: &str) -> Result<ByteRate, String> {
    with_hint(units::parse_rate(text)).map(ByteRate)
}

pub(super) fn size(text: &str) -> Result<u64, String> {
    with_hint(units::parse_size(text))
}

pub(super) fn age(text: &str) -> Result<Duration, String> {
    with_hint(units::parse_age(text))
}

pub(crate) fn sha256(text: &str) -> Result<Sha256, String> {
    text.strip_prefix("sha256:")
        .unwrap_or(text)
        .parse()
        .map_err(|error| format!("{error}; write the 64 hexadecimal digits of a sha256"))
}
