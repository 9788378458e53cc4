use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::destination::DestinationLayer;
use crate::error::BodyContext;
use crate::idle::IdleBody;
use crate::{HttpRequest, HttpResponse};

type Seen = Arc<Mutex<Vec<Request<Bytes>>>>;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Answers each address in the list with a redirect to the next text, all others with 200.
async fn ask(request: HttpRequest, moves: &[(&str, &str)]) -> (Result<HttpResponse>, Vec<Request<Bytes>>) {
    let moves: Vec<(Url, String)> = moves.iter().map(|(from, to)| (url(from), (*to).to_owned())).collect();
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let inner = tower::service_fn(move |request: Request<Bytes>| {
        let here = url_of(request.uri()).unwrap();
        let mut headers = HeaderMap::new();
        let mut status = StatusCode::OK;
        if let Some((_, to)) = moves.iter().find(|(from, _)| *from == here) {
            status = StatusCode::FOUND;
            headers.insert(header::LOCATION, HeaderValue::from_str(to).unwrap());
            headers.insert("x-repo-commit", HeaderValue::from_static("c"));
        }
        log.lock().unwrap().push(request);
        let context = BodyContext { what: "x".into(), url: here };
        let body = IdleBody::new(reqwest::Body::from(""), Duration::from_secs(1), context);
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        std::future::ready(Ok(response))
    });
    let outcome = DestinationLayer
        .layer(RedirectLayer.layer(inner))
        .oneshot(request.build().unwrap())
        .await
        .map(HttpResponse::new);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (outcome, seen)
}

fn with_token(address: &str) -> HttpRequest {
    HttpRequest::get(url(address)).header(header::AUTHORIZATION, HeaderValue::from_static("Bearer hush"))
}

#[tokio::test(start_paused = true)]
async fn redirects_are_followed_and_hops_recorded() {
    let moves =
        [("https://h/a/b", "../c?x=1#frag"), ("https://h/c?x=1", "//h/d"), ("https://h/d", "https://cdn/e?sig=hush")];
    let (outcome, seen) = ask(HttpRequest::get(url("https://h/a/b")), &moves).await;
    let response = outcome.unwrap();
    let asked: Vec<String> = seen.iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(asked, ["https://h/a/b", "https://h/c?x=1", "https://h/d", "https://cdn/e?sig=hush"]);
    assert_eq!(response.url().as_str(), "https://cdn/e?sig=hush");
    assert_eq!(response.hops().len(), 3);
    assert_eq!(response.hops()[0].headers["x-repo-commit"], "c");
    assert!(!format!("{response:?}").contains("hush"));
}

#[tokio::test(start_paused = true)]
async fn credentials_stay_with_their_origin() {
    for target in ["https://cdn/x", "https://h:8443/x", "https://sub.h/x"] {
        let (_, seen) = ask(with_token("https://h/x"), &[("https://h/x", target)]).await;
        assert!(seen[0].headers().contains_key(header::AUTHORIZATION));
        assert!(!seen[1].headers().contains_key(header::AUTHORIZATION), "{target}");
    }
    let (_, seen) = ask(with_token("http://h/x"), &[("http://h/x", "https://h/x")]).await;
    assert!(!seen[1].headers().contains_key(header::AUTHORIZATION));
    let (_, seen) = ask(with_token("https://h/x"), &[("https://h/x", "/y")]).await;
    assert!(seen[1].headers().contains_key(header::AUTHORIZATION));
}

#[tokio::test(start_paused = true)]
async fn refused_redirect_error_has_no_secrets() {
    for (from, to, word) in [
        ("https://h/x?sig=hush", "http://h/x", "https to http"),
        ("https://h/x?sig=hush", "file:///etc/passwd", "not http or https"),
        ("https://h/x?sig=hush", "https://", "not http or https"),
        ("https://h/x?sig=hush", "/x?sig=hush", "more than 10"),
    ] {
        let (outcome, _) = ask(HttpRequest::get(url(from)), &[(from, to)]).await;
        let error = outcome.unwrap_err();
        assert!(error.message().contains(word) && !error.is_retryable(), "{error:?}");
        assert!(!format!("{error:?}").contains("hush"));
        assert_eq!(error.kind(), ErrorKind::Network);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_hops_are_followed_and_an_eleventh_is_not() {
    let chain = |length: usize| -> Vec<(String, String)> {
        (0..length).map(|n| (format!("https://h/{n}"), format!("/{}", n + 1))).collect()
    };
    for (length, fine) in [(10, true), (11, false)] {
        let chain = chain(length);
        let moves: Vec<(&str, &str)> = chain.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        let (outcome, seen) = ask(HttpRequest::get(url("https://h/0")), &moves).await;
        assert_eq!((outcome.is_ok(), seen.len()), (fine, 11));
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_decides_what_is_handed_back() {
    let status = |outcome: Result<HttpResponse>| outcome.unwrap().status();
    let away = [("https://h/x", "https://cdn/y")];
    let near = [("https://h/x", "https://h/y")];
    let get = || HttpRequest::get(url("https://h/x"));
    assert_eq!(status(ask(get().redirects(RedirectPolicy::FollowRelative), &away).await.0), StatusCode::FOUND);
    assert_eq!(status(ask(get().redirects(RedirectPolicy::FollowRelative), &near).await.0), StatusCode::OK);
    assert_eq!(status(ask(get().redirects(RedirectPolicy::None), &near).await.0), StatusCode::FOUND);
    assert_eq!(status(ask(HttpRequest::new(Method::POST, url("https://h/x")), &near).await.0), StatusCode::FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_server_cannot_choose_a_user_name() {
    let (outcome, seen) = ask(HttpRequest::get(url("https://h/x")), &[("https://h/x", "https://me:pw@h/y")]).await;
    assert!(outcome.is_ok());
    assert_eq!(seen[1].uri().to_string(), "https://h/y");
}
