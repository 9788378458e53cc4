//! Whether a request still applies to the file there is (RFC 9110, 13).

use http::HeaderMap;
use http::header::{self, HeaderName};

/// Result of a request's conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// The request is answered.
    Go,
    /// The client has it already: 304.
    NotModified,
    /// The client names another content: 412.
    Failed,
}

/// Weighs `If-Match` and `If-None-Match` against the strong tag, which carries its quotes.
pub(crate) fn precondition(headers: &HeaderMap, etag: &str) -> Precondition {
    if headers.contains_key(header::IF_MATCH) && !listed(headers, &header::IF_MATCH, |tag| tag == etag) {
        return Precondition::Failed;
    }
    if listed(headers, &header::IF_NONE_MATCH, |tag| tag.strip_prefix("W/").unwrap_or(tag) == etag) {
        return Precondition::NotModified;
    }
    Precondition::Go
}

/// Whether a `Range` applies: without `If-Range`, or when that names this content. A date never does:
/// files have none here.
pub(crate) fn range_holds(headers: &HeaderMap, etag: &str) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|tag| tag.as_bytes().trim_ascii() == etag.as_bytes())
}

/// Whether a list of tags, in one header or several, is `*` or has a matching one. Our own tags have no commas.
fn listed(headers: &HeaderMap, name: &HeaderName, matches: impl Fn(&str) -> bool) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || matches(tag))
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
            (&["\"a\""][..], Precondition::NotModified),
            (&["W/\"a\""], Precondition::NotModified),
            (&["\"b\", \"a\""], Precondition::NotModified),
            (&["\"b\"", "\"a\""], Precondition::NotModified),
            (&["*"], Precondition::NotModified),
            (&["\"b\""], Precondition::Go),
            (&["a"], Precondition::Go),
            (&[], Precondition::Go),
        ] {
            assert_eq!(precondition(&headers(&header::IF_NONE_MATCH, values), "\"a\""), expected, "{values:?}");
        }
        for (values, expected) in [
            (&["\"a\""][..], Precondition::Go),
            (&["*"], Precondition::Go),
            (&["W/\"a\""], Precondition::Failed),
            (&["\"b\""], Precondition::Failed),
        ] {
            assert_eq!(precondition(&headers(&header::IF_MATCH, values), "\"a\""), expected, "{values:?}");
        }
        for (value, holds) in
            [("\"a\"", true), ("W/\"a\"", false), ("\"b\"", false), ("Mon, 01 Jan 2024 00:00:00 GMT", false)]
        {
            assert_eq!(range_holds(&headers(&header::IF_RANGE, &[value]), "\"a\""), holds, "{value}");
        }
        assert!(range_holds(&HeaderMap::new(), "\"a\""));
    }
}
