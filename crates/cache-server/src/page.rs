//! The web page and what it asks for.
//!
//! Other viewers than the admin see the repositories of their listings, and nothing of the machine: no paths, no
//! disk, no quarantine, and of downloads only those of these repositories.

mod assets;
mod data;
mod events;
#[cfg(test)]
pub(crate) mod tests;
mod viewer;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderName, HeaderValue, header};

pub(crate) use self::data::QuarantinedFile;
pub(crate) use self::viewer::Viewer;
use crate::app::App;
use crate::response_labels::RouteName;

/// Only content of this server, nothing inline, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/`, `/-/page/…`, `/-/api/…`, `/-/events`
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(assets::index))
        .route("/-/page/{name}", get(assets::file))
        .route("/-/api/store", get(data::store))
        .route("/-/api/model", get(data::model))
        .route("/-/api/downloads", get(data::downloads))
        .route("/-/api/history", get(data::history))
        .route("/-/api/status", get(data::status))
        .route("/-/events", get(events::stream))
        .layer(axum::middleware::map_response(finish))
}

/// What all answers carry.
async fn finish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response.extensions_mut().insert(RouteName("page"));
    response
}
