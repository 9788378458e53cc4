//! Redirects that were changed at random: an address, a line break, and the `Location` that its server sends.

use std::time::Duration;

use cache_testkit::Fuzz;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::HttpRequest;
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
        let Some(Ok(mut here)) = base.map(|url| HttpRequest::get(url).build()) else {
            return "no base".to_owned();
        };
        let Ok(destination) = Destination::of(&here) else { return "no base".to_owned() };
        here.extensions_mut().insert(destination);
        let Ok(location) = HeaderValue::from_bytes(location) else { return "no header".to_owned() };
        let url = url_of(here.uri()).unwrap();
        let context = BodyContext { what: "x".into(), url: url.clone() };
        let body = IdleBody::new(reqwest::Body::from(""), Duration::from_secs(1), context);
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::FOUND;
        *response.headers_mut() = HeaderMap::from_iter([(header::LOCATION, location)]);
        let target = match target_of(&here, &url, &response) {
            Ok(Some(target)) => target,
            Ok(None) => return "none".to_owned(),
            Err(refused) => return format!("{refused:?}"),
        };
        assert!(matches!(target.scheme(), "http" | "https") && target.has_host(), "{target}");
        assert!(url.scheme() == "http" || target.scheme() == "https", "{url} {target}");
        assert!(target.username().is_empty() && target.password().is_none(), "{target}");
        let same = Origin::of(&target).unwrap() == *here.destination().origin();
        here.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer hush"));
        let request = match next(here, &target, false) {
            Ok(request) => request,
            Err(error) if error.kind() == ErrorKind::Usage => return "not sendable".to_owned(),
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(url_of(request.uri()).unwrap(), target);
        assert_eq!(request.headers().contains_key(header::AUTHORIZATION), same, "{}", request.uri());
        assert!(same || request.reach() == Reach::Public);
        assert_eq!(*request.destination().origin(), Origin::of(&target).unwrap());
        format!("followed {same} {}", request.destination().origin().scheme())
    });
    assert!(fuzzed.outcomes >= 5, "{fuzzed:?}");
}
