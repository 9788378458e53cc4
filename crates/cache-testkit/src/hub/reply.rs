//! Replies without a file in them: JSON, and refusals as the Hub words them.

use http::header;
use http::{HeaderName, Response, StatusCode};

use crate::serve::{Reply, put};

pub(crate) const REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");
pub(crate) const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
pub(crate) const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");
pub(crate) const XET_HASH: HeaderName = HeaderName::from_static("x-xet-hash");
const ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Why the Hub does not answer.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: Option<&'static str>,
    message: String,
    commit: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), commit: None }
    }

    /// The token is not one the Hub gave out.
    pub(crate) fn credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, None, "Invalid credentials in Authorization header")
    }

    /// A request without a token where one is needed.
    pub(crate) fn anonymous() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, None, "Invalid username or password.")
    }

    /// No such repository, or none that this user may know of. Strangers are asked to log in.
    pub(crate) fn repo(logged_in: bool) -> Self {
        if logged_in {
            Self::new(StatusCode::NOT_FOUND, Some("RepoNotFound"), "Repository not found")
        } else {
            Self::new(StatusCode::UNAUTHORIZED, Some("RepoNotFound"), "Invalid username or password.")
        }
    }

    pub(crate) fn revision(revision: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Some("RevisionNotFound"), format!("Invalid rev id: {revision}"))
    }

    /// No such file in a version that there is.
    pub(crate) fn entry(commit: &str) -> Self {
        let mut refusal = Self::new(StatusCode::NOT_FOUND, Some("EntryNotFound"), "Entry not found");
        refusal.commit = Some(commit.to_owned());
        refusal
    }

    /// The files need an approval that this user does not have.
    pub(crate) fn gated(repo: &str, url: &str, logged_in: bool) -> Self {
        let (status, message) = if logged_in {
            let text = "is restricted and you are not in the authorized list. Visit";
            (StatusCode::FORBIDDEN, format!("Access to model {repo} {text} {url}/{repo} to ask for access."))
        } else {
            let text = "is restricted. You must have access to it and be authenticated to access it. Please log in.";
            (StatusCode::UNAUTHORIZED, format!("Access to model {repo} {text}"))
        };
        Self::new(status, Some("GatedRepo"), message)
    }

    pub(crate) fn route() -> Self {
        Self::new(StatusCode::NOT_FOUND, None, "Sorry, we can't find the page you are looking for.")
    }

    pub(crate) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, None, "Method not allowed")
    }

    pub(crate) fn request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, None, message)
    }

    pub(crate) fn reply(&self) -> Response<Reply> {
        let mut reply = json(&serde_json::json!({ "error": self.message }));
        *reply.status_mut() = self.status;
        if let Some(code) = self.code {
            put(&mut reply, ERROR_CODE, code);
        }
        put(&mut reply, ERROR_MESSAGE, &self.message);
        if let Some(commit) = &self.commit {
            put(&mut reply, REPO_COMMIT, commit);
        }
        reply
    }
}

pub(crate) fn json(value: &serde_json::Value) -> Response<Reply> {
    text(StatusCode::OK, "application/json; charset=utf-8", value.to_string())
}

pub(crate) fn text(status: StatusCode, kind: &str, text: impl Into<String>) -> Response<Reply> {
    let mut reply = Response::new(Reply::from(text.into().into_bytes()));
    *reply.status_mut() = status;
    put(&mut reply, header::CONTENT_TYPE, kind);
    reply
}

/// 429 as the Hub words it.
pub(crate) fn too_many(reset: u64) -> Response<Reply> {
    let mut reply =
        json(&serde_json::json!({ "error": "We had to rate limit you. To continue using our service, log in." }));
    *reply.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    put(&mut reply, RATE_LIMIT, &format!("\"api\";r=0;t={reset}"));
    put(&mut reply, RATE_POLICY, "\"fixed window\";\"api\";q=500;w=300");
    reply
}

pub(crate) fn retry_after(seconds: u64) -> Response<Reply> {
    let mut reply = text(StatusCode::TOO_MANY_REQUESTS, "text/plain", "too many requests");
    put(&mut reply, header::RETRY_AFTER, &seconds.to_string());
    reply
}

/// A gateway's page: HTML where bytes or JSON were asked for.
pub(crate) fn page(status: StatusCode) -> Response<Reply> {
    text(status, "text/html", format!("<!DOCTYPE html><html><body><h1>{status}</h1></body></html>"))
}

/// The CDN's refusal.
pub(crate) fn access_denied() -> Response<Reply> {
    let page = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    text(StatusCode::FORBIDDEN, "application/xml", page)
}
