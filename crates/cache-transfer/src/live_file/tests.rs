use std::task::Poll;

use futures::FutureExt as _;

use super::*;

const SIZE: u64 = 1 << 20;

fn set(start: u64, end: u64) -> RangeSet {
    RangeSet::from_untrusted(&[ByteRange { start, end }], None)
}

fn readable(file: File) -> Option<PartialHandle> {
    Some(PartialHandle::new(file).unwrap())
}

fn file() -> Option<PartialHandle> {
    readable(tempfile::tempfile().unwrap())
}

/// How far one can read from here, if at all.
fn end_from(live: &LiveFile, at: u64) -> Option<u64> {
    live.landed(at, &ReaderAttempt::default()).now_or_never().map(|landed| landed.unwrap().end)
}

#[test]
fn out_of_order_ranges_are_readable() {
    let live = LiveFile::default();
    assert_eq!(end_from(&live, 0), None);
    let attempt = live.begin(file(), Some(SIZE), &set(500, 600));
    assert_eq!((end_from(&live, 0), end_from(&live, 499), end_from(&live, 500)), (None, None, Some(600)));
    attempt.landed(ByteRange { start: 600, end: 700 });
    assert_eq!((end_from(&live, 599), end_from(&live, 700)), (Some(700), None));
    attempt.landed(ByteRange { start: 0, end: SIZE });
    assert_eq!(end_from(&live, 0), Some(SIZE - UNVERIFIED_TAIL));
    assert_eq!((end_from(&live, SIZE - UNVERIFIED_TAIL), end_from(&live, SIZE)), (None, None));
    let small = LiveFile::default();
    small.begin(file(), Some(UNVERIFIED_TAIL), &set(0, UNVERIFIED_TAIL));
    assert_eq!(end_from(&small, 0), None);
}

#[test]
fn unknown_size_withholds_last_bytes() {
    let live = LiveFile::default();
    let attempt = live.begin(file(), None, &RangeSet::default());
    attempt.landed(ByteRange { start: 0, end: UNVERIFIED_TAIL });
    assert_eq!(end_from(&live, 0), None);
    attempt.landed(ByteRange { start: UNVERIFIED_TAIL, end: UNVERIFIED_TAIL + 10 });
    assert_eq!(end_from(&live, 0), Some(10));
}

#[tokio::test]
async fn reader_wakes_for_its_byte_only() {
    let live = LiveFile::default();
    let attempt = live.begin(file(), Some(SIZE), &RangeSet::default());
    let seen = ReaderAttempt::default();
    let mut waiting = Box::pin(live.landed(1000, &seen));
    assert!(matches!(futures::poll!(&mut waiting), Poll::Pending));
    attempt.landed(ByteRange { start: 2000, end: 3000 });
    assert_eq!(live.lock().waiting.len(), 1);
    attempt.landed(ByteRange { start: 900, end: 2000 });
    assert!(live.lock().waiting.is_empty());
    assert_eq!(waiting.await.unwrap().end, 3000);
    for _ in 0..100 {
        assert!(live.landed(SIZE, &seen).now_or_never().is_none());
    }
    assert!(live.lock().waiting.len() <= 1, "who has gone is not remembered");
}

/// A reader that has given out bytes of this attempt.
fn reader(live: &LiveFile) -> ReaderAttempt {
    let seen = ReaderAttempt::default();
    let landed = live.landed(0, &seen).now_or_never().unwrap().unwrap();
    assert!(live.confirm(&seen, landed.attempt).unwrap());
    seen
}

fn is_integrity<T>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::Integrity)
}

#[tokio::test]
async fn failed_attempt_stops_its_readers() {
    let live = LiveFile::default();
    let session = live.session();
    let first = live.begin(file(), Some(SIZE), &set(0, 100));
    let seen = reader(&live);
    live.still(&seen).unwrap();
    let mut waiting = Box::pin(live.landed(100, &seen));
    assert!(matches!(futures::poll!(&mut waiting), Poll::Pending));
    drop(session);
    assert!(is_integrity(waiting.await));
    // A write that was under way when the attempt ended.
    first.landed(ByteRange { start: 0, end: 200 });
    assert_eq!(end_from(&live, 0), None);
    live.begin(file(), Some(SIZE), &set(0, 200));
    first.landed(ByteRange { start: 0, end: 300 });
    assert_eq!(end_from(&live, 0), Some(200));
    assert!(is_integrity(live.landed(0, &seen).await));
    assert!(is_integrity(live.still(&seen)));
}

