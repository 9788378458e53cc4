//! What listings of strangers and readers may take of memory. The whole test binary counts what it allocates.

#![expect(clippy::unwrap_used, reason = "a helper that fails, fails its test")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use cache_lib::{Cache, ErrorKind, ReadOptions, RepoPath};
use cache_testkit::CountingAllocator;

const COMMIT: &str = "1234567890123456789012345678901234567890";
const MIB: usize = 1 << 20;

#[global_allocator]
static MEMORY: CountingAllocator = CountingAllocator::new();

/// So many paths of so many segments, that share only the first ones.
fn deep_paths(paths: usize, segments: usize) -> impl Iterator<Item = String> {
    (0..paths)
        .map(move |path| (0..segments).map(|at| ((path + at) % 10).to_string()).collect::<Vec<_>>().join("/"))
        .enumerate()
        .map(|(number, path)| format!("{number}/{path}"))
}

/// Answers every request for a tree with this listing, and all others with 404.
fn hub(listing: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &listing);
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, listing: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let (status, body) = if head.starts_with(b"GET /api/models/org/deep/tree/") { (200, listing) } else { (404, "{}") };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    // Whoever has read enough may leave.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

fn listing(paths: impl Iterator<Item = String>) -> String {
    let mut text = "[".to_owned();
    for path in paths {
        let comma = if text.len() > 1 { "," } else { "" };
        write!(text, r#"{comma}{{"type":"file","path":"{path}","size":1,"oid":"{COMMIT}"}}"#).unwrap();
    }
    text + "]"
}

/// Gets a model whose listing is this, and gives the error and the peak.
async fn get(listing: String) -> (cache_lib::Error, usize) {
    let endpoint = hub(listing);
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::builder().root(folder.path()).endpoint(endpoint).offline(false).retries(0).build().unwrap();
    let peak = MEMORY.measure();
    let error = cache.get(format!("org/deep@{COMMIT}")).await.unwrap_err();
    (error, peak.bytes())
}

#[tokio::test]
async fn listing_of_deep_paths_takes_little_memory() {
    let (error, peak) = get(listing(deep_paths(1_000, 1_000))).await;
    assert!(peak < 16 * MIB, "{} MiB: {error}", peak / MIB);
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert!(error.message().contains("too deep") || error.message().contains("too long"), "{error}");
    // As deep as it may be.
    let (error, peak) = get(listing(deep_paths(2_000, 63))).await;
    assert!(peak < 32 * MIB, "{} MiB: {error}", peak / MIB);
}

#[tokio::test]
async fn listing_of_many_files_is_bounded() {
    let (error, peak) = get(listing((0..300_000).map(|number| number.to_string()))).await;
    assert!(peak < 64 * MIB, "{} MiB: {error}", peak / MIB);
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
}

#[tokio::test]
async fn readers_share_a_bounded_memory() {
    const READERS: usize = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs_err::create_dir(&model).unwrap();
    fs_err::write(model.join("big.bin"), vec![7; 4 * MIB]).unwrap();
    let cache = Cache::builder().root(folder.path().join("store")).offline(true).build().unwrap();
    let name = format!("file://{}", model.display());
    drop(cache.get(name.as_str()).await.unwrap());
    let manifest = Arc::new(cache.get(name.as_str()).resolve().await.unwrap().manifest().clone());
    let path = RepoPath::parse("big.bin").unwrap();
    let peak = MEMORY.measure();
    let mut held = Vec::new();
    for number in 0..READERS {
        let reader = cache.open(&manifest, &path, ReadOptions::default()).await.unwrap();
        // As a client that never reads: a chunk is on its way to it, and the next one is there.
        let mut at = 0;
        while at == 0 || (at < 256 << 10 && !reader.is_memory_short()) {
            let chunk = reader.read_at(at, 128 << 10).await.unwrap();
            assert!(!chunk.is_empty());
            at += chunk.len() as u64;
            held.push(chunk);
        }
        // 32 MiB in chunks of 128 KiB.
        assert_eq!(2 * (number + 1) >= 256, reader.is_memory_short(), "reader {number}");
    }
    assert!(peak.bytes() < 48 * MIB, "{} MiB", peak.bytes() / MIB);
    drop(held);
    let reader = cache.open(&manifest, &path, ReadOptions::default()).await.unwrap();
    assert_eq!(reader.read_at(0, 128 << 10).await.unwrap().len(), 128 << 10);
    assert!(!reader.is_memory_short());
    assert!(peak.kept() < 8 * MIB, "{} MiB", peak.kept() / MIB);
}
