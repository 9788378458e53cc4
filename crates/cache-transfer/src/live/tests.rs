use std::task::Poll;

use futures::FutureExt as _;

use super::*;

const SIZE: u64 = 1 << 20;

fn set(start: u64, end: u64) -> RangeSet {
    RangeSet::from_untrusted(&[ByteRange { start, end }], None)
}

fn file() -> Option<File> {
    Some(tempfile::tempfile().unwrap())
}

/// How far one can read from here, if at all.
fn end_from(live: &Live, at: u64) -> Option<u64> {
    live.landed(at, None).now_or_never().map(|landed| landed.unwrap().end)
}

#[test]
fn what_landed_out_of_order_is_seen_and_the_end_is_held_back() {
    let live = Live::default();
    assert_eq!(end_from(&live, 0), None);
    let attempt = live.begin(file(), Some(SIZE), &set(500, 600));
    assert_eq!((end_from(&live, 0), end_from(&live, 499), end_from(&live, 500)), (None, None, Some(600)));
    attempt.landed(ByteRange { start: 600, end: 700 });
    assert_eq!((end_from(&live, 599), end_from(&live, 700)), (Some(700), None));
    attempt.landed(ByteRange { start: 0, end: SIZE });
    assert_eq!(end_from(&live, 0), Some(SIZE - HOLD_BACK));
    assert_eq!((end_from(&live, SIZE - HOLD_BACK), end_from(&live, SIZE)), (None, None));
    let small = Live::default();
    small.begin(file(), Some(HOLD_BACK), &set(0, HOLD_BACK));
    assert_eq!(end_from(&small, 0), None);
}

#[test]
fn of_an_unknown_size_the_last_bytes_so_far_are_held_back() {
    let live = Live::default();
    let attempt = live.begin(file(), None, &RangeSet::default());
    attempt.landed(ByteRange { start: 0, end: HOLD_BACK });
    assert_eq!(end_from(&live, 0), None);
    attempt.landed(ByteRange { start: HOLD_BACK, end: HOLD_BACK + 10 });
    assert_eq!(end_from(&live, 0), Some(10));
}

#[tokio::test]
async fn who_waits_for_a_byte_is_woken_by_that_byte_alone() {
    let live = Live::default();
    let attempt = live.begin(file(), Some(SIZE), &RangeSet::default());
    let mut waiting = Box::pin(live.landed(1000, None));
    assert!(matches!(futures::poll!(&mut waiting), Poll::Pending));
    attempt.landed(ByteRange { start: 2000, end: 3000 });
    assert_eq!(live.lock().waiting.len(), 1);
    attempt.landed(ByteRange { start: 900, end: 2000 });
    assert!(live.lock().waiting.is_empty());
    assert_eq!(waiting.await.unwrap().end, 3000);
    for _ in 0..100 {
        assert!(live.landed(SIZE, None).now_or_never().is_none());
    }
    assert!(live.lock().waiting.len() <= 1, "who has gone is not remembered");
}

#[tokio::test]
async fn who_has_bytes_of_a_failed_attempt_gets_none_of_the_next() {
    let live = Live::default();
    let first = live.begin(file(), Some(SIZE), &set(0, 100));
    let seen = Some(live.landed(0, None).await.unwrap().attempt);
    live.still(seen).unwrap();
    let mut waiting = Box::pin(live.landed(100, seen));
    assert!(matches!(futures::poll!(&mut waiting), Poll::Pending));
    drop(first.guard());
    assert_eq!(waiting.await.unwrap_err().kind(), ErrorKind::Integrity);
    // A write that was under way when the attempt ended.
    first.landed(ByteRange { start: 0, end: 200 });
    assert_eq!(end_from(&live, 0), None);
    live.begin(file(), Some(SIZE), &set(0, 200));
    first.landed(ByteRange { start: 0, end: 300 });
    assert_eq!(end_from(&live, 0), Some(200));
    assert_eq!(live.landed(0, seen).await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(live.still(seen).unwrap_err().kind(), ErrorKind::Integrity);
    // The late end of the old one leaves the new one alone.
    drop(first.guard());
    assert_eq!(end_from(&live, 0), Some(200));
}

#[test]
fn one_content_has_one_view_as_long_as_somebody_looks() {
    let version = cache_core::Version {
        model: cache_core::ModelId::hub("a/b").unwrap(),
        commit: cache_core::Commit::parse(&"a".repeat(40)).unwrap(),
    };
    let key = |name| {
        let file = cache_core::FileEntry::new(cache_core::RepoPath::parse(name).unwrap());
        cache_store::Store::partial_key(&version, &file)
    };
    let lives = Lives::default();
    let live = lives.of(&key("x"));
    assert!(Arc::ptr_eq(&live.0, &lives.of(&key("x")).0));
    drop(live);
    lives.of(&key("y"));
    assert_eq!(lives.0.lock().unwrap().len(), 1);
}
