//! The plain source: what is found out, what is expected, and which bytes come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::{
    ByteRange, Commit, Digests, ErrorKind, FileEntry, Manifest, ModelId, ModelUrl, OpenOptions, Opened, RepoPath,
    Result, RetryBudget, Revision, Source as _, Version,
};
use cache_net::{HttpSource, HttpSourceOptions};
use futures::TryStreamExt as _;

use crate::client;
use crate::server::{Reply, Seen, Server};

const DATA: &[u8] = b"0123456789";
const SHA256: &str = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

/// A server that does everything right: tag, ranges, If-Range.
fn good(seen: &Seen) -> Reply {
    serve(seen, DATA, "\"t1\"")
}

fn serve(seen: &Seen, data: &[u8], etag: &str) -> Reply {
    if !seen.target.starts_with("/d/m.gguf?") && seen.target != "/d/m.gguf" {
        return Reply::new(404);
    }
    let fresh = seen.header("if-range").is_none_or(|tag| tag == etag);
    let reply = |status| Reply::new(status).header("etag", etag).header("accept-ranges", "bytes");
    match seen.header("range").filter(|_| fresh).and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) {
        None => reply(200).body(data),
        Some((first, last)) => {
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let end = data.len().min(last + 1);
            if first >= end {
                return reply(416).header("content-range", &format!("bytes */{}", data.len()));
            }
            let stated = format!("bytes {first}-{}/{}", end - 1, data.len());
            reply(206).header("content-range", &stated).body(&data[first..end])
        }
    }
}

fn source() -> HttpSource {
    HttpSource::new(client(), HttpSourceOptions::default())
}

fn model(server: &Server, path: &str) -> ModelId {
    ModelId::Url(ModelUrl::parse(server.url(path).as_str()).unwrap())
}

async fn resolve(server: &Server) -> Result<Manifest> {
    source().resolve(&model(server, "/d/m.gguf"), &Revision::main(), &RetryBudget::default()).await
}

async fn open(server: &Server, options: OpenOptions) -> Result<(u64, Vec<u8>, Option<String>)> {
    let manifest = Manifest::new(
        Version { model: model(server, "/d/m.gguf"), commit: Commit::of_listing(&[]) },
        vec![FileEntry::new(RepoPath::parse("m.gguf").unwrap())],
    )?;
    match source().open(&manifest.version, &manifest.files[0], options).await? {
        Opened::Stream(body) => {
            let (start, etag) = (body.start, body.etag.clone());
            let chunks: Vec<_> = body.stream.try_collect().await?;
            Ok((start, chunks.concat(), etag))
        }
        Opened::File(path) => panic!("a file at {}", path.display()),
    }
}

#[tokio::test]
async fn one_head_tells_size_and_tag() {
    let server = Server::start(good).await;
    let manifest = resolve(&server).await.unwrap();
    let file = &manifest.files[0];
    assert_eq!((file.path.as_str(), file.size, file.etag.as_deref()), ("m.gguf", Some(10), Some("t1")));
    assert!(file.digests.is_empty());
    let asked: Vec<String> = server.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert_eq!(asked[0], "HEAD /d/m.gguf");
    assert_eq!(asked.iter().filter(|asked| asked.ends_with("/d/m.gguf")).count(), 1, "{asked:?}");
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn where_head_is_refused_the_first_byte_tells() {
    for status in [405, 403, 501] {
        let server =
            Server::start(move |seen| if seen.method == "HEAD" { Reply::new(status) } else { good(seen) }).await;
        let file = resolve(&server).await.unwrap().files.remove(0);
        assert_eq!((file.size, file.etag.as_deref()), (Some(10), Some("t1")));
        assert_eq!(server.seen()[1].header("range"), Some("bytes=0-0"));
    }
}

#[tokio::test]
async fn head_without_length_is_probed_by_get() {
    let server = Server::start(|seen| if seen.method == "HEAD" { Reply::new(200) } else { good(seen) }).await;
    assert_eq!(resolve(&server).await.unwrap().files[0].size, Some(10));
    let server = Server::start(|seen| serve(seen, b"", "\"t\"")).await;
    assert_eq!(resolve(&server).await.unwrap().files[0].size, Some(0));
}

#[tokio::test]
async fn absence_and_refusal_are_told_apart() {
    for (status, kind) in [
        (404, ErrorKind::NotFound),
        (410, ErrorKind::NotFound),
        (401, ErrorKind::Unauthorized),
        (403, ErrorKind::Unauthorized),
        (400, ErrorKind::Network),
    ] {
        let server = Server::start(move |_| Reply::new(status)).await;
        let error = resolve(&server).await.unwrap_err();
        assert_eq!((error.kind(), error.hint().is_some(), error.host().is_some()), (kind, true, true), "{status}");
    }
}

/// The digests found beside the file when these lists are there.
async fn beside(lists: &'static [(&'static str, &'static str, &'static str)]) -> Result<Digests> {
    let server = Server::start(move |seen| {
        let list = lists.iter().find(|(path, ..)| *path == seen.target);
        list.map_or_else(
            || good(seen),
            |(_, kind, text)| Reply::new(200).header("content-type", kind).body(text.replace("SUM", SHA256)),
        )
    })
    .await;
    Ok(resolve(&server).await?.files.remove(0).digests)
}

