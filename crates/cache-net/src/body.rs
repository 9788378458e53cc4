//! From an answer to a [`Body`]: bytes are placed by what the server states, not by what was asked for.

use cache_core::{Body, ByteRange, Error, ErrorKind, Result, Retry};
use http::{StatusCode, header};

use crate::header::{accepts_ranges, content_range, strong_etag};
use crate::{HttpResponse, redact};

/// Reads status, `Content-Range` and `Content-Encoding` of an answer that is to bring bytes of a file.
///
/// A 206 starts where its `Content-Range` says, which need not be what was `requested`; a 200 is the whole file from 0.
/// A 200 to a request for a part says that the host serves no ranges of this file, whatever its headers announce: where
/// a condition could have brought it, `requested` is to be `None`.
///
/// # Errors
/// - [`ErrorKind::Network`]: an encoding, a range that contradicts itself, several ranges, or another status.
/// - [`ErrorKind::Integrity`]: 416, the file is shorter than thought.
/// - [`ErrorKind::NotFound`], [`ErrorKind::Unauthorized`]: as the server says.
///
/// Faulty answers and 416 are retryable, other client errors are not.
pub fn body_of(response: HttpResponse, requested: Option<ByteRange>) -> Result<Body> {
    let context = ResponseContext { url: redact(response.url()), host: response.host() };
    let headers = response.headers();
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
        status => return Err(context.refused(status, requested)),
    }
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|value| {
        !value.as_bytes().trim_ascii().is_empty() && !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
    });
    if encoded {
        return Err(context
            .nonsense("an unexpected Content-Encoding")
            .with_hint("the server or a proxy ignores `Accept-Encoding: identity`"));
    }
    let etag = strong_etag(headers);
    let length = response.content_length();
    let host = context.host.clone();
    if response.status() == StatusCode::OK {
        let whole = |range: ByteRange| range.start == 0 && length.is_some_and(|length| range.end >= length);
        let ranges = accepts_ranges(headers) && requested.is_none_or(whole);
        let stream = response.into_body();
        return Ok(Body { start: 0, end: length, size: length, etag, ranges, host, stream });
    }
    let Some((range, size)) = content_range(headers).and_then(|stated| Some((stated.range?, stated.size))) else {
        return Err(context.nonsense("a partial response without its range"));
    };
    if length.is_some_and(|length| length != range.len()) {
        return Err(context.nonsense(format!("a partial response whose length does not match its range {range}")));
    }
    let stream = response.into_body();
    Ok(Body { start: range.start, end: Some(range.end), size, etag, ranges: true, host, stream })
}

/// URL and host for errors.
struct ResponseContext {
    url: String,
    host: String,
}

impl ResponseContext {
    fn nonsense(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Network, format!("{}: the host sent {what}", self.url))
            .with_host(&*self.host)
            .with_retry(Retry::Backoff)
            .with_hint("the server or a proxy is faulty; try another mirror")
    }

    fn refused(&self, status: StatusCode, requested: Option<ByteRange>) -> Error {
        let (kind, hint) = match status {
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let asked = requested.map(|range| format!(" {range}")).unwrap_or_default();
                let message = format!("{}: the file ends before the requested bytes{asked}", self.url);
                return Error::new(ErrorKind::Integrity, message)
                    .with_host(&*self.host)
                    .with_retry(Retry::Backoff)
                    .with_hint("the file on the server has changed; run the same command again");
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => (ErrorKind::NotFound, "check the address"),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                (ErrorKind::Unauthorized, "the host requires a token, or the link has expired")
            }
            _ => (ErrorKind::Network, "the server refuses the file; try again later"),
        };
        let retry = if status.is_client_error() { Retry::Never } else { Retry::Backoff };
        Error::new(kind, format!("{}: the host answered {status}", self.url))
            .with_host(&*self.host)
            .with_hint(hint)
            .with_retry(retry)
    }
}

#[cfg(test)]
mod tests;
