//! What a compressed file becomes, and what is checked on the way.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cache_core::{Compression, Digest, Digests, ErrorKind, FileEntry, ModelId, RepoPath, Result, Retry, RetryBudget};
use cache_inflate::{DecompressedDigests, InflateSource};
use cache_testkit::{Content, fixtures};
use futures::StreamExt as _;

use crate::memory::{Memory, drain, listed, open, read, read_from};
use crate::pack::pack;

fn name(compression: Compression) -> String {
    format!("model.gguf{}", compression.extension())
}

fn sha256(bytes: &[u8]) -> Digests {
    Digest::Sha256(Content::bytes(bytes.to_vec()).sha256()).into()
}

#[tokio::test]
async fn every_compression_is_decompressed() {
    let plain = fixtures::bytes(1, 300_000);
    for compression in Compression::ALL {
        let mut packed = pack(compression, &plain[..100_000]).await;
        packed.extend(pack(compression, &plain[100_000..]).await);
        let digests = sha256(&packed);
        assert!(
            read(Memory::new(&name(compression), packed).digests(digests)).await.unwrap() == plain,
            "{compression}"
        );
    }
}

#[tokio::test]
async fn the_listing_shows_what_is_inside() {
    let packed = pack(Compression::Zstd, b"plain").await;
    let mut memory = Memory::new("a/model.gguf.zst", packed.clone()).digests(sha256(&packed)).tags(&["t"]);
    let entry = |name: &str| FileEntry::new(RepoPath::parse(name).unwrap());
    memory.others = ["b.tar.gz", "c.gz", "c", "d.txt", "e.bz2", "e.gz"].map(entry).to_vec();
    let inner = Arc::new(memory);
    let source = InflateSource::new(Arc::clone(&inner) as _);
    let manifest = listed(&source).await;
    let names: Vec<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    // Of two packings of one file the first is shown as it, the other stays.
    assert_eq!(names, ["a/model.gguf", "b.tar.gz", "c", "c.gz", "d.txt", "e", "e.gz"]);
    let file = &manifest.files[0];
    assert_eq!((file.size, file.etag.clone(), file.digests), (None, None, Digests::default()));
    let packed_entry = file.compressed.clone().unwrap();
    assert_eq!(packed_entry.digests, sha256(&packed));
    assert_eq!((packed_entry.size, packed_entry.etag.as_deref()), (Some(packed.len() as u64), Some("t")));
    assert!(manifest.files[2..5].iter().all(|file| file.compressed.is_none()));
    assert_eq!(drain(open(&source, &manifest.version, file).await.unwrap()).await.unwrap(), b"plain");
}

#[derive(Debug)]
struct Told(Digests);

#[async_trait]
impl DecompressedDigests for Told {
    async fn digests(&self, _model: &ModelId, path: &RepoPath, _budget: &RetryBudget) -> Result<Digests> {
        assert_eq!(path.as_str(), "model.gguf");
        Ok(self.0)
    }
}

#[tokio::test]
async fn digests_of_plain_files_come_from_beside() {
    let make = || Memory::new("model.gguf.gz", "");
    let told = |digests| InflateSource::new(Arc::new(make())).with_decompressed_digests(Arc::new(Told(digests)));
    let with = listed(&told(sha256(b"x"))).await;
    assert_eq!(with.files[0].digests, sha256(b"x"));
    let without = listed(&told(Digests::default())).await;
    assert_ne!(with.version.commit, without.version.commit, "another promise is another version");
}

