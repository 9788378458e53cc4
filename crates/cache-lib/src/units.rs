//! Sizes, rates and ages as people write them, and back.

use std::fmt;
use std::time::Duration;

pub use cache_core::Size;

use crate::{Error, ErrorKind, Result};

const SIZES: &[(&str, f64)] = &[
    ("", 1.0),
    ("b", 1.0),
    ("k", 1e3),
    ("kb", 1e3),
    ("kib", 1024.0),
    ("m", 1e6),
    ("mb", 1e6),
    ("mib", 1_048_576.0),
    ("g", 1e9),
    ("gb", 1e9),
    ("gib", 1_073_741_824.0),
    ("t", 1e12),
    ("tb", 1e12),
    ("tib", 1_099_511_627_776.0),
];

const AGES: &[(&str, u64)] = &[
    ("s", 1),
    ("sec", 1),
    ("m", 60),
    ("min", 60),
    ("h", 3600),
    ("d", 86_400),
    ("day", 86_400),
    ("days", 86_400),
    ("w", 7 * 86_400),
];

fn split(text: &str) -> (&str, String) {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..at], text[at..].trim().to_ascii_lowercase())
}

/// A size in bytes: `10GB` (10⁹), `1.5GiB` (2³⁰), `300 MB`, `4096`.
///
/// # Errors
/// [`ErrorKind::Usage`] for anything else, with examples.
pub fn parse_size(text: &str) -> Result<u64> {
    let nonsense = || {
        Error::new(ErrorKind::Usage, format!("{text:?} is not a size"))
            .with_hint("write a number and a unit: 500MB, 10GB (10^9 bytes), 1.5GiB (2^30 bytes)")
    };
    let (number, unit) = split(text.trim());
    let number: f64 = number.parse().map_err(|_| nonsense())?;
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(nonsense)?;
    let bytes = (number * factor).round();
    if !bytes.is_finite() || bytes >= 1.8e19 {
        return Err(nonsense());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "finite, positive and below 2^64")]
    let bytes = bytes as u64;
    Ok(bytes)
}

/// A rate in bytes a second: a size, optionally with `/s` behind it. `None` for `0`, `off` and `none`: no limit.
///
/// # Errors
/// [`ErrorKind::Usage`] for anything else, with examples.
pub fn parse_rate(text: &str) -> Result<Option<u64>> {
    let plain = text.trim();
    if ["off", "none"].iter().any(|word| plain.eq_ignore_ascii_case(word)) {
        return Ok(None);
    }
    let size = plain.strip_suffix("/s").or_else(|| plain.strip_suffix("ps")).unwrap_or(plain);
    let rate = parse_size(size).map_err(|_| {
        Error::new(ErrorKind::Usage, format!("{text:?} is not a rate"))
            .with_hint("write bytes a second: 50MB/s, 800kB/s, 1GiB/s, or off")
    })?;
    Ok(Some(rate).filter(|&rate| rate > 0))
}

/// An age: `30d`, `12h`, `90m`, `2w`, or several together (`1d12h`).
///
/// # Errors
/// [`ErrorKind::Usage`] for anything else, with examples.
pub fn parse_age(text: &str) -> Result<Duration> {
    let nonsense = || {
        Error::new(ErrorKind::Usage, format!("{text:?} is not an age"))
            .with_hint("write a number and a unit: 30d, 12h, 90m, 2w")
    };
    let mut rest = text.trim();
    let mut seconds = 0_u64;
    if rest.is_empty() {
        return Err(nonsense());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(nonsense)?;
        let number: u64 = rest[..digits].parse().map_err(|_| nonsense())?;
        let tail = rest[digits..].trim_start();
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let unit = tail[..end].to_ascii_lowercase();
        let (_, factor) = AGES.iter().find(|(name, _)| *name == unit).ok_or_else(nonsense)?;
        seconds = number.checked_mul(*factor).and_then(|more| seconds.checked_add(more)).ok_or_else(nonsense)?;
        rest = tail[end..].trim_start();
    }
    Ok(Duration::from_secs(seconds))
}

/// Prints a span of time for people, in its two largest units: `12 s`, `3 min 20 s`, `2 h 5 min`, `30 d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
        let Some(first) = units.iter().position(|(length, _)| seconds >= *length) else { return f.pad("0 s") };
        let (length, name) = units[first];
        let mut text = format!("{} {name}", seconds / length);
        if let Some((shorter, unit)) = units.get(first + 1) {
            let rest = seconds % length / shorter;
            if rest > 0 && seconds / length < 20 {
                text = format!("{text} {rest} {unit}");
            }
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_parsed_with_units() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("10GB", 10_000_000_000),
            ("10 gb", 10_000_000_000),
            ("1.5GiB", 1_610_612_736),
            ("300k", 300_000),
            ("2T", 2_000_000_000_000),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "GB", "ten", "-5GB", "5 furlongs", "1e3", "1.2.3", "99999999999999999999TB", "∞"] {
            let error = parse_size(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn rates_and_ages() {
        assert_eq!(parse_rate("50MB/s").unwrap(), Some(50_000_000));
        assert_eq!(parse_rate("1.5MiB").unwrap(), Some(1_572_864));
        assert_eq!(parse_rate("off").unwrap(), None);
        assert!(parse_rate("fast").is_err());
        assert_eq!(parse_age("30d").unwrap(), Duration::from_secs(30 * 86_400));
        assert_eq!(parse_age("1d12h").unwrap(), Duration::from_secs(36 * 3600));
        for text in ["", "d", "30", "30 years", "-1d", "99999999999999999999d"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_spans_are_formatted() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_999, "1.0 MB"),
            (4_235_000_000, "4.2 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (30 * 86_400, "30 d")]
        {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
