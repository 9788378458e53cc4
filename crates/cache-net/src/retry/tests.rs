use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{ErrorKind, RetryBudget};
use tower::ServiceExt as _;

use super::*;
use crate::extensions::fake_request;

fn error(retry: RetryClass) -> Error {
    Error::new(ErrorKind::Network, "GET x: reset").with_retry(retry)
}

/// Fails so many times in this way, then succeeds. How it ended, how many calls there were, and how long it took.
async fn run(fake: Request<()>, failures: u32, retry: RetryClass, seed: u64) -> (Result<()>, u32, Duration) {
    let calls = AtomicU32::new(0);
    let calls = &calls;
    let inner = tower::service_fn(move |_: Request<()>| async move {
        let before = calls.fetch_add(1, Ordering::Relaxed);
        if before < failures { Err(error(retry)) } else { Ok(()) }
    });
    let started = Instant::now();
    let retries = BudgetedRetry::new(RetryPolicy::default(), Jitter::seeded(seed));
    let outcome = tower::retry::Retry::new(retries, inner).oneshot(fake).await;
    (outcome, calls.load(Ordering::Relaxed), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn waits_double_with_seeded_jitter() {
    let (outcome, calls, took) = run(fake_request("h"), 3, RetryClass::Backoff, 1).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, 4);
    assert!((3.5..=7.1).contains(&took.as_secs_f64()), "{took:?}");
    assert_eq!(run(fake_request("h"), 3, RetryClass::Backoff, 1).await.2, took);
    assert_ne!(run(fake_request("h"), 3, RetryClass::Backoff, 2).await.2, took);
}

#[tokio::test(start_paused = true)]
async fn a_host_is_not_asked_before_the_time_it_named() {
    let notes = std::sync::Arc::new(Mutex::new(Vec::new()));
    let mut fake = fake_request("h:8080");
    let heard = std::sync::Arc::clone(&notes);
    fake.extensions_mut().insert(RetryBudget::with_observer(5, move |note| {
        heard.lock().unwrap().push((note.host.to_owned(), note.attempt, note.wait, note.error.message().to_owned()));
    }));
    let (outcome, calls, took) = run(fake, 1, RetryClass::After(Duration::from_secs(55)), 1).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, 2);
    assert!((55.0..58.0).contains(&took.as_secs_f64()), "{took:?}");
    let notes = notes.lock().unwrap();
    let (host, attempt, wait, reason) = &notes[0];
    assert_eq!((host.as_str(), *attempt, reason.as_str()), ("h:8080", 1, "GET x: reset"));
    assert!(*wait >= Duration::from_secs(55));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let (outcome, calls, took) = run(fake_request("h"), 1, RetryClass::After(Duration::from_secs(3600)), 1).await;
    let error = outcome.unwrap_err();
    assert_eq!((calls, took), (1, Duration::ZERO));
    assert!(!error.is_retryable());
    assert!(error.hint().unwrap().contains("max-wait"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn exhausted_budget_error_is_final() {
    let budget = RetryBudget::new(3);
    let mut fake = fake_request("h");
    fake.extensions_mut().insert(budget.clone());
    let (outcome, calls, _) = run(fake.clone(), 2, RetryClass::Backoff, 1).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, 3);
    let (outcome, calls, took) = run(fake, 9, RetryClass::Backoff, 1).await;
    let error = outcome.unwrap_err();
    assert_eq!((calls, error.attempts(), error.elapsed()), (2, 2, took));
    assert!(!error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_sent_twice_is_sent_once() {
    let mut fake = fake_request("h");
    *fake.method_mut() = http::Method::POST;
    let (outcome, calls, _) = run(fake, 1, RetryClass::Backoff, 1).await;
    assert!(!outcome.unwrap_err().is_retryable());
    assert_eq!(calls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_definite_answer_is_passed_on_as_it_is() {
    let (outcome, calls, took) = run(fake_request("h"), 1, RetryClass::Never, 1).await;
    assert_eq!((outcome.unwrap_err().attempts(), calls, took), (0, 1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn refused_connection_is_retried_for_seconds() {
    for seed in 0..20 {
        let (outcome, calls, took) = run(fake_request("h"), 99, RetryClass::Briefly, seed).await;
        assert!(!outcome.unwrap_err().is_retryable());
        assert!((4..=6).contains(&calls) && took <= Duration::from_secs(4), "{calls} calls in {took:?}");
    }
    let (outcome, calls, took) = run(fake_request("h"), 1, RetryClass::Briefly, 1).await;
    assert!(outcome.is_ok() && calls == 2 && took <= Duration::from_millis(250), "{took:?}");
}

#[test]
fn waits_are_capped_and_do_not_overflow() {
    let policy = RetryPolicy::default();
    for nth in [1, 6, 31, 32, 33, u32::MAX] {
        assert!(policy.wait(nth, Duration::ZERO, &Jitter::seeded(1)) <= policy.cap);
    }
}
