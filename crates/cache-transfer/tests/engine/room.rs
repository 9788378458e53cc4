//! Bodies of unknown size end where the store has no more room.

use cache_core::{ErrorKind, FileEntry};
use cache_store::StoreOptions;

use crate::source::{Answer, Scripted, data, entry};
use crate::{Bench, MIB};

fn with_quota(bytes: usize) -> Bench {
    Bench::of(StoreOptions::default().with_quota(Some(bytes as u64)), |_| {})
}

#[tokio::test]
async fn an_unsized_body_ends_at_the_quota() {
    let bytes = data(12 * MIB);
    for digest in [true, false] {
        let mut file = FileEntry { size: None, etag: None, ..entry(&bytes) };
        if !digest {
            file.digests = cache_core::Digests::default();
        }
        let source = Scripted::without_size(bytes.clone(), |_, _| Answer::Whole);
        let error = with_quota(5 * MIB).fetch(&source, &file).await.unwrap_err();
        assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::NoSpace, true), "{error:?}");
        assert!(source.sent() <= 6 * MIB as u64 && source.opens() == 1, "{} bytes", source.sent());
        let bench = with_quota(13 * MIB);
        let source = Scripted::without_size(bytes.clone(), |_, _| Answer::Whole);
        assert!(bench.read(&bench.fetch(&source, &file).await.unwrap()) == bytes);
    }
}

#[tokio::test]
async fn a_body_that_fits_takes_no_inventory() {
    let bytes = data(3 * MIB);
    let bench = with_quota(8 * MIB);
    let before = bench.store.totals().unwrap();
    // Were the blobs listed, this one would be counted.
    let unlisted = bench.store.root().join("blobs/09");
    fs_err::create_dir_all(&unlisted).unwrap();
    fs_err::write(unlisted.join("09".repeat(32)), "12345").unwrap();
    let file = FileEntry { size: None, etag: None, ..entry(&bytes) };
    let source = Scripted::without_size(bytes.clone(), |_, _| Answer::Whole);
    bench.fetch(&source, &file).await.unwrap();
    assert_eq!(bench.store.totals().unwrap().bytes, before.bytes + bytes.len() as u64);
}

#[tokio::test]
async fn only_what_cannot_be_evicted_takes_room() {
    let (stored, bytes) = (data(4 * MIB), data(5 * MIB + 1));
    let bench = with_quota(8 * MIB);
    let first = bench.fetch(&Scripted::new(stored.clone(), |_, _| Answer::Right), &entry(&stored)).await.unwrap();
    let file = FileEntry { size: None, etag: None, ..entry(&bytes) };
    let source = || Scripted::without_size(bytes.clone(), |_, _| Answer::Whole);
    assert_eq!(bench.fetch(&source(), &file).await.unwrap_err().kind(), ErrorKind::NoSpace);
    drop(first);
    assert!(bench.read(&bench.fetch(&source(), &file).await.unwrap()) == bytes);
}
