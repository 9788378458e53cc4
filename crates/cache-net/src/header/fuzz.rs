//! Headers of parts that were changed at random.

use cache_testkit::Fuzz;

use super::*;

const WORDS: &[&str] = &["bytes", " ", "-", "/", "*", "=", ",", "0", "+", "\t", "W/", "\"", "items"];

#[test]
fn mutated_ranges_make_sense_or_are_none() {
    let fuzzed = Fuzz::new("content-range", WORDS).run(|input| {
        let Ok(value) = HeaderValue::from_bytes(input) else { return "no header".to_owned() };
        let mut headers = HeaderMap::new();
        for name in [header::CONTENT_RANGE, header::ETAG, header::LAST_MODIFIED, header::DATE, header::ACCEPT_RANGES] {
            headers.insert(name, value.clone());
        }
        let _ = (strong_modified(&headers), accepts_ranges(&headers), number(&value));
        if let Some(tag) = strong_etag(&headers) {
            assert!(!tag.is_empty() && !tag.contains('"'), "{tag}");
        }
        match content_range(&headers) {
            None => "none".to_owned(),
            Some(ContentRange { range: None, size }) => {
                assert!(size.is_some());
                "size".to_owned()
            }
            Some(ContentRange { range: Some(range), size }) => {
                assert!(!range.is_empty() && size.is_none_or(|size| range.end <= size), "{range:?} {size:?}");
                format!("range {}", size.is_some())
            }
        }
    });
    assert!(fuzzed.outcomes >= 4, "{fuzzed:?}");
}
