//! Each way to fail has its own words.

use std::time::Duration;

use cache_core::{Error, ErrorKind, Retry, RetryBudget};
use cache_net::{HttpClient, HttpConfig, HttpRequest, Proxies};
use futures::StreamExt as _;
use tokio::net::TcpListener;
use url::Url;

use crate::config;
use crate::proxies::{TARGET, run_child};
use crate::server::{Reply, Server};

/// The failure at this address, which is the same in the same words whichever client finds it.
async fn failure(url: Url) -> Error {
    let by_reqwest = by_reqwest(url.clone()).await;
    let error = fail(url, config()).await;
    let told = told(&error);
    assert!(by_reqwest.lines().any(|line| line.ends_with(&told)), "{told}\n{by_reqwest}");
    error
}

/// Fails in a process that has a proxy, if not for these hosts: there reqwest is asked, also for plain http.
async fn by_reqwest(url: Url) -> String {
    let proxy = ("HTTP_PROXY", "http://127.0.0.1:9".to_owned());
    let no_proxy = ("NO_PROXY", "127.0.0.1,no-such-host.invalid".to_owned());
    run_child("faults::child", url.into(), vec![proxy, no_proxy]).await
}

#[tokio::test]
async fn child() {
    let Ok(target) = std::env::var(TARGET) else { return };
    let mut config = config();
    config.proxies = Proxies::Environment;
    println!("{}", told(&fail(target.parse().unwrap(), config).await));
}

/// All that an error says, except what depends on who is faster: how a connection ends, and which of two rules something
/// breaks that speaks before it is asked.
fn told(error: &Error) -> String {
    let (host, hint, message) = (error.host(), error.hint(), error.message().replace("was reset", "was closed"));
    let message = message.split_inclusive("invalid response").next();
    format!("{:?} {host:?} {message:?} {hint:?} {:?}", error.kind(), error.retry())
}

async fn fail(url: Url, mut config: HttpConfig) -> Error {
    config.read_timeout = Duration::from_millis(200);
    config.connect_timeout = Duration::from_millis(150);
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
    assert!(error.message().contains("connection failed: ") && error.message().contains("refused"), "{error}");
    assert!(error.is_unreachable(), "{error:?}");
}

#[tokio::test]
async fn the_name_is_unknown() {
    let error = failure(Url::parse("http://no-such-host.invalid/x").unwrap()).await;
    assert!(error.message().contains("could not resolve host") && error.is_unreachable(), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_connection_does_not_come_about() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // As many as the queue takes; the next one is not answered.
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100));
    let queued: Vec<_> = std::iter::from_fn(|| connect().ok()).take(16).collect();
    assert!(queued.len() < 16);
    let error = failure(Url::parse(&format!("http://{address}/x")).unwrap()).await;
    assert!(error.message().contains("connection timed out after 0.15 s"), "{error}");
}

#[tokio::test]
async fn no_answer_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    let error = failure(url).await;
    assert!(error.message().contains("no response within 0.2 s"), "{error}");
}

#[tokio::test]
async fn a_request_that_times_out_counts_as_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    let client = crate::client();
    let send = async || {
        let request = HttpRequest::get(url.clone()).budget(RetryBudget::none()).timeout(Duration::from_millis(20));
        client.send(request).await.unwrap_err()
    };
    for _ in 0..10 {
        let error = send().await;
        assert!(error.message().contains("timed out: no response within 0.02 s"), "{error}");
    }
    let turned_away = send().await;
    assert!(turned_away.message().contains("skipped: too many recent failures"), "{turned_away}");
    assert!(!turned_away.is_rate_limited());
}

#[tokio::test]
async fn too_many_requests_are_told_from_trouble() {
    let server = Server::start(|seen| {
        let status = if seen.target == "/429" { 429 } else { 503 };
        Reply::new(status).header("retry-after", "9")
    })
    .await;
    let send = async |path: &str| {
        let request = HttpRequest::get(server.url(path)).budget(RetryBudget::none());
        crate::client().send(request).await.unwrap_err()
    };
    let (limited, busy) = (send("/429").await, send("/503").await);
    assert!(limited.is_rate_limited() && !busy.is_rate_limited());
    assert_eq!((limited.retry(), busy.retry()), (Retry::After(Duration::from_secs(9)), limited.retry()));
}

#[tokio::test]
async fn the_connection_is_closed_without_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/x", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let error = failure(url).await;
    let said = ["was closed before the response", "was reset before the response"];
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
    assert!(error.message().contains("invalid response"), "{error}");
}

#[tokio::test]
async fn the_head_has_no_end() {
    let server = Server::start(|_| Reply::new(200).header("x", &"x".repeat(1 << 20))).await;
    let error = failure(server.url("/x")).await;
    assert!(error.message().contains("invalid response: message head is too large"), "{error}");
}

#[tokio::test]
async fn plain_http_bears_heads_of_a_buffer() {
    let server = Server::start(|seen| {
        let length: usize = seen.target[1..].parse().unwrap();
        Reply::new(200).header("x", &"x".repeat(length))
    })
    .await;
    let error = fail(server.url("/200000"), config()).await;
    assert!(error.message().contains("head is too large"), "{error}");
    let response = crate::client().send(HttpRequest::get(server.url("/60000"))).await.unwrap();
    assert_eq!(response.headers()["x"].len(), 60_000);
}

#[tokio::test]
async fn the_body_ends_too_early() {
    let server = Server::start(|_| Reply::new(200).header("content-length", "100").body("x")).await;
    let error = failure(server.url("/x")).await;
    assert!(error.message().contains("closed during the download"), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn the_body_stops() {
    let server = Server::start(|_| Reply::new(200).header("content-length", "100").body("x").hang()).await;
    let error = failure(server.url("/x")).await;
    assert!(error.message().contains("stalled for 0.2 s"), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn the_server_has_trouble() {
    let server = Server::start(|_| Reply::new(503)).await;
    let error = failure(server.url("/x")).await;
    assert!(error.message().contains("503"), "{error}");
}
