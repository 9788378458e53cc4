//! Tokens go to their own scheme, host and port, and nowhere else; nothing prints them.

use cache_net::{Credentials, HttpClient, HttpRequest, Origin, Secret};
use http::{HeaderValue, header};

use crate::client;
use crate::server::{Reply, Server};

const TOKEN: &str = "hf_hush";

fn signed(client: HttpClient, server: &Server) -> HttpClient {
    client.with_credentials(Credentials::new().add(Origin::of(&server.url("/")).unwrap(), Secret::new(TOKEN)))
}

async fn ask(client: &HttpClient, server: &Server) {
    client.send(HttpRequest::get(server.url("/a?X-Amz-Signature=hush"))).await.unwrap();
}

#[tokio::test]
async fn token_stays_off_cross_origin_redirect() {
    let cdn = Server::start(|_| Reply::new(200)).await;
    let port = cdn.address().port();
    for target in [cdn.url("/x"), format!("http://localhost:{port}/x").parse().unwrap()] {
        let hub = Server::start(move |_| Reply::moved(target.as_str())).await;
        ask(&signed(client(), &hub), &hub).await;
        assert_eq!(hub.seen()[0].header("authorization"), Some("Bearer hf_hush"));
        let seen = cdn.seen();
        assert_eq!((seen.len(), seen[0].header("authorization")), (1, None));
    }
}

#[tokio::test]
async fn a_token_given_by_hand_does_not_follow_either() {
    let cdn = Server::start(|_| Reply::new(200)).await;
    let target = cdn.url("/x");
    let hub = Server::start(move |_| Reply::moved(target.as_str())).await;
    let request = HttpRequest::get(hub.url("/a"))
        .header(header::AUTHORIZATION, HeaderValue::from_static("Bearer hf_hush"))
        .header(header::COOKIE, HeaderValue::from_static("session=hush"));
    client().send(request).await.unwrap();
    let seen = cdn.seen();
    assert_eq!((seen[0].header("authorization"), seen[0].header("cookie")), (None, None));
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn a_token_does_not_cross_schemes() {
    let mut config = crate::config();
    config.ca_bundle = Some(crate::tls::bundle());
    let secure = Server::start_tls(|_| Reply::new(200)).await;
    let target = secure.url("/x");
    let plain = Server::start(move |_| Reply::moved(target.as_str())).await;
    ask(&signed(HttpClient::new(config).unwrap(), &plain), &plain).await;
    assert_eq!(secure.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn token_follows_same_origin_redirect() {
    let hub =
        Server::start(|seen| if seen.target.starts_with("/a") { Reply::moved("/b") } else { Reply::new(200) }).await;
    ask(&signed(client(), &hub), &hub).await;
    assert!(hub.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer hf_hush")));
}

#[tokio::test]
async fn errors_show_neither_token_nor_signature() {
    let hub = Server::start(|_| Reply::moved("ftp://x/?sig=hush")).await;
    let dead = "http://127.0.0.1:1/x?sig=hush".parse().unwrap();
    let client = signed(client(), &hub);
    for url in [hub.url("/a?sig=hush"), dead] {
        let error = client.send(HttpRequest::get(url)).await.unwrap_err();
        let mut cause = std::error::Error::source(&error);
        let mut shown = format!("{error} {error:?} {:?} {:?}", error.hint(), error.host());
        while let Some(error) = cause {
            shown += &format!("{error} {error:?}");
            cause = error.source();
        }
        assert!(!shown.contains("hush"), "{shown}");
    }
}

#[tokio::test]
async fn invalid_token_is_reported() {
    let hub = Server::start(|_| Reply::new(200)).await;
    let origin = Origin::of(&hub.url("/")).unwrap();
    let client = client().with_credentials(Credentials::new().add(origin, Secret::new("hush\nhush")));
    let error = client.send(HttpRequest::get(hub.url("/"))).await.unwrap_err();
    assert_eq!(error.kind(), cache_core::ErrorKind::Usage);
    assert!(!format!("{error:?}").contains("hush"));
    assert!(hub.seen().is_empty());
}
