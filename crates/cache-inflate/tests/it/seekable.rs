//! Files in zstd's seekable format, from the middle.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use cache_core::{
    ByteRange, Compression, Digests, FileEntry, ModelId, OpenOptions, Opened, RepoPath, Result, RetryBudget,
    Source as _,
};
use cache_inflate::{DecompressedDigests, InflateSource};
use cache_testkit::{Content, fixtures};
use futures::StreamExt as _;

use crate::memory::{Memory, listed};
use crate::pack::pack;

const FRAME: usize = 100_000;
const SIZE: usize = 950_000;

/// Frames of 100,000 plain bytes and their table. The file, and where each frame lies in it.
async fn seekable(plain: &[u8]) -> (Vec<u8>, Vec<Range<u64>>) {
    let (mut file, mut entries, mut frames) = (Vec::new(), Vec::new(), Vec::new());
    for part in plain.chunks(FRAME) {
        let frame = pack(Compression::Zstd, part).await;
        let begin = file.len() as u64;
        frames.push(begin..begin + frame.len() as u64);
        entries.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
        entries.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
        file.extend(frame);
    }
    file.extend(0x184d_2a5e_u32.to_le_bytes());
    file.extend(u32::try_from(entries.len() + 9).unwrap().to_le_bytes());
    file.extend(&entries);
    file.extend(u32::try_from(frames.len()).unwrap().to_le_bytes());
    file.push(0);
    file.extend(0x8f92_eab1_u32.to_le_bytes());
    (file, frames)
}

#[derive(Debug)]
struct Told(Digests);

#[async_trait]
impl DecompressedDigests for Told {
    async fn digests(&self, _model: &ModelId, _path: &RepoPath, _budget: &RetryBudget) -> Result<Digests> {
        Ok(self.0)
    }
}

fn sha256(bytes: &[u8]) -> Digests {
    Content::bytes(bytes.to_vec()).hashes().digests()
}

/// What comes of a file from `at` on: where it begins, its bytes, and what was asked for to get them.
async fn read_from(
    source: &InflateSource,
    asked: &Asked,
    at: u64,
    tag: Option<&str>,
) -> (u64, Vec<u8>, Vec<Range<u64>>) {
    let manifest = listed(source).await;
    let file: &FileEntry = &manifest.files[0];
    let range = ByteRange { start: at, end: u64::MAX };
    let options = OpenOptions::range(range).if_range(tag.map(str::to_owned)).budget(RetryBudget::none());
    let Opened::Stream(mut body) = source.open(&manifest.version, file, options).await.unwrap() else {
        unreachable!("it is a stream")
    };
    let (start, mut bytes) = (body.start, Vec::new());
    while let Some(chunk) = body.stream.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    let ranges = std::mem::take(&mut *asked.lock().unwrap());
    let ranges = ranges.into_iter().map(|range| range.map_or(0..u64::MAX, |range| range.start..range.end));
    (start, bytes, ranges.collect())
}

type Asked = Arc<std::sync::Mutex<Vec<Option<ByteRange>>>>;

#[tokio::test]
async fn seekable_file_is_read_from_its_frame() {
    let plain = fixtures::bytes(31, SIZE);
    let (packed, frames) = seekable(&plain).await;
    let size = packed.len() as u64;
    for at in [1, FRAME as u64, 123_456, 899_999, SIZE as u64 - 1] {
        let memory = Memory::new("m.zst", packed.clone());
        let asked = Arc::clone(&memory.opened);
        let source = InflateSource::new(Arc::new(memory)).with_decompressed_digests(Arc::new(Told(sha256(&plain))));
        let (start, bytes, ranges) = read_from(&source, &asked, at, None).await;
        assert_eq!(start, at);
        assert!(bytes == plain[usize::try_from(at).unwrap()..], "{at}");
        let frame = &frames[usize::try_from(at).unwrap() / FRAME];
        if frame.start > 0 {
            assert_eq!(ranges.last(), Some(&(frame.start..size)), "{ranges:?}");
        }
    }
}

#[tokio::test]
async fn without_digests_the_tag_decides() {
    let plain = fixtures::bytes(32, SIZE);
    let (packed, frames) = seekable(&plain).await;
    let source = |tag: &str| {
        let memory = Memory::new("m.zst", packed.clone()).tags(&[tag]);
        (Arc::clone(&memory.opened), InflateSource::new(Arc::new(memory)))
    };
    let (asked, first) = source("one");
    let (start, _, _) = read_from(&first, &asked, 500_001, None).await;
    assert_eq!(start, 0, "nothing says that the bytes before are of this file");
    let tag = {
        let manifest = listed(&first).await;
        crate::memory::open(&first, &manifest.version, &manifest.files[0]).await.unwrap().etag.unwrap()
    };
    // Another process, the same file; then another file.
    let (asked, same) = source("one");
    let (start, bytes, ranges) = read_from(&same, &asked, 500_001, Some(&tag)).await;
    assert!(start == 500_001 && bytes == plain[500_001..]);
    assert_eq!(ranges.last(), Some(&(frames[5].start..packed.len() as u64)));
    let (asked, other) = source("two");
    let (start, bytes, _) = read_from(&other, &asked, 500_001, Some(&tag)).await;
    assert!(start == 0 && bytes == plain);
}

#[tokio::test]
async fn file_that_cannot_be_sought_begins_anew() {
    let plain = fixtures::bytes(33, SIZE);
    let (packed, _) = seekable(&plain).await;
    let told = || Arc::new(Told(sha256(&plain)));
    let one_frame = pack(Compression::Zstd, &plain).await;
    let mut lying = packed.clone();
    let first_entry = lying.len() - 9 - 10 * 8;
    lying[first_entry] ^= 1;
    let mut no_ranges = Memory::new("m.zst", packed.clone());
    no_ranges.ranges = false;
    let cases = [
        ("one frame", InflateSource::new(Arc::new(Memory::new("m.zst", one_frame))).with_decompressed_digests(told())),
        ("wrong table", InflateSource::new(Arc::new(Memory::new("m.zst", lying))).with_decompressed_digests(told())),
        ("no ranges", InflateSource::new(Arc::new(no_ranges)).with_decompressed_digests(told())),
        ("compressed digest", {
            InflateSource::new(Arc::new(Memory::new("m.zst", packed.clone()).digests(sha256(&packed))))
        }),
        ("all is checked", {
            let memory = Memory::new("m.zst", packed.clone()).digests(sha256(&packed));
            InflateSource::new(Arc::new(memory)).with_decompressed_digests(told()).with_resume(false)
        }),
    ];
    for (name, source) in cases {
        let (start, bytes, _) = read_from(&source, &Asked::default(), 500_001, None).await;
        assert!(start == 0 && bytes == plain, "{name}");
    }
}
