//! The engine and the real HTTP stack against every personality of the fault server: right bytes or a typed error,
//! never a blob that is not what its name says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    Digest, ErrorKind, ModelId, ModelUrl, NoProgress, Result, RetryBudget, Revision, Sha256, Source as _,
};
use cache_net::{HttpClient, HttpConfig, HttpSource, HttpSourceOptions};
use cache_store::{Store, StoreOptions, Verified, VerifyMode};
use cache_testkit::{Content, FaultServer, Personality, fixtures};
use cache_transfer::{Engine, EngineConfig, FetchJob, Place};

/// How often the server misbehaves before it does its duty; the last one never does.
const PATIENCE: [usize; 3] = [1, 2, usize::MAX];

fn http() -> HttpClient {
    let mut config = HttpConfig::default();
    config.read_timeout = Duration::from_secs(1);
    config.retry.base = Duration::from_millis(20);
    HttpClient::new(config).unwrap()
}

async fn fetch(store: &Store, server: &FaultServer, expected: Option<Sha256>) -> Result<Sha256> {
    let mut options = HttpSourceOptions::default();
    options.expected = expected.map(Digest::Sha256);
    let source = Arc::new(HttpSource::new(http(), options));
    let model = ModelId::Url(ModelUrl::parse(&server.url())?);
    let manifest = source.resolve(&model, &Revision::main(), &RetryBudget::default()).await?;
    let mut config = EngineConfig::default();
    config.retries = 2;
    config.stall_window = Duration::from_secs(1);
    config.unsized_bytes = 64 << 20;
    let engine = Engine::new(store.clone(), config);
    let file = manifest.files[0].clone();
    let job = FetchJob {
        version: Arc::new(manifest.version),
        file,
        places: vec![Place::from(source as Arc<dyn cache_core::Source>)],
        progress: Arc::new(NoProgress),
        priority: 0,
    };
    Ok(engine.fetch(job).await?.blob.name)
}

/// One meeting; says what went against the rules.
async fn meet(personality: Personality, times: usize, content: Content) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let server = FaultServer::spawn(content.clone()).unwrap();
    match times {
        usize::MAX => server.always(personality.clone()),
        times => server.first(times, personality.clone()),
    }
    let met = format!("{personality:?} x {times}, {} bytes", content.size());
    let result = tokio::time::timeout(Duration::from_secs(60), fetch(&store, &server, Some(content.sha256()))).await;
    server.release();
    match result {
        Err(_) => return Some(format!("{met}: still at it after a minute")),
        Ok(Ok(name)) if name != content.sha256() => return Some(format!("{met}: another file was taken for it")),
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            if !matches!(error.kind(), ErrorKind::Network | ErrorKind::Integrity) {
                return Some(format!("{met}: {error:?}"));
            }
            if error.message().is_empty() {
                return Some(format!("{met}: an error without a word"));
            }
            if personality == Personality::Good {
                return Some(format!("{met}: {error:?}"));
            }
        }
    }
    for blob in store.blobs().unwrap() {
        if !matches!(store.verify(&blob.name, VerifyMode::Full), Ok(Verified::Intact)) {
            return Some(format!("{met}: a blob is not what its name says"));
        }
    }
    None
}

async fn meet_all(size: u64) {
    let content = Content::from(fixtures::bytes(size, usize::try_from(size).unwrap()));
    // A few at a time: a hundred servers on two cores would all look like slow ones.
    let turns = Arc::new(tokio::sync::Semaphore::new(16));
    let meetings = PATIENCE
        .into_iter()
        .flat_map(|times| Personality::every(size).into_iter().map(move |personality| (personality, times)))
        .map(|(personality, times)| {
            let (turns, content) = (Arc::clone(&turns), content.clone());
            tokio::spawn(async move {
                let _turn = turns.acquire_owned().await;
                meet(personality, times, content).await
            })
        });
    let mut wrong = Vec::new();
    for meeting in meetings.collect::<Vec<_>>() {
        wrong.extend(meeting.await.unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_file_is_right_or_refused() {
    meet_all(50_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_ranges_is_right_or_refused() {
    meet_all(9_000_000).await;
}

#[tokio::test]
async fn an_unsteady_server_gets_the_file_through_in_the_end() {
    let content = Content::from(fixtures::bytes(3, 9_000_000));
    for personality in [
        Personality::Truncate(5_000_000),
        Personality::Cut(3_000_000),
        Personality::Hangup,
        Personality::Stall(1_000_000),
        Personality::StallHead,
        Personality::Status(503),
        Personality::RateLimited(0),
        Personality::IgnoreRange,
        Personality::NoLength,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let server = FaultServer::spawn(content.clone()).unwrap();
        // The first answer is the look at the file's size and tag.
        server.script([Personality::Good, personality.clone()]);
        let name = fetch(&store, &server, Some(content.sha256())).await;
        server.release();
        assert_eq!(name.as_ref().ok(), Some(&content.sha256()), "{personality:?}: {name:?}");
    }
}
