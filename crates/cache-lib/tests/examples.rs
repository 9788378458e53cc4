//! The examples do what they say, against a hub on loopback.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cache_lib::{Cache, CacheBuilder, Candidate, EnsureOutcome, ErrorKind, Event, Outcome, Progress};
use cache_testkit::{Content, Hub, HubConfig, HubFault, Matches, Origin, fixtures};
use tokio::sync::Notify;

#[expect(dead_code, reason = "the example's main is not run")]
#[path = "../examples/fallback.rs"]
mod fallback;
#[expect(dead_code, reason = "the example's main is not run")]
#[path = "../examples/migrate_downloader.rs"]
mod migrate_downloader;
#[expect(dead_code, reason = "the example's main is not run")]
#[path = "../examples/migrate_hf_hub.rs"]
mod migrate_hf_hub;
#[expect(dead_code, reason = "the example's main is not run")]
#[path = "../examples/mirrors.rs"]
mod mirrors;
#[expect(dead_code, reason = "the example's main is not run")]
#[path = "../examples/registry_lock.rs"]
mod registry_lock;
#[expect(dead_code, reason = "the example's main is not run")]
#[path = "../examples/stats.rs"]
mod stats;

const MODEL: &str = "org/model";

fn hub() -> Hub {
    let hub = Hub::spawn(HubConfig::default()).unwrap();
    hub.add_model(MODEL, fixtures::model());
    hub
}

fn builder(hub: &Hub, folder: &Path) -> CacheBuilder {
    Cache::builder().root(folder.join("store")).endpoint(hub.url()).offline(false).retries(1)
}

/// The example's progress, and a bell that rings when so many bytes are there.
struct Bell {
    words: migrate_downloader::Words,
    at: i64,
    rings: Notify,
}

impl Bell {
    fn at(bytes: i64) -> Arc<Self> {
        Arc::new(Self { words: migrate_downloader::Words::default(), at: bytes, rings: Notify::new() })
    }
}

impl Progress for Bell {
    fn event(&self, event: &Event<'_>) {
        self.words.event(event);
        if self.words.bytes.load(Ordering::Relaxed) >= self.at {
            self.rings.notify_one();
        }
    }
}

#[tokio::test]
async fn dropped_download_resumes_from_the_next_url() {
    const SIZE: u64 = 16 << 20;
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let cache = builder(&hub, folder.path()).build().unwrap();
    let content = Content::seeded(1, SIZE);
    let commit = hub.add_model("org/one", [("x.bin", content.clone())]);
    let url = |path: &str| format!("{}/org/one/resolve/{commit}/{path}#sha256={}", hub.url(), content.sha256());
    let places: Vec<Candidate> = [url("absent.bin"), url("x.bin")].map(|place| place.parse().unwrap()).into();
    let target = folder.path().join("deep/x.bin");
    hub.trouble(Matches::path("x.bin").at(Origin::Cdn), HubFault::Stall(SIZE / 2));

    let bell = Bell::at(4 << 20);
    let stop = bell.rings.notified();
    let error = migrate_downloader::download(&cache, &places, &target, Arc::clone(&bell) as _, stop).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(!target.exists());
    hub.release();
    hub.clear_trouble();

    let words = Bell::at(i64::MAX);
    let before = hub.bytes_sent("org/one", "x.bin");
    let done = migrate_downloader::download(&cache, &places, &target, Arc::clone(&words) as _, std::future::pending());
    let done = done.await.unwrap();
    assert_eq!((done.outcome, done.candidate), (EnsureOutcome::Downloaded, 1));
    assert_eq!(done.skipped[0].1.kind(), ErrorKind::NotFound);
    assert_eq!(fs_err::read(&target).unwrap(), content.to_vec().unwrap());
    assert!(hub.bytes_sent("org/one", "x.bin") - before < SIZE, "it began anew");
    assert_eq!(words.words.bytes.load(Ordering::Relaxed), i64::try_from(SIZE).unwrap());
}

