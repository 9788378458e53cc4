use cache_core::{NoProgress, RepoPath};
use cache_store::{Flight, Store, StoreOptions};

use super::*;
use crate::flight::Leadership;
use crate::pool::Pool;

async fn buffer(pool: &Pool, byte: u8, length: usize) -> Buffer {
    let mut buffer = pool.take().await.unwrap();
    buffer.fill(&vec![byte; length]);
    buffer
}

/// Connections overlap: a raced tail, a source that sends the whole after ranges. What was hashed must stay.
#[tokio::test]
async fn a_byte_that_has_landed_never_changes() {
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
    let reporter = Arc::new(Reporter::new(file.path, None, Arc::new(NoProgress), Leadership::new(guard)));
    let on_disk = Arc::new(tempfile::tempfile().unwrap());
    let sink = Sink::new(Arc::clone(&on_disk), Some(300), RangeSet::default(), Hasher::new(), reporter).unwrap();
    let sink = Arc::new(sink);
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