#[tokio::test]
async fn wrong_digest_or_size_fails_before_the_end() {
    let packed = pack(Compression::Gzip, b"plain").await;
    let wrong = sha256(b"other");
    let error = read(Memory::new("m.gz", packed.clone()).digests(wrong)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    let said = error.to_string();
    assert!(said.contains(&wrong.sha256.unwrap().to_string()), "{said}");
    assert!(said.contains(&sha256(&packed).sha256.unwrap().to_string()), "{said}");

    let source = InflateSource::new(Arc::new(Memory::new("m.gz", packed)));
    let manifest = listed(&source).await;
    for size in [4, 6] {
        let mut file = manifest.files[0].clone();
        file.size = Some(size);
        let error = drain(open(&source, &manifest.version, &file).await.unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
        assert!(error.to_string().contains(&format!("{size} bytes")), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn broken_body_is_resumed() {
    let plain = fixtures::bytes(2, 400_000);
    for compression in Compression::ALL {
        let packed = pack(compression, &plain).await;
        let end = packed.len() as u64;
        let memory = Memory::new(&name(compression), packed.clone()).cuts(&[100_000, 100_000, 250_001, end]);
        let opened = Arc::clone(&memory.opened);
        assert!(read(memory.digests(sha256(&packed)).tags(&["t"])).await.unwrap() == plain, "{compression}");
        let starts: Vec<u64> =
            opened.lock().unwrap().iter().map(|range| range.map_or(0, |range| range.start)).collect();
        assert_eq!(starts, [0, 100_000, 100_000, 250_001], "{compression}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_ranges_what_came_is_skipped() {
    let plain = fixtures::bytes(3, 400_000);
    let mut memory = Memory::new("m.zst", pack(Compression::Zstd, &plain).await).cuts(&[100_000, 200_000]).tags(&["t"]);
    memory.ranges = false;
    assert!(read(memory).await.unwrap() == plain);
}

#[tokio::test(start_paused = true)]
async fn silent_link_is_given_up() {
    let packed = pack(Compression::Zstd, &fixtures::bytes(4, 400_000)).await;
    let memory = Memory::new("m.zst", packed).cuts(&[1000; 20]).tags(&["t"]);
    let opened = Arc::clone(&memory.opened);
    let error = read(memory).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Network, Retry::Backoff));
    assert_eq!(opened.lock().unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn another_file_is_not_glued_to_the_first() {
    let packed = pack(Compression::Zstd, &fixtures::bytes(5, 400_000)).await;
    let memory = || Memory::new("m.zst", packed.clone()).cuts(&[100_000]).tags(&["one", "two"]);
    let error = read(memory()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Integrity && error.to_string().contains("changed"), "{error:?}");
    // With a digest the tags of a farm of servers need not agree.
    read(memory().digests(sha256(&packed))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_untagged_body_is_not_continued() {
    let plain = fixtures::bytes(7, 400_000);
    let packed = pack(Compression::Zstd, &plain).await;
    let memory = || Memory::new("m.zst", packed.clone()).cuts(&[100_000]);
    let unknown = memory();
    let opened = Arc::clone(&unknown.opened);
    let error = read(unknown).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Network, Retry::Backoff));
    assert_eq!(opened.lock().unwrap().len(), 1);
    assert!(read(memory().digests(sha256(&packed))).await.unwrap() == plain);
}

#[tokio::test]
async fn a_first_body_may_have_another_tag() {
    let packed = pack(Compression::Zstd, b"plain").await;
    let mut memory = Memory::new("m.zst", packed).tags(&["of the get"]);
    memory.file.etag = Some("of the head".to_owned());
    let source = InflateSource::new(Arc::new(memory));
    let manifest = listed(&source).await;
    let body = open(&source, &manifest.version, &manifest.files[0]).await.unwrap();
    assert_eq!(body.etag.as_deref(), Some("unpacked of the get"), "the engine compares what it kept");
    assert_eq!(drain(body).await.unwrap(), b"plain");
}

#[tokio::test(start_paused = true)]
async fn cut_is_retried_and_endless_stream_is_not() {
    let packed = pack(Compression::Gzip, &fixtures::bytes(6, 100_000)).await;
    let mut short = Memory::new("m.gz", packed[..50_000].to_vec());
    short.file.size = Some(packed.len() as u64);
    let error = read(short).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Network, Retry::Backoff));
    let error = read(Memory::new("m.gz", packed[..50_000].to_vec())).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Integrity, Retry::Never));
    assert!(error.to_string().contains("ends in the middle"), "{error:?}");
}

/// Frames without checksums of their own: only the digest of the whole tells one reading from another.
fn raw_frames(byte: u8) -> Bytes {
    let mut frames = Vec::new();
    for _ in 0..2 {
        frames.extend([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]);
        // One raw block, the last, of 100,000 bytes.
        frames.extend(&((100_000_u32 << 3) | 1).to_le_bytes()[..3]);
        frames.extend(std::iter::repeat_n(byte, 100_000));
    }
    frames.into()
}

#[tokio::test]
async fn second_read_must_repeat_the_first() {
    let (good, bad) = (raw_frames(1), raw_frames(2));
    let mut memory = Memory::new("m.zst", good.clone()).digests(sha256(&good));
    memory.chunk = 1000;
    let source = InflateSource::new(Arc::new(memory));
    let manifest = listed(&source).await;
    let file = &manifest.files[0];
    let mut body = open(&source, &manifest.version, file).await.unwrap();
    let tag = body.etag.clone();
    assert!(tag.is_some());
    body.stream.next().await.unwrap().unwrap();
    drop(body);
    let again = open(&source, &manifest.version, file).await.unwrap();
    assert_eq!(again.etag, tag);
    drain(again).await.unwrap();
    // Another process cannot know what this one has read.
    let other = InflateSource::new(Arc::new(Memory::new("m.zst", good.clone()).digests(sha256(&good))));
    assert_ne!(open(&other, &listed(&other).await.version, file).await.unwrap().etag, tag);

    // The first reading is broken off and wrong; the second one alone would pass.
    let changing = Changing { first: bad, then: good.clone(), count: 0.into() };
    let source = InflateSource::new(Arc::new(changing));
    let manifest = listed(&source).await;
    let mut body = open(&source, &manifest.version, &manifest.files[0]).await.unwrap();
    body.stream.next().await.unwrap().unwrap();
    drop(body);
    let error = read_from(&source).await.unwrap_err();
    assert!(error.to_string().contains("different bytes the second time"), "{error:?}");
}

/// Other bytes the first time.
#[derive(Debug)]
struct Changing {
    first: Bytes,
    then: Bytes,
    count: std::sync::atomic::AtomicU32,
}

impl Changing {
    fn memory(&self, bytes: &Bytes) -> Memory {
        Memory::new("m.zst", bytes.clone()).digests(sha256(&self.then))
    }
}

impl std::fmt::Display for Changing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("changing")
    }
}

#[async_trait]
impl cache_core::Source for Changing {
    async fn resolve(
        &self,
        model: &ModelId,
        revision: &cache_core::Revision,
        budget: &RetryBudget,
    ) -> Result<cache_core::Manifest> {
        self.memory(&self.then).resolve(model, revision, budget).await
    }

    async fn open(
        &self,
        version: &cache_core::Version,
        file: &FileEntry,
        options: cache_core::OpenOptions,
    ) -> Result<cache_core::Opened> {
        let first = self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        self.memory(if first { &self.first } else { &self.then }).open(version, file, options).await
    }
}
