use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use futures::FutureExt as _;
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::*;

/// A file in memory that fails from a byte on, and counts what is read of it.
#[derive(Debug, Clone)]
struct Script {
    bytes: Bytes,
    fails_at: u64,
    most: usize,
    reads: Arc<AtomicUsize>,
    furthest: Arc<AtomicU64>,
    short: Arc<AtomicBool>,
}

impl Script {
    fn new(size: u32) -> Self {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251).to_le_bytes()[0]).collect();
        Self {
            bytes: bytes.into(),
            fails_at: u64::MAX,
            most: usize::MAX,
            reads: Arc::default(),
            furthest: Arc::default(),
            short: Arc::default(),
        }
    }

    fn part(&self, range: Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }
}

impl ReadAt for Script {
    async fn read_at(&self, at: u64, max: usize) -> Result<Bytes> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        // So that a read ahead is not there at once.
        tokio::task::yield_now().await;
        if at >= self.fails_at {
            return Err(Error::new(ErrorKind::Network, "broke off"));
        }
        let start = usize::try_from(at).unwrap().min(self.bytes.len());
        let end = (start + max.min(self.most)).min(self.bytes.len());
        self.furthest.fetch_max(end as u64, Ordering::Relaxed);
        Ok(self.bytes.slice(start..end))
    }

    fn is_memory_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }
}

async fn collect(body: FileBody<Script>) -> std::io::Result<Bytes> {
    let announced = body.len();
    let bytes = body.collect().await?.to_bytes();
    assert_eq!(bytes.len() as u64, announced);
    Ok(bytes)
}

#[tokio::test]
async fn ranges_come_whole_whatever_a_read_gives() {
    let size = 3 * u32::try_from(CHUNK).unwrap() + 17;
    for most in [usize::MAX, CHUNK, 4097] {
        let script = Script { most, ..Script::new(size) };
        let whole = script.bytes.len();
        for range in [0..whole, 0..1, 5..5, CHUNK - 1..CHUNK + 1, whole - 1..whole, 0..0] {
            let wanted = range.start as u64..range.end as u64;
            let body = FileBody::range(script.clone(), wanted).await.unwrap();
            assert!(collect(body).await.unwrap() == script.part(range.clone()), "{range:?} by {most}");
        }
    }
}

#[tokio::test]
async fn several_ranges_are_set_as_the_standard_says() {
    let script = Script::new(1000);
    let form = Multipart::new("text/plain", 1000).unwrap();
    let body = FileBody::multipart(script.clone(), vec![990..1000, 0..3], &form).await.unwrap();
    let boundary = form.content_type().split_once("boundary=").unwrap().1.to_owned();
    let mut expected = Vec::new();
    for (range, part) in [("990-999", script.part(990..1000)), ("0-2", script.part(0..3))] {
        let head = format!("\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}/1000\r\n\r\n");
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&part);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(collect(body).await.unwrap(), expected);
}

#[tokio::test]
async fn failure_is_an_error_before_and_a_break_after_byte_one() {
    let script = Script { fails_at: 0, ..Script::new(10) };
    let error = FileBody::range(script, 0..10).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Network);

    let size = 4 * CHUNK;
    let script = Script { fails_at: (2 * CHUNK) as u64, ..Script::new(u32::try_from(size).unwrap()) };
    let mut body = FileBody::range(script.clone(), 0..size as u64).await.unwrap();
    let mut got = Vec::new();
    let error = loop {
        match body.frame().await.expect("the body does not end well") {
            Ok(frame) => got.extend_from_slice(&frame.into_data().unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(got, script.part(0..2 * CHUNK), "all that was read before is sent");
    assert!(error.to_string().contains("broke off") && !body.is_end_stream());

    // A file that is shorter than was said.
    let body = FileBody::range(Script::new(10), 0..20).await.unwrap();
    assert!(body.collect().await.is_err());
}

#[tokio::test]
async fn one_chunk_is_read_ahead_and_no_more() {
    let script = Script::new(8 * u32::try_from(CHUNK).unwrap());
    let mut body = FileBody::range(script.clone(), 0..8 * CHUNK as u64).await.unwrap();
    assert_eq!(script.furthest.load(Ordering::Relaxed), CHUNK as u64);
    body.frame().await.unwrap().unwrap();
    assert!(script.reads.load(Ordering::Relaxed) <= 2);
    assert!(script.furthest.load(Ordering::Relaxed) <= 2 * CHUNK as u64);
}

#[tokio::test]
async fn body_waits_for_its_chunk_if_memory_is_short() {
    let size = 3 * CHUNK;
    let script = Script { most: 8 << 10, ..Script::new(u32::try_from(size).unwrap()) };
    script.short.store(true, Ordering::Relaxed);
    let mut body = FileBody::range(script.clone(), 0..size as u64).await.unwrap();
    let mut got = Vec::new();
    while let Some(frame) = body.frame().await {
        let chunk = frame.unwrap().into_data().unwrap();
        let reads = script.reads.load(Ordering::Relaxed);
        // The connection asks for more before it has sent this one.
        let next = body.frame().now_or_never();
        assert!(next.is_none() || got.len() + chunk.len() == size);
        assert_eq!(script.reads.load(Ordering::Relaxed), reads);
        got.extend_from_slice(&chunk);
    }
    assert!(got == script.bytes);
}

#[tokio::test]
async fn sent_chunk_wakes_the_body() {
    let size = 3 * CHUNK;
    let script = Script::new(u32::try_from(size).unwrap());
    script.short.store(true, Ordering::Relaxed);
    let mut body = FileBody::range(script.clone(), 0..size as u64).await.unwrap();
    let first = body.frame().await.unwrap().unwrap();
    let next = tokio::spawn(async move { body.frame().await.unwrap().unwrap().into_data().unwrap().len() });
    tokio::task::yield_now().await;
    assert!(!next.is_finished());
    drop(first);
    assert_eq!(next.await.unwrap(), CHUNK);
}
