//! Metrics, health, the access log.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {}

impl Metrics {
    /// A connection that is open until this is dropped.
    pub(crate) fn connection(&self) -> ConnectionCount {
        ConnectionCount {}
    }
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct ConnectionCount {}

/// The name of the route that answered, put into the response's extensions by the handler: `resolve`, `tree`, `page` …
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouteName(pub(crate) &'static str);

/// `/metrics`, `/healthz`, `/readyz`
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
}

/// The layer: counts and logs every request.
pub(crate) async fn record(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let _ = &app.metrics;
    next.run(request).await
}