#[test]
fn two_reads_of_one_reader_never_mix_attempts() {
    let live = LiveFile::default();
    let old = live.begin(file(), Some(SIZE), &set(0, 100)).number;
    // Two readers, each with two reads under way: one read of the old attempt, one of the new.
    let (early, late) = (ReaderAttempt::default(), ReaderAttempt::default());
    assert!(live.confirm(&early, old).unwrap());
    live.discard();
    let new = live.begin(file(), Some(SIZE), &set(0, 100)).number;
    assert!(is_integrity(live.confirm(&early, new)), "its first read was of the old one");
    assert!(live.confirm(&late, new).unwrap());
    assert!(!live.confirm(&late, old).unwrap(), "the bytes of the old one are read again");
    assert!(!live.confirm(&ReaderAttempt::default(), old).unwrap());
    assert!(live.confirm(&late, new).unwrap());
    live.discard();
    assert!(is_integrity(live.confirm(&late, new)));
}

#[test]
fn a_failover_in_the_same_file_is_one_attempt() {
    let live = LiveFile::default();
    let original = tempfile::tempfile().unwrap();
    let again = || readable(original.try_clone().unwrap());
    live.begin(again(), None, &set(0, UNVERIFIED_TAIL + 100));
    let seen = reader(&live);
    // More is there, and the size became known.
    live.begin(again(), Some(SIZE), &set(0, UNVERIFIED_TAIL + 200));
    live.still(&seen).unwrap();
    assert_eq!(end_from(&live, 0), Some(UNVERIFIED_TAIL + 200));
    type Next<'a> = (&'a str, Option<PartialHandle>, Option<u64>, RangeSet);
    let others: [Next<'_>; 5] = [
        ("less has landed", again(), Some(SIZE), set(0, 150)),
        ("another part has landed", again(), Some(SIZE), set(50, SIZE)),
        ("another size", again(), Some(SIZE + 1), set(0, 200)),
        ("another file", file(), Some(SIZE), set(0, 200)),
        ("no file to read", None, Some(SIZE), set(0, 200)),
    ];
    for (spec, next, size, landed) in others {
        live.discard();
        live.begin(again(), Some(SIZE), &set(0, 200));
        let seen = reader(&live);
        live.begin(next, size, &landed);
        assert!(is_integrity(live.still(&seen)), "{spec}");
    }
}

#[test]
fn a_kept_session_leaves_its_bytes_readable() {
    let live = LiveFile::default();
    let session = live.session();
    live.begin(file(), Some(SIZE), &set(0, 100));
    let seen = reader(&live);
    session.keep();
    live.still(&seen).unwrap();
    drop(live.session());
    assert!(is_integrity(live.still(&seen)));
}

#[test]
fn of_overlapping_sessions_none_is_kept() {
    let live = LiveFile::default();
    let (one, two) = (live.session(), live.session());
    for session in [one, two] {
        live.begin(file(), Some(SIZE), &set(0, 100));
        let seen = reader(&live);
        session.keep();
        assert!(is_integrity(live.still(&seen)));
    }
    let session = live.session();
    live.begin(file(), Some(SIZE), &set(0, 100));
    let seen = reader(&live);
    session.keep();
    live.still(&seen).unwrap();
}

#[test]
fn live_file_is_shared_while_in_use() {
    let version = cache_core::Version {
        model: cache_core::ModelId::hub("a/b").unwrap(),
        commit: cache_core::Commit::parse(&"a".repeat(40)).unwrap(),
    };
    let key = |name| {
        let file = cache_core::FileEntry::new(cache_core::RepoPath::parse(name).unwrap());
        cache_store::Store::partial_key(&version, &file)
    };
    let live_files = LiveFiles::default();
    let live = live_files.of(&key("x"));
    assert!(Arc::ptr_eq(&live.0, &live_files.of(&key("x")).0));
    drop(live);
    live_files.of(&key("y"));
    assert_eq!(live_files.0.lock().unwrap().len(), 1);
}

#[test]
fn arrived_file_is_forgotten_before_the_next() {
    let live = LiveFile::default();
    let session = live.session();
    live.begin(file(), Some(SIZE), &set(0, SIZE));
    live.forget_received();
    assert!(end_from(&live, 0).is_some(), "a transfer under way is not forgotten");
    let seen = ReaderAttempt::default();
    assert!(live.confirm(&seen, 1).unwrap());
    session.keep();
    live.forget_received();
    assert_eq!(end_from(&live, 0), None);
    live.still(&seen).unwrap();
}

#[test]
fn failed_attempt_is_waited_for_until_the_next() {
    let live = LiveFile::default();
    let is_resumed = |live: &LiveFile| live.resumed().now_or_never().is_some();
    assert!(is_resumed(&live), "nothing has failed");
    let session = live.session();
    live.begin(file(), Some(SIZE), &set(0, 100));
    live.discard();
    assert!(!is_resumed(&live));
    live.begin(file(), Some(SIZE), &set(0, 0));
    assert!(is_resumed(&live));
    drop(session);
    assert!(!is_resumed(&live));
    live.forget_received();
    assert!(is_resumed(&live), "another transfer begins anew");
}
