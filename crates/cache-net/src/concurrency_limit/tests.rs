use cache_core::ErrorKind;
use futures::FutureExt as _;

use super::*;
use crate::extensions::fake_request;

/// An answer whose body is not over while this lives.
struct Answer(Option<Permit>);

impl HoldPermit for Answer {
    fn hold(&mut self, permit: Permit) {
        self.0 = Some(permit);
    }
}

async fn ask(permits: &Permits, host: &str) -> Result<Answer> {
    let inner = tower::service_fn(|_: Request<()>| std::future::ready(Ok(Answer(None))));
    ConcurrencyLimitLayer::new(permits.clone()).layer(inner).oneshot(fake_request(host)).await
}

#[tokio::test(start_paused = true)]
async fn a_place_is_taken_until_the_body_is_dropped() {
    let permits = Permits::new(2);
    let first = ask(&permits, "h").await.unwrap();
    let second = ask(&permits, "h").await.unwrap();
    let mut third = Box::pin(ask(&permits, "h"));
    assert!(third.as_mut().now_or_never().is_none());
    assert!(ask(&permits, "other").now_or_never().is_some());
    drop(first);
    let third = third.await.unwrap();
    assert_eq!(permits.available(fake_request("h").destination().origin()), 0);
    drop((second, third));
    assert_eq!(permits.available(fake_request("h").destination().origin()), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_and_a_cancelled_wait_keep_no_place() {
    let permits = Permits::new(1);
    let inner = tower::service_fn(|_: Request<()>| {
        std::future::ready(Err::<Answer, _>(Error::new(ErrorKind::Network, "reset")))
    });
    let failed = ConcurrencyLimitLayer::new(permits.clone()).layer(inner).oneshot(fake_request("h")).await;
    assert!(failed.is_err());
    let held = ask(&permits, "h").await.unwrap();
    let mut waiting = Box::pin(ask(&permits, "h"));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(waiting);
    drop(held);
    assert!(ask(&permits, "h").now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn hosts_in_use_are_not_forgotten() {
    let permits = Permits::new(1);
    let held = ask(&permits, "h").await.unwrap();
    for n in 0..3 * MAX_HOSTS {
        drop(ask(&permits, &format!("h{n}")).await.unwrap());
    }
    assert!(permits.hosts.lock().unwrap().len() <= MAX_HOSTS + 1);
    assert_eq!(permits.available(fake_request("h").destination().origin()), 0);
    drop(held);
}
