//! Files without a digest: what shows that bytes of two requests belong together.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{ByteRange, Digests, Error, ErrorKind, FileEntry, Result, Retry};
use cache_transfer::{FetchJob, Fetched};

use crate::source::{Answer, Scripted, data, entry};
use crate::{Bench, MIB, job, watch};

/// A file of which the listing gives the size and this tag, and no digest.
fn plain(bytes: &[u8], tag: Option<&str>) -> FileEntry {
    FileEntry { digests: Digests::default(), etag: tag.map(str::to_owned), ..entry(bytes) }
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

/// A bench whose connections never count as stalled.
fn patient() -> Bench {
    Bench::with(|config| config.stall_window = Duration::from_secs(60))
}

fn stalls(_: usize, range: Option<ByteRange>) -> Answer {
    Answer::Stall(range.map_or(9 * MIB as u64, |range| range.len() / 2))
}

/// Fetches from a source that stalls, and gives up when most has arrived.
async fn killed(bench: &Bench, source: &Arc<Scripted>, file: &FileEntry) {
    let seen = watch(7 * MIB as u64);
    let job = FetchJob { progress: Arc::clone(&seen) as _, ..job(&[source], file) };
    tokio::select! {
        _ = bench.engine.fetch(job) => unreachable!("it stalls"),
        () = seen.reached.notified() => {}
    }
}

async fn fetch(bench: &Bench, source: &Arc<Scripted>, file: &FileEntry) -> Result<Vec<u8>> {
    let fetched: Fetched = bench.fetch(source, file).await?;
    assert!(!fetched.verified);
    Ok(bench.read(&fetched))
}

#[tokio::test]
async fn untagged_file_comes_in_one_request() {
    let bytes = data(24 * MIB);
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right).untagged();
    assert!(fetch(&Bench::new(), &source, &plain(&bytes, None)).await.unwrap() == bytes);
    assert_eq!(source.asked(), [(None, None)]);
}

#[tokio::test]
async fn untagged_file_is_not_resumed() {
    let old = data(24 * MIB);
    let new = reversed(&old);
    let (bench, file) = (patient(), plain(&old, None));
    killed(&bench, &Scripted::new(old, stalls).untagged(), &file).await;
    let source = Scripted::new(new.clone(), |_, _| Answer::Right).untagged();
    assert!(fetch(&bench, &source, &file).await.unwrap() == new, "a splice");
    assert_eq!(source.asked(), [(None, None)]);
}

#[tokio::test]
async fn untagged_file_that_is_cut_starts_over() {
    let bytes = data(12 * MIB);
    let other = reversed(&bytes);
    let cut = Scripted::new(bytes.clone(), |nth, _| if nth == 0 { Answer::Cut(9 * MIB as u64) } else { Answer::Right });
    let file = plain(&bytes, None);
    assert!(fetch(&Bench::new(), &cut.untagged(), &file).await.unwrap() == bytes);
    // The second body is another file's.
    let changing = Scripted::new(other.clone(), {
        let bytes = bytes.clone();
        move |nth, _| if nth == 0 { Answer::Cut(9 * MIB as u64) } else { Answer::Other(bytes.clone(), "late") }
    });
    let source = changing.untagged();
    assert!(fetch(&Bench::new(), &source, &file).await.unwrap() == bytes);
    assert_eq!(source.asked()[..2], [(None, None), (None, None)]);
}

#[tokio::test]
async fn untagged_file_that_never_ends_is_given_up() {
    let bytes = data(12 * MIB);
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Cut(9 * MIB as u64)).untagged();
    let bench = Bench::with(|config| config.retries = 2);
    let error = fetch(&bench, &source, &plain(&bytes, None)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), source.opens()), (ErrorKind::Network, 3, 3), "{error}");
}

#[tokio::test]
async fn a_tag_of_the_journal_alone_starts_over() {
    let old = data(24 * MIB);
    let new = reversed(&old);
    let (bench, file) = (patient(), plain(&old, None));
    killed(&bench, &Scripted::new(old, stalls), &file).await;
    // The server gives another tag, or none any more.
    let source = Scripted::new(new.clone(), |_, _| Answer::Right).tagged("v2");
    assert!(fetch(&bench, &source, &file).await.unwrap() == new);
    let (bench, old) = (patient(), reversed(&new));
    killed(&bench, &Scripted::new(old, stalls), &file).await;
    let source = Scripted::new(new.clone(), |_, _| Answer::Right).untagged();
    assert!(fetch(&bench, &source, &file).await.unwrap() == new);
}

#[tokio::test]
async fn a_file_with_a_tag_is_resumed() {
    let bytes = data(24 * MIB);
    for listed in [None, Some(crate::source::TAG)] {
        let (bench, file) = (patient(), plain(&bytes, listed));
        killed(&bench, &Scripted::new(bytes.clone(), stalls), &file).await;
        let source = Scripted::new(bytes.clone(), |_, _| Answer::Right);
        assert!(fetch(&bench, &source, &file).await.unwrap() == bytes);
        assert!(source.sent() < 18 * MIB as u64, "{}", source.sent());
    }
}

#[tokio::test]
async fn head_and_get_of_two_tags_work() {
    let bytes = data(24 * MIB);
    let file = plain(&bytes, Some("of the head"));
    let source = Scripted::new(bytes.clone(), |_, _| Answer::Right).tagged("of the get");
    assert!(fetch(&Bench::new(), &source, &file).await.unwrap() == bytes);
    // Each answer from another machine: what one of them sends in one body is one file.
    let served = bytes.clone();
    let farm = Scripted::new(bytes.clone(), move |nth, _| Answer::Other(served.clone(), ["a", "b", "c", "d"][nth % 4]));
    assert!(fetch(&Bench::new(), &farm, &file).await.unwrap() == bytes);
    assert_eq!(farm.asked().last(), Some(&(None, None)));
}

#[tokio::test]
async fn a_shorter_unsized_body_has_its_own_size() {
    let old = data(24 * MIB);
    let new = reversed(&old[..3 * MIB]);
    for tag in [crate::source::TAG, "v2"] {
        let bench = patient();
        let file = FileEntry { size: None, ..plain(&old, None) };
        killed(&bench, &Scripted::without_size(old.clone(), stalls), &file).await;
        let source = Scripted::new(new.clone(), |_, _| Answer::Whole).unsized_bodies().tagged(tag);
        assert!(fetch(&bench, &source, &file).await.unwrap() == new, "{tag}");
    }
}

#[tokio::test]
async fn a_broken_untagged_body_is_no_progress() {
    let bytes = data(12 * MIB);
    let reset = Error::new(ErrorKind::Network, "reset").with_host("test").with_retry(Retry::Backoff);
    let source = Scripted::new(bytes.clone(), move |nth, _| match nth {
        0 | 2 => Answer::Cut(11 * MIB as u64),
        _ => Answer::Fail(reset.clone()),
    });
    let bench = Bench::with(|config| config.retries = 3);
    let source = source.untagged();
    let error = fetch(&bench, &source, &plain(&bytes, None)).await.unwrap_err();
    assert_eq!((error.attempts(), source.opens()), (4, 4), "{error}");
}

#[tokio::test]
async fn an_error_page_is_no_change_of_the_file() {
    let bytes = data(40 * MIB);
    let page =
        Scripted::new(
            bytes.clone(),
            |nth, _| if nth == 1 { Answer::Other(b"<html>".to_vec(), "page") } else { Answer::Right },
        );
    let file = plain(&bytes, Some(crate::source::TAG));
    assert!(fetch(&Bench::new(), &page, &file).await.unwrap() == bytes);
}
