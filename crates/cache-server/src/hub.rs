//! The Hub's protocol: what a request's path means, and the answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::app::App;

/// Every request that is not for the page, the admin or the metrics.
pub(crate) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let _ = (app, request);
    StatusCode::NOT_FOUND.into_response()
}
