use std::time::Duration;

use futures::TryStreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::*;
use crate::error::BodyContext;
use crate::idle::IdleBody;

fn response(status: u16, headers: &[(&'static str, &str)]) -> HttpResponse {
    let pairs =
        headers.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
    let context = BodyContext { what: "x".into(), url: Url::parse("https://h/x?sig=hush").unwrap() };
    let body = IdleBody::new(reqwest::Body::from("hello"), Duration::from_secs(1), context);
    let mut response = http::Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = HeaderMap::from_iter(pairs);
    HttpResponse::new(response)
}

fn read(status: u16, headers: &[(&'static str, &str)]) -> Result<Body> {
    read_for(Some(ByteRange { start: 5, end: 10 }), status, headers)
}

fn read_for(requested: Option<ByteRange>, status: u16, headers: &[(&'static str, &str)]) -> Result<Body> {
    body_of(response(status, headers), requested)
}

#[tokio::test]
async fn a_part_starts_where_the_server_says() {
    let body = read(206, &[("content-range", "bytes 2-6/9"), ("content-length", "5"), ("etag", "\"t\"")]).unwrap();
    assert_eq!((body.start, body.end, body.size, body.ranges), (2, Some(7), Some(9), true));
    assert_eq!((body.etag.as_deref(), body.host.as_str()), (Some("t"), "h"));
    let bytes: Vec<_> = body.stream.try_collect().await.unwrap();
    assert_eq!(bytes.concat(), b"hello");
}

#[tokio::test]
async fn a_200_to_a_range_is_the_whole() {
    let headers =
        [("content-length", "5"), ("accept-ranges", "bytes"), ("etag", "W/\"t\""), ("content-encoding", "identity")];
    let body = read_for(None, 200, &headers).unwrap();
    assert_eq!((body.start, body.end, body.size, body.ranges, body.etag), (0, Some(5), Some(5), true, None));
    let part = |start, end| read_for(Some(ByteRange { start, end }), 200, &headers).unwrap().ranges;
    assert!(part(0, 5), "the whole is what was asked for");
    assert!(!part(0, 4) && !part(1, 5), "ranges are announced and not served");
    let body = read(200, &[]).unwrap();
    assert_eq!((body.start, body.end, body.size, body.ranges), (0, None, None, false));
}

#[tokio::test]
async fn answers_that_cannot_be_placed_are_refused() {
    for headers in [
        &[][..],
        &[("content-range", "bytes 9-5/10")],
        &[("content-range", "bytes */10")],
        &[("content-type", "multipart/byteranges; boundary=x")],
        &[("content-range", "bytes 0-9/10"), ("content-length", "5")],
        &[("content-range", "bytes 0-4/10"), ("content-encoding", "gzip")],
    ] {
        let error = read(206, headers).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{headers:?}");
        assert!(!format!("{error:?}").contains("hush"));
    }
    assert_eq!(read(200, &[("content-encoding", "gzip")]).unwrap_err().kind(), ErrorKind::Network);
}

#[tokio::test]
async fn statuses_become_kinds() {
    for (status, kind, again) in [
        (416, ErrorKind::Integrity, true),
        (404, ErrorKind::NotFound, false),
        (401, ErrorKind::Unauthorized, false),
        (403, ErrorKind::Unauthorized, false),
        (412, ErrorKind::Network, false),
        (304, ErrorKind::Network, true),
        (204, ErrorKind::Network, true),
    ] {
        let error = read(status, &[]).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (kind, again), "{status}");
    }
}
