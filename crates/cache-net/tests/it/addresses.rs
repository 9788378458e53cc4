//! Where redirects and names may lead: the address that is connected to decides.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use cache_core::{Error, ErrorKind};
use cache_net::{AddressClass, AllowList, HttpClient, HttpConfig, HttpRequest, HttpResponse, Reach, Resolver};
use futures::future::BoxFuture;
use url::Url;

use crate::proxies::run_child;
use crate::server::{Reply, Server};

/// Where the server is that stands for one on the internet.
const INTERNET: &str = "127.0.0.2";

/// Names as they are given, the last answer of each for ever; [`INTERNET`] is a public address.
#[derive(Debug, Default)]
struct Names(Mutex<HashMap<&'static str, Vec<IpAddr>>>);

impl Names {
    fn new(names: &[(&'static str, &[&str])]) -> Arc<Self> {
        let parse = |addresses: &[&str]| addresses.iter().rev().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(names.iter().map(|(name, addresses)| (*name, parse(addresses))).collect())))
    }
}

impl Resolver for Names {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut names = self.0.lock().unwrap();
        let found = names.get_mut(host).and_then(|all| if all.len() > 1 { all.pop() } else { all.last().copied() });
        Box::pin(std::future::ready(found.map(|address| vec![address]).ok_or_else(|| io::Error::other("no such name"))))
    }

    fn class(&self, address: IpAddr) -> AddressClass {
        if address.to_string() == INTERNET { AddressClass::Public } else { AddressClass::of(address) }
    }
}

fn client(names: &Arc<Names>, allowed: &[&str]) -> HttpClient {
    let mut config = HttpConfig::default();
    config.resolver = Arc::clone(names) as _;
    config.allow_internal = AllowList::parse(allowed.iter().copied()).unwrap();
    config.retry.base = std::time::Duration::from_millis(1);
    HttpClient::new(config).unwrap()
}

async fn get(client: &HttpClient, url: impl AsRef<str>) -> Result<HttpResponse, Error> {
    client.send(HttpRequest::get(Url::parse(url.as_ref()).unwrap())).await
}

/// A server that redirects `/to?URL` to URL and answers everything else.
async fn redirecting(address: &str) -> Server {
    Server::start_at(address, |seen| match seen.target.split_once('?') {
        Some((_, to)) => Reply::moved(to),
        None => Reply::new(200).body("here"),
    })
    .await
}

