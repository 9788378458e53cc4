//! The plain source against what every source must do.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may")]

use std::sync::Arc;
use std::time::Duration;

use cache_core::{ModelId, ModelUrl};
use cache_net::{HttpClient, HttpConfig, HttpSource, HttpSourceOptions};
use cache_testkit::conformance::{self, SourceUnderTest};
use cache_testkit::{Content, FaultServer, Personality, fixtures};

fn model(server: &FaultServer) -> ModelId {
    ModelId::Url(ModelUrl::parse(&server.url()).unwrap())
}

/// One file behind a server of this kind. A body of it can be cut unless it is empty.
fn subject(content: &Content, personality: Personality) -> SourceUnderTest {
    let server = Arc::new(FaultServer::spawn(content.clone()).unwrap());
    let ranges = matches!(personality, Personality::Good | Personality::NoEtag | Personality::WeakEtag);
    server.always(personality);
    server.beside("/file.bin.sha256", format!("{}  file.bin\n", content.sha256()));
    let missing = FaultServer::spawn("").unwrap();
    missing.always(Personality::Status(404));

    let mut config = HttpConfig::default();
    config.retry.base = Duration::from_millis(1);
    let source = HttpSource::new(HttpClient::new(config).unwrap(), HttpSourceOptions::default());
    let failing = Arc::clone(&server);
    let subject = SourceUnderTest::new(source, model(&server), [("file.bin", content.clone())])
        .missing(model(&missing))
        .keep(missing)
        .fails(move |n| failing.first(n, Personality::Status(503)));
    let subject = if ranges { subject.serves_ranges() } else { subject };
    let half = content.size() / 2;
    // An orderly close: a reset could overtake the head of the reply, which would be a failure before the first byte.
    if half > 0 { subject.cuts(move |n| server.first(n, Personality::Truncate(half))) } else { subject.keep(server) }
}

async fn conforms(personality: Personality) {
    let content = Content::from(fixtures::bytes(3, 300_000));
    conformance::source(|| subject(&content, personality.clone())).await;
}

#[tokio::test]
async fn with_ranges() {
    conforms(Personality::Good).await;
}

#[tokio::test]
async fn without_ranges() {
    conforms(Personality::NoRanges).await;
}

#[tokio::test]
async fn with_ranges_announced_and_not_served() {
    conforms(Personality::IgnoreRange).await;
}

#[tokio::test]
async fn without_a_length() {
    conforms(Personality::NoLength).await;
}

#[tokio::test]
async fn without_a_tag() {
    conforms(Personality::NoEtag).await;
}

#[tokio::test]
async fn with_a_weak_tag() {
    conforms(Personality::WeakEtag).await;
}

#[tokio::test]
async fn with_an_empty_file() {
    let content = Content::from("");
    conformance::source(|| subject(&content, Personality::Good)).await;
}
