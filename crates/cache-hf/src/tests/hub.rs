//! Against a Hub as it should be.

use std::sync::Arc;

use cache_core::{
    ByteRange, Commit, ErrorKind, FileEntry, Hasher, Manifest, ModelId, ModelRef, OpenOptions, Opened, RepoPath,
    Result, RetryBudget, Revision, Source as _, Version,
};
use cache_testkit::{Access, Files, Hub, HubConfig, HubFault, Matches, Origin};
use futures::{FutureExt as _, TryStreamExt as _};

use super::http;
use crate::{HfConfig, HfSource};

const LARGE: &str = "weights/model.safetensors";
const SMALL: &str = "config.json";

fn large() -> Vec<u8> {
    cache_testkit::fixtures::bytes(7, 1 << 20)
}

fn files() -> Files {
    Files::new().with_large(LARGE, large()).with_small(SMALL, "{}\n").with_small("sub/a b#ä.txt", "odd name")
}

fn source(hub: &Hub, token: Option<&str>) -> HfSource {
    let config = HfConfig::default().with_endpoint(hub.url()).unwrap().with_token(token).unwrap();
    HfSource::new(config, http()).unwrap()
}

fn model(text: &str) -> ModelId {
    text.parse::<ModelRef>().unwrap().model
}

async fn resolve(source: &HfSource, name: &str, revision: &str) -> Result<Manifest> {
    source.resolve(&model(name), &Revision::parse(revision).unwrap(), &RetryBudget::default()).await
}

async fn read(source: &HfSource, version: &Version, file: &FileEntry, options: OpenOptions) -> Result<Vec<u8>> {
    let Opened::Stream(body) = source.open(version, file, options).await? else { panic!("no stream") };
    let bytes: Vec<bytes::Bytes> = body.stream.try_collect().await?;
    Ok(bytes.concat())
}

fn entry<'a>(manifest: &'a Manifest, path: &str) -> &'a FileEntry {
    manifest.require(&RepoPath::parse(path).unwrap()).unwrap()
}

fn asked(hub: &Hub, origin: Origin) -> usize {
    hub.requests().iter().filter(|seen| seen.origin == origin).count()
}

#[tokio::test]
async fn branch_costs_two_requests_and_commit_one() {
    let hub = Hub::start(HubConfig::default()).await;
    let commit = hub.add_model("org/name", files());
    let source = source(&hub, None);

    let manifest = resolve(&source, "org/name", "main").await.unwrap();
    assert_eq!(manifest.version, Version { model: model("org/name"), commit: commit.clone() });
    assert_eq!(asked(&hub, Origin::Hub), 2);

    hub.clear_requests();
    assert_eq!(resolve(&source, "org/name", commit.as_str()).await.unwrap(), manifest);
    assert_eq!(asked(&hub, Origin::Hub), 1);

    let (large_entry, small) = (entry(&manifest, LARGE), entry(&manifest, SMALL));
    let mut hasher = Hasher::new();
    hasher.update(&large());
    assert_eq!(large_entry.digests.sha256, Some(hasher.finish().sha256));
    assert_eq!((large_entry.size, &large_entry.etag), (Some(1 << 20), &large_entry.tag()));
    assert!(small.digests.sha256.is_none() && small.digests.git_sha1.is_some());
    assert_eq!(small.size, Some(3));
}

