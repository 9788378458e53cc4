use axum::body::{Body, to_bytes};
use cache_lib::{Cache, ErrorKind, ModelId};
use cache_testkit::{Content, Hub, HubConfig, HubFault, Matches, Origin};
use futures::StreamExt as _;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::config::{ModelAlias, ServerConfig, User};
use crate::page_state::{MAX_FOLLOWERS, Sample};
use crate::router::router;

/// A hub, a store with what was got from it, and the app over it.
pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) app: Arc<App>,
    pub(crate) folder: tempfile::TempDir,
}

const ADMIN: &str = "the-admin";

impl Site {
    pub(crate) async fn new(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let hub = Hub::start(HubConfig::default()).await;
        let gguf = |seed| Content::seeded(seed, 100_000);
        hub.add_model("open/model", [("m-Q4_K_M.gguf", gguf(1)), ("m-Q8_0.gguf", gguf(2)), ("README.md", "hi".into())]);
        hub.add_model("closed/model", [("a.txt", Content::from("secret"))]);
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::builder().root(folder.path().join("store")).endpoint(hub.url()).build().unwrap();
        let mut config = ServerConfig { admin_token: Some(ADMIN.to_owned()), ..ServerConfig::default() };
        change(&mut config);
        let app = App::new(cache, config).unwrap();
        Self { hub, app, folder }
    }

    /// With users, of whom nobody may see more than `open/*`.
    async fn with_users() -> Self {
        Self::new(|config| {
            let user = User { token_sha256: cache_lib::Sha256::from_bytes([7; 32]), read: vec!["open/*".to_owned()] };
            config.users.insert("somebody".to_owned(), user);
            config.anonymous = vec!["open/*".to_owned()];
        })
        .await
    }

    pub(crate) async fn got(self, reference: &str) -> Self {
        drop(self.app.cache.get(reference).await.unwrap());
        self
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, Response<Body>) {
        let response = router(&self.app).oneshot(request).await.unwrap();
        (response.status(), response)
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8090");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !body.is_null() {
            request = request.header("content-type", "application/json");
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let (status, response) = self.send(request.body(body).unwrap()).await;
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub(crate) async fn admin(&self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::GET, path, Some(ADMIN), Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn stranger(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Method::GET, path, None, Value::Null).await
    }
}

fn plain(path: &str) -> http::request::Builder {
    Request::builder().uri(path).header("host", "127.0.0.1:8090")
}

#[tokio::test]
async fn the_page_is_served_with_a_strict_policy_and_a_tag() {
    let site = Site::new(|_| {}).await;
    for (path, kind) in [("/", "text/html"), ("/-/page/app.js", "text/javascript"), ("/-/page/style.css", "text/css")] {
        let (status, response) = site.send(plain(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, 200, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(kind), "{path}");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        let again = plain(path).header("if-none-match", header("etag")).body(Body::empty()).unwrap();
        assert_eq!(site.send(again).await.0, 304, "{path}");
    }
    assert_eq!(site.stranger("/-/page/nothing.js").await.0, 404);
    assert_eq!(site.stranger("/-/page/..%2FCargo.toml").await.0, 404);
}

#[tokio::test]
async fn page_has_no_foreign_and_no_inline_content() {
    let page = include_str!("../../assets/index.html");
    for bad in [" style=", "<style", "onclick", "http://", "https://", "javascript:"] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(!page.contains("<script>"));
    for script in [
        include_str!("../../assets/app.js"),
        include_str!("../../assets/store.js"),
        include_str!("../../assets/downloads.js"),
        include_str!("../../assets/admin.js"),
        include_str!("../../assets/show.js"),
        include_str!("../../assets/charts.js"),
    ] {
        for bad in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!script.contains(bad), "names come from elsewhere: {bad}");
        }
    }
}

