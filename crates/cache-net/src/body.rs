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
pub fn body_of(response: HttpResponse, requested: Option<ByteRange>) -> Result<Body> {
    let about = About { url: redact(response.url()), host: response.host() };
    let headers = response.headers();
    match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
        status => return Err(about.refused(status, requested)),
    }
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|value| {
        !value.as_bytes().trim_ascii().is_empty() && !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
    });
    if encoded {
        return Err(about
            .nonsense("the body is compressed, which was not allowed")
            .with_hint("the server or a proxy on the way ignores `Accept-Encoding: identity`"));
    }
    let etag = strong_etag(headers);
    let length = response.content_length();
    let host = about.host.clone();
    if response.status() == StatusCode::OK {
        let whole = |range: ByteRange| range.start == 0 && length.is_some_and(|length| range.end >= length);
        let ranges = accepts_ranges(headers) && requested.is_none_or(whole);
        let stream = response.into_body();
        return Ok(Body { start: 0, end: length, size: length, etag, ranges, host, stream });
    }
    let Some((range, size)) = content_range(headers).and_then(|stated| Some((stated.range?, stated.size))) else {
        return Err(about.nonsense("part of the file, but not which part"));
    };
    if length.is_some_and(|length| length != range.len()) {
        return Err(about.nonsense(format!("part of the file, whose length is not that of its range {range}")));
    }
    let stream = response.into_body();
    Ok(Body { start: range.start, end: Some(range.end), size, etag, ranges: true, host, stream })
}

/// What errors need to say.
struct About {
    url: String,
    host: String,
}

impl About {
    fn nonsense(&self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Network, format!("{}: the host sent {what}", self.url))
            .with_host(&*self.host)
            .with_hint("the server or a proxy on the way is faulty; another mirror may help")
    }

    fn refused(&self, status: StatusCode, requested: Option<ByteRange>) -> Error {
        let (kind, hint) = match status {
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let asked = requested.map(|range| format!(" {range}")).unwrap_or_default();
                let message = format!("{}: the file ends before the bytes{asked} that were asked for", self.url);
                return Error::new(ErrorKind::Integrity, message)
                    .with_host(&*self.host)
                    .with_hint("the file on the server has changed; run it again");
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => (ErrorKind::NotFound, "check the address"),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                (ErrorKind::Unauthorized, "the host wants a token, or the link has expired: get a fresh one")
            }
            _ => (ErrorKind::Network, "the server does not give the file; try again later"),
        };
        Error::new(kind, format!("{}: the host answered {status}", self.url))
            .with_host(&*self.host)
            .with_hint(hint)
            .with_retry(Retry::Never)
    }
}

#[cfg(test)]
mod tests;