#[tokio::test]
async fn digest_lists_beside_file_are_used() {
    let expected = Digests { sha256: Some(SHA256.parse().unwrap()), ..Digests::default() };
    for lists in [
        &[("/d/m.gguf.sha256", "text/plain", "SUM\n")][..],
        &[("/d/m.gguf.sha256", "application/octet-stream", "SUM *m.gguf\n")],
        &[("/d/SHA256SUMS", "text/plain", "SUM  m.gguf\n")],
        &[("/d/SHA256SUMS", "text/plain", "SHA256 (m.gguf) = SUM\n")],
    ] {
        assert_eq!(beside(lists).await.unwrap(), expected, "{lists:?}");
    }
    for lists in [
        &[("/d/m.gguf.sha256", "text/html; charset=utf-8", "SUM\n")][..],
        &[("/d/m.gguf.sha256", "text/plain", "<html>SUM</html>")],
        &[("/d/SHA256SUMS", "text/plain", "SUM  other.gguf\nSUM\n")],
    ] {
        assert!(beside(lists).await.unwrap().is_empty(), "{lists:?}");
    }
}

#[tokio::test]
async fn a_list_over_a_mebibyte_is_not_read() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/d/SHA256SUMS" => Reply::new(200).body(format!("{SHA256}  m.gguf\n{}", "\n".repeat(1 << 20))),
        _ => good(seen),
    })
    .await;
    assert!(resolve(&server).await.unwrap().files[0].digests.is_empty());
}

#[tokio::test]
async fn own_list_over_4_kib_is_not_read() {
    for (padding, known) in [(4000, true), (4 << 10, false)] {
        let server = Server::start(move |seen| match seen.target.as_str() {
            "/d/m.gguf.sha256" => Reply::new(200).body(format!("{SHA256}  m.gguf\n{}", "\n".repeat(padding))),
            _ => good(seen),
        })
        .await;
        assert_eq!(!resolve(&server).await.unwrap().files[0].digests.is_empty(), known, "{padding}");
    }
}

#[tokio::test]
async fn list_that_is_no_text_is_read_no_further() {
    for start in [&b"text\0"[..], b"text\xff\xfe text"] {
        let server = Server::start(move |seen| match seen.target.as_str() {
            "/d/m.gguf.sha256" | "/d/SHA256SUMS" => Reply::new(200).header("content-length", "4000").body(start).hang(),
            _ => good(seen),
        })
        .await;
        assert!(resolve(&server).await.unwrap().files[0].digests.is_empty(), "the rest of the body never comes");
    }
}

