use futures::StreamExt as _;
use futures::stream;
use tokio::time::advance;

use super::*;
use crate::extensions::RequestExt as _;

const LIMIT: Duration = Duration::from_secs(30);

fn body(stream: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> IdleBody {
    let context = BodyContext { what: "GET https://h/x".into(), url: Url::parse("https://h/x").unwrap() };
    IdleBody::new(reqwest::Body::wrap_stream(stream), LIMIT, context)
}

fn chunk(text: &'static str) -> std::io::Result<Bytes> {
    Ok(Bytes::from_static(text.as_bytes()))
}

#[tokio::test(start_paused = true)]
async fn silent_body_times_out_after_last_chunk() {
    let slow = stream::unfold(0, |n| async move {
        match n {
            0..3 => tokio::time::sleep(LIMIT - Duration::from_secs(1)).await,
            _ => std::future::pending().await,
        }
        Some((chunk("x"), n + 1))
    });
    let mut body = body(slow);
    let started = Instant::now();
    for _ in 0..3 {
        assert_eq!(body.next().await.unwrap().unwrap(), "x");
    }
    let error = body.next().await.unwrap().unwrap_err();
    assert_eq!(started.elapsed(), (LIMIT - Duration::from_secs(1)) * 3 + LIMIT);
    assert!(error.is_retryable() && error.message().contains("stalled for 30 s"), "{error:?}");
    assert!(body.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_no_silent_server() {
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let mut body = body(receiver);
    sender.unbounded_send(chunk("a")).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "a");
    advance(LIMIT * 5).await;
    let late = async {
        tokio::time::sleep(LIMIT / 2).await;
        sender.unbounded_send(chunk("b")).unwrap();
    };
    let (next, ()) = futures::future::join(body.next(), late).await;
    assert_eq!(next.unwrap().unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn chunks_are_passed_on_without_a_copy() {
    let data = Bytes::from(vec![7; 1 << 16]);
    let address = data.as_ptr();
    let mut body = body(stream::iter([Ok(data)]));
    assert_eq!(body.next().await.unwrap().unwrap().as_ptr(), address);
}

#[tokio::test(start_paused = true)]
async fn permit_is_released_when_body_ends() {
    let permits = crate::concurrency_limit::Permits::new(1);
    let fake = crate::extensions::fake_request("h");
    let origin = fake.destination().origin().clone();
    let mut body = body(stream::iter([chunk("x")]));
    let inner = tower::service_fn(|_: http::Request<()>| std::future::ready(Ok(Held(None))));
    let layer = crate::concurrency_limit::ConcurrencyLimitLayer::new(permits.clone());
    let held = tower::ServiceExt::oneshot(tower::Layer::layer(&layer, inner), fake).await.unwrap();
    body.hold(held.0.unwrap());
    assert_eq!(permits.available(&origin), 0);
    while body.next().await.is_some() {}
    assert_eq!(permits.available(&origin), 1);
}

struct Held(Option<Permit>);

impl crate::concurrency_limit::HoldPermit for Held {
    fn hold(&mut self, permit: Permit) {
        self.0 = Some(permit);
    }
}
