//! The routes of all handlers, and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::caller::Caller;
use crate::{admin, hub, observe, page};

/// All routes. What no other takes is the Hub's.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .merge(page::routes())
        .merge(admin::routes())
        .merge(observe::routes())
        .fallback(hub::handle)
        .layer(from_fn_with_state(Arc::clone(app), check))
        .layer(from_fn_with_state(Arc::clone(app), observe::record))
        .with_state(Arc::clone(app))
}

/// The layer of the guard.
async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&parts);
    match app.guard.check(&parts, &caller, app.access.has_admin_token(&caller)) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(rejection) => rejection.into_response(),
    }
}
