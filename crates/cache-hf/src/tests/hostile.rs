//! A Hub that is faulty or hostile, played by listeners of our own.

use cache_core::{
    ByteRange, Commit, ErrorKind, FileEntry, GitSha1, ModelId, OpenOptions, Opened, RepoPath, Result, Revision,
    Source as _, Version,
};
use futures::TryStreamExt as _;
use url::Url;

use super::server::{Server, reply};
use crate::{HfConfig, HfSource};

const TOKEN: &str = "hf_secret";

fn commit() -> Commit {
    Commit::parse(&"ab".repeat(20)).unwrap()
}

fn version() -> Version {
    Version { model: ModelId::hub("org/name").unwrap(), commit: commit() }
}

fn file(tag: Option<&str>) -> FileEntry {
    let mut file = FileEntry::new(RepoPath::parse("x.bin").unwrap());
    file.digests.git_sha1 = tag.map(|tag| tag.parse::<GitSha1>().unwrap());
    file
}

fn source(endpoint: &Url) -> HfSource {
    let config = HfConfig::default().with_endpoint(endpoint.as_str()).unwrap().with_token(Some(TOKEN)).unwrap();
    HfSource::new(config, super::http()).unwrap()
}

async fn resolve(source: &HfSource, revision: &str) -> Result<cache_core::Manifest> {
    source.resolve(&version().model, &Revision::parse(revision).unwrap(), &cache_core::RetryBudget::default()).await
}

async fn read(source: &HfSource, file: &FileEntry, options: OpenOptions) -> Result<(u64, Option<String>, Vec<u8>)> {
    let Opened::Stream(body) = source.open(&version(), file, options).await? else { panic!("no stream") };
    let bytes: Vec<bytes::Bytes> = body.stream.try_collect().await?;
    Ok((body.start, body.etag, bytes.concat()))
}

