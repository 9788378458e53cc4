//! Header values, parsed strictly.

use std::time::Duration;

use cache_core::ByteRange;
use http::{HeaderMap, HeaderValue, header};

/// A number in decimal digits and nothing else.
pub(crate) fn number(value: &HeaderValue) -> Option<u64> {
    digits(value.to_str().ok()?.trim())
}

pub(crate) fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The strong entity tag, quotes removed. A weak one names no bytes.
pub(crate) fn strong_etag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(header::ETAG)?.to_str().ok()?.trim();
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    (!tag.is_empty() && !tag.contains('"')).then(|| tag.to_owned())
}

/// Least age of a `Last-Modified` that names one state of a file: beyond the clock's resolution and its error
/// (RFC 9110, 8.8.2.2).
const STRONG_AGE: Duration = Duration::from_secs(60);

/// `Last-Modified`, where it is a strong validator: older than the answer's own `Date` by a minute.
pub(crate) fn strong_modified(headers: &HeaderMap) -> Option<&str> {
    let date = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::trim);
    let modified = date(header::LAST_MODIFIED)?;
    let parsed = httpdate::parse_http_date(modified).ok()?;
    let answered = httpdate::parse_http_date(date(header::DATE)?).ok()?;
    answered.duration_since(parsed).is_ok_and(|age| age >= STRONG_AGE).then_some(modified)
}

/// Whether the server says that it serves ranges.
pub(crate) fn accepts_ranges(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_RANGES).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|unit| unit.trim().eq_ignore_ascii_case("bytes"))
}

/// A parsed `Content-Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// The bytes that follow; `None` in a 416.
    pub(crate) range: Option<ByteRange>,
    /// The size of the whole, if the server knows it.
    pub(crate) size: Option<u64>,
}

/// `bytes 0-9/10`, `bytes 0-9/*` or `bytes */10`, and nothing that contradicts itself.
pub(crate) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let mut values = headers.get_all(header::CONTENT_RANGE).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (unit, rest) = value.trim().split_once(' ')?;
    let (range, size) = rest.trim().split_once('/')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let size = if size == "*" { None } else { Some(digits(size)?) };
    if range == "*" {
        return size.map(|size| ContentRange { range: None, size: Some(size) });
    }
    let (first, last) = range.split_once('-')?;
    let (start, end) = (digits(first)?, digits(last)?.checked_add(1)?);
    let sound = start < end && size.is_none_or(|size| end <= size);
    sound.then_some(ContentRange { range: Some(ByteRange { start, end }), size })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn content_ranges_that_make_sense() {
        let parse = |text| content_range(&headers(header::CONTENT_RANGE, text));
        let range = |start, end| Some(ByteRange { start, end });
        assert_eq!(parse("bytes 0-9/10"), Some(ContentRange { range: range(0, 10), size: Some(10) }));
        assert_eq!(parse("Bytes 5-5/*"), Some(ContentRange { range: range(5, 6), size: None }));
        assert_eq!(parse("bytes */10"), Some(ContentRange { range: None, size: Some(10) }));
        for bad in [
            "",
            "bytes",
            "bytes 0-9",
            "bytes 9-0/10",
            "bytes 0-10/10",
            "bytes -5/10",
            "bytes 0-/10",
            "bytes +0-9/10",
            "items 0-9/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-99999999999999999999/*",
            "bytes */*",
            "bytes 0-9/10, bytes 0-9/10",
            "bytes=0-9/10",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn two_content_ranges_are_none() {
        let mut twice = headers(header::CONTENT_RANGE, "bytes 0-9/10");
        twice.append(header::CONTENT_RANGE, HeaderValue::from_static("bytes 5-9/10"));
        assert_eq!(content_range(&twice), None);
    }

    #[test]
    fn only_strong_tags_count() {
        let tag = |text| strong_etag(&headers(header::ETAG, text));
        assert_eq!(tag("\"abc\"").as_deref(), Some("abc"));
        for weak in ["W/\"abc\"", "abc", "\"\"", "\"a\"b\"", "\""] {
            assert_eq!(tag(weak), None, "{weak}");
        }
    }

    #[test]
    fn a_last_modified_is_strong_after_a_minute() {
        let dates = |modified: &str, answered: Option<&str>| {
            let mut headers = headers(header::LAST_MODIFIED, modified);
            if let Some(date) = answered {
                headers.insert(header::DATE, HeaderValue::from_str(date).unwrap());
            }
            strong_modified(&headers).map(str::to_owned)
        };
        let modified = "Fri, 20 Nov 2026 06:00:00 GMT";
        assert_eq!(dates(modified, Some("Fri, 20 Nov 2026 06:01:00 GMT")).as_deref(), Some(modified));
        for young in [Some("Fri, 20 Nov 2026 06:00:59 GMT"), Some("Fri, 20 Nov 2026 05:00:00 GMT"), None] {
            assert_eq!(dates(modified, young), None, "{young:?}");
        }
        assert_eq!(dates("yesterday", Some("Fri, 20 Nov 2026 06:01:00 GMT")), None);
    }

    #[test]
    fn lengths_are_digits() {
        assert_eq!(digits("10"), Some(10));
        for bad in ["", "-1", "+1", "1 ", "0x1", "1,1", "99999999999999999999"] {
            assert_eq!(digits(bad), None, "{bad}");
        }
    }
}
