//! Proxies by environment variables. Each case runs in a process of its own, because variables belong to processes.

use std::process::Command;

use cache_net::{HttpClient, HttpConfig, HttpRequest};

use crate::server::{Reply, Server};

/// Names the address that the child is to ask.
pub(crate) const TARGET: &str = "CACHE_NET_TEST_TARGET";

/// Has the child take the defaults, which know no environment.
const PLAIN: &str = "CACHE_NET_TEST_PLAIN";

/// Asks the address in the environment, as the environment says, and prints what came.
#[tokio::test]
async fn child() {
    let Ok(target) = std::env::var(TARGET) else { return };
    let plain = std::env::var_os(PLAIN).is_some();
    let mut config = if plain { HttpConfig::default() } else { HttpConfig::from_env() };
    config.retry.base = std::time::Duration::from_millis(1);
    let client = HttpClient::new(config).unwrap();
    match client.send(HttpRequest::get(target.parse().unwrap())).await {
        Ok(response) => println!("answer {:?}", response.bytes(100).await.unwrap()),
        Err(error) => println!("failure {error:?}"),
    }
}

/// Runs the child with these variables and gives what it printed.
async fn run(target: String, variables: Vec<(&'static str, String)>) -> String {
    run_child("proxies::child", target, variables).await
}

/// Runs one test in a process of its own.
pub(crate) async fn run_child(test: &'static str, target: String, variables: Vec<(&'static str, String)>) -> String {
    let run = move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(TARGET, target);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        String::from_utf8(command.envs(variables).output().unwrap().stdout).unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn proxy() -> (Server, String) {
    let proxy = Server::start(|_| Reply::new(200).body("by proxy")).await;
    let address = format!("http://me:hush@{}", proxy.address());
    (proxy, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn http_goes_to_the_proxy_in_absolute_form() {
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let (proxy, address) = proxy().await;
        let shown = run("http://hub.example/x".to_owned(), vec![(name, address)]).await;
        assert!(shown.contains("by proxy"), "{name}: {shown}");
        let seen = proxy.seen();
        assert_eq!(seen[0].target, "http://hub.example/x");
        assert!(seen[0].header("proxy-authorization").is_some());
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test(flavor = "multi_thread")]
async fn https_asks_the_proxy_for_a_tunnel() {
    let (proxy, address) = proxy().await;
    let shown = run("https://hub.example/x".to_owned(), vec![("HTTPS_PROXY", address)]).await;
    let seen = proxy.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("CONNECT", "hub.example:443"));
    assert!(shown.contains("failure") && !shown.contains("hush"), "{shown}");
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_named() {
    let proxy = Server::start(|_| Reply::new(407)).await;
    let address = format!("http://{}", proxy.address());
    let shown = run("https://hub.example/x".to_owned(), vec![("HTTPS_PROXY", address)]).await;
    assert!(shown.contains("proxy refused the connection") && shown.contains("HTTPS_PROXY"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_proxy_is_named_without_its_secrets() {
    for (name, value) in [
        ("http_proxy", "http://hush:hu#sh@proxy.example:1"),
        ("HTTP_PROXY", "hush:hu/sh@proxy.example:1"),
        ("ALL_PROXY", "http://hush#hush:hush@proxy.example"),
    ] {
        let server = Server::start(|_| Reply::new(200).body("direct")).await;
        let shown = run(server.url("/x").into(), vec![(name, value.to_owned())]).await;
        assert!(shown.contains(&format!("{name}: the proxy's URL is not valid")), "{value}: {shown}");
        assert!(!shown.contains("hush") && !shown.contains("sh@"), "{value}: {shown}");
        assert!(server.seen().is_empty(), "{value}: the server was asked without the proxy");
        // What goes to no proxy is not kept from it.
        let exempt = vec![(name, value.to_owned()), ("NO_PROXY", "127.0.0.1".to_owned())];
        let shown = run(server.url("/x").into(), exempt).await;
        assert!(shown.contains("direct"), "{value}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_knows_no_environment() {
    let server = Server::start(|_| Reply::new(200).body("direct")).await;
    let (proxy, address) = proxy().await;
    let shown = run(server.url("/x").into(), vec![("HTTP_PROXY", address), (PLAIN, "1".to_owned())]).await;
    assert!(shown.contains("direct"), "{shown}");
    assert!(proxy.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_honoured() {
    let server = Server::start(|_| Reply::new(200).body("direct")).await;
    let (proxy, address) = proxy().await;
    let no_proxy = ("NO_PROXY", "127.0.0.1,localhost".to_owned());
    let shown = run(server.url("/x").into(), vec![("HTTP_PROXY", address), no_proxy]).await;
    assert!(shown.contains("direct"), "{shown}");
    assert!(proxy.seen().is_empty());
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test(flavor = "multi_thread")]
async fn certificates_by_variable() {
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
        let server = Server::start_tls(|_| Reply::new(200).body("secure")).await;
        let bundle = crate::tls::bundle().to_str().unwrap().to_owned();
        let shown = run(server.url("/x").into(), vec![(name, bundle)]).await;
        assert!(shown.contains("secure"), "{name}: {shown}");
    }
}
