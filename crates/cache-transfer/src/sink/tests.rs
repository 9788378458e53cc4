use cache_core::{NoProgress, RepoPath};
use cache_store::{Flight, Store, StoreOptions};

use super::*;
use crate::leadership::{FlightGuard, Leadership};
use crate::pool::Pool;

async fn buffer(pool: &Pool, byte: u8, length: usize) -> PoolBuffer {
    let mut buffer = pool.take().await.unwrap();
    buffer.fill(&vec![byte; length]);
    buffer
}

/// Held as long as the sink is used: the folder of the store.
fn sink(size: u64) -> (tempfile::TempDir, Arc<File>, Arc<Sink>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let file = cache_core::FileEntry::new(RepoPath::parse("f").unwrap());
    let version = cache_core::Version {
        model: cache_core::ModelId::hub("a/b").unwrap(),
        commit: cache_core::Commit::parse(&"a".repeat(40)).unwrap(),
    };
    let Flight::Leader(guard) = store.try_flight(&Store::partial_key(&version, &file)).unwrap() else {
        panic!("nobody else is here")
    };
    let reporter = Arc::new(Reporter::new(
        file.path,
        None,
        Arc::new(NoProgress),
        Leadership::new(FlightGuard::WithStatus(Box::new(guard))),
    ));
    let on_disk = Arc::new(tempfile::tempfile().unwrap());
    let none = RangeSet::default();
    let attempt = reporter.live().begin(None, Some(size), &none);
    let sink = Sink::new(Arc::clone(&on_disk), Some(size), none, Hasher::new(), reporter, attempt).unwrap();
    (folder, on_disk, Arc::new(sink))
}

/// Connections overlap: a raced tail, a source that sends the whole after ranges. What was hashed must stay.
#[tokio::test]
async fn a_byte_that_has_landed_never_changes() {
    let (_folder, on_disk, sink) = sink(300);
    let pool = Pool::new(4);
    sink.write(buffer(&pool, 1, 100).await, 100, 0).unwrap().await.unwrap().unwrap();
    sink.write(buffer(&pool, 2, 300).await, 0, 0).unwrap().await.unwrap().unwrap();
    sink.write(buffer(&pool, 3, 300).await, 0, 0).unwrap().await.unwrap().unwrap();
    assert!(sink.is_complete());
    let mut expected = Hasher::new();
    for byte in [2, 1, 2] {
        expected.update(&[byte; 100]);
    }
    assert_eq!(sink.finish().await.unwrap(), expected.finish());
    let mut bytes = vec![0; 300];
    on_disk.read_exact_at(&mut bytes, 0).unwrap();
    assert!(
        bytes[..100].iter().chain(&bytes[200..]).all(|&byte| byte == 2)
            && bytes[100..200].iter().all(|&byte| byte == 1)
    );
}

/// Two lanes bring the same range at the same moment, and one of them lies.
#[tokio::test]
async fn of_two_lanes_at_one_place_only_one_writes() {
    const PART: usize = 16;
    const PARTS: usize = 20_000;
    const LANES: u8 = 4;
    let (_folder, on_disk, sink) = sink((PART * PARTS) as u64);
    let write_all = |lane: u8| {
        for start in (0..PARTS).map(|part| (part * PART) as u64) {
            // Again and again, to come in the moment when another's write ends.
            while !sink.plan().done().contains(ByteRange { start, end: start + PART as u64 }) {
                sink.write_now(&[lane; PART], start, lane.into()).unwrap();
            }
        }
    };
    let write_all = &write_all;
    std::thread::scope(|scope| (0..LANES).for_each(|lane| drop(scope.spawn(move || write_all(lane)))));
    let brought = sink.plan().take_brought();
    assert_eq!(brought.iter().map(RangeSet::total).sum::<u64>(), (PART * PARTS) as u64);
    let mut bytes = vec![0; PART * PARTS];
    on_disk.read_exact_at(&mut bytes, 0).unwrap();
    for (lane, ranges) in (0..LANES).zip(&brought) {
        for range in ranges.as_slice() {
            let part = &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            assert!(part.iter().all(|&byte| byte == lane), "{range} is not what lane {lane} brought");
        }
    }
    let mut expected = Hasher::new();
    expected.update(&bytes);
    assert_eq!(sink.finish().await.unwrap(), expected.finish());
}
