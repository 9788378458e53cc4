//! Each way to fail has its own words.

use std::time::Duration;

use cache_core::{Error, ErrorKind, RetryBudget};
use cache_net::{HttpClient, HttpRequest};
use futures::StreamExt as _;
use tokio::net::TcpListener;
use url::Url;

use crate::config;
use crate::server::{Reply, Server};

async fn failure(url: Url) -> Error {
    let mut config = config();
    config.read_timeout = Duration::from_millis(200);
    let client = HttpClient::new(config).unwrap();
    let error = match client.send(HttpRequest::get(url).budget(RetryBudget::new(1))).await {
        Err(error) => {
            assert_eq!(error.attempts(), 2, "{error:?}");
            error
        }
        Ok(response) => response.into_body().filter_map(|chunk| async { chunk.err() }).boxed().next().await.unwrap(),
    };
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.host().is_some() && error.hint().is_some(), "{error:?}");
    error
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let error = failure(url).await;
    assert!(error.message().contains("no connection: ") && error.message().contains("refused"), "{error}");
}

#[tokio::test]
async fn the_name_is_unknown() {
    let error = failure(Url::parse("http://no-such-host.invalid/x").unwrap()).await;
    assert!(error.message().contains("looked up"), "{error}");
}

#[tokio::test]
async fn no_answer_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    let error = failure(url).await;
    assert!(error.message().contains("no answer within 0.2 s"), "{error}");
}

#[tokio::test]
async fn the_connection_is_closed_without_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let error = failure(url).await;
    let said = ["was closed before the answer", "was reset before the answer"];
    assert!(said.iter().any(|said| error.message().contains(said)), "{error}");
}

#[tokio::test]
async fn something_that_is_no_web_server_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.writable().await.unwrap();
            stream.try_write(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap();
            std::mem::forget(stream);
        }
    });
    let error = failure(url).await;
    assert!(error.message().contains("no usable answer"), "{error}");
}

#[tokio::test]
async fn the_body_ends_too_early() {
    let server = Server::start(|_| Reply::new(200).header("content-length", "100").body("x")).await;
    let error = failure(server.url("/x")).await;
    assert!(error.message().contains("closed in the middle of the body"), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn the_body_stops() {
    let server = Server::start(|_| Reply::new(200).header("content-length", "100").body("x").hang()).await;
    let error = failure(server.url("/x")).await;
    assert!(error.message().contains("stopped for 0.2 s"), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn the_server_has_trouble() {
    let server = Server::start(|_| Reply::new(503)).await;
    let error = failure(server.url("/x")).await;
    assert!(error.message().contains("503"), "{error}");
}