#[track_caller]
fn assert_refused(outcome: Result<HttpResponse, Error>, what: &str) {
    let error = outcome.map(|response| response.status()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{what}: {error}");
    assert!(error.message().contains("which is refused"), "{what}: {error}");
    assert!(!error.is_retryable() && error.hint().unwrap().contains("allow-internal"), "{what}: {error:?}");
}

#[tokio::test]
async fn redirects_of_public_hosts_stay_public() {
    let (internet, inside) = (redirecting(INTERNET).await, redirecting("127.0.0.1").await);
    let names = Names::new(&[
        ("hub.example", &[INTERNET]),
        ("cdn.example", &[INTERNET]),
        ("inside.example", &["127.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
    ]);
    let client = client(&names, &[]);
    let (there, port) = (internet.address().port(), inside.address().port());
    for target in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://inside.example:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://10.0.0.1/".to_owned(),
        "http://[fd00::1]/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://metadata.example/".to_owned(),
        // By way of another public host.
        format!("http://cdn.example:{there}/to?http://127.0.0.1:{port}/"),
    ] {
        for hub in [format!("http://hub.example:{there}"), format!("http://{INTERNET}:{there}")] {
            assert_refused(get(&client, format!("{hub}/to?{target}")).await, &target);
        }
    }
    assert!(inside.seen().is_empty());
    let response = get(&client, format!("http://hub.example:{there}/to?http://cdn.example:{there}/x")).await.unwrap();
    assert_eq!((response.status().as_u16(), response.reach()), (200, Reach::Public));
}

#[tokio::test]
async fn a_remembered_redirect_stays_public() {
    let (internet, inside) = (redirecting(INTERNET).await, redirecting("127.0.0.1").await);
    let port = internet.address().port();
    let names = Names::new(&[("hub.example", &[INTERNET]), ("cdn.example", &[INTERNET, "127.0.0.1"])]);
    let client = client(&names, &[]);
    let response = get(&client, format!("http://hub.example:{port}/to?http://cdn.example:{port}/x")).await.unwrap();
    let (url, reach) = (response.url().clone(), response.reach());
    drop(response);
    // The name leads elsewhere now.
    let again = client.send(HttpRequest::get(url).reach(reach).fresh(true)).await;
    assert_refused(again, "a name bound again");
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn a_named_public_host_stays_public() {
    let (internet, inside) = (redirecting(INTERNET).await, redirecting("127.0.0.1").await);
    let names = Names::new(&[("hub.example", &[INTERNET, "127.0.0.1"]), ("lan.example", &["127.0.0.1"])]);
    let client = client(&names, &[]);
    let there = internet.address().port();
    assert!(get(&client, format!("http://hub.example:{there}/")).await.is_ok());
    let port = inside.address().port();
    assert_refused(get(&client, format!("http://hub.example:{port}/")).await, "bound again");
    assert!(inside.seen().is_empty());
    assert!(get(&client, format!("http://lan.example:{port}/")).await.is_ok(), "named by the user");
}

#[tokio::test]
async fn the_list_allows_hosts_and_networks() {
    let (internet, inside) = (redirecting(INTERNET).await, redirecting("127.0.0.1").await);
    let (there, port) = (internet.address().port(), inside.address().port());
    let names = Names::new(&[("hub.example", &[INTERNET]), ("inside.example", &["127.0.0.1"])]);
    for (allowed, target, fine) in [
        ("127.0.0.0/8", format!("http://inside.example:{port}/"), true),
        ("127.0.0.1", format!("http://127.0.0.1:{port}/"), true),
        ("inside.example", format!("http://inside.example:{port}/"), true),
        ("inside.example", format!("http://127.0.0.1:{port}/"), false),
        ("10.0.0.0/8", format!("http://127.0.0.1:{port}/"), false),
    ] {
        let outcome = get(&client(&names, &[allowed]), format!("http://hub.example:{there}/to?{target}")).await;
        assert_eq!(outcome.is_ok(), fine, "{allowed} {target}: {outcome:?}");
    }
}

#[tokio::test]
async fn internal_hubs_may_name_internal_addresses() {
    let (hub, cdn) = (redirecting("127.0.0.1").await, redirecting("127.0.0.1").await);
    let inside: &[&str] = &["127.0.0.1"];
    let names =
        Names::new(&[("lan.example", inside), ("localhost", inside), ("metadata.example", &["169.254.169.254"])]);
    let client = client(&names, &[]);
    for hub in [hub.url("/to"), Url::parse(&format!("http://lan.example:{}/to", hub.address().port())).unwrap()] {
        for host in ["127.0.0.1", "localhost", "lan.example"] {
            let outcome = get(&client, format!("{hub}?http://{host}:{}/", cdn.address().port())).await;
            assert!(outcome.is_ok(), "{hub} {host}: {outcome:?}");
        }
        for target in ["http://169.254.169.254/", "http://metadata.example/", "http://[fe80::1]/"] {
            assert_refused(get(&client, format!("{hub}?{target}")).await, target);
        }
    }
    assert_refused(get(&client, "http://169.254.169.254/latest").await, "named by the user");
}

#[tokio::test]
async fn plain_http_is_refused_where_https_is_told() {
    let server = redirecting("127.0.0.1").await;
    let mut config = HttpConfig::default();
    config.https_only = true;
    let client = HttpClient::new(config).unwrap();
    let error = get(&client, server.url("/")).await.unwrap_err();
    assert!(error.message().contains("plain http is refused"), "{error}");
    let origin = cache_net::Origin::of(&server.url("/")).unwrap();
    let budget = cache_core::RetryBudget::none();
    let guarded = client.guard(&origin, "look", &budget, || async { Ok::<(), Error>(()) }).await;
    assert!(guarded.unwrap_err().message().contains("plain http is refused"));
    assert!(server.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_proxy_addresses_are_checked_too() {
    for (target, passes) in [
        ("http://169.254.169.254/latest", false),
        ("http://10.0.0.1/x", false),
        ("http://localhost:9/x", false),
        // The proxy looks names up, and decides.
        ("http://cdn.example/x", true),
    ] {
        let proxy = Server::start(move |seen| {
            if seen.target.contains("hub.example") { Reply::moved(target) } else { Reply::new(200).body("by proxy") }
        })
        .await;
        let variables = vec![("HTTP_PROXY", format!("http://{}", proxy.address()))];
        let shown = run_child("proxies::child", "http://hub.example/x".to_owned(), variables).await;
        assert_eq!(shown.contains("by proxy"), passes, "{target}: {shown}");
        assert_eq!(shown.contains("which is refused"), !passes, "{target}: {shown}");
        assert_eq!(proxy.seen().len(), if passes { 2 } else { 1 }, "{target}");
    }
}
