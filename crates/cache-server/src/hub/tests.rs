use axum::Router;
use cache_lib::Cache;
use cache_testkit::{Access, Content, Hub, HubConfig, HubFault, Matches, fixtures};
use http::{Method, Request};
use tower::ServiceExt as _;

use super::*;
use crate::config::ServerConfig;
use crate::router::router;

struct World {
    hub: Hub,
    router: Router,
    commit: String,
    folder: tempfile::TempDir,
}

struct Got {
    status: u16,
    headers: HeaderMap,
    /// `None`: it broke.
    body: Option<Bytes>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn bytes(&self) -> &[u8] {
        self.body.as_deref().expect("a whole body")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(self.bytes()).unwrap()
    }
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let hub = Hub::start(HubConfig::default().xet(true)).await;
        let commit = hub.add_model("org/model", fixtures::model()).as_str().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::builder().root(folder.path().join("store")).endpoint(hub.url()).retries(1).build().unwrap();
        let admin_token = Some("the-admin".to_owned());
        let mut config = ServerConfig { refresh: std::time::Duration::ZERO, admin_token, ..ServerConfig::default() };
        change(&mut config);
        let router = router(&App::new(cache, config).unwrap());
        Self { hub, router, commit, folder }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8090");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.ok().map(http_body_util::Collected::to_bytes);
        Got { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        self.ask(Method::GET, path, headers, "").await
    }

    async fn head(&self, path: &str) -> Got {
        self.ask(Method::HEAD, path, &[], "").await
    }
}

const LARGE: &str = "/org/model/resolve/main/model.safetensors";
const SMALL: &str = "/org/model/resolve/main/config.json";
const ADMIN: [(&str, &str); 1] = [("authorization", "Bearer the-admin")];

