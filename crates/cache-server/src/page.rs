//! The web page and what it asks for.

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// `/`, `/-/page/…`, `/-/api/…`, `/-/events`
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
}
