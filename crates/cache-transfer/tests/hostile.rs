//! The engine and the real HTTP stack against every personality of the fault server: right bytes or a typed error,
//! never a blob that is not what its name says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    Digest, ErrorKind, ModelId, ModelUrl, NoProgress, OpenOptions, Opened, Result, RetryBudget, Revision, Sha256,
    Source as _,
};
use cache_net::{HttpClient, HttpConfig, HttpSource, HttpSourceOptions};
use cache_store::{Store, StoreOptions, Verified, VerifyMode};
use cache_testkit::{Content, FaultServer, Personality, fixtures};
use cache_transfer::{Engine, EngineConfig, FetchJob, SourceEntry};
use futures::TryStreamExt as _;

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
        sources: vec![SourceEntry::from(source as Arc<dyn cache_core::Source>)],
        progress: Arc::new(NoProgress),
        priority: 0,
        access: Default::default(),
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
async fn unsteady_server_delivers_the_file() {
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

/// Answers that make no sense, for a file of this size.
fn malformed(size: u64) -> Vec<Personality> {
    vec![
        Personality::ShiftRange(1000),
        Personality::LieAboutRange(1000),
        Personality::WrongSize(1000),
        Personality::TooShort(1000),
        Personality::TooLong(1000),
        Personality::Truncate(size - 1000),
        Personality::NotSatisfiable,
        Personality::Gzip,
        Personality::Html,
        Personality::Multipart,
        Personality::IgnoreRange,
        Personality::Garbage,
        Personality::Status(502),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_malformed_answer_is_met_once() {
    // The size of a small file, of one request, and of several.
    for size in [50_000, 3_000_000, 20_000_000] {
        let content = Content::from(fixtures::bytes(4, usize::try_from(size).unwrap()));
        for personality in malformed(size) {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
            let server = FaultServer::spawn(content.clone()).unwrap();
            // The look at size and tag, in the large file its first piece, then one that goes wrong.
            let good = if size > 16_777_216 { 2 } else { 1 };
            server.first(good, Personality::Good);
            server.first(1, personality.clone());
            let name = fetch(&store, &server, Some(content.sha256())).await;
            assert_eq!(name.as_ref().ok(), Some(&content.sha256()), "{personality:?}, {size} bytes: {name:?}");
            let requests = server.requests();
            let odd = requests.iter().position(|seen| seen.personality == personality).unwrap();
            if let Some(next) = requests.get(odd + 1).filter(|_| size < 16_777_216) {
                assert_ne!(next.connection, requests[odd].connection, "{personality:?}: over the same connection");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_answers_for_ever_are_an_error() {
    for size in [50_000, 3_000_000] {
        let content = Content::from(fixtures::bytes(5, usize::try_from(size).unwrap()));
        let endless = malformed(size).into_iter().filter(|one| match one {
            // These bring the bytes all the same, in the end.
            Personality::IgnoreRange | Personality::Truncate(_) => false,
            // Of a small file no range is requested.
            Personality::ShiftRange(_) | Personality::LieAboutRange(_) | Personality::WrongSize(_) => size > 1_000_000,
            _ => true,
        });
        for personality in endless {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
            let server = FaultServer::spawn(content.clone()).unwrap();
            server.script([Personality::Good]);
            server.always(personality.clone());
            let error = fetch(&store, &server, Some(content.sha256())).await.unwrap_err();
            let kind = matches!(error.kind(), ErrorKind::Network | ErrorKind::Integrity);
            assert!(
                kind && error.attempts() == 3 && error.host().is_some(),
                "{personality:?}, {size} bytes: {error:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_strong_tag_one_request_brings_all() {
    let content = Content::from(fixtures::bytes(6, 20_000_000));
    for personality in [Personality::NoEtag, Personality::WeakEtag] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let server = FaultServer::start(content.clone(), personality.clone()).await;
        assert_eq!(fetch(&store, &server, None).await.unwrap(), content.sha256());
        let gets = server.requests().into_iter().filter(|seen| seen.method == "GET" && seen.target == "/file.bin");
        let gets: Vec<_> = gets.map(|seen| seen.header("range").map(str::to_owned)).collect();
        assert_eq!(gets, [None], "{personality:?}");
    }
}

#[tokio::test]
async fn a_fresh_request_is_over_a_new_connection() {
    let server = FaultServer::spawn(Content::seeded(1, 2000)).unwrap();
    let source = HttpSource::new(http(), HttpSourceOptions::default());
    let model = ModelId::Url(ModelUrl::parse(&server.url()).unwrap());
    let manifest = source.resolve(&model, &Revision::main(), &RetryBudget::default()).await.unwrap();
    let mut connections = Vec::new();
    for fresh in [false, false, true, true, false] {
        let options = OpenOptions::whole().fresh(fresh);
        let Opened::Stream(body) = source.open(&manifest.version, &manifest.files[0], options).await.unwrap() else {
            panic!("a file of this machine");
        };
        let chunks: Vec<_> = body.stream.try_collect().await.unwrap();
        assert_eq!(chunks.concat().len(), 2000);
        connections.push(server.connections());
    }
    let first = connections[0];
    assert_eq!(connections, [first, first, first + 1, first + 2, first + 2]);
}
