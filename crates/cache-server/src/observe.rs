//! Metrics, health, the access log.

mod exchange;
mod metrics;
#[cfg(feature = "otel")]
pub(crate) mod otel;
mod sample;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tracing::Instrument as _;

use self::exchange::Exchange;
pub(crate) use self::metrics::Metrics;
use crate::app::App;

/// What Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The name of the route that answered, put into the response's extensions by the handler: `resolve`, `tree`, `page` …
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteName(pub(crate) &'static str);

/// `/metrics`, `/healthz`, `/readyz`. All three are for everyone who reaches the port: they name no repository, no path
/// and no user.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

/// The layer: counts and logs every request, until the last byte of its answer.
pub(crate) async fn record(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let exchange = Exchange::new(app, &parts);
    let span = exchange.span().clone();
    let response = next.run(Request::from_parts(parts, body)).instrument(span).await;
    exchange.answer(response)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let sample = sample::take(&app).await;
    let Ok(text) = app.metrics.text(&sample) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    named("metrics", ([(CONTENT_TYPE, OPEN_METRICS)], text))
}

/// The process answers.
async fn healthz() -> Response {
    named("healthz", "ok\n")
}

/// Whether requests should come here: 503 and the reasons when not.
async fn readyz(State(app): State<Arc<App>>) -> Response {
    let mut reasons = Vec::new();
    if app.is_stopping() {
        reasons.push("the server is stopping");
    }
    let store = app.cache.store().clone();
    match tokio::task::spawn_blocking(move || store.check()).await {
        Ok(Ok(())) => {}
        // What exactly is wrong names folders, which are nobody's business but the admin's.
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            reasons.push("the store cannot be read and written; the log says why");
        }
        Err(_) => reasons.push("the store could not be looked at"),
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    named("readyz", (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }))))
}

fn named(route: &'static str, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.extensions_mut().insert(RouteName(route));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