#[tokio::test]
async fn the_store_is_listed_with_its_variants_and_files() {
    let site = Site::new(|_| {}).await.got("open/model:Q4_K_M").await;
    site.app.cache.pin("open/model").unwrap();
    let answer = site.admin("/-/api/store").await;
    let row = &answer["versions"][0];
    assert_eq!((row["model"].as_str(), row["pinned"].as_bool()), (Some("open/model"), Some(true)), "{answer}");
    assert_eq!((row["bytes"].as_u64(), row["listed"].as_u64()), (Some(100_000), Some(3)), "{answer}");
    assert_eq!(row["variants"][0]["name"], "Q4_K_M");
    assert_eq!(row["revisions"], json!(["main"]));
    let path = format!("/-/api/model?ref=open/model@{}", row["commit"].as_str().unwrap());
    let files = site.admin(&path).await;
    let here = |path: &str| {
        let all = files["all_files"].as_array().unwrap();
        all.iter().find(|file| file["path"] == path).unwrap()["here"].as_bool().unwrap()
    };
    assert!(here("m-Q4_K_M.gguf") && !here("m-Q8_0.gguf") && !here("README.md"), "{files}");
    assert_eq!(files["all_variants"].as_array().unwrap().len(), 2);
    assert_eq!(site.stranger("/-/api/model?ref=open/model@main").await.0, 404);
    assert_eq!(site.stranger("/-/api/model").await.0, 404);
}

