//! What every source must do.

use std::sync::Arc;

use cache_core::{ModelRef, Revision};
use cache_testkit::conformance::{self, SourceUnderTest};
use cache_testkit::{Content, Files, Hub, HubConfig, HubFault, Matches, Origin, fixtures};

use super::http;
use crate::{HfConfig, HfSource};

const LARGE: &str = "weights/model.safetensors";

fn contents() -> Vec<(&'static str, Content)> {
    vec![
        ("README.md", "# A model\n".into()),
        ("empty.txt", "".into()),
        ("sub/a b#ä.json", "{\"odd\": \"name\"}\n".into()),
        (LARGE, fixtures::bytes(5, 300_000).into()),
    ]
}

fn files(contents: &[(&str, Content)]) -> Files {
    contents.iter().fold(Files::new(), |files, (path, content)| match *path {
        LARGE => files.with_large(LARGE, content.clone()),
        path => files.with_small(path, content.clone()),
    })
}

/// A repository in which the large file comes from the CDN, and its bytes alone get into trouble.
fn subject(config: HubConfig, repo: &str, revision: &str) -> SourceUnderTest {
    let contents = contents();
    let hub = Arc::new(Hub::spawn(config).unwrap());
    hub.add(repo, files(&contents).with_small("of-main-only.txt", "main"));
    hub.commit(repo, revision, files(&contents));
    // Another commit under every other name, so that no wrong one goes unnoticed.
    hub.commit(repo, "other", Files::new().with_small("of-other-only.txt", "other"));

    let config = HfConfig::default().with_endpoint(hub.url()).unwrap().with_token(None).unwrap();
    let source = HfSource::new(config, http()).unwrap();
    let model = |text: &str| text.parse::<ModelRef>().unwrap().model;
    let bytes = |n: usize| Matches::path(LARGE).at(Origin::Cdn).method("GET").first(n as u64);
    let (failing, cutting) = (Arc::clone(&hub), hub);
    SourceUnderTest::new(source, model(&format!("hf://{repo}")), contents)
        .revision(Revision::parse(revision).unwrap())
        .missing(model("hf://org/no-such-model"))
        .missing(model("hf://datasets/org/no-such-dataset"))
        .serves_ranges()
        .fails(move |n| failing.trouble(bytes(n), HubFault::Status(503)))
        .cuts(move |n| cutting.trouble(bytes(n), HubFault::Cut(150_000)))
}

async fn conforms(config: HubConfig, repo: &str, revision: &str) {
    conformance::source(|| subject(config.clone(), repo, revision)).await;
}

#[tokio::test]
async fn a_model() {
    conforms(HubConfig::default(), "org/name", "main").await;
}

#[tokio::test]
async fn a_dataset() {
    conforms(HubConfig::default(), "datasets/org/name", "main").await;
}

#[tokio::test]
async fn a_branch() {
    conforms(HubConfig::default(), "org/name", "dev").await;
}

#[tokio::test]
async fn a_pull_request() {
    conforms(HubConfig::default(), "org/name", "refs/pr/1").await;
}

#[tokio::test]
async fn relative_redirects_xet_and_pages() {
    conforms(HubConfig::default().relative_redirects(true).xet(true).page_size(2), "org/name", "main").await;
}
