use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::advance;
use tower::ServiceExt as _;

use super::*;
use crate::extensions::fake_request;

const COOL_DOWN: Duration = Duration::from_secs(10);

/// A host behind a breaker, and how often it was really asked.
#[derive(Clone)]
struct Rig {
    breakers: Breakers,
    asked: Arc<AtomicU32>,
}

impl Rig {
    fn new() -> Self {
        Self { breakers: Breakers::new(BreakerPolicy::default()), asked: Arc::default() }
    }

    async fn ask(&self, host: &str, outcome: Result<()>) -> Result<()> {
        let asked = Arc::clone(&self.asked);
        let inner = tower::service_fn(move |_: Request<()>| {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::ready(outcome.clone())
        });
        BreakerLayer::new(self.breakers.clone()).layer(inner).oneshot(fake_request(host)).await
    }

    async fn break_it(&self, host: &str) {
        for _ in 0..10 {
            self.ask(host, failed()).await.unwrap_err();
        }
    }

    fn asked(&self) -> u32 {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

fn failed() -> Result<()> {
    Err(Error::new(ErrorKind::Network, "reset").with_retry(Retry::Backoff))
}

fn limited() -> Result<()> {
    Err(Error::new(ErrorKind::Network, "429").with_retry(Retry::After(Duration::from_secs(55))))
}

#[tokio::test(start_paused = true)]
async fn circuit_opens_for_failing_host_alone() {
    let rig = Rig::new();
    rig.break_it("h").await;
    assert_eq!(rig.asked(), 10);
    advance(Duration::from_secs(4)).await;
    let states = rig.breakers.states();
    assert!(matches!(&states[..], [(origin, BreakerState::Open)] if origin.authority() == "h"), "{states:?}");
    let error = rig.ask("h", Ok(())).await.unwrap_err();
    assert_eq!(rig.asked(), 0);
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(6)));
    assert_eq!(error.host(), Some("h"));
    for other in ["other", "h:8443"] {
        rig.ask(other, Ok(())).await.unwrap();
    }
    assert_eq!(rig.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_the_cool_down_one_probe_decides() {
    let rig = Rig::new();
    rig.break_it("h").await;
    advance(COOL_DOWN).await;
    let (answer, wait) = oneshot::channel::<Result<()>>();
    let wait = Arc::new(StdMutex::new(Some(wait)));
    let inner = tower::service_fn(move |_: Request<()>| {
        let wait = wait.lock().unwrap().take();
        async move { wait.unwrap().await.unwrap() }
    });
    let probe = BreakerLayer::new(rig.breakers.clone()).layer(inner).oneshot(fake_request("h"));
    let state = |rig: &Rig| rig.breakers.states().into_iter().map(|(_, state)| state).collect::<Vec<_>>();
    assert_eq!(state(&rig), [BreakerState::HalfOpen]);
    let probe = tokio::spawn(probe);
    tokio::task::yield_now().await;
    assert_eq!(state(&rig), [BreakerState::HalfOpen]);
    rig.asked();
    rig.ask("h", Ok(())).await.unwrap_err();
    assert_eq!(rig.asked(), 0, "a second request got through beside the probe");
    answer.send(Ok(())).unwrap();
    probe.await.unwrap().unwrap();
    assert_eq!(state(&rig), [BreakerState::Closed]);
    rig.ask("h", Ok(())).await.unwrap();
    rig.ask("h", failed()).await.unwrap_err();
    rig.ask("h", Ok(())).await.unwrap();
    assert_eq!(rig.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_again() {
    let rig = Rig::new();
    rig.break_it("h").await;
    advance(COOL_DOWN).await;
    rig.ask("h", failed()).await.unwrap_err();
    rig.asked();
    rig.ask("h", Ok(())).await.unwrap_err();
    assert_eq!(rig.asked(), 0);
    advance(COOL_DOWN).await;
    rig.ask("h", Ok(())).await.unwrap();
    assert_eq!(rig.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn canceled_probe_lets_the_next_try() {
    let rig = Rig::new();
    rig.break_it("h").await;
    advance(COOL_DOWN).await;
    let inner = tower::service_fn(|_: Request<()>| std::future::pending::<Result<()>>());
    let mut service = BreakerLayer::new(rig.breakers.clone()).layer(inner);
    drop(service.call(fake_request("h")));
    rig.ask("h", Ok(())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_is_the_rate_within_the_window_that_counts() {
    let rig = Rig::new();
    for _ in 0..9 {
        rig.ask("h", failed()).await.unwrap_err();
    }
    advance(Duration::from_secs(31)).await;
    rig.ask("h", failed()).await.unwrap_err();
    for _ in 0..20 {
        rig.ask("h", Ok(())).await.unwrap();
    }
    for _ in 0..18 {
        rig.ask("h", failed()).await.unwrap_err();
    }
    rig.asked();
    rig.ask("h", failed()).await.unwrap_err();
    assert_eq!(rig.asked(), 1, "19 of 39 are no reason");
    rig.ask("h", failed()).await.unwrap_err();
    assert_eq!(rig.asked(), 0, "20 of 40 are");
}

#[tokio::test(start_paused = true)]
async fn a_busy_host_is_not_a_broken_one() {
    let rig = Rig::new();
    for _ in 0..50 {
        rig.ask("h", limited()).await.unwrap_err();
    }
    assert_eq!(rig.asked(), 50);
}

#[tokio::test(start_paused = true)]
async fn memory_does_not_grow_with_the_hosts() {
    let rig = Rig::new();
    rig.break_it("broken").await;
    for n in 0..3 * MAX_HOSTS {
        rig.ask(&format!("h{n}"), Ok(())).await.unwrap();
    }
    assert!(rig.breakers.lock().len() <= MAX_HOSTS + 1);
    rig.ask("broken", Ok(())).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_refusing_host_is_told_from_a_failing_one() {
    let rig = Rig::new();
    let refused = || Error::new(ErrorKind::Network, "refused").with_retry(Retry::Briefly).with_unreachable();
    for _ in 0..10 {
        rig.ask("h", Err(refused())).await.unwrap_err();
        rig.ask("failing", failed()).await.unwrap_err();
    }
    assert!(rig.ask("h", Ok(())).await.unwrap_err().is_unreachable());
    assert!(!rig.ask("failing", Ok(())).await.unwrap_err().is_unreachable());
}

#[tokio::test(start_paused = true)]
async fn open_circuit_of_refused_host_fails_at_once() {
    let rig = Rig::new();
    let refused = || Error::new(ErrorKind::Network, "refused").with_retry(Retry::Briefly).with_unreachable();
    for _ in 0..10 {
        rig.ask("h", Err(refused())).await.unwrap_err();
    }
    for _ in 0..2 {
        rig.asked();
        let error = rig.ask("h", Ok(())).await.unwrap_err();
        assert_eq!((rig.asked(), error.retry(), error.is_unreachable()), (0, Retry::Never, true));
        advance(COOL_DOWN).await;
        assert_eq!(rig.ask("h", Err(refused())).await.unwrap_err().retry(), Retry::Briefly, "the probe");
    }
    advance(COOL_DOWN).await;
    rig.ask("h", Ok(())).await.unwrap();
    rig.ask("h", Ok(())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shortage_of_our_own_opens_no_circuit() {
    let rig = Rig::new();
    let shortage = || Error::storage("connect", std::io::Error::from_raw_os_error(24));
    for _ in 0..20 {
        assert!(rig.ask("h", Err(shortage())).await.unwrap_err().is_retryable());
    }
    rig.ask("h", Ok(())).await.unwrap();
}
