//! [`Problem`]: why the page or the admin does not get what was asked for.

use axum::response::{IntoResponse, Response};
use cache_lib::{Error, ErrorKind};
use http::{StatusCode, header};
use serde::Serialize;

/// Why not, as JSON: `{"error": …, "hint": …, "kind": …}`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    error: String,
    hint: Option<String>,
    kind: &'static str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: ErrorKind, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), hint: None, kind: kind.as_str() }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorKind::NotFound, error)
    }

    /// This is for the admin.
    pub(crate) fn not_admin() -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorKind::Unauthorized, "only the admin may do this").with_hint(
            "send the admin token as `Authorization: Bearer …`, open the address with #admin= that the server printed \
             when it started, or use the unix socket",
        )
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Usage => StatusCode::BAD_REQUEST,
            ErrorKind::NotFound | ErrorKind::NotCached => StatusCode::NOT_FOUND,
            ErrorKind::Network | ErrorKind::Unauthorized => StatusCode::BAD_GATEWAY,
            ErrorKind::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            ErrorKind::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let hint = error.hint().map(str::to_owned);
        Self { hint, ..Self::new(status, error.kind(), error.to_string()) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, json(&self)).into_response()
    }
}

/// An answer with `cache-control: no-store`.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], bytes).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
