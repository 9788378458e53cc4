//! Sending, repeating, following, limiting.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cache_core::{ErrorKind, RetryBudget};
use cache_net::{HttpClient, HttpRequest};
use futures::{FutureExt as _, StreamExt as _};
use http::{Method, StatusCode};

use crate::server::{Reply, Server};
use crate::{client, config};

#[tokio::test]
async fn response_has_status_headers_body_and_hops() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/a" => Reply::moved("/b?sig=hush").header("x-repo-commit", "c"),
        _ => Reply::new(200).header("etag", "\"t\"").body("{\"x\": 5}"),
    })
    .await;
    let response = client().send(HttpRequest::get(server.url("/a"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["etag"], "\"t\"");
    assert_eq!(response.hops()[0].headers["x-repo-commit"], "c");
    assert_eq!(response.url().path(), "/b");
    let value: std::collections::HashMap<String, u32> = response.json(100).await.unwrap();
    assert_eq!(value["x"], 5);
    let seen = server.seen();
    assert_eq!(seen[0].header("accept-encoding"), Some("identity"));
    assert!(seen[0].header("user-agent").unwrap().starts_with("model-cache/"));
}

#[tokio::test]
async fn transient_errors_share_one_retry_budget() {
    let count = AtomicU32::new(0);
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Reply::new(503),
        1 => Reply::new(429).header("ratelimit", "\"api\";r=0;t=0"),
        _ => Reply::new(200).body("here"),
    })
    .await;
    let budget = RetryBudget::new(3);
    let client = client();
    let ask = || client.send(HttpRequest::get(server.url("/x")).budget(budget.clone()));
    assert_eq!(ask().await.unwrap().bytes(100).await.unwrap(), "here");
    assert_eq!(budget.attempts(), 3);
    let error = ask().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Network, 2));
    assert!(error.message().contains("429"), "{error}");
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn post_is_not_retried() {
    let server = Server::start(|seen| Reply::new(seen.target[1..].parse().unwrap())).await;
    for status in [304, 400, 401, 403, 404, 405, 410, 412, 416, 501] {
        let response = client().send(HttpRequest::get(server.url(&format!("/{status}")))).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
    server.seen();
    let post = HttpRequest::new(Method::POST, server.url("/503")).body(Bytes::from_static(b""));
    assert!(!client().send(post).await.unwrap_err().is_retryable());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let server = Server::start(|_| Reply::moved("/again")).await;
    let error = client().send(HttpRequest::get(server.url("/x"))).await.unwrap_err();
    assert!(error.message().contains("more than 10 redirects"), "{error}");
    assert_eq!(server.seen().len(), 11);
}

#[tokio::test]
async fn the_place_at_a_host_is_held_by_the_body() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/moved" => Reply::moved("/short"),
        "/long" => Reply::new(200).header("content-length", "100").body("x").hang(),
        _ => Reply::new(200).body("short"),
    })
    .await;
    let mut config = config();
    config.max_per_host = 1;
    let client = HttpClient::new(config).unwrap();
    let mut long = client.send(HttpRequest::get(server.url("/long"))).await.unwrap().into_body();
    assert_eq!(long.next().await.unwrap().unwrap(), "x");
    let mut second = Box::pin(client.send(HttpRequest::get(server.url("/short"))));
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(server.seen().len(), 1);
    drop(long);
    let mut second = second.await.unwrap().into_body();
    while second.next().await.is_some() {}
    // The body has ended: its place is free although the stream is still here. A redirect needs only one at a time.
    client.send(HttpRequest::get(server.url("/moved"))).await.unwrap();
}

#[tokio::test]
async fn connections_are_used_again() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url::Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            let mut last = [0; 4];
            while last != *b"\r\n\r\n" {
                last.rotate_left(1);
                last[3] = stream.read_u8().await.unwrap();
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let client = client();
    for _ in 0..3 {
        let response = client.send(HttpRequest::get(url.clone())).await.unwrap();
        assert_eq!(response.bytes(10).await.unwrap(), "ok");
    }
    server.await.unwrap();
}

#[tokio::test]
async fn an_answer_longer_than_allowed_is_refused() {
    let server = Server::start(|_| Reply::new(200).body(vec![b'x'; 1000])).await;
    let response = client().send(HttpRequest::get(server.url("/x"))).await.unwrap();
    assert!(response.bytes(999).await.unwrap_err().message().contains("longer"));
    let response = client().send(HttpRequest::get(server.url("/x"))).await.unwrap();
    assert_eq!(response.bytes(1000).await.unwrap().len(), 1000);
}

#[tokio::test]
async fn plain_http_reads_no_certificates() {
    let server = Server::start(|_| Reply::new(200).body("here")).await;
    let mut config = config();
    config.ca_bundle = Some("/nonexistent/ca.pem".into());
    let response = HttpClient::new(config).unwrap().send(HttpRequest::get(server.url("/x"))).await.unwrap();
    assert_eq!(response.bytes(10).await.unwrap(), "here");
}

#[tokio::test]
async fn chunks_of_plain_http_are_small() {
    const LENGTH: usize = 8 << 20;
    let server = Server::start(|_| Reply::new(200).body(vec![7; LENGTH])).await;
    let mut body = client().send(HttpRequest::get(server.url("/x"))).await.unwrap().into_body();
    let mut rest = LENGTH;
    while let Some(chunk) = body.next().await {
        let length = chunk.unwrap().len();
        assert!(length <= 128 << 10, "{length}");
        rest -= length;
    }
    assert_eq!(rest, 0);
}

#[tokio::test]
async fn offline_no_connection_is_made() {
    let server = Server::start(|_| Reply::new(200)).await;
    let mut config = config();
    config.offline = true;
    config.connect_timeout = Duration::from_millis(1);
    let error = HttpClient::new(config).unwrap().send(HttpRequest::get(server.url("/x"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotCached);
    assert!(server.seen().is_empty());
}
