//! Redirects that were changed at random: an address, a line break, and the `Location` that its server sends.

use std::time::Duration;

use cache_testkit::Fuzz;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::error::BodyContext;
use crate::idle::IdleBody;

const WORDS: &[&str] = &[
    "http://",
    "https://",
    "//",
    "/",
    "..",
    "?",
    "#",
    "@",
    ":",
    "%00",
    "%2f",
    "\\",
    "file:///",
    "[::1]",
    "127.0.0.1",
    "0x7f.1",
    "169.254.169.254",
    "localhost",
    ":443",
    "user:pw@",
    "javascript:",
    "\n",
    "é",
    "xn--",
    "data:,",
];

#[test]
fn mutated_redirects_stay_on_the_web() {
    let fuzzed = Fuzz::new("redirect", WORDS).run(|input| {
        let end = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
        let location = input.get(end + 1..).unwrap_or_default();
        let base = std::str::from_utf8(&input[..end]).ok().and_then(|text| Url::parse(text).ok());
        let Some(Ok(here)) = base.map(|url| PreparedRequest::new(HttpRequest::get(url))) else {
            return "no base".to_owned();
        };
        let Ok(location) = HeaderValue::from_bytes(location) else { return "no header".to_owned() };
        let url = here.request().url.clone();
        let context = BodyContext { what: "x".into(), host: String::new() };
        let body = IdleBody::new(reqwest::Body::from(""), Duration::from_secs(1), context);
        let headers = HeaderMap::from_iter([(header::LOCATION, location)]);
        let response = HttpResponse::new(StatusCode::FOUND, headers, url.clone(), body);
        let target = match target_of(&here, &response) {
            Ok(Some(target)) => target,
            Ok(None) => return "none".to_owned(),
            Err(refused) => return format!("{refused:?}"),
        };
        assert!(matches!(target.scheme(), "http" | "https") && target.has_host(), "{target}");
        assert!(url.scheme() == "http" || target.scheme() == "https", "{url} {target}");
        assert!(target.username().is_empty() && target.password().is_none(), "{target}");
        let same = Origin::of(&target).unwrap() == *here.origin();
        let mut signed = here.into_request();
        signed.headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer hush"));
        let request = next(PreparedRequest::new(signed).unwrap(), target, false);
        assert_eq!(request.headers.contains_key(header::AUTHORIZATION), same, "{}", request.url);
        assert!(same || request.reach == Reach::Public);
        let checked = PreparedRequest::new(request).unwrap();
        format!("followed {same} {}", checked.origin().scheme())
    });
    assert!(fuzzed.outcomes >= 5, "{fuzzed:?}");
}
