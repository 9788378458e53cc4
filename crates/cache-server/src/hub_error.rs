//! [`HubError`]: error of a Hub request.

use std::fmt::Write as _;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use cache_lib::{Error, ErrorKind, Retry};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

/// The Hub's error code, read by its clients before the status.
const ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");
const REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");
/// How many requests are left, and for how many seconds that counts.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Longest message that is put into a header, in bytes.
const MESSAGE_LIMIT: usize = 512;

/// Error of a Hub request. Becomes the Hub's status, `X-Error-Code`, `X-Error-Message` and body.
#[derive(Debug, Clone)]
pub(crate) enum HubError {
    /// There is no such repository, or the caller may not know that there is: the two are one answer.
    RepoNotFound,
    /// The repository is gated, and the caller not accepted.
    Gated {
        /// Its name.
        repo: String,
        /// Where its conditions are accepted.
        page: String,
    },
    /// The repository has no such revision.
    RevisionNotFound,
    /// The version has no such file. The commit makes clients remember that.
    EntryNotFound {
        /// The version's commit.
        commit: String,
    },
    /// The token is unknown.
    BadToken,
    /// Too many requests; come back after this.
    Limited(Duration),
    /// The request makes no sense; why.
    BadRequest(String),
    /// The bytes asked for lie outside the file of this size.
    OutOfRange(u64),
    /// Available neither from upstream nor from the store: 502, 503, 504 or 507 by the error's kind.
    Unavailable(Error),
}

impl From<Error> for HubError {
    fn from(error: Error) -> Self {
        Self::Unavailable(error)
    }
}

impl HubError {
    /// Whether it is a temporary failure that says nothing about the requested object.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Limited(_))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::RepoNotFound | Self::RevisionNotFound | Self::EntryNotFound { .. } => StatusCode::NOT_FOUND,
            Self::Gated { .. } => StatusCode::FORBIDDEN,
            Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::OutOfRange(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Unavailable(error) => unavailable(error),
        }
    }

    fn code(&self) -> Option<&'static str> {
        match self {
            Self::RepoNotFound => Some("RepoNotFound"),
            Self::Gated { .. } => Some("GatedRepo"),
            Self::RevisionNotFound => Some("RevisionNotFound"),
            Self::EntryNotFound { .. } => Some("EntryNotFound"),
            _ => None,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::RepoNotFound => "Repository not found".to_owned(),
            Self::Gated { repo, page } => gated(repo, page),
            Self::RevisionNotFound => "Invalid rev id".to_owned(),
            Self::EntryNotFound { .. } => "Entry not found".to_owned(),
            Self::BadToken => "Invalid credentials in Authorization header".to_owned(),
            Self::Limited(_) => "Too many requests".to_owned(),
            Self::BadRequest(why) => why.clone(),
            Self::OutOfRange(size) => format!("The file has {size} bytes"),
            Self::Unavailable(error) => public_message(error).to_owned(),
        }
    }

    /// The answer to the admin, with hosts and causes, which others do not get.
    pub(crate) fn into_admin_response(self) -> Response {
        let message = match &self {
            Self::Unavailable(error) => error.to_string(),
            _ => self.message(),
        };
        self.respond(&message)
    }

    fn respond(self, message: &str) -> Response {
        let status = self.status();
        if let Self::Unavailable(error) = &self {
            tracing::warn!(%error, %status, "a request could not be answered");
        }
        let mut response = refuse(status, self.code(), message);
        let headers = response.headers_mut();
        match self {
            Self::EntryNotFound { commit } => put(headers, REPO_COMMIT, &commit),
            Self::OutOfRange(size) => put(headers, header::CONTENT_RANGE, &format!("bytes */{size}")),
            Self::BadToken => put(headers, header::WWW_AUTHENTICATE, "Bearer"),
            Self::Limited(wait) => limited(headers, wait),
            Self::Unavailable(error) => match error.retry() {
                Retry::After(wait) => put(headers, header::RETRY_AFTER, &seconds(wait).to_string()),
                _ if status == StatusCode::SERVICE_UNAVAILABLE => put(headers, header::RETRY_AFTER, "1"),
                _ => {}
            },
            Self::RepoNotFound | Self::Gated { .. } | Self::RevisionNotFound | Self::BadRequest(_) => {}
        }
        response
    }
}

/// The Hub's message for a gated repository.
pub(crate) fn gated(repo: &str, page: &str) -> String {
    format!("Access to {repo} is restricted and you are not in the authorized list. Visit {page} to ask for access.")
}

