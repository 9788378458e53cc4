//! What the admin may do: fetch, pin, unpin, evict, reload.

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// `/-/admin/…`
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
}
