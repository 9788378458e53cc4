use futures::StreamExt as _;
use hf_hub::HFClient;

use super::*;
use crate::tests::server::{Server, reply};

const TOKEN: &str = "hf_secret";

fn client(endpoint: &Url) -> HFClient {
    let client = same_origin_only(reqwest::Client::builder(), endpoint).build().unwrap();
    HFClient::builder()
        .client(client)
        .endpoint(endpoint.as_str())
        .token(TOKEN)
        .cache_enabled(false)
        .retry_max_attempts(0)
        .build()
        .unwrap()
}

/// hf-hub's own pagination follows any address with its token: the fence is what stops it.
#[tokio::test]
async fn cross_origin_page_gets_no_token() {
    let elsewhere = Server::start(|_| reply("200 OK", "", "[]")).await;
    let next = format!("Link: <{}api/next>; rel=\"next\"\r\n", elsewhere.url());
    let entry = r#"[{"type":"file","path":"x","size":1,"oid":"0"}]"#;
    let hub = Server::start(move |_| reply("200 OK", &next, entry)).await;

    let client = client(hub.url());
    let repo = client.model("org", "name");
    let listing = repo.list_tree().recursive(true).send().unwrap();
    let entries: Vec<_> = listing.collect().await;

    assert!(hub.heard()[0].contains(TOKEN), "the endpoint itself gets the token");
    assert!(matches!(entries.as_slice(), [Ok(_), Err(_)]), "{entries:?}");
    assert_eq!(elsewhere.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let elsewhere = Server::start(|_| reply("200 OK", "", r#"{"id":"a/b","sha":"evil"}"#)).await;
    let location = format!("Location: {}api/models/org/name?X-Signature=s3cret\r\n", elsewhere.url());
    let hub = Server::start(move |_| reply("307 Temporary Redirect", &location, "")).await;

    let error = client(hub.url()).model("org", "name").info().send().await.unwrap_err();

    assert!(std::error::Error::source(&error).is_some(), "{error:?}");
    assert_eq!((hub.heard().len(), elsewhere.heard().len()), (1, 0));
}

#[tokio::test]
async fn a_redirect_inside_is_followed_with_the_token() {
    let hub = Server::start(|head| match head.starts_with("GET /api/models/org/old") {
        true => reply("307 Temporary Redirect", "Location: /api/models/org/new\r\n", ""),
        false => reply("200 OK", "", r#"{"id":"org/new","sha":"cafe"}"#),
    })
    .await;

    let info = client(hub.url()).model("org", "old").info().send().await.unwrap();

    assert_eq!(info.sha.as_deref(), Some("cafe"));
    assert!(hub.heard().len() == 2 && hub.heard().iter().all(|head| head.contains(TOKEN)));
}

/// A proxy for everything, configured after the fence, is used for the endpoint and not for what lies outside.
#[tokio::test]
async fn a_proxy_serves_the_endpoint_alone() {
    let proxy = Server::start(|_| reply("200 OK", "", "through the proxy")).await;
    let endpoint = Url::parse("http://hub.invalid/").unwrap();
    let address = proxy.url().to_string();
    let variables = move |name: &str| (name == "all_proxy").then(|| address.clone());
    let client = with_proxies(same_origin_only(reqwest::Client::builder(), &endpoint), &variables).build().unwrap();

    let inside = client.get("http://hub.invalid/x").send().await.unwrap().text().await.unwrap();
    assert_eq!(inside, "through the proxy");
    for outside in ["http://other.invalid/", "https://hub.invalid/", "http://hub.invalid:81/", "http://127.0.0.1:1/"] {
        assert!(client.get(outside).send().await.is_err(), "{outside}");
    }
    assert_eq!(proxy.heard().len(), 1);
}
