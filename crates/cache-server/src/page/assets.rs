//! The files of the page, which are part of the program.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use cache_lib::Sha256;
use http::{HeaderMap, StatusCode, header};
use sha2::Digest as _;

use crate::problem::Problem;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal: $kind:literal,)*) => {
        &[$(Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../assets/", $name)) }),*]
    };
}

const ASSETS: &[Asset] = assets! {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "app.js": "text/javascript; charset=utf-8",
    "server.js": "text/javascript; charset=utf-8",
    "show.js": "text/javascript; charset=utf-8",
    "store.js": "text/javascript; charset=utf-8",
    "downloads.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
    "admin.js": "text/javascript; charset=utf-8",
};

/// `/`
pub(super) async fn index(headers: HeaderMap) -> Response {
    answer("index.html", &headers)
}

/// `/-/page/{name}`
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&name, &headers)
}

fn answer(name: &str, headers: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return Problem::not_found(format!("the page has no file {name:?}")).into_response();
    };
    // Asked about again at every load, so that a page never mixes the files of two versions of the program.
    let etag = format!("\"{}\"", Sha256::from_bytes(sha2::Sha256::digest(asset.bytes).into()));
    let common = [(header::ETAG, etag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, asset.kind)], asset.bytes).into_response()
}
