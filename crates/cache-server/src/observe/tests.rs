use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::{Body, Bytes};
use cache_lib::Cache;
use futures::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;
use tracing::instrument::WithSubscriber as _;

use super::*;
use crate::config::ServerConfig;
use crate::listen::Peer;
use crate::response_labels::{CacheState, RouteName};

/// An app over a store of its own, and a router of handlers that these tests know.
struct Rig {
    app: Arc<App>,
    dir: TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let cache = Cache::builder().root(dir.path().join("store")).offline(true).quota(1 << 30).build().unwrap();
        Self { app: App::new(cache, config()).unwrap(), dir }
    }

    fn online(endpoint: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let cache = Cache::builder().root(dir.path().join("store")).endpoint(endpoint).offline(false).quota(1 << 30);
        Self { app: App::new(cache.build().unwrap(), config()).unwrap(), dir }
    }

    async fn ask(&self, request: Request) -> Response {
        let app = Arc::clone(&self.app);
        let file = || async {
            let mut response = "0123456789".into_response();
            response.extensions_mut().insert(CacheState("hit"));
            response.extensions_mut().insert(RouteName("resolve"));
            response
        };
        let parts = || stream::iter(["0123", "456", "789"].map(|part| Ok::<_, std::io::Error>(Bytes::from(part))));
        Router::new()
            .merge(routes())
            .route("/file", get(file))
            .route("/parts", get(move || async move { Body::from_stream(parts()) }))
            .route("/slow", get(|| async { Body::from_stream(slow()) }))
            .route("/never", get(std::future::pending::<()>))
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), record))
            .with_state(app)
            .oneshot(request)
            .await
            .unwrap()
    }

    /// As the admin asks.
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let mut request = request("GET", path);
        request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer the-admin"));
        self.send(request).await
    }

    async fn send(&self, request: Request) -> (StatusCode, String) {
        let response = self.ask(request).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }
}

fn config() -> ServerConfig {
    ServerConfig { admin_token: Some("the-admin".to_owned()), ..ServerConfig::default() }
}

/// A part after a second, and another five seconds later.
fn slow() -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send {
    stream::iter([1, 5]).then(|seconds| async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(Bytes::from_static(b"part"))
    })
}

