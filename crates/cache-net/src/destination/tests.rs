use tower::ServiceExt as _;

use super::*;
use crate::extensions::RequestExt as _;

fn to(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

#[test]
fn destination_shows_no_secrets() {
    let destination = Destination::of(&to("https://h/x?sig=hush")).unwrap();
    assert_eq!(destination.description(), "GET https://h/x");
    assert!(!format!("{destination:?}").contains("hush"));
    let error = Destination::of(&to("https://me:hush@h/x")).unwrap_err();
    assert!(!format!("{error:?}").contains("hush"));
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn uris_without_a_web_host_are_refused() {
    for uri in ["/x?sig=hush", "h:80", "ftp://h/x?sig=hush"] {
        let error = Destination::of(&to(uri)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{uri}");
        assert!(!format!("{error:?}").contains("hush"));
    }
}

#[test]
fn urls_survive_the_way_to_a_uri_and_back() {
    for text in [
        "https://h/",
        "https://h/a%20b/%C3%A9?x=1&y=%2F",
        "http://h:8080/x?",
        "http://[::1]:9/x|y^z[1]'(2)*!$~",
        "https://xn--bcher-kva.example/x?{a}",
    ] {
        let url = Url::parse(text).unwrap();
        assert_eq!(url_of(&uri_of(&Method::GET, &url).unwrap()).unwrap(), url, "{text}");
    }
    let uri = uri_of(&Method::GET, &Url::parse("https://h/x?y#part").unwrap()).unwrap();
    assert_eq!(uri.to_string(), "https://h/x?y");
}

#[test]
fn an_address_too_long_to_send_is_an_error() {
    let url = Url::parse(&format!("https://h/x?{}", "hush".repeat(20_000))).unwrap();
    let error = uri_of(&Method::GET, &url).unwrap_err();
    assert_eq!((error.kind(), error.host()), (ErrorKind::Usage, Some("h")));
    assert!(error.message().starts_with("GET https://h/x: ") && !format!("{error:?}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn an_outdated_destination_is_replaced() {
    let mut request = to("https://h/x");
    request.extensions_mut().insert(Destination::of(&to("https://other/x")).unwrap());
    let inner = tower::service_fn(|request: Request<()>| {
        std::future::ready(Ok::<_, Error>(request.destination().origin().clone()))
    });
    assert_eq!(DestinationLayer.layer(inner).oneshot(request).await.unwrap().host(), "h");
}
