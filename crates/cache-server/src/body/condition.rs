//! Whether a request still applies to the file there is (RFC 9110, 13).

use http::HeaderMap;
use http::header::{self, HeaderName};

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer it.
    Go,
    /// The client has it already: 304.
    NotModified,
    /// The client meant another content: 412.
    Failed,
}

/// Weighs `If-Match` and `If-None-Match` against the strong tag, which carries its quotes.
pub(crate) fn verdict(headers: &HeaderMap, etag: &str) -> Verdict {
    if headers.contains_key(header::IF_MATCH) && !listed(headers, &header::IF_MATCH, |tag| tag == etag) {
        return Verdict::Failed;
    }
    if listed(headers, &header::IF_NONE_MATCH, |tag| tag.strip_prefix("W/").unwrap_or(tag) == etag) {
        return Verdict::NotModified;
    }
    Verdict::Go
}

/// Whether a `Range` is to be heard: without `If-Range`, or when that names this very content. A date never does:
/// files have none here.
pub(crate) fn range_holds(headers: &HeaderMap, etag: &str) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|tag| tag.as_bytes().trim_ascii() == etag.as_bytes())
}

/// Whether a list of tags, in one header or several, is `*` or has one that is meant. Our own tags have no commas.
fn listed(headers: &HeaderMap, name: &HeaderName, meant: impl Fn(&str) -> bool) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || meant(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), http::HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn tags_are_compared_as_the_standard_says() {
        for (values, expected) in [
            (&["\"a\""][..], Verdict::NotModified),
            (&["W/\"a\""], Verdict::NotModified),
            (&["\"b\", \"a\""], Verdict::NotModified),
            (&["\"b\"", "\"a\""], Verdict::NotModified),
            (&["*"], Verdict::NotModified),
            (&["\"b\""], Verdict::Go),
            (&["a"], Verdict::Go),
            (&[], Verdict::Go),
        ] {
            assert_eq!(verdict(&headers(&header::IF_NONE_MATCH, values), "\"a\""), expected, "{values:?}");
        }
        for (values, expected) in [
            (&["\"a\""][..], Verdict::Go),
            (&["*"], Verdict::Go),
            (&["W/\"a\""], Verdict::Failed),
            (&["\"b\""], Verdict::Failed),
        ] {
            assert_eq!(verdict(&headers(&header::IF_MATCH, values), "\"a\""), expected, "{values:?}");
        }
        for (value, holds) in
            [("\"a\"", true), ("W/\"a\"", false), ("\"b\"", false), ("Mon, 01 Jan 2024 00:00:00 GMT", false)]
        {
            assert_eq!(range_holds(&headers(&header::IF_RANGE, &[value]), "\"a\""), holds, "{value}");
        }
        assert!(range_holds(&HeaderMap::new(), "\"a\""));
    }
}