/// The status of what cannot be had now.
fn unavailable(error: &Error) -> StatusCode {
    match (error.kind(), error.retry()) {
        (_, Retry::After(_)) | (ErrorKind::Interrupted, _) => StatusCode::SERVICE_UNAVAILABLE,
        // As HTTP says of a cache that may not ask (`only-if-cached`) and has nothing.
        (ErrorKind::NotCached | ErrorKind::Network | ErrorKind::TimedOut, _) => StatusCode::GATEWAY_TIMEOUT,
        (ErrorKind::NoSpace, _) => StatusCode::INSUFFICIENT_STORAGE,
        (ErrorKind::Storage, _) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// The message for a client. Hosts, addresses and folders are for the log and the admin.
fn public_message(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NoSpace => "The mirror has no room for it",
        ErrorKind::Storage => "The mirror's disk is in trouble",
        ErrorKind::NotCached => "Not in the mirror, and upstream may not be asked",
        ErrorKind::Interrupted => "The mirror is shutting down",
        ErrorKind::Network if error.is_rate_limited() => "upstream: too many requests",
        ErrorKind::Network if error.is_unreachable() => "upstream: cannot be reached",
        ErrorKind::Network => "upstream: no usable answer",
        ErrorKind::TimedOut => "upstream: no answer in time",
        ErrorKind::Integrity => "upstream: checksum or size mismatch",
        ErrorKind::Unauthorized => "upstream: permission denied",
        ErrorKind::NotFound => "upstream: not found",
        _ => "upstream: the request is refused",
    }
}

impl IntoResponse for HubError {
    /// The answer to everyone but the admin.
    fn into_response(self) -> Response {
        let message = self.message();
        self.respond(&message)
    }
}

/// An error in the Hub's format: status, code, message, and the message again as JSON.
pub(crate) fn refuse(status: StatusCode, code: Option<&'static str>, message: &str) -> Response {
    let body = json!({ "error": message }).to_string();
    let mut response = (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response();
    let headers = response.headers_mut();
    if let Some(code) = code {
        headers.insert(ERROR_CODE, HeaderValue::from_static(code));
    }
    put(headers, ERROR_MESSAGE, &header_text(message));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Sets a header; a value that no header can carry is left out.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn limited(headers: &mut HeaderMap, wait: Duration) {
    let wait = seconds(wait);
    put(headers, header::RETRY_AFTER, &wait.to_string());
    put(headers, RATE_LIMIT, &format!("\"api\";r=0;t={wait}"));
}

/// Whole seconds, rounded up, so that the next request is not early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// The message as a header can carry it: one line of ASCII.
fn header_text(message: &str) -> String {
    let mut text = String::new();
    for char in message.chars().take(MESSAGE_LIMIT) {
        match char {
            ' '..='~' => text.push(char),
            other if other.is_whitespace() => text.push(' '),
            // Cannot fail: a String takes all that is written to it.
            other => drop(write!(text, "{}", other.escape_default())),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(refusal: HubError) -> (u16, HeaderMap) {
        let response = refusal.into_response();
        (response.status().as_u16(), response.headers().clone())
    }

    #[test]
    fn what_is_not_there_carries_the_hubs_code() {
        let (status, headers) = of(HubError::EntryNotFound { commit: "c".repeat(40) });
        assert_eq!(
            (status, &headers[ERROR_CODE], &headers[REPO_COMMIT]),
            (404, &"EntryNotFound".parse().unwrap(), &"c".repeat(40).parse().unwrap())
        );
        for (refusal, code) in
            [(HubError::RepoNotFound, "RepoNotFound"), (HubError::RevisionNotFound, "RevisionNotFound")]
        {
            let (status, headers) = of(refusal);
            assert_eq!((status, headers[ERROR_CODE].to_str().unwrap()), (404, code));
            assert!(!headers.contains_key(REPO_COMMIT));
        }
        let (status, headers) = of(HubError::BadToken);
        assert_eq!((status, headers.get(ERROR_CODE)), (401, None));
        assert_eq!(headers[ERROR_MESSAGE], "Invalid credentials in Authorization header");
    }

    #[test]
    fn errors_have_a_status_and_name_no_folder() {
        for (kind, status) in [
            (ErrorKind::Network, 504),
            (ErrorKind::TimedOut, 504),
            (ErrorKind::NotCached, 504),
            (ErrorKind::NoSpace, 507),
            (ErrorKind::Storage, 500),
            (ErrorKind::Interrupted, 503),
            (ErrorKind::Integrity, 502),
            (ErrorKind::Unauthorized, 502),
            (ErrorKind::NotFound, 502),
        ] {
            assert_eq!(of(Error::new(kind, "x").into()).0, status, "{kind:?}");
        }
        let (_, headers) = of(Error::new(ErrorKind::Storage, "open /srv/secret/place").into());
        assert!(!headers[ERROR_MESSAGE].to_str().unwrap().contains("secret"));
        let busy = Error::new(ErrorKind::Network, "busy").with_retry(Retry::After(Duration::from_millis(1500)));
        let (status, headers) = of(busy.into());
        assert_eq!((status, headers[header::RETRY_AFTER].to_str().unwrap()), (503, "2"));
        let (status, headers) = of(HubError::Limited(Duration::from_secs(55)));
        assert_eq!((status, headers[RATE_LIMIT].to_str().unwrap()), (429, "\"api\";r=0;t=55"));
        assert_eq!(of(HubError::OutOfRange(7)).1[header::CONTENT_RANGE], "bytes */7");
    }

    #[test]
    fn a_message_of_any_text_is_a_header() {
        let (_, headers) = of(HubError::BadRequest("a\r\nSet-Cookie: x\u{7f} ü".to_owned()));
        assert_eq!(headers[ERROR_MESSAGE], "a  Set-Cookie: x\\u{7f} \\u{fc}");
    }
}
