use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{ErrorKind, Retry};
use url::Url;

use super::*;

fn origin() -> Origin {
    Origin::of(&Url::parse("https://hub.example/x").unwrap()).unwrap()
}

fn client(change: impl FnOnce(&mut HttpConfig)) -> HttpClient {
    let mut config = HttpConfig::default();
    change(&mut config);
    HttpClient::new(config).unwrap()
}

#[test]
fn the_stack_prints_its_order() {
    let client = client(|_| {});
    assert_eq!(
        client.to_string(),
        "destination(offline(trace(redirect(retry(breaker(permit(auth(identity(transport)))))))))"
    );
    let signed = client.with_credentials(Credentials::new().add(origin(), crate::Secret::new("hush")));
    assert!(!format!("{signed:?} {signed} {:?}", signed.auth).contains("hush"));
}

#[tokio::test(start_paused = true)]
async fn a_guarded_call_may_borrow_and_is_repeated() {
    let client = client(|config| config.seed = Some(1));
    let calls = AtomicU32::new(0);
    let mut last = 0;
    let answer = client
        .guard(&origin(), "look up x", &RetryBudget::new(5), || {
            last += 1;
            let calls = &calls;
            async move {
                if calls.fetch_add(1, Ordering::Relaxed) < 2 {
                    return Err(Error::new(ErrorKind::Network, "reset").with_retry(Retry::Backoff));
                }
                Ok("here")
            }
        })
        .await;
    assert_eq!((answer.unwrap(), last), ("here", 3));
    assert_eq!(client.shared.permits.available(&origin()), 32);
}

#[tokio::test(start_paused = true)]
async fn offline_nothing_is_called() {
    let client = client(|config| config.offline = true);
    let guarded =
        client.guard(&origin(), "look up x", &RetryBudget::new(5), || async { panic!("called while offline") }).await;
    let error: Error = guarded.map(|(): ()| ()).unwrap_err();
    assert_eq!((error.kind(), error.host()), (ErrorKind::NotCached, Some("hub.example")));
    let sent = client.send(HttpRequest::get(Url::parse("https://hub.example/x?sig=hush").unwrap())).await.unwrap_err();
    assert_eq!(sent.kind(), ErrorKind::NotCached);
    assert!(!format!("{sent:?}").contains("hush"));
}

#[tokio::test(start_paused = true)]
async fn calls_and_requests_share_circuit_and_limit() {
    let client = client(|config| config.max_per_host = 1);
    let other = client.clone().with_credentials(Credentials::new());
    let (origin, budget) = (origin(), RetryBudget::new(0));
    let call = client.guard(&origin, "x", &budget, || async { Ok(other.shared.permits.available(&origin)) });
    assert_eq!(call.await.unwrap(), 0);
    for _ in 0..10 {
        let failed = client.guard(&origin, "x", &budget, || async {
            Err::<(), _>(Error::new(ErrorKind::Network, "reset").with_retry(Retry::Backoff))
        });
        failed.await.unwrap_err();
    }
    let error = other.send(HttpRequest::get(Url::parse("https://hub.example/").unwrap()).budget(budget.clone())).await;
    assert!(error.unwrap_err().message().contains("too many recent failures"));
}
