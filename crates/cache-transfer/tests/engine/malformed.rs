//! Answers that make no sense: one of them costs a request, many of them an error that counts them.

use cache_core::{Error, ErrorKind, Retry};

use crate::source::{Answer, Scripted, data, entry};
use crate::{Bench, MIB, job};

fn answers() -> Vec<Answer> {
    let nonsense = Error::new(ErrorKind::Network, "nonsense").with_host("test").with_retry(Retry::Backoff);
    vec![
        Answer::Shifted,
        Answer::Sized(7),
        Answer::Whole,
        Answer::Short(1000),
        Answer::Cut(1000),
        Answer::Fail(nonsense),
    ]
}

#[tokio::test]
async fn one_malformed_answer_is_retried() {
    let bytes = data(40 * MIB);
    for at in [0, 1] {
        for answer in answers() {
            let odd = answer.clone();
            let source =
                Scripted::new(bytes.clone(), move |nth, _| if nth == at { odd.clone() } else { Answer::Right });
            let bench = Bench::new();
            let fetched = bench.fetch(&source, &entry(&bytes)).await;
            let fetched = fetched.unwrap_or_else(|error| panic!("{answer:?} at {at}: {error:?}"));
            assert!(fetched.verified && bench.read(&fetched) == bytes, "{answer:?} at {at}");
        }
    }
}

#[tokio::test]
async fn a_whole_body_for_a_range_is_no_end_of_ranges() {
    let bytes = data(40 * MIB);
    let source = Scripted::new(bytes.clone(), |nth, _| if nth == 1 { Answer::Whole } else { Answer::Right });
    let bench = Bench::new();
    bench.fetch(&source, &entry(&bytes)).await.unwrap();
    assert!(source.asked().iter().all(|(range, _)| range.is_some()), "{:?}", source.asked());
}

#[tokio::test]
async fn malformed_answers_without_end_are_counted() {
    let bytes = data(5 * MIB);
    for answer in [Answer::Shifted, Answer::Sized(7)] {
        let odd = answer.clone();
        let source = Scripted::new(bytes.clone(), move |_, _| odd.clone());
        let bench = Bench::with(|config| config.retries = 2);
        let error = bench.fetch(&source, &entry(&bytes)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Network | ErrorKind::Integrity), "{answer:?}: {error:?}");
        assert_eq!(error.attempts(), 3, "{answer:?}: {error:?}");
        assert!(error.to_string().contains("3 times") && error.hint().is_some(), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_answer_of_a_mirror_costs_no_byte() {
    let bytes = data(40 * MIB);
    for answer in answers() {
        let odd = answer.clone();
        let hub = Scripted::named("hub", bytes.clone(), |_, _| Answer::Right);
        let mirror =
            Scripted::named("mirror", bytes.clone(), move |nth, _| if nth == 0 { odd.clone() } else { Answer::Right });
        let bench = Bench::new();
        let fetched = bench.engine.fetch(job(&[&hub, &mirror], &entry(&bytes))).await.unwrap();
        assert!(bench.read(&fetched) == bytes && fetched.warnings.is_empty(), "{answer:?}: {:?}", fetched.warnings);
    }
}

#[tokio::test]
async fn a_retry_is_over_a_new_connection() {
    for size in [1000, 5 * MIB] {
        let bytes = data(size);
        for answer in [Answer::Cut(10), Answer::Fail(crate::mirrors::network())] {
            let odd = answer.clone();
            let source = Scripted::new(bytes.clone(), move |nth, _| if nth == 0 { odd.clone() } else { Answer::Right });
            Bench::new().fetch(&source, &entry(&bytes)).await.unwrap();
            // A second connection may open before the first one fails.
            let fresh = source.fresh.lock().unwrap();
            assert!(!fresh[0] && fresh[1..].contains(&true), "{size} B, {answer:?}: {fresh:?}");
        }
    }
}