fn info() -> String {
    reply("200 OK", "", &format!(r#"{{"id":"org/name","sha":"{}"}}"#, commit()))
}

fn has_token(head: &str) -> bool {
    head.contains(TOKEN) || head.to_ascii_lowercase().contains("authorization")
}

#[tokio::test]
async fn cross_origin_page_is_not_requested() {
    let elsewhere = Server::start(|_| reply("200 OK", "", "[]")).await;
    let link = format!("Link: <{}p2>; rel=\"next\"\r\n", elsewhere.url());
    let hub = Server::start(move |_| reply("200 OK", &link, "[]")).await;
    let error = resolve(&source(hub.url()), commit().as_str()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
    assert_eq!(elsewhere.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn metadata_is_not_taken_from_elsewhere() {
    let elsewhere =
        Server::start(|_| reply("200 OK", "", r#"[{"type":"file","path":"evil","size":1,"oid":"00"}]"#)).await;
    let location = format!("Location: {}x?Signature=s3cret\r\n", elsewhere.url());
    let hub = Server::start(move |_| reply("302 Found", &location, "")).await;
    for revision in ["main", commit().as_str()] {
        let error = resolve(&source(hub.url()), revision).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    assert_eq!(elsewhere.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn renamed_repository_is_followed_with_token() {
    let hub = Server::start(|head| match head.split(['?', ' ']).nth(1).unwrap() {
        "/api/models/org/name/revision/main" => {
            reply("307 Temporary Redirect", "Location: /api/models/org/new/revision/main\r\n", "")
        }
        "/api/models/org/new/revision/main" => info(),
        _ => reply("200 OK", "", "[]"),
    })
    .await;
    assert_eq!(resolve(&source(hub.url()), "main").await.unwrap().version.commit, commit());
    assert!(hub.heard().len() == 3 && hub.heard().iter().all(|head| has_token(head)), "{:?}", hub.heard());
}

#[tokio::test]
async fn cdn_gets_no_token_and_no_tag() {
    let cdn =
        Server::start(|_| reply("206 Partial Content", "Content-Range: bytes 2-4/9\r\nETag: \"other\"\r\n", "cde"))
            .await;
    let location =
        format!("Location: {}blob?Signature=s3cret\r\nX-Linked-Etag: \"{}\"\r\n", cdn.url(), "cd".repeat(20));
    let hub = Server::start(move |_| reply("302 Found", &location, "")).await;
    let source = source(hub.url());
    let tag = "cd".repeat(20);
    for known in [Some(tag.as_str()), None] {
        let options = OpenOptions::range(ByteRange { start: 2, end: 5 }).if_range(Some(tag.clone()));
        let (start, etag, bytes) = read(&source, &file(known), options).await.unwrap();
        assert_eq!((start, bytes.as_slice()), (2, b"cde".as_slice()));
        if known.is_some() {
            assert_eq!(etag.as_deref(), known, "the Hub's tag, not the CDN's");
        }
    }
    assert_eq!((hub.heard().len(), cdn.heard().len()), (1, 2));
    assert!(hub.heard().iter().all(|head| has_token(head)));
    for head in cdn.heard() {
        assert!(!has_token(&head) && !head.to_ascii_lowercase().contains("if-range"), "{head}");
        assert!(head.to_ascii_lowercase().contains("accept-encoding: identity"), "{head}");
    }
}

#[tokio::test]
async fn another_tag_gives_the_whole_file() {
    let tag = "cd".repeat(20);
    let header = format!("ETag: \"{tag}\"\r\n");
    let hub = Server::start(move |head| match head.to_ascii_lowercase().contains("\r\nrange:") {
        true => reply("206 Partial Content", &format!("{header}Content-Range: bytes 2-4/9\r\n"), "cde"),
        false => reply("200 OK", &header, "abcdefghi"),
    })
    .await;
    let source = source(hub.url());
    for known in [Some(tag.as_str()), None] {
        let options = OpenOptions::range(ByteRange { start: 2, end: 5 }).if_range(Some("an older one".to_owned()));
        let (start, etag, bytes) = read(&source, &file(known), options).await.unwrap();
        assert_eq!((start, etag.as_deref(), bytes.as_slice()), (0, Some(tag.as_str()), b"abcdefghi".as_slice()));
    }
}

#[tokio::test]
async fn bytes_of_another_commit_are_refused() {
    let hub = Server::start(|_| reply("200 OK", &format!("X-Repo-Commit: {}\r\n", "ef".repeat(20)), "abc")).await;
    let error = read(&source(hub.url()), &file(None), OpenOptions::whole()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.message().contains(&"ef".repeat(20)), "{error}");
}

#[tokio::test]
async fn expired_link_is_renewed_once() {
    // Each link is good for one request.
    let cdn = Server::start({
        let used = std::sync::Mutex::new(std::collections::HashSet::new());
        move |head| match used.lock().unwrap().insert(head.lines().next().unwrap_or_default().to_owned()) {
            true => reply("200 OK", "", "abc"),
            false => reply("403 Forbidden", "", "<Error>Request has expired</Error>"),
        }
    })
    .await;
    let count = std::sync::atomic::AtomicU32::new(0);
    let base = cdn.url().to_string();
    let hub = Server::start(move |_| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        reply("302 Found", &format!("Location: {base}blob?n={n}\r\n"), "")
    })
    .await;
    let source = source(hub.url());
    for _ in 0..3 {
        assert_eq!(read(&source, &file(None), OpenOptions::whole()).await.unwrap().2, b"abc");
    }
    assert_eq!((hub.heard().len(), cdn.heard().len()), (3, 5));
}

#[tokio::test]
async fn denying_storage_host_ends_unauthorized() {
    let body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    let cdn = Server::start(move |_| reply("403 Forbidden", "", body)).await;
    let location = format!("Location: {}blob?Signature=s3cret\r\n", cdn.url());
    let hub = Server::start(move |_| reply("302 Found", &location, "")).await;
    let error = read(&source(hub.url()), &file(None), OpenOptions::whole()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unauthorized, false));
    let text = format!("{error:?}");
    assert!(text.contains("access denied by the storage host") && text.contains("Request has expired"), "{text}");
    assert!(["clock", "region", "link"].iter().all(|word| error.hint().unwrap().contains(word)), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    // One fresh link after the first was refused, and no more.
    assert_eq!((hub.heard().len(), cdn.heard().len()), (2, 2));
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_its_header_says() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let hub = Server::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 | 1 => reply("429 Too Many Requests", "ratelimit: \"api\";r=0;t=0\r\n", r#"{"error":"slow down"}"#),
        2 => info(),
        _ => reply("200 OK", "", "[]"),
    })
    .await;
    let manifest = resolve(&source(hub.url()), "main").await.unwrap();
    assert_eq!(manifest.version.commit, commit());
    let asked: Vec<_> = hub.heard().iter().map(|head| head.split(['?', ' ']).nth(1).unwrap().to_owned()).collect();
    let info = "/api/models/org/name/revision/main".to_owned();
    assert_eq!(asked, [info.clone(), info.clone(), info, format!("/api/models/org/name/tree/{}", commit())]);
}

#[tokio::test]
async fn replies_that_are_not_a_hubs() {
    for (body, kind) in [
        ("<html>sign in</html>", ErrorKind::Network),
        (r#"{"id":"org/name"}"#, ErrorKind::Network),
        (r#"{"id":"org/name","sha":"main"}"#, ErrorKind::Network),
        (r#"{"id":"org/name","sha":"../../../etc"}"#, ErrorKind::Network),
    ] {
        let hub = Server::start(move |_| reply("200 OK", "", body)).await;
        let error = resolve(&source(hub.url()), "main").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{body}: {error:?}");
        assert!(error.hint().is_some(), "{body}: {error:?}");
    }
    for body in ["<html>", "{}", r#"[{"type":"file","path":"../../x","size":1,"oid":"00"}]"#] {
        let hub = Server::start(move |_| reply("200 OK", "", body)).await;
        assert!(resolve(&source(hub.url()), commit().as_str()).await.is_err(), "{body}");
    }
}

#[tokio::test]
async fn a_listing_that_goes_round_in_circles_ends() {
    let hub = Server::start(|head| {
        let here = head.split(' ').nth(1).unwrap().to_owned();
        reply("200 OK", &format!("Link: <{here}>; rel=\"next\"\r\n"), "[]")
    })
    .await;
    let error = resolve(&source(hub.url()), commit().as_str()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert_eq!(hub.heard().len(), 1);
}

#[tokio::test]
async fn a_cdn_that_has_gone_is_not_asked_for_ever() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let gone = Server::start(move |_| match first.swap(false, std::sync::atomic::Ordering::Relaxed) {
        true => reply("200 OK", "", "abc"),
        false => String::new(),
    })
    .await;
    let better = Server::start(|_| reply("200 OK", "", "abc")).await;
    let redirects = std::sync::Mutex::new(vec![better.url().clone(), gone.url().clone()]);
    let hub = Server::start(move |_| {
        let place = redirects.lock().unwrap().pop().unwrap();
        reply("302 Found", &format!("Location: {place}blob\r\n"), "")
    })
    .await;
    let source = source(hub.url());
    assert!(read(&source, &file(None), OpenOptions::whole()).await.is_ok());
    let error = read(&source, &file(None), OpenOptions::whole()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(read(&source, &file(None), OpenOptions::whole()).await.is_ok());
    assert_eq!((hub.heard().len(), better.heard().len()), (2, 1));
}

#[tokio::test]
async fn offline_sends_no_packet() {
    let hub = Server::start(|_| info()).await;
    let config = HfConfig::default().with_endpoint(hub.url().as_str()).unwrap();
    let mut quiet = cache_net::HttpConfig::default();
    quiet.offline = true;
    let quiet = cache_net::HttpClient::new(quiet).unwrap();
    for (config, http) in [(config.clone().with_offline(true), super::http()), (config, quiet)] {
        let source = HfSource::new(config, http).unwrap();
        assert_eq!(resolve(&source, "main").await.unwrap_err().kind(), ErrorKind::NotCached);
        let error = read(&source, &file(None), OpenOptions::whole()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotCached);
        assert!(error.hint().is_some());
    }
    assert_eq!(hub.heard(), Vec::<String>::new());
}