#[tokio::test]
async fn calls_of_hf_hub_have_their_likes() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let cache = builder(&hub, folder.path()).build().unwrap();
    assert!(migrate_hf_hub::cached(&cache, MODEL).unwrap().is_none());
    assert!(migrate_hf_hub::config(&cache, MODEL).await.unwrap().ends_with("config.json"));
    let snapshot = migrate_hf_hub::weights(&cache, MODEL, "main").await.unwrap();
    assert!(snapshot.path().join("model.safetensors").is_file());
    assert!(!snapshot.path().join("vocab.txt").exists());
    let before = hub.requests().len();
    assert!(migrate_hf_hub::cached(&cache, MODEL).unwrap().is_some());
    assert_eq!(hub.requests().len(), before);
}

#[tokio::test]
async fn a_lock_is_what_another_machine_gets() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let file = folder.path().join("models.lock");
    let here = builder(&hub, folder.path()).build().unwrap();
    registry_lock::register(&here, "embedder", MODEL).unwrap();
    registry_lock::register(&here, "embedder", MODEL).unwrap();
    // A digest of every file is in the lock once the files were here.
    let got = here.get("embedder@stable").await.unwrap();
    registry_lock::write_lock(&here, MODEL, &file).await.unwrap();
    hub.add_model(MODEL, [("config.json", Content::bytes("{}"))]);

    let there = builder(&hub, &folder.path().join("there")).build().unwrap();
    let locked = registry_lock::get_locked(&there, MODEL, &file).await.unwrap();
    assert_eq!(locked.version(), got.version());
    let error = registry_lock::get_locked(&there, "org/other", &file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_quantization_that_fails_gives_way_to_the_next_smaller() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let files = [("m-Q8_0.gguf", 8000), ("m-Q4_K_M.gguf", 4000), ("m-Q2_K.gguf", 2000)];
    hub.add_model("org/quants", files.map(|(path, size)| (path, Content::seeded(size, size))));
    hub.trouble(Matches::path("m-Q8_0.gguf").at(Origin::Cdn), HubFault::Status(404));
    let cache = builder(&hub, folder.path()).build().unwrap();
    let got = fallback::quantization(&cache, "org/quants:Q8_0", "smaller").await.unwrap();
    let report = got.fallback_report().unwrap();
    assert_eq!((report.used.as_str(), report.skipped.len()), ("Q4_K_M", 1), "{report}");
    let error = fallback::quantization(&cache, "org/quants:Q8_0", "no such thing").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn bytes_come_from_the_mirror_that_has_them() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    fixtures::write_model(&folder.path().join("mirror/org/model")).unwrap();
    let mirror = format!("{}/mirror/{{model}}", folder.path().display());
    let cache = mirrors::with_mirrors(builder(&hub, folder.path()), &[mirror]).unwrap().build().unwrap();
    let got = cache.get(MODEL).await.unwrap();
    assert!(got.files().iter().all(|file| file.verified && file.outcome != Outcome::Hit));
    let weights = got.files().iter().find(|file| file.path.as_str() == "model.safetensors").unwrap();
    assert_ne!(weights.size, 0);
    assert_eq!(hub.bytes_sent(MODEL, "model.safetensors"), 0, "{:?}", mirrors::origins(&got));
}

#[tokio::test]
async fn what_was_got_is_counted() {
    let (hub, folder) = (hub(), tempfile::tempdir().unwrap());
    let cache = builder(&hub, folder.path()).build().unwrap();
    let got = cache.get(MODEL).await.unwrap();
    let again = cache.get(MODEL).await.unwrap();
    let page = stats::page(&cache.stats().unwrap());
    let files = got.files().len();
    assert!(page.starts_with(&format!("2 gets, {files} files were here, {files} were fetched: ")), "{page}");
    assert!(page.contains("org/model: "), "{page}");
    drop((got, again));
}