fn content(path: &str) -> Vec<u8> {
    fixtures::model().into_iter().find(|(name, _)| *name == path).unwrap().1.to_vec().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_files_headers_are_the_hubs_and_head_fetches_nothing() {
    let world = World::new().await;
    let (large, small) = (content("model.safetensors"), content("config.json"));
    let head = world.head(LARGE).await;
    assert_eq!((head.status, head.bytes().len()), (200, 0));
    assert_eq!(head.header("x-repo-commit"), world.commit);
    assert_eq!(head.header("x-linked-size"), large.len().to_string());
    assert_eq!(head.header("content-length"), large.len().to_string());
    assert_eq!(head.header("etag"), head.header("x-linked-etag"));
    assert_eq!(head.header("etag").len(), 66);
    assert_eq!(head.header("accept-ranges"), "bytes");
    assert!(head.header("content-disposition").ends_with("filename=\"model.safetensors\";"));
    assert!(!head.headers.contains_key("x-xet-hash") && !head.headers.contains_key("link"));
    assert_eq!(world.hub.total_bytes_sent(), 0, "a HEAD fetches nothing");

    let got = world.get(LARGE, &[]).await;
    assert_eq!((got.status, got.bytes()), (200, &large[..]));
    for name in ["etag", "x-repo-commit", "content-length", "x-linked-size", "content-disposition", "content-type"] {
        assert_eq!(got.header(name), head.header(name), "{name}");
    }
    let got = world.get(SMALL, &[]).await;
    assert_eq!((got.status, got.bytes()), (200, &small[..]));
    assert_eq!((got.header("etag").len(), got.header("x-linked-etag")), (42, ""));
    assert_eq!(got.header("content-type"), "text/plain; charset=utf-8");
    let empty = world.get("/org/model/resolve/main/empty.txt", &[]).await;
    assert_eq!((empty.status, empty.header("content-length"), empty.bytes()), (200, "0", &b""[..]));
    for range in ["bytes=0-0", "bytes=0-"] {
        let empty = world.get("/org/model/resolve/main/empty.txt", &[("range", range)]).await;
        assert_eq!((empty.status, empty.header("content-range"), empty.bytes()), (200, "bytes */0", &b""[..]));
    }
    for path in ["1_Pooling/config.json", "1_Pooling%2Fconfig.json"] {
        assert_eq!(world.get(&format!("/org/model/resolve/main/{path}"), &[]).await.status, 200);
    }
    let sent = world.hub.total_bytes_sent();
    assert_eq!(world.get(LARGE, &[]).await.bytes(), large);
    assert_eq!(world.hub.total_bytes_sent(), sent, "what is here is not fetched again");
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_and_conditions() {
    let world = World::new().await;
    let large = content("model.safetensors");
    let size = large.len();
    let range = |range: &'static str| [("range", range)];
    let probe = world.get(LARGE, &range("bytes=0-0")).await;
    assert_eq!((probe.status, probe.bytes()), (206, &large[..1]));
    assert_eq!(probe.header("content-range"), format!("bytes 0-0/{size}"));
    assert_eq!((probe.header("content-length"), probe.header("x-repo-commit")), ("1", &world.commit[..]));
    let etag = probe.header("etag").to_owned();
    let last = world.get(LARGE, &range("bytes=-5")).await;
    assert_eq!((last.status, last.bytes()), (206, &large[size - 5..]));
    let rest = world.get(LARGE, &range("bytes=10-")).await;
    assert_eq!((rest.status, rest.bytes()), (206, &large[10..]));
    let outside = world.get(LARGE, &range("bytes=999999999-")).await;
    assert_eq!((outside.status, outside.header("content-range")), (416, &format!("bytes */{size}")[..]));
    let several = world.get(LARGE, &range("bytes=0-1,-2")).await;
    assert_eq!(several.status, 206);
    assert!(several.header("content-type").starts_with("multipart/byteranges; boundary="));
    assert!(several.header("content-range").is_empty());
    assert_eq!(several.header("content-length"), several.bytes().len().to_string());
    assert_eq!(world.get(LARGE, &range("nonsense")).await.bytes().len(), size);

    let known = world.get(LARGE, &[("if-none-match", &etag), ("range", "bytes=0-0")]).await;
    assert_eq!(
        (known.status, known.header("etag"), known.header("x-repo-commit")),
        (304, &etag[..], &world.commit[..])
    );
    assert!(known.bytes().is_empty() && !known.headers.contains_key("content-length"));
    assert_eq!(world.get(LARGE, &[("if-match", "\"other\"")]).await.status, 412);
    assert_eq!(world.get(LARGE, &[("range", "bytes=0-0"), ("if-range", &etag)]).await.status, 206);
    assert_eq!(world.get(LARGE, &[("range", "bytes=0-0"), ("if-range", "\"old\"")]).await.status, 200);
    let head = world.ask(Method::HEAD, LARGE, &[("range", "bytes=0-0")], "").await;
    assert_eq!((head.status, head.header("content-length")), (200, &size.to_string()[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_this_server_are_not_shown_to_upstream() {
    let world = World::new().await;
    let whoami = async |token| world.get("/api/whoami-v2", &[("authorization", token)]).await;
    assert_eq!(whoami("Bearer the-admin").await.json()["name"], "admin");
    assert_eq!(whoami("Bearer mct_a-user-of-old").await.status, 401);
    assert!(world.hub.requests().is_empty());
    assert_eq!(whoami("Bearer hf_somebody").await.status, 401);
    assert_eq!(world.hub.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_link_local_is_refused() {
    let world = World::new().await;
    world.hub.serve_from("org/model", "model.safetensors", "http://169.254.169.254/latest/meta-data/");
    let got = world.get(LARGE, &ADMIN).await;
    // Said before anything is connected to: another address would be unreachable, or silent.
    let refused = "169.254.169.254, a link-local address, which is refused";
    assert!(got.status >= 500 && got.header("x-error-message").contains(refused), "{} {:?}", got.status, got.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoami_with_invented_tokens_is_paced() {
    let world = World::new().await;
    let mut answers = Vec::new();
    for number in 0..60 {
        let token = format!("Bearer hf_invented{number}");
        answers.push(world.get("/api/whoami-v2", &[("authorization", &token)]).await);
    }
    let asked = answers.iter().filter(|answer| answer.status == 401).count();
    let paced: Vec<&Got> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((asked + paced.len(), asked), (60, world.hub.requests().len()));
    assert!(!paced.is_empty() && paced.iter().all(|answer| !answer.header("retry-after").is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_in_the_hubs_words() {
    let world = World::new().await;
    let told = |got: &Got| (got.status, got.header("x-error-code").to_owned());
    let entry = world.get("/org/model/resolve/main/nope.json", &[]).await;
    assert_eq!(told(&entry), (404, "EntryNotFound".to_owned()));
    assert_eq!(
        (entry.header("x-repo-commit"), entry.json()),
        (&world.commit[..], serde_json::json!({"error": "Entry not found"}))
    );
    assert_eq!(entry.header("x-error-message"), "Entry not found");
    for path in ["/tree/main/additional_chat_templates", "/tree/main/config.json"] {
        let got = world.get(&format!("/api/models/org/model{path}"), &[]).await;
        assert_eq!((told(&got), got.header("x-repo-commit")), ((404, "EntryNotFound".to_owned()), &world.commit[..]));
    }
    for path in ["/org/model/resolve/nope/x", "/api/models/org/model/revision/nope", "/api/models/org/model/tree/nope"]
    {
        assert_eq!(told(&world.get(path, &[]).await), (404, "RevisionNotFound".to_owned()), "{path}");
    }
    for path in ["/org/nope/resolve/main/x", "/api/models/org/nope", "/api/datasets/org/model", "/x--y/resolve/main/z"]
    {
        assert_eq!(told(&world.get(path, &[]).await), (401, "RepoNotFound".to_owned()), "{path}");
    }
    for path in ["/org/model/blob/main/x", "/api/models/org/model/xet-read-token/main", "/api/jobs", "/favicon.ico"] {
        let got = world.get(path, &[]).await;
        assert_eq!(told(&got), (404, String::new()), "{path}");
        assert!(got.json()["error"].is_string());
    }
    assert_eq!(world.get("/org/model/resolve/main/..%2F..%2Fx", &[]).await.status, 400);
    let put = world.ask(Method::PUT, SMALL, &[], "").await;
    assert_eq!((put.status, put.header("allow")), (405, "GET, HEAD"));
    let posted = world.get("/api/models/org/model/paths-info/main", &[]).await;
    assert_eq!((posted.status, posted.header("allow")), (405, "POST"));
    assert_eq!(world.get("/api/whoami-v2", &[]).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_version_consists_of_is_what_upstream_says() {
    let world = World::new().await;
    let upstream = |path: &'static str| {
        let url = format!("{}{path}", world.hub.url());
        tokio::task::spawn_blocking(move || ask_upstream(&url))
    };
    for path in ["/api/models/org/model/tree/main?recursive=true", "/api/models/org/model/tree/main/1_Pooling"] {
        let (mine, mut theirs) = (world.get(path, &[]).await.json(), upstream(path).await.unwrap());
        let files = |value: &Value| -> Vec<Value> {
            let mut files: Vec<_> =
                value.as_array().unwrap().iter().filter(|one| one["type"] == "file").cloned().collect();
            files.sort_by_key(|one| one["path"].to_string());
            files
        };
        for file in theirs.as_array_mut().unwrap() {
            file.as_object_mut().unwrap().remove("xetHash");
        }
        assert_eq!(files(&mine), files(&theirs), "{path}");
        assert_eq!(mine.as_array().unwrap().len(), theirs.as_array().unwrap().len());
    }
    for path in ["/api/models/org/model", "/api/models/org/model/revision/main?blobs=true"] {
        let (mine, theirs) = (world.get(path, &[]).await.json(), upstream(path).await.unwrap());
        for key in ["id", "sha", "siblings", "private", "gated", "tags", "lastModified"] {
            assert_eq!(mine[key], theirs[key], "{path} {key}");
        }
        // Asked twice, written once.
        assert_eq!(world.get(path, &[]).await.json(), mine);
    }
    let expanded = world.get("/api/models/org/model?expand=sha&expand=gated", &[]).await.json();
    let keys: Vec<_> = expanded.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["_id", "gated", "id", "sha"]);
    let refs = world.get("/api/models/org/model/refs", &[]).await.json();
    assert_eq!(refs["branches"][0]["targetCommit"], world.commit);
    assert_eq!(world.get("/api/models/org/model/commits/main", &[]).await.json()[0]["id"], world.commit);
    assert_eq!(world.get("/api/models/org/model/auth-check", &[]).await.status, 200);

    let form = [("content-type", "application/x-www-form-urlencoded")];
    let path = "/api/models/org/model/paths-info/main";
    let asked = world.ask(Method::POST, path, &form, "paths=config.json&paths=1_Pooling&paths=nope&expand=True").await;
    let found = asked.json();
    assert_eq!((found[0]["path"].as_str(), found[1]["type"].as_str()), (Some("config.json"), Some("directory")));
    assert_eq!(
        (found.as_array().unwrap().len(), &found[0]["lastCommit"]["id"]),
        (2, &Value::from(world.commit.clone()))
    );
    let body = serde_json::json!({"paths": ["vocab.txt"]}).to_string();
    let asked = world.ask(Method::POST, path, &[("content-type", "application/json")], &body).await;
    assert_eq!(asked.json()[0]["path"], "vocab.txt");
    let long = format!("paths={}", "x".repeat(FORM));
    assert_eq!(world.ask(Method::POST, path, &form, &long).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_to_the_next() {
    let world = World::new().await;
    let mut path = "/api/models/org/model/tree/main?recursive=true&expand=false&limit=4".to_owned();
    let mut paths = Vec::new();
    for more in [true, true, false] {
        let got = world.get(&path, &[("x-forwarded-proto", "https")]).await;
        paths.extend(got.json().as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned()));
        assert_eq!(got.headers.contains_key("link"), more);
        if more {
            let next = got.header("link").strip_prefix("<https://127.0.0.1:8090").unwrap();
            path = next.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        }
    }
    assert_eq!(paths.len(), 11);
    assert_eq!(world.get("/api/models/org/model/tree/main?cursor=x", &[]).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_failure_is_stale_or_error_never_a_short_file() {
    let world = World::new().await;
    let big = Content::seeded(1, 4 << 20);
    world.hub.add_model("org/big", [("big.bin", big.clone())]);
    world.hub.trouble(Matches::path("big.bin").at(cache_testkit::Origin::Cdn), HubFault::Status(404));
    let refused = world.get("/org/big/resolve/main/big.bin", &[]).await;
    assert!(matches!(refused.status, 502..=504), "{}", refused.status);
    assert!(refused.json()["error"].is_string());
    world.hub.clear_trouble();
    // One wrong bit, each time: what has been sent cannot be taken back, but it does not end well.
    world.hub.trouble(Matches::path("big.bin").at(cache_testkit::Origin::Cdn), HubFault::Flip(100));
    let wrong = world.get("/org/big/resolve/main/big.bin", &[]).await;
    assert!(wrong.status >= 500 || wrong.body.is_none());
    world.hub.clear_trouble();
    // Who comes while the wrong attempt is still under way may share its end; the one after it has the file.
    let mut again = world.get("/org/big/resolve/main/big.bin", &[]).await;
    if again.status != 200 || again.body.is_none() {
        again = world.get("/org/big/resolve/main/big.bin", &[]).await;
    }
    assert!(again.status == 200 && again.bytes() == big.to_vec().unwrap());

    assert_eq!(world.get(SMALL, &[]).await.header("x-model-cache-stale"), "");
    world.hub.trouble(Matches::default(), HubFault::Status(503));
    let stale = world.get(SMALL, &[]).await;
    assert_eq!((stale.status, stale.bytes()), (200, &content("config.json")[..]));
    assert_eq!((stale.header("x-model-cache-stale"), stale.header("warning")), ("1", "110 - \"Response is Stale\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_upstream_is_waited_for_so_long() {
    let world = World::with(|config| config.silence = std::time::Duration::from_millis(500)).await;
    // On a slow machine an upstream that works is silent, too.
    while world.head(LARGE).await.status != 200 {}
    world.hub.trouble(Matches::path("model.safetensors"), HubFault::Silence);
    for path in [LARGE, "/org/model/resolve/main/model.safetensors?download=true"] {
        for range in [&[][..], &[("range", "bytes=5000-6000")]] {
            let got = world.get(path, range).await;
            assert_eq!((got.status, got.header("x-error-message")), (504, "upstream: no answer in time"), "{range:?}");
        }
    }
    world.hub.trouble(Matches::default(), HubFault::Silence);
    for path in ["/org/new/resolve/main/x", "/api/models/org/new/tree/main", "/api/models/org/new/refs"] {
        let got = world.get(path, &ADMIN).await;
        assert_eq!((got.status, got.header("x-error-message")), (504, "upstream: no answer within 0.5 s"), "{path}");
    }
    world.hub.clear_trouble();
    world.hub.release();
    // The fetch has gone on behind.
    while world.get(LARGE, &[]).await.body.is_none_or(|body| body != content("model.safetensors")) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_ranges_need_no_upstream() {
    let world = World::new().await;
    let big = Content::seeded(1, 24 << 20);
    world.hub.add_model("org/big", [("big.bin", big.clone())]);
    let bytes = big.to_vec().unwrap();
    let path = "/org/big/resolve/main/big.bin";
    let cdn = || Matches::path("big.bin").at(cache_testkit::Origin::Cdn);
    world.hub.trouble(cdn(), HubFault::Cut(12 << 20));
    let broken = world.get(path, &[]).await;
    assert!(broken.status != 200 || broken.body.is_none());
    world.hub.clear_trouble();
    world.hub.trouble(Matches::default(), HubFault::Silence);
    for (range, part) in [("bytes=0-999", 0..1000), ("bytes=1000000-3000000", 1_000_000..3_000_001)] {
        // Others get the end of a part only when the whole is verified.
        let got = world.get(path, &[("range", range), ("user-agent", "model-cache/0.1.0")]).await;
        assert_eq!((got.status, got.header("x-model-cache-stale")), (206, "1"));
        assert!(got.bytes() == &bytes[part]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_bytes_that_go_are_not_joined() {
    let world = World::new().await;
    let big = Content::seeded(1, 24 << 20);
    world.hub.add_model("org/big", [("big.bin", big.clone())]);
    let path = "/org/big/resolve/main/big.bin";
    world.hub.trouble(Matches::path("big.bin").at(cache_testkit::Origin::Cdn), HubFault::Cut(12 << 20));
    let broken = world.get(path, &[]).await;
    assert!(broken.status != 200 || broken.body.is_none());
    // They are kept to go on from, and then make room for others.
    let other = Cache::builder().root(world.folder.path().join("store")).offline(true).build().unwrap();
    while other.store().removable_partials(std::time::Duration::ZERO).unwrap().bytes == 0 {
        tokio::task::yield_now().await;
    }
    let _ = other.store().clean_older_than(std::time::Duration::ZERO).unwrap();
    world.hub.clear_trouble();
    let resumed = [("range", "bytes=1000000-"), ("user-agent", "curl/7.88.1")];
    assert_eq!(world.get(path, &resumed).await.status, 409);
    assert!(world.get(path, &[]).await.bytes() == big.to_vec().unwrap());
    assert_eq!(world.get(path, &resumed).await.status, 409, "the file is there, and the client's part is another");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_than_huggingface_hub_takes_a_head_tells_no_size() {
    for (size, told) in [(50_000_000_000, true), (50_000_000_001, false)] {
        let mut file = cache_lib::FileEntry::new(cache_lib::RepoPath::parse("big.bin").unwrap());
        file.size = Some(size);
        file.digests.sha256 = Some(cache_lib::Sha256::from_bytes([1; 32]));
        let view = listing::tests::of_files(vec![file]);
        let world = World::new().await;
        let app = App::new(
            Cache::builder().root(world.folder.path().join("other")).build().unwrap(),
            ServerConfig::default(),
        )
        .unwrap();
        let view = Arc::new(view);
        // Behind a router, which finishes the answer.
        let router = Router::new().fallback(move |request: axum::extract::Request| async move {
            let path = cache_lib::RepoPath::parse("big.bin").unwrap();
            let deadline = Deadline::new(app.config.silence);
            resolve::resolve(&app, &Grant::default(), &view, &path, &request.into_parts().0, deadline).await
        });
        let request = Request::builder().method(Method::HEAD).uri("/").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.headers().contains_key("content-length"), told);
        assert_eq!(response.headers().contains_key("x-linked-size"), told);
        assert!(response.headers().contains_key("x-linked-etag"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gated_repository_is_answered_by_option() {
    for as_hub in [false, true] {
        let world = World::with(|config| config.gated_as_hub = as_hub).await;
        world.hub.add_user("hf_ann", "ann");
        world.hub.add_user("hf_eve", "eve");
        world.hub.set_access("org/model", Access::gated(["ann"]));
        for (token, status, code) in [
            (None, 401, if as_hub { "GatedRepo" } else { "RepoNotFound" }),
            (Some("Bearer hf_eve"), if as_hub { 403 } else { 404 }, if as_hub { "GatedRepo" } else { "RepoNotFound" }),
            (Some("Bearer hf_ann"), 200, ""),
        ] {
            let headers: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
            for path in [SMALL, "/api/models/org/model", "/api/models/org/model/tree/main"] {
                let got = world.get(path, &headers).await;
                assert_eq!((got.status, got.header("x-error-code")), (status, code), "{path} {token:?}");
                let where_to = format!("Visit {}/org/model to ask for access", world.hub.url());
                assert_eq!(got.header("x-error-message").contains(&where_to), code == "GatedRepo", "{path} {token:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_file_withdraws_the_grant() {
    let world = World::new().await;
    let recorded = || {
        let cache = Cache::builder().root(world.folder.path().join("store")).build().unwrap();
        cache.visibility(&cache_lib::ModelId::hub("org/model").unwrap())
    };
    assert_eq!(world.head(SMALL).await.status, 200);
    assert!(recorded().is_public());
    world.hub.trouble(Matches::path("/resolve/"), HubFault::Status(403));
    let absent = world.get("/org/none/resolve/main/config.json", &[]).await;
    for _ in 0..2 {
        let refused = world.get(SMALL, &[]).await;
        assert_eq!((refused.status, refused.bytes()), (absent.status, absent.bytes()));
    }
    assert_eq!(world.get("/api/models/org/model", &[]).await.status, absent.status);
    assert!(!recorded().is_public());
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_state_is_for_the_admin() {
    let world = World::new().await;
    assert_eq!(world.get(SMALL, &[]).await.header("x-cache"), "");
    assert_eq!(world.get(SMALL, &ADMIN).await.header("x-cache"), "hit");
    assert_eq!(world.get(LARGE, &ADMIN).await.header("x-cache"), "miss");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_upstreams_host_to_the_admin_alone() {
    let world = World::new().await;
    world.hub.serve_from("org/model", "model.safetensors", "http://127.0.0.1:9/internal/place");
    let place = world.hub.url().strip_prefix("http://").unwrap().to_owned();
    // The body and every header.
    let all = |got: &Got| format!("{:?} {}", got.headers, String::from_utf8_lossy(got.bytes()));
    let got = world.get(LARGE, &[]).await;
    assert!(got.status >= 500 && got.header("x-error-message").starts_with("upstream: "), "{}", all(&got));
    assert!(!all(&got).contains("127.0.0.1") && !all(&got).contains("internal"), "{}", all(&got));
    assert!(world.get(LARGE, &ADMIN).await.header("x-error-message").contains("127.0.0.1:9"));
    world.hub.trouble(Matches::default(), HubFault::Status(500));
    for path in ["/org/new/resolve/main/x", "/api/models/org/new", "/api/models/org/new/refs"] {
        let got = world.get(path, &[]).await;
        assert!(got.status >= 500 && got.header("x-error-message").contains("upstream"), "{path} {}", all(&got));
        assert!(!all(&got).contains(&place), "{path} {}", all(&got));
    }
}

fn ask_upstream(url: &str) -> Value {
    use std::io::{Read as _, Write as _};
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}
