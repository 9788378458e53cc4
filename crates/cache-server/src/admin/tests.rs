use axum::body::Body;
use cache_testkit::{HubFault, Matches, Origin};
use http::Method;
use serde_json::Value;

use super::*;
use crate::listen::Peer;
use crate::page::tests::Site;

const ADMIN: Option<&str> = Some("the-admin");

async fn post(site: &Site, what: &str, body: Value) -> (StatusCode, Value) {
    site.ask(Method::POST, &format!("/-/admin/{what}"), ADMIN, body).await
}

/// Waits until no download runs, and tells how the last one ended.
async fn ended(site: &Site) -> Value {
    let mut changes = site.app.activity.changes();
    while site.app.activity.is_busy() {
        changes.changed().await.unwrap();
    }
    site.admin("/-/api/downloads").await["downloads"][0].clone()
}

#[tokio::test]
async fn nobody_else_may_do_any_of_it() {
    let site = Site::new(|_| {}).await.got("open/model").await;
    let which = json!({"ref": "open/model"});
    for (method, path, body) in [
        (Method::POST, "fetch", which.clone()),
        (Method::POST, "pin", which.clone()),
        (Method::POST, "unpin", which.clone()),
        (Method::POST, "evict", which),
        (Method::POST, "reload", Value::Null),
        (Method::GET, "quarantine", Value::Null),
        (Method::DELETE, "quarantine/0123456789abcdef", Value::Null),
    ] {
        for token in [None, Some("wrong"), Some("")] {
            let (status, answer) = site.ask(method.clone(), &format!("/-/admin/{path}"), token, body.clone()).await;
            assert_eq!(status, 403, "{path}");
            assert!(answer["error"].is_string() && answer["hint"].is_string(), "{answer}");
        }
    }
    assert_eq!(site.admin("/-/api/store").await["versions"].as_array().unwrap().len(), 1);
    assert!(!site.app.activity.is_busy());
}

#[tokio::test]
async fn a_fetch_brings_the_model_or_says_why_not() {
    let site = Site::new(|_| {}).await;
    let (status, answer) = post(&site, "fetch", json!({"ref": "open/model", "include": ["*.md"]})).await;
    assert_eq!((status, answer["watch"].as_str()), (StatusCode::ACCEPTED, Some("/-/events")));
    let row = ended(&site).await;
    assert_eq!((row["state"].as_str(), row["id"].as_u64()), (Some("finished"), answer["id"].as_u64()), "{row}");
    assert_eq!(site.admin("/-/api/store").await["versions"][0]["files"], 1);
    assert_eq!(post(&site, "fetch", json!({"ref": "open/nothing"})).await.0, 202);
    let row = ended(&site).await;
    assert_eq!((row["state"].as_str(), row["kind"].as_str()), (Some("failed"), Some("not-found")), "{row}");
    assert!(row["hint"].is_string(), "{row}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_hint() {
    let site = Site::new(|_| {}).await;
    for body in
        [json!({"ref": "a/b/../c"}), json!({"ref": "//"}), json!({}), json!({"ref": "a/b", "more": 1}), json!([])]
    {
        let (status, answer) = post(&site, "fetch", body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert!(answer["hint"].is_string(), "{answer}");
    }
    for reference in ["/etc", "./x", "file:///etc"] {
        let (status, answer) = post(&site, "fetch", json!({ "ref": reference })).await;
        assert_eq!((status, answer["kind"].as_str()), (StatusCode::BAD_REQUEST, Some("usage")), "{reference}");
    }
    let (status, _) = post(&site, "pin", json!({ "ref": "a".repeat(MAX_BODY) })).await;
    assert_eq!(status, 413);
    let bare = Request::builder().method(Method::POST).uri("/-/admin/pin").header("host", "127.0.0.1:8090");
    let bare = bare.header("authorization", "Bearer the-admin").body(Body::from(r#"{"ref":"a/b"}"#)).unwrap();
    assert_eq!(site.send(bare).await.0, 415, "a form of another site must not do");
    assert!(!site.app.activity.is_busy());
}

#[tokio::test]
async fn what_is_pinned_or_in_use_stays() {
    let site = Site::new(|_| {}).await.got("open/model").await;
    let which = || json!({"ref": "open/model"});
    assert_eq!(post(&site, "pin", which()).await.0, 200);
    let (status, answer) = post(&site, "evict", which()).await;
    assert_eq!(status, 409);
    assert!(answer["error"].as_str().unwrap().contains("pinned"), "{answer}");
    assert_eq!(post(&site, "unpin", which()).await.1["was_pinned"], true);
    let used = site.app.cache.peek("open/model").unwrap();
    let (status, answer) = post(&site, "evict", which()).await;
    assert_eq!(status, 409);
    assert!(answer["error"].as_str().unwrap().contains("in use"), "{answer}");
    drop(used);
    let (status, answer) = post(&site, "evict", which()).await;
    assert_eq!((status, answer["evicted"][0]["freed"].as_u64()), (StatusCode::OK, Some(200_002)), "{answer}");
    assert_eq!(site.admin("/-/api/store").await["versions"], json!([]));
    assert_eq!(post(&site, "evict", which()).await.0, 404);
    assert_eq!(post(&site, "evict", json!({"ref": "open/model:Q4_K_M"})).await.0, 400);
}

#[tokio::test]
async fn the_quarantine_is_shown_and_emptied() {
    let site = Site::new(|_| {}).await;
    site.hub.trouble(Matches::path("m-Q8_0").at(Origin::Cdn).method("GET"), HubFault::Flip(7));
    assert!(site.app.cache.get("open/model:Q8_0").await.is_err());
    let listed = site.admin("/-/admin/quarantine").await;
    let bad = &listed["quarantine"][0];
    assert!(bad["reason"].is_string() && bad["path"] == "m-Q8_0.gguf", "{listed}");
    assert!(!listed.to_string().contains(site.folder.path().to_str().unwrap()), "{listed}");
    assert_eq!(site.admin("/-/api/status").await["quarantine"], listed["quarantine"]);
    let path = format!("/-/admin/quarantine/{}", bad["id"].as_str().unwrap());
    assert_eq!(site.ask(Method::DELETE, &path, ADMIN, Value::Null).await.0, 200);
    assert_eq!(site.ask(Method::DELETE, &path, ADMIN, Value::Null).await.0, 404);
    assert_eq!(site.ask(Method::DELETE, "/-/admin/quarantine/..%2Fx", ADMIN, Value::Null).await.0, 404);
}

#[tokio::test]
async fn who_comes_by_the_socket_is_the_admin_and_may_name_folders() {
    let site = Site::new(|config| config.admin_token = None).await;
    let folder = tempfile::tempdir().unwrap();
    cache_testkit::fixtures::write_model(folder.path()).unwrap();
    let body = json!({ "ref": folder.path() }).to_string();
    let request = Request::builder().method(Method::POST).uri("/-/admin/fetch").header("host", "localhost");
    let request = request.header("content-type", "application/json").extension(Peer::Unix);
    assert_eq!(site.send(request.body(Body::from(body)).unwrap()).await.0, 202);
    let mut changes = site.app.activity.changes();
    while site.app.activity.is_busy() {
        changes.changed().await.unwrap();
    }
    assert_eq!(site.app.cache.store().models().unwrap().len(), 1);
}

#[tokio::test]
async fn a_reload_is_passed_on() {
    let site = Site::new(|_| {}).await;
    assert_eq!(post(&site, "reload", Value::Null).await.0, 202);
    site.app.reload.notified().await;
}
