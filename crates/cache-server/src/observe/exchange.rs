//! [`RequestLog`]: one request from its head to the last byte of its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body::{Body as _, Frame, SizeHint};
use prometheus_client::metrics::counter::Counter;
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use crate::app::App;
use crate::caller::Caller;
use crate::idle::RequestGuard;
use crate::listen::Peer;
use crate::metrics::GaugeGuard;
use crate::response_labels::{CacheState, RouteName};

/// The target of the access log's events.
const ACCESS: &str = "access";
/// The client went away before there was an answer. No client ever sees it.
const CLIENT_CLOSED: u16 = 499;
/// Most characters of what a client says of itself that are logged.
const MAX_SHOWN: usize = 1024;

/// Counts and logs itself when it is dropped: then the answer was sent, or the client is gone.
#[derive(Debug)]
pub(super) struct RequestLog {
    app: Arc<App>,
    method: &'static str,
    began: Instant,
    first_byte: Option<Duration>,
    route: &'static str,
    status: u16,
    sent: u64,
    /// The answer was sent to its end.
    complete: bool,
    span: Span,
    /// More fields of the log, where it is enabled.
    words: Option<LogFields>,
    _under_way: GaugeGuard,
    /// Keeps the connection from counting as idle.
    in_use: Option<Arc<RequestGuard>>,
}

/// Fields of the log alone. No query and no header but the client's name: those carry tokens and signatures.
#[derive(Debug)]
struct LogFields {
    path: String,
    client: String,
    agent: String,
    user: String,
    cache: String,
}

impl RequestLog {
    pub(super) fn new(app: Arc<App>, parts: &Parts) -> Self {
        let method = method(&parts.method);
        let path = parts.uri.path();
        let span = tracing::info_span!(
            "request",
            otel.name = Empty,
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            url.path = path,
            http.route = Empty,
            http.response.status_code = Empty,
            http.response.body.size = Empty,
        );
        #[cfg(feature = "otel")]
        super::otel::continue_trace(&span, &parts.headers);
        Self {
            words: tracing::enabled!(target: ACCESS, tracing::Level::INFO).then(|| LogFields::new(&app, parts)),
            _under_way: app.metrics.request(),
            in_use: parts.extensions.get().cloned(),
            app,
            method,
            began: Instant::now(),
            first_byte: None,
            route: route(path),
            status: CLIENT_CLOSED,
            sent: 0,
            complete: false,
            span,
        }
    }

    /// What happens for this request happens in it.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// The answer with a body that counts.
    pub(super) fn answer(mut self, response: Response) -> Response {
        if let Some(RouteName(name)) = response.extensions().get() {
            self.route = name;
        }
        self.status = response.status().as_u16();
        if let Some(words) = &mut self.words {
            let state = response.extensions().get().map_or("-", |CacheState(state)| *state);
            words.cache = state.to_owned();
        }
        if let Some(in_use) = self.in_use.as_ref().filter(|_| !response.body().is_end_stream()) {
            in_use.offer();
        }
        let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let counter = self.app.metrics.sent_bytes(self.route);
        response.map(|body| Body::new(CountedBody { body, counter, length, exchange: self }))
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        let (route, status, elapsed) = (self.route, self.status, self.began.elapsed());
        self.app.metrics.answered(route, self.method, status, self.first_byte.unwrap_or(elapsed), elapsed);
        self.span.record("otel.name", format!("{} {route}", self.method));
        self.span.record("http.route", route);
        self.span.record("http.response.status_code", status);
        self.span.record("http.response.body.size", self.sent);
        if status >= 500 {
            self.span.record("otel.status_code", "ERROR");
        }
        let Some(words) = &self.words else { return };
        tracing::info!(
            target: ACCESS,
            parent: None,
            method = self.method,
            path = words.path,
            route,
            status,
            bytes = self.sent,
            complete = self.complete,
            duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            client = words.client,
            agent = words.agent,
            user = words.user,
            cache = words.cache,
        );
    }
}

impl LogFields {
    fn new(app: &App, parts: &Parts) -> Self {
        Self {
            path: parts.uri.path().chars().take(MAX_SHOWN).collect(),
            client: match parts.extensions.get() {
                Some(Peer::Tcp(address)) => address.to_string(),
                Some(Peer::Unix) => "unix".to_owned(),
                None => "-".to_owned(),
            },
            agent: said(&parts.headers, USER_AGENT.as_str()),
            user: app.access.user(&Caller::of(parts)).unwrap_or_else(|| "-".to_owned()),
            cache: "-".to_owned(),
        }
    }
}

fn said(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    value.map_or_else(|| "-".to_owned(), |value| value.chars().take(MAX_SHOWN).collect())
}

/// An invented method must not become a series of its own.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// Route of an answer without one: from a layer, or of a canceled request.
fn route(path: &str) -> &'static str {
    match path.strip_prefix("/-/").map(|rest| rest.split('/').next().unwrap_or_default()) {
        Some("admin") => "admin",
        Some("api") => "page-api",
        Some("events") => "events",
        Some(_) => "page",
        None if path == "/" => "page",
        None => "hub",
    }
}

/// A body that counts what is taken from it.
#[derive(Debug)]
struct CountedBody {
    body: Body,
    counter: Counter,
    length: Option<u64>,
    exchange: RequestLog,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Some(in_use) = &this.exchange.in_use {
            in_use.take();
        }
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let exchange = &mut this.exchange;
                if let Some(in_use) = &exchange.in_use {
                    in_use.offer();
                }
                exchange.first_byte.get_or_insert_with(|| exchange.began.elapsed());
                let bytes = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
                exchange.sent = exchange.sent.saturating_add(bytes);
                this.counter.inc_by(bytes);
            }
            Poll::Ready(None) => this.exchange.complete = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for CountedBody {
    fn drop(&mut self) {
        // The connection does not ask for more than the length that it has announced, and for nothing of a HEAD.
        let exchange = &mut self.exchange;
        exchange.complete |=
            self.body.is_end_stream() || exchange.method == "HEAD" || self.length == Some(exchange.sent);
    }
}
