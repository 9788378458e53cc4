//! Health, the access log, metrics as they are scraped.

mod exchange;
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
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tracing::Instrument as _;

use self::exchange::RequestLog;
use crate::app::App;
use crate::caller::Caller;
use crate::metrics::STORE_TIMEOUT;
use crate::problem::Problem;
use crate::response_labels::RouteName;

/// What Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/healthz` and `/readyz`, open to all, and `/metrics`, for the admin: its counts show what
/// others fetch, from where, and of bad files. None of them names a repository, a path or a user.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

/// The layer: counts and logs every request, until the last byte of its answer.
pub(crate) async fn record(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let exchange = RequestLog::new(app, &parts);
    let span = exchange.span().clone();
    let response = next.run(Request::from_parts(parts, body)).instrument(span).await;
    exchange.answer(response)
}

async fn metrics(State(app): State<Arc<App>>, parts: Parts) -> Response {
    if !app.config.open_metrics && !app.access.is_admin(&Caller::of(&parts)) {
        let hint = "scrape with the admin token as bearer, or set server.open-metrics";
        return named("metrics", Problem::not_admin().with_hint(hint));
    }
    let sample = sample::take(&app).await;
    let Ok(text) = app.metrics.text(&sample.registry()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
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
    match store_check(&app).await {
        Some(Ok(())) => {}
        // What exactly is wrong names folders, which are for the admin alone.
        Some(Err(error)) => {
            tracing::warn!(%error, "not ready");
            reasons.push("the store cannot be read and written; the log says why");
        }
        None => reasons.push("the store does not answer"),
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    named("readyz", (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }))))
}

/// Looks at the store, one look at a time however many ask. `None` when it does not answer.
async fn store_check(app: &App) -> Option<cache_lib::Result<()>> {
    let look = async {
        let looking = Arc::clone(&app.looking).lock_owned().await;
        let store = app.cache.store().clone();
        let task = tokio::task::spawn_blocking(move || {
            let checked = store.check();
            drop(looking);
            checked
        });
        task.await.ok()
    };
    tokio::time::timeout(STORE_TIMEOUT, look).await.ok().flatten()
}

fn named(route: &'static str, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response.extensions_mut().insert(RouteName(route));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