#[tokio::test]
async fn every_repo_kind_and_revision_resolves() {
    let hub = Hub::start(HubConfig::default()).await;
    for (id, name) in
        [("models/gpt2", "gpt2"), ("datasets/o/d", "hf://datasets/o/d"), ("spaces/o/s", "hf://spaces/o/s")]
    {
        let main = hub.add(id, files());
        let branches = ["dev", "refs/pr/1", "feature/x"];
        let commits: Vec<Commit> =
            branches.iter().map(|branch| hub.commit(id, branch, Files::new().with_small("only", *branch))).collect();
        hub.tag(id, "v1.0", &main);
        let source = source(&hub, None);
        for (revision, commit) in branches.iter().zip(&commits).chain([(&"main", &main), (&"v1.0", &main)]) {
            let manifest = resolve(&source, name, revision).await.unwrap();
            assert_eq!(&manifest.version.commit, commit, "{name}@{revision}");
            for file in &manifest.files {
                read(&source, &manifest.version, file, OpenOptions::whole()).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn many_pages() {
    let hub = Hub::start(HubConfig::default().page_size(10)).await;
    let names: Vec<String> = (0..95).map(|n| format!("d{}/f{n}", n % 3)).collect();
    hub.add_model("org/name", names.iter().map(|name| (name.clone(), name.clone())).collect::<Files>());
    let manifest = resolve(&source(&hub, None), "org/name", "main").await.unwrap();
    assert_eq!(manifest.files.len(), 95);
    assert_eq!(asked(&hub, Origin::Hub), 1 + 10);
}

#[tokio::test]
async fn files_open_whole_and_by_range() {
    for relative in [false, true] {
        let hub = Hub::start(HubConfig::default().relative_redirects(relative).xet(true)).await;
        hub.add_model("org/name", files());
        let source = source(&hub, None);
        let manifest = resolve(&source, "org/name", "main").await.unwrap();
        for (path, content) in [(LARGE, large()), (SMALL, b"{}\n".to_vec()), ("sub/a b#ä.txt", b"odd name".to_vec())] {
            let file = entry(&manifest, path);
            assert_eq!(read(&source, &manifest.version, file, OpenOptions::whole()).await.unwrap(), content, "{path}");
            let range = OpenOptions::range(ByteRange { start: 1, end: 3 }).if_range(file.etag.clone());
            let Opened::Stream(body) = source.open(&manifest.version, file, range).await.unwrap() else { panic!() };
            assert_eq!((body.start, body.size, &body.etag), (1, file.size, &file.etag), "{path}");
            assert!(body.ranges);
            let bytes: Vec<bytes::Bytes> = body.stream.try_collect().await.unwrap();
            assert_eq!(bytes.concat(), content[1..3], "{path}");
        }
    }
}

#[tokio::test]
async fn ranges_of_a_file_share_one_hub_request() {
    let hub = Hub::start(HubConfig::default()).await;
    hub.add_model("org/name", files());
    let source = Arc::new(source(&hub, None));
    let manifest = Arc::new(resolve(&source, "org/name", "main").await.unwrap());
    let content = Arc::new(large());
    let all = || {
        let ranges = (0..100_u64).map(|n| {
            let (source, manifest, content) = (Arc::clone(&source), Arc::clone(&manifest), Arc::clone(&content));
            tokio::spawn(async move {
                let range = ByteRange { start: n * 1000, end: n * 1000 + 1000 };
                let file = entry(&manifest, LARGE);
                let bytes = read(&source, &manifest.version, file, OpenOptions::range(range)).await.unwrap();
                let start = usize::try_from(range.start).unwrap();
                assert_eq!(bytes, content[start..start + 1000]);
            })
        });
        futures::future::try_join_all(ranges.collect::<Vec<_>>())
    };
    hub.clear_requests();
    all().await.unwrap();
    assert_eq!((asked(&hub, Origin::Hub), asked(&hub, Origin::Cdn)), (1, 100));

    // More than there are places at a host: those whose link has expired must not wait for each other's.
    hub.expire_links();
    all().await.unwrap();
    assert_eq!(asked(&hub, Origin::Hub), 2);

    hub.expire_links();
    hub.clear_requests();
    let options = OpenOptions::range(ByteRange { start: 0, end: 9 });
    let bytes = read(&source, &manifest.version, entry(&manifest, LARGE), options).await.unwrap();
    assert_eq!(bytes, content[..9]);
    assert_eq!((asked(&hub, Origin::Hub), asked(&hub, Origin::Cdn)), (1, 2));
}

/// Whoever gives up while asking for a file's place leaves it to the next.
#[tokio::test]
async fn giving_up_is_in_nobodys_way() {
    let hub = Hub::start(HubConfig::default()).await;
    hub.add_model("org/name", files());
    let source = source(&hub, None);
    assert!(resolve(&source, "org/name", "main").now_or_never().is_none());
    let manifest = resolve(&source, "org/name", "main").await.unwrap();
    let file = entry(&manifest, LARGE);
    for _ in 0..50 {
        assert!(source.open(&manifest.version, file, OpenOptions::whole()).now_or_never().is_none());
    }
    assert_eq!(read(&source, &manifest.version, file, OpenOptions::whole()).await.unwrap(), large());
}

#[tokio::test]
async fn the_token_goes_to_the_hub_alone() {
    let hub = Hub::start(HubConfig::default()).await;
    hub.add_model("org/name", files());
    hub.set_access("models/org/name", Access::private(["me"]));
    hub.add_user("hf_mine", "me");
    let source = source(&hub, Some("hf_mine"));
    let manifest = resolve(&source, "org/name", "main").await.unwrap();
    for file in &manifest.files {
        read(&source, &manifest.version, file, OpenOptions::whole()).await.unwrap();
    }
    for seen in hub.requests() {
        let token = seen.header("authorization");
        assert_eq!(token, (seen.origin == Origin::Hub).then_some("Bearer hf_mine"), "{} {}", seen.method, seen.path);
    }
    assert_eq!(asked(&hub, Origin::Cdn), 1);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let hub = Hub::start(HubConfig::default()).await;
    hub.add_user("hf_mine", "me");
    for (name, access) in
        [("open", Access::Public), ("gated", Access::gated(["somebody"])), ("private", Access::private(["somebody"]))]
    {
        hub.add_model(&format!("org/{name}"), files());
        hub.set_access(&format!("models/org/{name}"), access);
    }
    let fails = async |token: Option<&str>, name: &str, revision: &str, kind: ErrorKind, words: &[&str]| {
        let error = resolve(&source(&hub, token), name, revision).await.unwrap_err();
        let text = format!("{error:?}");
        assert_eq!(error.kind(), kind, "{text}");
        assert!(words.iter().all(|word| text.contains(word)) && !text.contains("hf_mine"), "{text}");
        assert!(error.host().is_some(), "{text}");
    };
    fails(None, "org/none", "main", ErrorKind::NotFound, &["org/none", "private", "no token is set", "HF_TOKEN"]).await;
    fails(None, "org/private", "main", ErrorKind::NotFound, &["private", "HF_TOKEN"]).await;
    fails(Some("hf_mine"), "org/private", "main", ErrorKind::NotFound, &["the token from the caller was sent"]).await;
    fails(Some("hf_wrong"), "org/open", "main", ErrorKind::Unauthorized, &["refuses the token", "settings/tokens"])
        .await;
    fails(None, "org/open", "nope", ErrorKind::NotFound, &["no revision \"nope\""]).await;
    fails(None, "org/open", &"0".repeat(40), ErrorKind::NotFound, &["no revision"]).await;

    for (token, words) in [(None, "HF_TOKEN"), (Some("hf_mine"), "the token from the caller was sent")] {
        let source = source(&hub, token);
        let manifest = resolve(&source, "org/gated", "main").await.unwrap();
        for path in [LARGE, SMALL] {
            let file = entry(&manifest, path);
            let error = read(&source, &manifest.version, file, OpenOptions::whole()).await.unwrap_err();
            let text = format!("{error:?}");
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{text}");
            assert!(
                text.contains("accept the conditions") && text.contains("/org/gated") && text.contains(words),
                "{text}"
            );
        }
    }

    let source = source(&hub, None);
    let version = resolve(&source, "org/open", "main").await.unwrap().version;
    let missing = FileEntry::new(RepoPath::parse("no/such.bin").unwrap());
    let error = read(&source, &version, &missing, OpenOptions::whole()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("no/such.bin"), "{error}");
}

#[tokio::test]
async fn whose_token_it_is() {
    let hub = Hub::start(HubConfig::default()).await;
    hub.add_user("hf_mine", "me");
    assert_eq!(source(&hub, None).whoami().await.unwrap(), None);
    assert_eq!(hub.requests().len(), 0);
    assert_eq!(source(&hub, Some("hf_mine")).whoami().await.unwrap().as_deref(), Some("me"));
    let error = source(&hub, Some("hf_wrong")).whoami().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.hint().unwrap().contains("settings/tokens"), "{error:?}");
}

#[tokio::test]
async fn bad_days_are_waited_for_within_the_budget() {
    let hub = Hub::start(HubConfig::default()).await;
    hub.add_model("org/name", files());
    let source = source(&hub, None);
    for trouble in
        [HubFault::Status(503), HubFault::Hangup, HubFault::TooMany { reset: 0 }, HubFault::RetryAfter { seconds: 0 }]
    {
        hub.trouble(Matches::path("/api/").first(2), trouble.clone());
        let manifest =
            resolve(&source, "org/name", "main").await.unwrap_or_else(|error| panic!("{trouble:?}: {error:?}"));
        hub.trouble(Matches::path("model.safetensors").at(Origin::Cdn).first(1), trouble.clone());
        let bytes = read(&source, &manifest.version, entry(&manifest, LARGE), OpenOptions::whole()).await;
        assert!(bytes.is_ok_and(|bytes| bytes == large()), "{trouble:?}");
        hub.clear_trouble();
    }
    hub.trouble(Matches::path("/revision/").first(2), HubFault::Cut(10));
    assert!(resolve(&source, "org/name", "main").await.is_ok(), "a reply that breaks off is requested again");
    hub.clear_trouble();
    hub.trouble(Matches::path("/api/"), HubFault::Status(503));
    let error = resolve(&source, "org/name", "main").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.attempts() > 1 && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn nothing_is_asked_before_it_is_needed() {
    let hub = Hub::start(HubConfig::default()).await;
    let source = source(&hub, None);
    assert!(source.to_string().starts_with("hf(127.0.0.1:"), "{source}");
    let error = source.resolve(&model("/some/folder"), &Revision::main(), &RetryBudget::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(hub.requests().len(), 0);
    assert_eq!(HfSource::new(HfConfig::default(), http()).unwrap().to_string(), "hf(huggingface.co)");
}