fn request(method: &str, path: &str) -> Request {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

/// The value of one series.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn requests_bytes_and_times_are_counted_by_route() {
    let rig = Rig::new();
    rig.get("/file").await;
    rig.get("/file").await;
    rig.get("/parts").await;
    let text = rig.get("/metrics").await.1;
    let answered =
        |route: &str| format!("model_cache_http_requests_total{{route=\"{route}\",method=\"GET\",status=\"200\"}}");
    assert_eq!(value(&text, &answered("resolve")), Some(2.0), "{text}");
    assert_eq!(value(&text, &answered("hub")), Some(1.0), "{text}");
    assert_eq!(value(&text, "model_cache_http_sent_bytes_total{route=\"resolve\"}"), Some(20.0), "{text}");
    assert_eq!(value(&text, "model_cache_http_sent_bytes_total{route=\"hub\"}"), Some(10.0), "{text}");
    for name in ["request_duration", "first_byte"] {
        let count = format!("model_cache_http_{name}_seconds_count{{route=\"resolve\"}}");
        assert_eq!(value(&text, &count), Some(2.0), "{text}");
    }
    assert_eq!(value(&text, "model_cache_http_requests_in_flight"), Some(1.0), "this one is under way: {text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn metrics_are_for_the_admin_or_by_option() {
    let mut rig = Rig::new();
    let (status, text) = rig.send(request("GET", "/metrics")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("server.open-metrics") && !text.contains("model_cache_"), "{text}");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(rig.send(request("GET", path)).await.0, StatusCode::OK, "{path}");
    }
    rig.app = rig.app.with_config(ServerConfig { open_metrics: true, ..config() }).unwrap();
    assert_eq!(rig.send(request("GET", "/metrics")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_body_counts_while_it_is_sent() {
    let rig = Rig::new();
    let mut body = rig.ask(request("GET", "/parts")).await.into_body();
    body.frame().await.unwrap().unwrap();
    let text = rig.get("/metrics").await.1;
    assert_eq!(value(&text, "model_cache_http_sent_bytes_total{route=\"hub\"}"), Some(4.0), "{text}");
    assert_eq!(value(&text, "model_cache_http_requests_in_flight"), Some(2.0), "{text}");
    drop(body);
    let text = rig.get("/metrics").await.1;
    assert_eq!(value(&text, "model_cache_http_requests_in_flight"), Some(1.0), "{text}");
    assert_eq!(value(&text, "model_cache_http_sent_bytes_total{route=\"hub\"}"), Some(4.0), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_and_the_last_are_timed() {
    let rig = Rig::new();
    rig.get("/slow").await;
    let text = rig.app.metrics.text(&sample::take(&rig.app).await.registry()).unwrap();
    for (name, least) in [("first_byte", 1.0), ("request_duration", 6.0)] {
        let sum = value(&text, &format!("model_cache_http_{name}_seconds_sum{{route=\"hub\"}}")).unwrap();
        assert!((least..least + 0.5).contains(&sum), "{name}: {sum}");
    }
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_counted() {
    let rig = Rig::new();
    {
        let asked = rig.ask(request("GET", "/never"));
        futures::pin_mut!(asked);
        assert!(futures::poll!(asked).is_pending());
    }
    let text = rig.get("/metrics").await.1;
    let series = "model_cache_http_requests_total{route=\"hub\",method=\"GET\",status=\"499\"}";
    assert_eq!(value(&text, series), Some(1.0), "{text}");
}

#[tokio::test]
async fn a_made_up_method_is_no_series() {
    let rig = Rig::new();
    for method in ["BREW", "WHEN"] {
        rig.ask(request(method, "/file")).await;
    }
    let text = rig.get("/metrics").await.1;
    assert!(!text.contains("BREW"), "{text}");
    let series = "model_cache_http_requests_total{route=\"hub\",method=\"other\",status=\"405\"}";
    assert_eq!(value(&text, series), Some(2.0), "{text}");
}

#[tokio::test]
async fn connections_the_store_and_the_build_are_shown() {
    let rig = Rig::new();
    let connection = rig.app.metrics.connection();
    let text = rig.get("/metrics").await.1;
    assert_eq!(value(&text, "model_cache_connections_open"), Some(1.0), "{text}");
    drop(connection);
    for (series, is) in [
        ("model_cache_store_bytes", Some(0.0)),
        ("model_cache_store_blobs", Some(0.0)),
        ("model_cache_store_quota_bytes", Some(f64::from(1 << 30))),
        ("model_cache_quarantine_files", Some(0.0)),
        ("model_cache_evicted_bytes_total", Some(0.0)),
        ("model_cache_hits_total", Some(0.0)),
        ("model_cache_downloads_in_flight{state=\"running\"}", Some(0.0)),
    ] {
        assert_eq!(value(&text, series), is, "{series}: {text}");
    }
    assert!(value(&text, "model_cache_disk_free_bytes").is_some_and(|free| free > 0.0), "{text}");
    let build = format!("model_cache_build_info{{version=\"{}\",features=\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&build), "{text}");
    let text = rig.get("/metrics").await.1;
    assert_eq!(value(&text, "model_cache_connections_open"), Some(0.0), "{text}");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the store is taken away, not written")]
async fn it_is_ready_until_the_store_is_gone_or_it_stops() {
    let rig = Rig::new();
    assert_eq!(rig.get("/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(rig.get("/readyz").await, (StatusCode::OK, r#"{"ready":true,"reasons":[]}"#.to_owned()));
    fs_err::rename(rig.dir.path().join("store"), rig.dir.path().join("gone")).unwrap();
    let (status, text) = rig.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("the store cannot be read") && !text.contains("stopping"), "{text}");
    assert!(!text.contains(&rig.dir.path().display().to_string()), "it names a folder: {text}");
    fs_err::rename(rig.dir.path().join("gone"), rig.dir.path().join("store")).unwrap();
    assert_eq!(rig.get("/readyz").await.0, StatusCode::OK);
    rig.app.stop();
    let (status, text) = rig.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("stopping"), "{text}");
    assert_eq!(rig.get("/healthz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_store_that_hangs_stops_no_health_check() {
    let rig = Rig::new();
    let hang = cache_testkit::Hang::of(&rig.dir.path().join("store/version")).unwrap();
    let probe = rig.get("/readyz");
    for (status, text) in futures::future::join_all([probe, rig.get("/readyz")]).await {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains("does not answer"), "{text}");
    }
    assert_eq!(rig.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(rig.get("/metrics").await.0, StatusCode::OK);
    drop(hang);
    assert_eq!(rig.get("/readyz").await.0, StatusCode::OK);
}

/// Fails often enough for the circuit to open: nobody listens on port 1.
async fn break_a_circuit(rig: &Rig) {
    for _ in 0..10 {
        rig.app.cache.hub_answer("/api/whoami-v2", std::time::Duration::from_secs(60)).await.unwrap_err();
    }
}

#[tokio::test]
async fn an_open_circuit_is_shown_by_its_host() {
    let rig = Rig::online("http://127.0.0.1:1");
    let series = "model_cache_circuit_breaker_state{host=\"127.0.0.1:1\"}";
    assert_eq!(value(&rig.get("/metrics").await.1, series), None);
    rig.app.cache.hub_answer("/api/whoami-v2", std::time::Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(value(&rig.get("/metrics").await.1, series), Some(0.0));
    break_a_circuit(&rig).await;
    assert_eq!(value(&rig.get("/metrics").await.1, series), Some(2.0));
}

#[tokio::test]
async fn the_dashboard_shows_every_metric_and_no_other() {
    let rig = Rig::online("http://127.0.0.1:1");
    break_a_circuit(&rig).await;
    rig.get("/file").await;
    let text = rig.get("/metrics").await.1;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let shown: BTreeSet<String> = types
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "histogram" => format!("{name}_bucket"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/grafana/model-cache.json");
    let dashboard = fs_err::read_to_string(path).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&dashboard).unwrap()["panels"].is_array());
    let words = dashboard.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let used: BTreeSet<String> = words.filter(|word| word.starts_with("model_cache_")).map(str::to_owned).collect();
    assert_eq!(used, shown);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// What the requests log, everything down to traces included.
    async fn of(requests: Vec<Request>) -> String {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(move || writer.clone())
            .finish();
        async {
            let rig = Rig::new();
            for request in requests {
                let response = rig.ask(request).await;
                let _ = response.into_body().collect().await;
            }
        }
        .with_subscriber(subscriber)
        .await;
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }
}

fn accesses(log: &str) -> Vec<serde_json::Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["target"] == "access").collect()
}

#[tokio::test]
async fn each_request_is_one_event_with_what_it_was() {
    let mut asked = request("GET", "/file?download=true");
    asked.headers_mut().insert("user-agent", HeaderValue::from_static("curl/8"));
    asked.extensions_mut().insert(Peer::Tcp(SocketAddr::from(([192, 0, 2, 1], 4711))));
    let mut local = request("HEAD", "/parts");
    local.extensions_mut().insert(Peer::Unix);
    let events = accesses(&Log::of(vec![asked, local]).await);
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0]["level"], "INFO");
    let fields = &events[0]["fields"];
    assert!(fields["duration_ms"].is_u64(), "{fields}");
    for (name, is) in [
        ("method", json!("GET")),
        ("path", json!("/file")),
        ("route", json!("resolve")),
        ("status", json!(200)),
        ("bytes", json!(10)),
        ("complete", json!(true)),
        ("client", json!("192.0.2.1:4711")),
        ("agent", json!("curl/8")),
        ("user", json!("-")),
        ("cache", json!("hit")),
    ] {
        assert_eq!(fields[name], is, "{name}: {fields}");
    }
    let fields = &events[1]["fields"];
    for (name, is) in [("client", json!("unix")), ("agent", json!("-")), ("bytes", json!(0)), ("complete", json!(true))]
    {
        assert_eq!(fields[name], is, "{name}: {fields}");
    }
}

#[tokio::test]
async fn no_secret_of_a_request_is_logged_at_any_level() {
    const SECRET: &str = "hush_4711";
    let mut by_header = request("GET", "/file");
    for name in ["authorization", "cookie", "x-api-key", "referer", "x-forwarded-for", "proxy-authorization"] {
        by_header.headers_mut().insert(name, HeaderValue::from_static("Bearer hush_4711"));
    }
    let requests = vec![
        by_header,
        request("GET", &format!("/file?X-Amz-Signature={SECRET}&token={SECRET}")),
        request("GET", &format!("http://user:{SECRET}@host.example/file?{SECRET}")),
        request("GET", &format!("http://{SECRET}@host.example/none")),
    ];
    let log = Log::of(requests).await;
    assert_eq!(accesses(&log).len(), 4);
    assert!(log.contains("\"request\""), "the spans are logged as well: {log}");
    assert!(!log.contains(SECRET), "{log}");
}
