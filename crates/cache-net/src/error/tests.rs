use std::time::Duration;

use super::*;
use http::HeaderValue;

fn judge(status: u16, headers: &[(&'static str, &'static str)]) -> Option<Error> {
    let request = http::Request::get("https://h/x?sig=hush").body(()).unwrap();
    let destination = Destination::of(&request).unwrap();
    let headers = headers.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    of_status(StatusCode::from_u16(status).unwrap(), &headers.collect(), &destination)
}

#[test]
fn transient_statuses_become_errors() {
    for status in [200, 206, 301, 304, 400, 401, 403, 404, 405, 410, 412, 416, 501, 505] {
        assert!(judge(status, &[]).is_none(), "{status}");
    }
    for status in [408, 500, 502, 503, 504, 520] {
        assert_eq!(judge(status, &[]).unwrap().retry(), Retry::Backoff, "{status}");
    }
}

#[test]
fn a_host_that_names_a_time_is_believed() {
    let after = |seconds| Retry::After(Duration::from_secs(seconds));
    assert_eq!(judge(429, &[("ratelimit", "\"api\";r=0;t=55")]).unwrap().retry(), after(55));
    assert_eq!(judge(503, &[("retry-after", "7")]).unwrap().retry(), after(7));
    assert_eq!(judge(429, &[]).unwrap().retry(), after(0));
    let error = judge(429, &[]).unwrap();
    assert!(error.message().contains("429") && error.hint().unwrap().contains("token"));
    assert!(!format!("{error:?}").contains("hush"));
    let limited = judge(429, &[("retry-after", "540")]).unwrap();
    assert!(limited.message().contains("rate limited (429) until ") && limited.message().contains("(in 9 min)"));
    let busy = judge(503, &[("retry-after", "540")]).unwrap();
    assert!(busy.message().contains("503") && busy.message().contains("(in 9 min)"), "{busy}");
}
