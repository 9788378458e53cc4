//! What a server says of a file, found out with one request where it answers `HEAD`.

use cache_core::{ByteRange, Error, ErrorKind, ModelUrl, Result, RetryBudget};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::header::{content_range, strong_etag};
use crate::{HttpClient, HttpRequest, HttpResponse, redact};

/// Result of the probe.
#[derive(Debug, Clone, Default)]
pub(super) struct Probe {
    /// Bytes of the whole file.
    pub(super) size: Option<u64>,
    /// The strong tag.
    pub(super) etag: Option<String>,
    /// `Last-Modified` as the server wrote it.
    pub(super) modified: Option<HeaderValue>,
    /// `Content-Disposition`, which may name the file.
    pub(super) disposition: Option<String>,
}

/// Asks for the headers, and where `HEAD` is refused or tells no size, for the first byte.
pub(super) async fn probe(http: &HttpClient, url: &ModelUrl, budget: &RetryBudget) -> Result<Probe> {
    use StatusCode as S;
    let identity = HeaderValue::from_static("identity");
    let head = HttpRequest::head(url.expose().clone()).budget(budget.clone());
    let response = http.send(head.header(header::ACCEPT_ENCODING, identity.clone())).await?;
    let refused = matches!(response.status(), S::METHOD_NOT_ALLOWED | S::FORBIDDEN | S::NOT_IMPLEMENTED);
    if !refused {
        let probe = read(&response)?;
        // Some servers answer HEAD with no length or none that is true; an empty file is asked for twice.
        if probe.size.is_some_and(|size| size > 0) {
            return Ok(probe);
        }
    }
    drop(response);
    let first = HttpRequest::get(url.expose().clone()).range(ByteRange { start: 0, end: 1 }).budget(budget.clone());
    read(&http.send(first.header(header::ACCEPT_ENCODING, identity)).await?)
}

fn read(response: &HttpResponse) -> Result<Probe> {
    let headers = response.headers();
    let size = match response.status() {
        StatusCode::OK if !encoded(headers) => response.content_length(),
        StatusCode::OK => None,
        StatusCode::PARTIAL_CONTENT => content_range(headers).and_then(|stated| stated.size),
        // No first byte: the file is empty.
        StatusCode::RANGE_NOT_SATISFIABLE => Some(content_range(headers).and_then(|stated| stated.size).unwrap_or(0)),
        status => return Err(refusal(response, status)),
    };
    let disposition =
        headers.get(header::CONTENT_DISPOSITION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    Ok(Probe {
        size,
        etag: strong_etag(headers),
        modified: headers.get(header::LAST_MODIFIED).cloned(),
        disposition: disposition.map(str::to_owned),
    })
}

/// The length of a compressed body is not the file's.
fn encoded(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity")
}

fn refusal(response: &HttpResponse, status: StatusCode) -> Error {
    let (kind, hint) = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => (ErrorKind::NotFound, "check the address"),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            (ErrorKind::Unauthorized, "a signed link may have expired: get a fresh one")
        }
        _ => (ErrorKind::Network, "open the address in a browser to see what the server says"),
    };
    Error::new(kind, format!("{}: the host answered {status}", redact(response.url())))
        .with_host(response.host())
        .with_hint(hint)
}
