//! Rate limits: a connection that waits for one is neither slow nor silent, and costs no byte twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::source::{Answer, Pace, Scripted, data, entry};
use crate::{Bench, MIB, job};

fn right(name: &'static str, bytes: &[u8]) -> Arc<Scripted> {
    Scripted::named(name, bytes.to_vec(), |_, _| Answer::Right)
}

/// What a file costs: bytes of all sources and time, in per cent of what they should be at this rate.
async fn cost(bench: &Bench, sources: &[&Arc<Scripted>], bytes: &[u8], rate: u64) -> (u64, u64) {
    let start = Instant::now();
    let fetched = bench.engine.fetch(job(sources, &entry(bytes))).await.unwrap();
    // What may be fetched ahead of the rate, and looks of the steering.
    let time = start.elapsed().saturating_sub(Duration::from_millis(500));
    assert!(bench.read(&fetched) == bytes);
    let (sent, size) = (sources.iter().map(|source| source.sent()).sum::<u64>(), bytes.len() as u64);
    let allowed = u64::try_from(time.as_millis()).unwrap() * rate / 1000;
    (sent * 100 / size, allowed * 100 / size)
}

#[tokio::test(start_paused = true)]
async fn a_limited_file_is_fetched_once() {
    let cases = [(100_000, 300_000), (100_000, 3 * MIB), (1_000_000, 20 * MIB), (50_000_000, 48 * MIB)];
    for (rate, size) in cases {
        let bytes = data(size);
        for mirrors in [0, 2] {
            let sources = ["hub", "one", "two"].map(|name| right(name, &bytes));
            let bench = Bench::with(|config| config.limit_rate = Some(rate));
            let sources: Vec<_> = sources.iter().take(1 + mirrors).collect();
            let (sent, time) = cost(&bench, &sources, &bytes, rate).await;
            assert!(
                sent <= 105 && time <= 105,
                "{rate} B/s, {size} B, {mirrors} mirrors: {sent} % sent, {time} % time"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limited_host_is_not_raced() {
    let bytes = data(3 * MIB);
    let source = right("hub", &bytes);
    let bench = Bench::with(|config| config.hosts = [("test".to_owned(), 100_000)].into());
    let (sent, time) = cost(&bench, &[&source], &bytes, 100_000).await;
    assert!(sent <= 105 && time <= 105, "{sent} % sent, {time} % time");
}

#[tokio::test(start_paused = true)]
async fn a_free_mirror_takes_over_from_a_limited_host() {
    let bytes = data(40 * MIB);
    let (hub, mirror) = (right("hub", &bytes), right("mirror", &bytes).at("free"));
    let bench = Bench::with(|config| config.hosts = [("test".to_owned(), 100_000)].into());
    let start = Instant::now();
    let fetched = bench.engine.fetch(job(&[&hub, &mirror], &entry(&bytes))).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
    let sent = hub.sent() + mirror.sent();
    assert!(sent * 100 <= bytes.len() as u64 * 105, "{sent}");
    // The limited host alone would take 400 s, and 160 s for the pieces it has begun.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn limited_files_share_without_waste() {
    let files: Vec<Vec<u8>> = (0..4).map(|nth| data(2 * MIB + nth)).collect();
    let bench = Bench::with(|config| config.limit_rate = Some(200_000));
    let start = Instant::now();
    let fetches = files.iter().zip(["a", "b", "c", "d"]).map(|(bytes, name)| {
        let source = right(name, bytes);
        let fetch = bench.engine.fetch(job(&[&source], &entry(bytes)));
        async move {
            fetch.await.unwrap();
            source.sent()
        }
    });
    let sent: u64 = futures::future::join_all(fetches).await.into_iter().sum();
    let all: usize = files.iter().map(Vec::len).sum();
    assert!(sent * 100 <= all as u64 * 105, "{sent} of {all}");
    assert!(start.elapsed() <= Duration::from_secs(46), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_steady_server_sends_each_byte_once() {
    for pace in [Pace::Each, Pace::All] {
        for (rate, size) in [(100_000, 300_000), (400_000, 700_000), (100_000, MIB), (200_000, 3 * MIB)] {
            let bytes = data(size);
            let source = right("hub", &bytes).paced(pace(rate));
            let bench = Bench::with(|config| config.stall_window = Duration::from_secs(20));
            let (sent, time) = cost(&bench, &[&source], &bytes, rate).await;
            assert!(sent <= 105 && time <= 105, "{:?}, {size} B: {sent} % sent, {time} % time", pace(rate));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn files_of_a_steady_server_arrive_once() {
    let files: Vec<Vec<u8>> = (0..6).map(|nth| data(400_000 + nth * 300_000)).collect();
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(20));
    let fetches = files.iter().zip(["a", "b", "c", "d", "e", "f"]).map(|(bytes, name)| {
        let source = right(name, bytes).paced(Pace::Each(200_000));
        let fetch = bench.engine.fetch(job(&[&source], &entry(bytes)));
        async move {
            fetch.await.unwrap();
            source.sent()
        }
    });
    let sent: u64 = futures::future::join_all(fetches).await.into_iter().sum();
    let all: usize = files.iter().map(Vec::len).sum();
    assert!(sent * 100 <= all as u64 * 105, "{sent} of {all}");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_connection_is_raced() {
    let bytes = data(900_000);
    let source = Scripted::new(bytes.clone(), |nth, _| if nth == 0 { Answer::Stall(200_000) } else { Answer::Right });
    let bench = Bench::with(|config| config.stall_window = Duration::from_secs(600));
    let start = Instant::now();
    let fetched = bench.fetch(&source, &entry(&bytes)).await.unwrap();
    assert!(bench.read(&fetched) == bytes);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