#[tokio::test]
async fn stranger_sees_listings_and_nothing_of_the_machine() {
    let site = Site::with_users().await.got("open/model").await.got("closed/model").await;
    let (status, answer) = site.stranger("/-/api/store").await;
    assert_eq!(status, 200);
    assert_eq!(answer["versions"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["versions"][0]["model"], "open/model");
    // The version that is hidden is answered as one that is not there.
    let listed = site.admin("/-/api/store").await;
    let closed = listed["versions"].as_array().unwrap().iter().find(|row| row["model"] == "closed/model").unwrap();
    let path = format!("/-/api/model?ref=closed/model@{}", closed["commit"].as_str().unwrap());
    let (hidden, absent) = (site.stranger(&path).await, site.stranger("/-/api/model?ref=no/model@main").await);
    assert_eq!(hidden, absent);
    assert_eq!(site.admin(&path).await["all_files"][0]["path"], "a.txt");
    for path in ["/-/api/history", "/-/admin/quarantine"] {
        let (status, answer) = site.stranger(path).await;
        assert_eq!(status, 403, "{path}");
        assert!(answer["hint"].as_str().unwrap().contains("admin token"), "{answer}");
    }
    let root = site.folder.path().to_str().unwrap();
    for path in ["/-/api/status", "/-/api/store", "/-/api/downloads"] {
        let (status, answer) = site.stranger(path).await;
        assert_eq!(status, 200, "{path}");
        assert!(!answer.to_string().contains(root), "{answer}");
    }
    assert!(site.stranger("/-/api/status").await.1.get("store").is_none());
    assert_eq!(site.admin("/-/api/status").await["store"]["versions"], 2);
}

#[tokio::test]
async fn downloads_of_hidden_repos_are_hidden() {
    let site = Site::with_users().await;
    for name in ["open/model", "closed/model"] {
        let fetch = site.app.activity.fetch(&ModelId::hub(name).unwrap()).unwrap();
        fetch.end(Err(&cache_lib::Error::new(ErrorKind::Storage, "write /secret/place").with_hint("chown /secret")));
    }
    let (_, answer) = site.stranger("/-/api/downloads").await;
    let rows = answer["downloads"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{answer}");
    assert_eq!((rows[0]["model"].as_str(), rows[0]["state"].as_str()), (Some("open/model"), Some("failed")));
    assert!(!answer.to_string().contains("/secret"), "{answer}");
    let all = site.admin("/-/api/downloads").await;
    assert_eq!(all["downloads"].as_array().unwrap().len(), 2);
    assert!(all.to_string().contains("/secret/place"));
}

#[tokio::test]
async fn other_sources_are_listed_by_the_name_they_are_served_under() {
    let folder = tempfile::tempdir().unwrap();
    cache_testkit::fixtures::write_model(folder.path()).unwrap();
    let from = folder.path().to_str().unwrap().to_owned();
    let site = Site::new(|config| {
        config.models.insert("open/alias".to_owned(), ModelAlias { from: from.clone() });
        config.anonymous = vec!["open/alias".to_owned()];
    })
    .await
    .got(&from)
    .await;
    let (_, answer) = site.stranger("/-/api/store").await;
    assert!(!answer.to_string().contains(&from), "{answer}");
    assert_eq!(answer["versions"][0]["model"], "open/alias");
    assert!(site.admin("/-/api/store").await.to_string().contains(&from));
}

#[tokio::test]
async fn the_history_ends_with_now_and_is_bounded() {
    let site = Site::new(|_| {}).await.got("open/model").await;
    let now = Sample::now(&site.app.cache, &site.app.activity).await.unwrap();
    for _ in 0..2000 {
        site.app.page.kept.history.add(Sample { used: 1, ..now });
    }
    let answer = site.admin("/-/api/history").await;
    let samples = answer["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 24 * 60 + 1);
    assert_eq!(samples.last().unwrap()["used"], 200_002);
}

#[tokio::test]
async fn events_tell_of_a_download_from_its_beginning_to_its_end() {
    let site = Site::new(|_| {}).await;
    site.hub.trouble(Matches::path("m-Q4_K_M").at(Origin::Cdn).method("GET").first(1), HubFault::Stall(50_000));
    let request = plain("/-/events").header("authorization", format!("Bearer {ADMIN}"));
    let (status, response) = site.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((status, response.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, "text/event-stream"));
    let mut events = response.into_body().into_data_stream();
    let body = json!({"ref": "open/model:Q4_K_M"});
    let (status, answer) = site.ask(Method::POST, "/-/admin/fetch", Some(ADMIN), body).await;
    assert_eq!((status, answer["model"].as_str()), (StatusCode::ACCEPTED, Some("open/model")));
    site.hub.stalled(1).await;
    let mut released = false;
    let (mut running, mut finished) = (false, false);
    while !finished {
        let chunk = events.next().await.unwrap().unwrap();
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        let Some((_, data)) = text.split_once("data: ") else { continue };
        let message: Value = serde_json::from_str(data.trim()).unwrap();
        running |= message["running"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["id"] == answer["id"] && row["size"] == 100_000);
        if running && !released {
            site.hub.release();
            released = true;
        }
        finished = message["ended"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["id"] == answer["id"] && row["state"] == "finished");
    }
    assert!(running);
    site.app.page.stop();
    while let Some(chunk) = events.next().await {
        chunk.unwrap();
    }
}

#[tokio::test]
async fn events_of_hidden_fetches_are_not_sent() {
    let site = Site::with_users().await;
    let follow = async |request: http::request::Builder| {
        let (status, response) = site.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        response.into_body().into_data_stream()
    };
    let mut stranger = follow(plain("/-/events")).await;
    let mut admin = follow(plain("/-/events").header("authorization", format!("Bearer {ADMIN}"))).await;
    stranger.next().await.unwrap().unwrap();
    admin.next().await.unwrap().unwrap();
    tokio::time::pause();
    let fetch = site.app.activity.fetch(&ModelId::hub("closed/model").unwrap()).unwrap();
    let quiet = tokio::time::timeout(std::time::Duration::from_secs(5), stranger.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let told = admin.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&told).contains("closed/model"), "{told:?}");
    drop(fetch);
    let kept_alive = stranger.next().await.unwrap().unwrap();
    assert_eq!(kept_alive, ": still here\n\n");
    let _open = site.app.activity.fetch(&ModelId::hub("open/model").unwrap()).unwrap();
    let told = stranger.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&told).contains("open/model"), "{told:?}");
}

#[tokio::test]
async fn followers_are_counted() {
    let site = Site::new(|_| {}).await;
    let mut open = Vec::new();
    for _ in 0..MAX_FOLLOWERS {
        let (status, response) = site.send(plain("/-/events").body(Body::empty()).unwrap()).await;
        assert_eq!(status, 200);
        open.push(response);
    }
    assert_eq!(site.send(plain("/-/events").body(Body::empty()).unwrap()).await.0, 503);
    open.pop();
    assert_eq!(site.send(plain("/-/events").body(Body::empty()).unwrap()).await.0, 200);
}