#[tokio::test]
async fn failing_list_lookup_fails_resolve() {
    let server = Server::start(|seen| if seen.target.ends_with("SUMS") { Reply::new(500) } else { good(seen) }).await;
    let error = resolve(&server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert_eq!(error.reason(), Some(cache_core::Reason::DigestUnavailable));
}

#[tokio::test]
async fn expected_digest_skips_list_lookup() {
    let server = Server::start(good).await;
    let mut options = HttpSourceOptions::default();
    options.expected = Some("ab".repeat(32).parse().unwrap());
    let source = HttpSource::new(client(), options);
    let manifest =
        source.resolve(&model(&server, "/d/m.gguf"), &Revision::main(), &RetryBudget::default()).await.unwrap();
    assert_eq!(manifest.files[0].digests.strongest(), Some("ab".repeat(32).parse().unwrap()));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_present_commit_is_a_revision_and_no_other() {
    let changed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&changed);
    let server = Server::start(move |seen| {
        let date = if flag.load(Ordering::Relaxed) {
            "Sat, 21 Nov 2026 06:00:00 GMT"
        } else {
            "Fri, 20 Nov 2026 06:00:00 GMT"
        };
        if seen.target == "/d/m.gguf" {
            Reply::new(200).header("last-modified", date).body(DATA)
        } else {
            Reply::new(404)
        }
    })
    .await;
    let model = model(&server, "/d/m.gguf");
    let source = source();
    let first = source.resolve(&model, &Revision::main(), &RetryBudget::default()).await.unwrap();
    let pin = Revision::parse(first.version.commit.as_str()).unwrap();
    assert_eq!(source.resolve(&model, &pin, &RetryBudget::default()).await.unwrap(), first);
    changed.store(true, Ordering::Relaxed);
    let changed = source.open(&first.version, &first.files[0], OpenOptions::whole()).await.unwrap_err();
    assert_eq!(changed.kind(), ErrorKind::Integrity);
    assert_eq!(source.resolve(&model, &pin, &RetryBudget::default()).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_ne!(
        source.resolve(&model, &Revision::main(), &RetryBudget::default()).await.unwrap().version,
        first.version
    );
    for other in ["v1", &"0".repeat(40), &"0".repeat(64)] {
        let error =
            source.resolve(&model, &Revision::parse(other).unwrap(), &RetryBudget::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{other}");
    }
}

#[tokio::test]
async fn the_whole_and_ranges_of_it() {
    let server = Server::start(good).await;
    assert_eq!(open(&server, OpenOptions::whole()).await.unwrap(), (0, DATA.to_vec(), Some("t1".to_owned())));
    let range = OpenOptions::range(ByteRange { start: 3, end: 6 }).if_range(Some("t1".to_owned()));
    assert_eq!(open(&server, range).await.unwrap(), (3, b"345".to_vec(), Some("t1".to_owned())));
    assert_eq!(server.seen()[1].header("if-range"), Some("\"t1\""));
    let beyond = open(&server, OpenOptions::range(ByteRange { start: 10, end: 20 })).await.unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_changed_file_comes_whole_with_its_new_tag() {
    // The second server ignores If-Range.
    let forgetful = |seen: &Seen| {
        let blind = seen.clone().without("if-range");
        serve(&blind, b"abcdef", "\"t2\"")
    };
    for server in [Server::start(|seen| serve(seen, b"abcdef", "\"t2\"")).await, Server::start(forgetful).await] {
        for start in [2, 8] {
            let range = ByteRange { start, end: start + 2 };
            let options = OpenOptions::range(range).if_range(Some("t1".to_owned()));
            assert_eq!(open(&server, options).await.unwrap(), (0, b"abcdef".to_vec(), Some("t2".to_owned())));
        }
    }
}

#[tokio::test]
async fn only_a_strong_tag_can_vouch_for_a_range() {
    let server = Server::start(good).await;
    for weak in ["W/\"t1\"", "", "a\"b", "line\nbreak"] {
        let options = OpenOptions::range(ByteRange { start: 3, end: 6 }).if_range(Some(weak.to_owned()));
        assert_eq!(open(&server, options).await.unwrap().0, 0);
        let seen = server.seen();
        assert_eq!((seen[0].header("if-range"), seen[0].header("range")), (None, None));
    }
}

#[tokio::test]
async fn a_strong_last_modified_vouches_for_a_range() {
    const MODIFIED: &str = "Fri, 20 Nov 2026 06:00:00 GMT";
    let dated = |date: &'static str| {
        Server::start(move |seen: &Seen| {
            let reply = |status| Reply::new(status).header("last-modified", MODIFIED).header("date", date);
            match seen.header("range") {
                Some("bytes=3-5") => reply(206).header("content-range", "bytes 3-5/10").body(&DATA[3..6]),
                _ => reply(200).body(DATA),
            }
        })
    };
    let server = dated("Fri, 20 Nov 2026 06:10:00 GMT").await;
    let (.., tag) = open(&server, OpenOptions::whole()).await.unwrap();
    let range = OpenOptions::range(ByteRange { start: 3, end: 6 }).if_range(tag.clone());
    assert_eq!(open(&server, range).await.unwrap(), (3, b"345".to_vec(), tag.clone()));
    assert_eq!(server.seen()[1].header("if-range"), Some(MODIFIED));
    // Another date than that of the bytes we have: the whole.
    let earlier = Some(tag.unwrap().replace("20 Nov", "19 Nov"));
    let range = OpenOptions::range(ByteRange { start: 3, end: 6 }).if_range(earlier);
    assert_eq!(open(&server, range).await.unwrap().0, 0);
    // Within its own second a file can change once more.
    let young = dated("Fri, 20 Nov 2026 06:00:01 GMT").await;
    assert_eq!(open(&young, OpenOptions::whole()).await.unwrap().2, None);
}

#[tokio::test]
async fn a_server_without_ranges_sends_the_whole() {
    let server = Server::start(|_| Reply::new(200).body(DATA)).await;
    let (start, bytes, _) = open(&server, OpenOptions::range(ByteRange { start: 3, end: 6 })).await.unwrap();
    assert_eq!((start, bytes.as_slice()), (0, DATA));
}

#[tokio::test]
async fn another_file_or_kind_of_model_is_not_there() {
    let server = Server::start(good).await;
    let version = Version { model: model(&server, "/d/m.gguf"), commit: Commit::of_listing(&[]) };
    let other = FileEntry::new(RepoPath::parse("other").unwrap());
    let error = source().open(&version, &other, OpenOptions::whole()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let hub = ModelId::hub("org/name").unwrap();
    assert_eq!(
        source().resolve(&hub, &Revision::main(), &RetryBudget::default()).await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_signature_is_sent_and_shown_nowhere() {
    let server = Server::start(good).await;
    let source = source();
    let model = model(&server, "/d/m.gguf?X-Amz-Signature=hush");
    let manifest = source.resolve(&model, &Revision::main(), &RetryBudget::default()).await.unwrap();
    source.open(&manifest.version, &manifest.files[0], OpenOptions::whole()).await.unwrap();
    let seen = server.seen();
    let signed: Vec<bool> = seen.iter().map(|seen| seen.target.contains("hush")).collect();
    assert_eq!(signed.iter().filter(|signed| **signed).count(), 2);
    assert!(seen.iter().all(|seen| seen.target.contains("hush") == seen.target.starts_with("/d/m.gguf?")));
    assert!(!format!("{manifest:?} {source:?} {source}").contains("hush"));
}
